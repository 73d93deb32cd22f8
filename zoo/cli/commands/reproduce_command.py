"""`zoo reproduce`."""

import argparse
import dataclasses
from pathlib import Path

from zoo.cli.output import above_zero
from zoo.cli.output import add_json_argument
from zoo.cli.output import at_least
from zoo.cli.output import emit

_COUNTS = {
    "limit": "test images",
    "attack_limit": "test images for the standard suite",
    "epochs": "epochs of each network that is trained",
    "train_limit": "training images of each epoch",
    "batch_size": "images in a step, and attacked at once",
    "attack_draws": "predictions that the standard suite averages over",
    "rounds": "timed predictions",
    "seed": "of training and evaluation",
    "seeds": "signs, each of its own seed",
    "views": "views of a sign that a sticker is made on",
    "steps": "steps of an attack",
    "queries": "queries of the standard suite's Square",
}


_OTHERS = (
    *("data", "data_dir", "eps", "timed"),
    *("targets", "weights", "defense_weight"),
)


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Adds the command's arguments."""
    parser.add_argument(
        "system", metavar="SYSTEM", help="system: irm or blurnet"
    )
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
        help="JSON, Markdown and pictures (default: results in --workdir)",
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
        help="TFDS name (default: as in the committed results)",
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
    parser.add_argument(
        "--target",
        action="append",
        dest="targets",
        metavar="CLASS",
        help="sign that a sticker imitates; may be given several times "
        "(default: all others)",
    )
    parser.add_argument(
        "--weights",
        type=Path,
        metavar="DIR",
        help="folder of PRESET.weights.h5, as zoo train writes them, to "
        "measure instead of the published ones",
    )
    parser.add_argument(
        "--defense-weight",
        type=above_zero,
        metavar="X",
        help="of the feature maps' total variation in the attack that adds "
        "it (default: as in the committed results)",
    )
    add_json_argument(parser)


def run(options: argparse.Namespace) -> None:
    """Makes a paper's tables and figures again and prints them."""
    from zoo.training import reproduction

    system = reproduction.find(options.system)
    workdir = options.workdir or Path(f"runs/reproduce_{options.system}")
    settings = system.Settings(
        workdir=workdir,
        progress=not options.json,
        **_given(options, system),
    )
    parts = system.reproduce(
        settings,
        options.output or workdir / "results",
        only=options.only or system.PARTS,
    )
    emit(
        options,
        {part.name: part.data for part in parts},
        *(part.to_markdown() for part in parts),
    )


def _given(options, system):
    """Returns the options of the command line that are the system's own.

    Raises:
        ValueError: If another system's option is given.
    """
    names = (*_OTHERS, *_COUNTS)
    given = {
        name: getattr(options, name)
        for name in names
        if getattr(options, name) is not None
    }
    known = {field.name for field in dataclasses.fields(system.Settings)}
    foreign = [name for name in given if name not in known]
    if foreign:
        raise ValueError(
            f"{options.system} has no such option. Received: "
            + ", ".join(f"{name}={given[name]}" for name in foreign)
        )
    if "targets" in given:
        given["targets"] = tuple(given["targets"])
    return given
