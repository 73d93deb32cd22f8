"""Measures how often stickers on signs fool a model."""

import datetime
import inspect
import os
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import keras
import numpy as np

from zoo.cards.sticker_success import StickerSuccess
from zoo.inspection import hidden_gradients
from zoo.inspection import input_shape
from zoo.inspection import is_stochastic
from zoo.training.attacks.rp2 import masks
from zoo.training.attacks.rp2 import rp2
from zoo.training.datasets.lisa_classes import LISA_CLASSES
from zoo.training.evaluation.results import metrics
from zoo.training.evaluation.sticker_folder import StickerFolder
from zoo.training.evaluation.stickers import SignViews


def evaluate_stickers(
    model: keras.Model,
    classes: Sequence[str],
    *,
    signs: Sequence[str] = ("stop",),
    seeds: int = 3,
    targets: Sequence[str] | None = None,
    mask: str = "stickers",
    views: int = 40,
    seed: int = 0,
    size: int | None = None,
    resume: str | os.PathLike | None = None,
    progress: bool = True,
    **options: Any,
) -> StickerSuccess:
    """Measures the success of RP2's stickers on rendered signs.

    A sticker is made for each sign and target on views of the sign, with the
    model's exact gradient, and tested on as many held-out views. Its success
    is the share of these whose prediction changes, to any class.

    Args:
        model: Maps pixels in [0, 1] to logits; its images are squares.
        classes: Names of its classes in order, LISA's signs among them.
        signs: Classes of the signs that the stickers are put on.
        seeds: Signs of each class, from `seed` on. They differ in wear, and
            each has its own views and start of the stickers.
        targets: Classes that the stickers imitate, a sign's own left out;
            `None` for all of LISA's.
        mask: Where on a sign, a name of `rp2.masks.by_name`.
        views: Views to make a sticker on, and others to test it on.
        seed: Seed of the first sign of each class.
        size: Pixels on a side of the views; `None` if the model says.
        resume: Folder that keeps each sign's stickers, from which the same
            call goes on after an interruption; `None` for none.
        progress: Whether to draw progress bars.
        options: Further options of `rp2`: `frequencies` and `defense_weight`
            make the attack adaptive.

    Raises:
        ValueError: If the model has no gradient, hides it, or is randomised;
            or a sign, target, mask or option is unknown or out of range.

    References: BlurNet, table 2; Eykholt et al., 2018.
    """
    check_signs(signs, targets, mask, classes=classes)
    if seeds < 1:
        raise ValueError(f"seeds must be positive. Received: seeds={seeds}")
    check_exact(model)
    size = _side(model, size)
    targets = tuple(targets or LISA_CLASSES)
    date = datetime.datetime.now(datetime.UTC).isoformat(timespec="seconds")
    whole = masks.by_name[mask](size, size)
    attack = rp2(mask=whole, **options)  # Refuses wrong options at once.
    folder = StickerFolder(resume and Path(resume), progress=progress)
    described, success, shares = [], [], []
    for sign in signs:
        imitated = [name for name in targets if name != sign]
        for sign_seed in range(seed, seed + seeds):
            seen = SignViews(sign, count=views, seed=sign_seed, size=size)
            made = folder.stickers(
                model.name,
                model,
                seen,
                [classes.index(name) for name in imitated],
                mask=seen.on_plate(whole),
                options={**options, "seed": sign_seed},
                made_for={"sign": sign, "views": views, "mask": mask},
            )
            scores = seen.score(model, made)
            by_target = dict(
                zip(imitated, scores.success.tolist(), strict=True)
            )
            described.append((sign, sign_seed))
            success.append(tuple(by_target.get(name) for name in targets))
            shares.append(
                (
                    seen.accuracy(model, classes.index(sign)),
                    np.mean(scores.targeted),
                    scores.average_dissimilarity,
                )
            )
    accuracy, targeted, dissimilarity = np.mean(shares, axis=0).tolist()
    flat = [s for row in success for s in row if s is not None]
    commits = sorted(folder.commits - {"unknown"})
    return StickerSuccess(
        attack="rp2",
        options=_unusual(options),
        steps=attack.steps,
        mask=mask,
        signs=tuple(described),
        targets=targets,
        views=views,
        accuracy=accuracy,
        success=tuple(success),
        targeted=targeted,
        dissimilarity=dissimilarity,
        interval=metrics.wilson_interval(
            float(np.mean(flat)), views * len(described)
        ),
        seed=seed,
        date=date,
        commit=", ".join(commits) or None,
    )


def check_signs(
    signs: Sequence[str],
    targets: Sequence[str] | None,
    mask: str,
    *,
    classes: Sequence[str],
) -> None:
    """Raises a `ValueError` unless these are LISA's signs and a mask.

    Args:
        signs: Classes of the signs.
        targets: Classes imitated; `None` for all.
        mask: Name of a mask.
        classes: Names of the model's classes.
    """
    for role, names in (("signs", signs), ("targets", targets)):
        if names is None:
            continue
        unknown = [name for name in names if name not in LISA_CLASSES]
        if unknown or not names or len(set(names)) < len(names):
            raise ValueError(
                f"{role} must be different signs among "
                f"{', '.join(LISA_CLASSES)}. Received: {role}={list(names)}"
            )
    if targets is not None and any({sign} == set(targets) for sign in signs):
        raise ValueError(
            "targets must have another sign than each of signs. "
            f"Received: signs={list(signs)}, targets={list(targets)}"
        )
    missing = {*signs, *(targets or LISA_CLASSES)} - set(classes)
    if missing:
        raise ValueError(
            "rp2 needs a model of LISA's signs. Received: classes without "
            f"{', '.join(sorted(missing))}: {', '.join(classes)}"
        )
    if mask not in masks.by_name:
        raise ValueError(
            f"mask must be one of {', '.join(masks.by_name)}. "
            f"Received: mask={mask!r}"
        )


def check_exact(model: keras.Model) -> None:
    """Raises a `ValueError` if stickers could fail for want of a gradient.

    RP2 neither sees through a layer that hides its gradient nor averages over
    a model's randomness, and a randomised prediction changes by itself.
    """
    hidden = [layer.name for layer in hidden_gradients(model)]
    if hidden or is_stochastic(model):
        raise ValueError(
            "rp2 measures models with an exact gradient and no randomness. "
            f"Received: {model.name}, "
            + (f"which hides it in {', '.join(hidden)}" if hidden else "random")
        )


def _side(model, size):
    """Returns the pixels on a side of the views that the model takes."""
    shape = input_shape(model) or (None,) * 4
    height, width = (size if side is None else side for side in shape[1:3])
    if height is None or height != width or size not in (None, height):
        raise ValueError(
            "Signs are rendered as squares, of the model's size or of `size`. "
            f"Received: a model of {shape[1]}x{shape[2]} pixels, size={size}"
        )
    return height


def _unusual(options: dict[str, Any]) -> dict[str, Any]:
    """Returns the options but for steps that aren't defaults."""
    defaults = inspect.signature(rp2).parameters
    return {
        name: value
        for name, value in options.items()
        if name != "steps" and value != defaults[name].default
    }
