"""`zoo attack`."""

import argparse
from pathlib import Path

from zoo.cli.attacks import default_spec
from zoo.cli.attacks import default_threat
from zoo.cli.commands.sticker import add_sticker_arguments
from zoo.cli.commands.sticker import makes_sticker
from zoo.cli.commands.sticker import run_sticker
from zoo.cli.data import add_data_arguments
from zoo.cli.data import check_data
from zoo.cli.data import fill_data
from zoo.cli.data import load_images
from zoo.cli.data import resolve_classes
from zoo.cli.models import ATTACK_HELP
from zoo.cli.models import add_model_argument
from zoo.cli.models import add_transfer_argument
from zoo.cli.models import check_run
from zoo.cli.models import check_single
from zoo.cli.models import load_attacks
from zoo.cli.models import load_model
from zoo.cli.output import add_json_argument
from zoo.cli.output import check_writable
from zoo.cli.output import emit


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Adds the command's arguments."""
    add_model_argument(parser)
    parser.add_argument(
        "--attack",
        metavar="SPEC",
        help=f"{ATTACK_HELP} (default: pgd of 40 steps, of 2 draws against a "
        "randomised model)",
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
    add_json_argument(parser)


def run(options: argparse.Namespace) -> None:
    """Attacks a few images, draws them and prints what became of them."""
    if options.output.suffix.lower() != ".png":
        raise ValueError(
            f"--output must end in .png. Received: {options.output}"
        )
    check_writable(options.output)
    if makes_sticker(options):
        run_sticker(options)
        return
    if options.attack:
        check_single(options.attack)
    check_run(options, [])
    fill_data(options)
    check_data(options.data)
    from zoo.training import evaluation

    threat = default_threat(options.model)
    model = load_model(options.model, image_size=options.image_size)
    spec = options.attack or default_spec(model, threat)
    (attack,) = load_attacks(options, [spec], threat, model=model)
    attack.check_model(model)
    images, labels = load_images(options, model)
    count = model(images[:1], training=False).shape[-1]
    names = resolve_classes(options, count)
    panel = evaluation.AttackedImages.from_model(
        model,
        attack,
        images,
        labels,
        name=options.model,
        progress=not options.json,
    )
    evaluation.picture(
        images,
        labels,
        [panel],
        names,
        options.output,
        title=f"{panel.attack} on {options.data}",
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
            panel.adversarial,
            labels,
            panel.clean_confidences,
            panel.adversarial_confidences,
            strict=True,
        )
    ]
    from rich.table import Table

    table = Table("label", "clean", "adversarial", "L2", "L∞")
    for row in rows:
        table.add_row(
            row["label"],
            row["clean"],
            row["adversarial"],
            f"{row['l2']:.3f}",
            f"{row['linf']:.3f}",
        )
    data = {
        "model": options.model,
        "attack": repr(attack),
        "picture": str(options.output),
        "images": rows,
    }
    emit(options, data, table, f"Picture: {options.output}")
