"""`zoo train`."""

import argparse
import contextlib
import sys
from pathlib import Path

from zoo.cli.arguments import add_json_argument
from zoo.cli.output import check_writable
from zoo.cli.output import emit
from zoo.suggestions import did_you_mean


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Adds the command's arguments."""
    from zoo.training.recipes.registry import NAMES

    parser.add_argument(
        "recipe", metavar="RECIPE", help=f"recipe: {' or '.join(NAMES)}"
    )
    parser.add_argument(
        "--workdir",
        type=Path,
        metavar="DIR",
        help="weights, checkpoints and logs, from which the same command goes "
        "on (default: runs/RECIPE)",
    )
    parser.add_argument(
        "--stage",
        action="append",
        dest="stages",
        metavar="NAME",
        help="a stage to run, may be given several times (default: all)",
    )
    parser.add_argument(
        "--data-dir", type=Path, metavar="DIR", help="where TFDS keeps its data"
    )
    add_json_argument(parser)


def run(options: argparse.Namespace) -> None:
    """Runs a recipe, or goes on with it, and prints its weight files."""
    from zoo.training.recipes import registry

    known = registry.stages(options.recipe)
    stages = tuple(options.stages or known)
    unknown = [stage for stage in stages if stage not in known]
    if unknown:
        raise ValueError(
            f"Stages are {', '.join(known)}.{did_you_mean(unknown[0], known)} "
            f"Received: --stage={', '.join(unknown)}"
        )
    workdir = work_folder(options)
    check_writable(workdir / "recipe.json")
    recipe = registry.find(options.recipe)
    # What Keras and this say while they work is not the result.
    with contextlib.redirect_stdout(sys.stderr):
        print(
            f"Training {', '.join(stages)} in {workdir}. The first step of a "
            "stage is slow: it traces the graph. If this is interrupted, the "
            "same command goes on after the last finished epoch."
        )
        weights = recipe.train(
            workdir, stages=stages, data_dir=options.data_dir
        )
    data = {stage: str(path) for stage, path in weights.items()}
    emit(options, data, *(f"{stage}: {path}" for stage, path in data.items()))


def work_folder(options: argparse.Namespace) -> Path:
    """Returns the folder that an interrupted call goes on from."""
    return options.workdir or Path("runs") / options.recipe
