"""`zoo attack --attack rp2`: a sticker for a sign, not an attacked image."""

import argparse
import dataclasses
import os
from collections.abc import Iterable
from collections.abc import Sequence
from typing import Any

from zoo.cli.activity import activity
from zoo.cli.arguments import at_least
from zoo.cli.models import NamedModel
from zoo.cli.output import check_writable
from zoo.cli.output import emit
from zoo.module_source import assigned_names
from zoo.suggestions import did_you_mean

_PICTURED = 6
_ANY_SIZE = 32
"""Pixels on a side of the mask that an attack is tried with."""

_NOTES = (
    "The perturbation is digital: a printed sticker's success would be lower.",
    "It is added to every view whatever its light, while paint is lit as the "
    "sign is.",
    "The non-printability score, of weight 0 by default, is that of the "
    "perturbation, as in the authors' code, not of the sign with it.",
)


def add_sticker_arguments(parser: argparse.ArgumentParser) -> None:
    """Adds what RP2 needs besides its own options."""
    group = parser.add_argument_group(
        "stickers",
        "--attack rp2 makes one sticker for many rendered views of one sign "
        "and tests it on as many others; also rp2:steps=N,lambda_=X,...",
    )
    group.add_argument(
        "--target", metavar="CLASS", help="sign it should be taken for"
    )
    group.add_argument(
        "--sign",
        metavar="CLASS",
        help="sign that the sticker is put on (default: stop)",
    )
    group.add_argument(
        "--mask",
        metavar="MASK",
        help="where on the sign: stickers, octagon, or a picture whose light "
        "half it is (default: stickers)",
    )
    group.add_argument(
        "--views",
        type=at_least(1),
        metavar="N",
        help="views to make it on, and views to test it on (default: 40)",
    )


def makes_sticker(options: argparse.Namespace) -> bool:
    """Returns whether the attack asked for is RP2.

    Raises:
        ValueError: If RP2's arguments are given to another attack, or RP2
            is told no target, other images or another model.
    """
    from zoo.training.attacks.registry import STICKERS

    given = _given(options, "target", "sign", "mask", "views")
    if (options.attack or "").partition(":")[0] != STICKERS:
        if given:
            raise ValueError(
                f"Only --attack rp2 takes {', '.join(given)}. "
                f"Received: --attack={options.attack}"
            )
        return False
    if options.target is None:
        raise ValueError("--attack rp2 needs --target CLASS. Received: none")
    if options.transfer_from is not None:
        raise ValueError(
            "--attack rp2 makes its sticker on the model itself. Received: "
            f"--transfer-from={options.transfer_from}"
        )
    data = _given(options, "data", "data_dir", "split", "limit")
    if data:
        raise ValueError(
            "--attack rp2 makes its sticker on rendered signs, not on "
            f"{', '.join(data)}. Received: --attack={options.attack}"
        )
    return True


def run_sticker(options: argparse.Namespace) -> None:
    """Makes a sticker, tests it, and writes it and the views with it."""
    named = NamedModel.parse(
        options.model, classes=options.classes, trusted=options.trust
    )
    printed = options.output.with_suffix(".sticker.png")
    check_writable(printed)
    sign = options.sign or "stop"
    _check_signs(named, sign, options.target)
    check_mask(options.mask or "stickers")
    read_sticker_options(options.attack)
    from zoo.training import evaluation
    from zoo.training.evaluation.engine.progress import step_progress
    from zoo.training.evaluation.stickers import SignViews

    _attack(options, _ANY_SIZE)  # Refuses wrong values before it loads.
    with activity(f"Loading {named.name}", enabled=not options.json):
        model = named.load(image_size=options.image_size)
    height, width, _ = named.image_shape(model, options.image_size)
    names = named.class_names(model.output_shape[-1])
    check_classes(named, names, (sign, options.target))
    label, target = names.index(sign), names.index(options.target)
    if height != width:
        raise ValueError(
            "Signs are rendered as squares. Received: a model of "
            f"{height}x{width} pixels"
        )
    attack = _attack(options, height)
    with activity(f"Rendering views of {sign}", enabled=not options.json):
        views = SignViews(
            sign, count=options.views or 40, seed=attack.seed, size=height
        )
    attack = dataclasses.replace(attack, mask=views.on_plate(attack.mask))
    with step_progress("rp2", enabled=not options.json) as progress:
        (sticker,) = views.make(attack, model, [target], progress)
    scores = views.score(model, [sticker])
    shown = views.held_out[:_PICTURED]
    attacked = evaluation.AttackedImages.from_model(
        model,
        lambda *_: views.apply(sticker)[:_PICTURED],
        shown,
        [label] * len(shown),
        name=named.name,
    )
    evaluation.picture(
        shown,
        [label] * len(shown),
        [attacked],
        names,
        options.output,
        title=f"{sign} with a sticker for {options.target}, held-out views",
    )
    sticker.write(printed, views.front)
    result = {
        "model": named.name,
        "attack": repr(attack),
        "sign": sign,
        "target": options.target,
        "held_out_views": len(views.held_out),
        "accuracy": views.accuracy(model, label),
        "success": float(scores.success[0]),
        "targeted_success": float(scores.targeted[0]),
        "dissimilarity": float(scores.dissimilarity[0]),
        "notes": list(_NOTES),
        "picture": str(options.output),
        "sticker": str(printed),
    }
    emit(
        options,
        result,
        f"{result['held_out_views']} held-out views of {sign}, "
        f"{result['accuracy']:.1%} right without the sticker",
        f"Prediction changed: {result['success']:.1%}; to {options.target}: "
        f"{result['targeted_success']:.1%}; dissimilarity "
        f"{result['dissimilarity']:.3f}",
        _NOTES[0],
        f"Picture: {options.output}",
        f"Sticker: {printed}",
    )


def read_sticker_options(spec: str) -> dict[str, Any]:
    """Returns RP2's options in a text such as `"rp2:steps=9"`.

    TensorFlow stays out.

    Raises:
        ValueError: If an option is unknown or a shared one is out of range.
    """
    from zoo.training.attacks.parts.checks import checked_options
    from zoo.training.attacks.registry import STICKERS
    from zoo.training.attacks.registry import parameters
    from zoo.training.attacks.registry import read_options

    text = spec.partition(":")[2]
    return checked_options(**read_options(STICKERS, text, parameters(STICKERS)))


def check_mask(mask: str, *, pictures: bool = True) -> None:
    """Raises a `ValueError` unless it is a mask's name; TensorFlow stays out.

    Args:
        mask: Text of `--mask`.
        pictures: Whether it may be the path of a picture.
    """
    masks = assigned_names("zoo.training.attacks", "rp2.masks", "by_name")
    if mask not in masks and not (pictures and os.path.isfile(mask)):
        known = f"{', '.join(masks)} or a picture"
        raise ValueError(
            f"--mask must be {known if pictures else ' or '.join(masks)}."
            f"{did_you_mean(mask, masks)} Received: --mask={mask}"
        )


def _attack(options, size):
    """Binds RP2 to the text's options and the mask."""
    from zoo.training import attacks
    from zoo.training.attacks.rp2 import masks

    mask = options.mask or "stickers"
    if mask in masks.by_name:
        where = masks.by_name[mask](size, size)
    else:
        where = masks.from_picture(mask, size, size)
    return attacks.rp2(mask=where, **read_sticker_options(options.attack))


def _given(options, *names):
    """Returns the options of these names that were given, as typed."""
    return [
        f"--{name}".replace("_", "-")
        for name in names
        if getattr(options, name) is not None
    ]


def _check_signs(named, sign, target):
    """Raises an error before TensorFlow is imported, where names tell."""
    check_lisa("sign", sign)
    check_lisa("target", target)
    if sign == target:
        raise ValueError(
            "--target must be another sign than --sign. "
            f"Received: --target={target}"
        )
    if named.classes:
        check_classes(named, named.classes, (sign, target))


def check_lisa(option: str, name: str) -> None:
    """Raises a `ValueError` unless an option names a sign of LISA."""
    from zoo.training.datasets.lisa_classes import LISA_CLASSES

    if name not in LISA_CLASSES:
        raise ValueError(
            f"--{option} must be a sign of LISA: {', '.join(LISA_CLASSES)}."
            f"{did_you_mean(name, LISA_CLASSES)} "
            f"Received: --{option}={name}"
        )


def check_classes(
    named: NamedModel, classes: Sequence[str], signs: Iterable[str]
) -> None:
    """Raises a `ValueError` if a sign is not among a model's classes."""
    for name in signs:
        if name not in classes:
            raise ValueError(
                "--attack rp2 needs a model of LISA's signs. "
                f"Received: {named.name}, which has no {name} among its "
                f"classes {', '.join(classes)}"
            )
