"""Models by name: the preset's builder, options, weights and dtype policy."""

import contextlib
import fnmatch
import importlib
import os
from collections.abc import Callable
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING
from typing import Any

from zoo import presets
from zoo.inspection import find_head
from zoo.presets import Preset
from zoo.suggestions import check_options
from zoo.weights import GrownWeights
from zoo.weights import fetch_weights
from zoo.weights import load_weights
from zoo.weights.manifest import SUFFIXES

if TYPE_CHECKING:
    import keras


def load(
    name: str,
    *,
    weights: str | os.PathLike | None = "default",
    num_classes: int | None = None,
    image_shape: tuple[int, int, int] | None = None,
    new_head: bool | None = None,
    **overrides: Any,
) -> "keras.Model":
    """Builds a model by name, with its weights.

    Args:
        name: Name of a preset; `zoo.list_models()` gives them all.
        weights: `"default"` for the published ones, downloaded if needed;
            `None` for random ones; or a `.weights.h5` file (or
            `.weights.json` index) that fits the model exactly.
        num_classes: Number of classes.
        image_shape: `(height, width, channels)`.
        new_head: Whether to initialise the head randomly. Default: only with
            published weights, if `num_classes` differs from the preset's; a
            file must fit the head too. Set it to `True` for other classes of
            the same number.
        overrides: Other options of the preset's builder.

    Returns:
        A model of the preset's name, mapping pixels in [0, 1], NHWC, to logits.

    Raises:
        UnknownPresetError: If no preset has the name. A saved model is loaded
            by `keras.models.load_model`.
        ValueError: If an option is unknown, or the weights are no weight
            file, don't fit, or have not been published.
        FileNotFoundError: If there is no such weight file.
        DownloadError: If the published weights are not available.
    """
    preset = _find(name)
    options = dict(preset.config) | overrides
    if num_classes is not None:
        options["num_classes"] = num_classes
    if image_shape is not None:
        options["image_shape"] = tuple(image_shape)
    builder = _builder(preset)
    check_options(preset.name, builder, options, hidden=("name",))
    path = weights
    if weights == "default":
        path = download(name)
    elif weights is not None and not os.fspath(weights).endswith(SUFFIXES):
        raise ValueError(
            "`weights` must be 'default' (those trained on "
            f"{preset.dataset}), None (random ones) or a file that ends in "
            f"{' or '.join(SUFFIXES)}. Received: weights={weights!r}"
        )
    from zoo.models.wide_resnet import skip_initialization

    with skip_initialization(path is not None):
        model = builder(**options, name=preset.name)
    if path is None:
        return model
    if new_head is None:
        new_head = weights == "default" and (
            options["num_classes"] != preset.config["num_classes"]
        )
    if weights == "default" and isinstance(preset.weights, GrownWeights):
        _grow(model, preset.weights, path, new_head=new_head)
    else:
        load_weights(model, path, skip=[find_head(model)] if new_head else ())
    return model


def list_models(pattern: str = "*") -> list[str]:
    """Returns the names of the models that match a pattern such as `irm_*`.

    Args:
        pattern: Shell pattern; a name with its default tag is matched, too.
    """
    return [
        name
        for name in presets.names()
        if fnmatch.fnmatchcase(name, pattern)
        or fnmatch.fnmatchcase(presets.get(name).alias or name, pattern)
    ]


def download(name: str, *, progress: bool = True) -> Path:
    """Downloads a model's published weights, unless they are on disk.

    Weights that are grown have no file of their own: `load` reads those of
    the preset that they are grown from.

    Args:
        name: Name of a preset.
        progress: Whether to draw a progress bar, on a terminal only.

    Returns:
        The weight file, checked by its SHA-256; the other preset's for
        weights that are grown. Shards lie beside it.

    Raises:
        UnknownPresetError: If no preset has the name.
        ValueError: If no weights have been published.
        DownloadError: If the weights are not available.
    """
    preset = presets.get(name)
    if preset.stored is None:
        raise ValueError(
            "No weights have been published for this preset; "
            f'zoo.load("{name}", weights=None) builds it untrained, to be '
            f"trained on {preset.dataset}.{_trained_kin(preset)} "
            f"Received: name={name!r}"
        )
    return fetch_weights(preset.stored, progress=progress)


@contextlib.contextmanager
def dtype_policy(name: str | None) -> Iterator[None]:
    """Sets Keras' dtype policy for the layers made inside the block.

    Args:
        name: Name of the policy, such as `"mixed_bfloat16"`; `None` leaves
            Keras' own.

    Raises:
        ValueError: If there is no such policy.
    """
    import keras  # `zoo list` does without.

    before = keras.config.dtype_policy()
    try:
        keras.config.set_dtype_policy(name or before)
        yield
    finally:
        keras.config.set_dtype_policy(before)


def _grow(
    model: "keras.Model", grown: GrownWeights, path: Path, *, new_head: bool
) -> None:
    """Fills a model by growth from the preset's that has the file."""
    from zoo.models import grow
    from zoo.weights.digests import weights_digest

    with dtype_policy("float32"):
        source = load(grown.grown_from, weights=path)
    grow(source, model, seed=grown.seed, new_head=new_head)
    # Only all of the published weights, in their own precision, have the hash.
    if new_head or any(w.dtype != "float32" for w in model.weights):
        return
    digest = weights_digest(model)
    if digest != grown.sha256:
        raise ValueError(
            f"The weights of `{model.name}`, grown from {grown.grown_from} by "
            f"seed {grown.seed}, must have the SHA-256 {grown.sha256}; for "
            "another depth or width use zoo.models.grow. "
            f"Received: {digest}"
        )


def _trained_kin(preset: Preset) -> str:
    """Names the presets with weights of the same defense and architecture."""
    bare = preset.name.partition(".")[0]
    kin = [
        name
        for name in presets.names()
        if name.partition(".")[0] == bare and presets.get(name).stored
    ]
    return f" With weights: {', '.join(kin)}." if kin else ""


def _find(name: str) -> Preset:
    try:
        return presets.get(name)
    except presets.UnknownPresetError as error:
        if not os.path.exists(name):
            raise
        raise presets.UnknownPresetError(
            "A preset is loaded by its name; a saved model by "
            "keras.models.load_model(PATH), after `import zoo.layers`. "
            f"Received: name={str(name)!r}, a path"
        ) from error


def _builder(preset: Preset) -> "Callable[..., keras.Model]":
    module, _, function = preset.builder.rpartition(".")
    return getattr(importlib.import_module(module), function)
