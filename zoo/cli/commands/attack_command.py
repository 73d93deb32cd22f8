"""`zoo attack`."""

import argparse
import sys
from pathlib import Path

from zoo.cli.activity import activity
from zoo.cli.arguments import add_json_argument
from zoo.cli.attacks import ATTACK_HELP
from zoo.cli.attacks import DEFAULT_ATTACK
from zoo.cli.attacks import DEFAULT_HELP
from zoo.cli.attacks import add_transfer_argument
from zoo.cli.attacks import bind_attacks
from zoo.cli.attacks import check_single
from zoo.cli.attacks import default_threat
from zoo.cli.attacks import parse_transfer
from zoo.cli.attacks import title
from zoo.cli.data import NamedImages
from zoo.cli.data import add_data_arguments
from zoo.cli.models import NamedModel
from zoo.cli.models import add_model_argument
from zoo.cli.models import add_trust_argument
from zoo.cli.output import check_png
from zoo.cli.output import emit
from zoo.cli.output import printable
from zoo.cli.stickers import add_sticker_arguments
from zoo.cli.stickers import makes_sticker
from zoo.cli.stickers import run_sticker


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Adds the command's arguments."""
    add_model_argument(parser)
    parser.add_argument(
        "--attack",
        metavar="SPEC",
        help=f"{ATTACK_HELP} (default: {DEFAULT_HELP})",
    )
    add_transfer_argument(parser)
    add_data_arguments(parser, limit=8)
    parser.add_argument(
        "--output",
        type=Path,
        default=Path("attack.png"),
        metavar="PNG",
        help="picture to write (default: %(default)s)",
    )
    add_sticker_arguments(parser)
    add_trust_argument(parser)
    add_json_argument(parser)


def run(options: argparse.Namespace) -> None:
    """Attacks a few images, draws them and prints their classes."""
    check_png(options.output)
    if makes_sticker(options):
        run_sticker(options)
        return
    check_single(options.attack)
    named = NamedModel.parse(
        options.model, classes=options.classes, trusted=options.trust
    )
    source = parse_transfer(options)
    data = NamedImages.parse(options, named)
    data.check()
    from zoo.training import evaluation

    threat = default_threat(named)
    said = not options.json
    with activity(f"Loading {named.name}", enabled=said):
        model = named.load(image_size=options.image_size)
    spec = options.attack or DEFAULT_ATTACK
    (attack,) = bind_attacks(
        [spec],
        threat,
        model,
        source=source,
        image_size=options.image_size,
    )
    attack.check_model(model)
    with activity(f"Loading {data.limit} images of {data.name}", enabled=said):
        images, labels = data.load(model)
    names = data.class_names(model(images[:1], training=False).shape[-1])
    with activity(
        f"Attacking {len(images)} images: {attack!r}",
        enabled=said and not sys.stderr.isatty(),  # Which shows a bar.
    ):
        attacked = evaluation.AttackedImages.from_model(
            model, attack, images, labels, name=named.name, progress=said
        )
    evaluation.picture(
        images,
        labels,
        [attacked],
        names,
        options.output,
        title=f"{title(spec, attack)} on {data.name}",
    )
    rows = [
        {
            "label": names[label],
            "clean": names[before.argmax()],
            "adversarial": names[after.argmax()],
            "l2": float(((moved - image) ** 2).sum() ** 0.5),
            "linf": float(abs(moved - image).max()),
        }
        for image, moved, label, before, after in zip(
            images,
            attacked.adversarial,
            labels,
            attacked.clean_probabilities,
            attacked.adversarial_probabilities,
            strict=True,
        )
    ]
    right = attacked.adversarial_right
    if right is not None:
        for row, share in zip(rows, right.mean(axis=0), strict=True):
            row["draws_right"] = float(share)
    from rich.table import Table

    table = Table("label", "clean", "adversarial", "L2", "L∞")
    if right is not None:
        table.add_column(f"right of {len(right)} draws")
    for row in rows:
        table.add_row(
            *(printable(row[k]) for k in ("label", "clean", "adversarial")),
            f"{row['l2']:.3f}",
            f"{row['linf']:.3f}",
            *([f"{row['draws_right']:.0%}"] if right is not None else []),
        )
    result = {
        "model": named.name,
        "attack": repr(attack),
        "picture": str(options.output),
        "images": rows,
    }
    emit(
        options,
        result,
        table,
        f"Attack: {attack!r}",
        f"Picture: {options.output}",
    )
