"""The record of one loadable model, and the registry of all of them."""

import dataclasses
import functools
import importlib.resources
import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from zoo.suggestions import near_names
from zoo.threat import ThreatModel
from zoo.weights.manifest import GrownWeights
from zoo.weights.manifest import Weights
from zoo.weights.manifest import read_entry
from zoo.weights.manifest import read_manifest

_REGISTRY: "dict[str, Preset]" = {}
_ALIASES: dict[str, str] = {}
_TAG = "[a-z0-9_-]+"
_MANIFEST = importlib.resources.files("zoo.presets") / "weights.json"


class UnknownPresetError(ValueError):
    """No preset has the name; the message lists near ones."""


@dataclass(frozen=True, kw_only=True)
class Preset:
    """Everything needed to build one model and to describe it.

    Builder and recipe are dotted names, resolved when used, so that listing
    presets imports no model.

    Args:
        name: `<defense>_<architecture>`, or with `.tag` for a data set or
            variant. A name without a tag is the default tag's.
        builder: Dotted name of the function that builds the model.
        config: Its options; `num_classes` and `image_shape`
            `(height, width, channels)` are required.
        dataset: Data set that the weights were trained on.
        description: One sentence.
        paper: Title or address of the publication.
        default_tag: Tag that the untagged name stands for.
        task: What the model predicts.
        classes: Names of the classes in order; empty if they have none.
        threat: Adversary that it was trained against, if any.
        recipe: Dotted name of the training recipe.
        published: Whether the package's `weights.json` lists its weights;
            `get` then fills `weights` in.
        weights: Published weights, if there are any.

    Raises:
        ValueError: If a value breaks its rule.
    """

    name: str
    builder: str
    config: Mapping[str, Any]
    dataset: str
    description: str
    paper: str
    default_tag: str | None = None
    task: str = "image classification"
    classes: tuple[str, ...] = ()
    threat: ThreatModel | None = None
    recipe: str | None = None
    published: bool = False
    weights: Weights | GrownWeights | None = None

    def __post_init__(self) -> None:
        if not re.fullmatch(rf"[a-z0-9]+(_[a-z0-9]+)*(\.{_TAG})?", self.name):
            raise ValueError(
                "`name` must be `<defense>_<architecture>` in snake case with "
                "an optional `.tag`, which may have hyphens. "
                f"Received: name={self.name!r}"
            )
        if self.default_tag is not None and (
            "." in self.name or not re.fullmatch(_TAG, self.default_tag)
        ):
            raise ValueError(
                "`default_tag` must be in snake case, on a name without a "
                f"tag. Received: name={self.name!r}, "
                f"default_tag={self.default_tag!r}"
            )
        for field in ("builder", "recipe"):
            value = getattr(self, field)
            if value is not None and not re.fullmatch(r"\w+(\.\w+)+", value):
                raise ValueError(
                    f"`{field}` must be a dotted name. "
                    f"Received: {field}={value!r}"
                )
        missing = {"num_classes", "image_shape"} - set(self.config)
        if missing:
            raise ValueError(
                "`config` must give num_classes and image_shape. "
                f"Received: config={dict(self.config)}"
            )
        if self.classes and len(self.classes) != self.config["num_classes"]:
            raise ValueError(
                f"`classes` must name all {self.config['num_classes']} "
                f"classes. Received: {len(self.classes)} names"
            )

    @property
    def alias(self) -> str | None:
        """The name with its default tag, which is accepted too."""
        return f"{self.name}.{self.default_tag}" if self.default_tag else None

    @property
    def stored(self) -> Weights | None:
        """The published weights as files: its own, or what they grow from."""
        if isinstance(self.weights, GrownWeights):
            return get(self.weights.grown_from).stored
        return self.weights


def register(preset: Preset) -> None:
    """Makes a preset known under its name and its alias.

    Raises:
        ValueError: If a name is taken.
    """
    for name in filter(None, (preset.name, preset.alias)):
        if name in _REGISTRY or name in _ALIASES:
            raise ValueError(
                f"A preset's name must be unique. Received: name={name!r}"
            )
    _REGISTRY[preset.name] = preset
    if preset.alias is not None:
        _ALIASES[preset.alias] = preset.name


def get(name: str) -> Preset:
    """Returns a preset, its published weights filled in.

    Raises:
        UnknownPresetError: If there is none of that name.
    """
    preset = _REGISTRY.get(_ALIASES.get(name, name))
    if preset is None:
        wanted = str(name).lower()
        known = (*_REGISTRY, *(_ALIASES if "." in wanted else ()))
        near = near_names(wanted, known, most=5, cutoff=0.5)
        near = near or [one for one in known if wanted in one][:5]
        hint = f"near names: {', '.join(near)}; " if near else ""
        raise UnknownPresetError(
            f"No preset has this name ({hint}all names: zoo.list_models() or "
            f"`zoo list`). Received: name={name!r}"
        )
    if preset.published and preset.weights is None:
        weights = read_entry(_manifest()[preset.name])
        preset = dataclasses.replace(preset, weights=weights)
        _REGISTRY[preset.name] = preset
    return preset


def names() -> list[str]:
    """Names of all presets, sorted."""
    return sorted(_REGISTRY)


@functools.cache
def _manifest() -> dict[str, dict[str, Any]]:
    """The package's manifest, read at the first look-up, not on import."""
    return read_manifest(_MANIFEST)
