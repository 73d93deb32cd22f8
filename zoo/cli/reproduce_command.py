"""`zoo reproduce`."""

import argparse
from pathlib import Path

from zoo.cli.output import add_json_argument
from zoo.cli.output import emit
from zoo.cli.ranges import above_zero
from zoo.cli.ranges import at_least

_COUNTS = {
    "limit": "test images",
    "attack_limit": "test images for the standard suite",
    "epochs": "epochs of each network that is trained",
    "train_limit": "training images of each epoch",
    "batch_size": "images in a step, and attacked at once",
    "attack_draws": "predictions that the standard suite averages over",
    "rounds": "timed predictions",
    "seed": "of training and evaluation",
}


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Adds the command's arguments."""
    parser.add_argument("system", metavar="SYSTEM", help="system, such as irm")
    parser.add_argument(
        "--only",
        action="append",
        metavar="PART",
        help="a table or figure, such as tab4; may be given several times "
        "(default: all)",
    )
    parser.add_argument(
        "--output",
        type=Path,
        metavar="DIR",
        help="JSON, Markdown and pictures (default: docs/results/SYSTEM)",
    )
    parser.add_argument(
        "--workdir",
        type=Path,
        metavar="DIR",
        help="trained weights and finished measurements, from which the same "
        "call goes on (default: runs/reproduce_SYSTEM)",
    )
    parser.add_argument(
        "--data",
        metavar="SET",
        default="fashion_mnist",
        help="TFDS name (default: %(default)s)",
    )
    parser.add_argument(
        "--data-dir", type=Path, metavar="DIR", help="where TFDS keeps its data"
    )
    for name, text in _COUNTS.items():
        parser.add_argument(
            f"--{name.replace('_', '-')}",
            type=at_least(0 if name == "seed" else 1),
            metavar="N",
            help=f"{text} (default: as in the committed results)",
        )
    parser.add_argument(
        "--eps",
        type=above_zero,
        help="L-inf radius of FGSM (default: as in the committed results)",
    )
    parser.add_argument(
        "--timed",
        metavar="NAME",
        help="preset of three scales to time (default: the paper's)",
    )
    add_json_argument(parser)


def run(options: argparse.Namespace) -> None:
    """Makes a paper's tables and figures again and prints them."""
    from training import reproduction

    system = reproduction.find(options.system)
    given = {
        name: getattr(options, name)
        for name in ("data", "data_dir", "eps", "timed", *_COUNTS)
        if getattr(options, name) is not None
    }
    settings = system.Settings(
        workdir=options.workdir or Path(f"runs/reproduce_{options.system}"),
        progress=not options.json,
        **given,
    )
    parts = system.reproduce(
        settings,
        options.output or Path("docs/results") / options.system,
        only=options.only or system.PARTS,
    )
    emit(
        options,
        {part.name: part.data for part in parts},
        *(part.to_markdown() for part in parts),
    )
