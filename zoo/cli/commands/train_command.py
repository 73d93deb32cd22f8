"""`zoo train`."""

import argparse
import contextlib
import sys
from pathlib import Path

from zoo.cli.arguments import add_json_argument
from zoo.cli.output import emit


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Adds the command's arguments."""
    parser.add_argument(
        "recipe", metavar="RECIPE", help="recipe, such as fashion_mnist"
    )
    parser.add_argument(
        "--workdir",
        type=Path,
        metavar="DIR",
        help="weights, checkpoints and logs (default: runs/RECIPE)",
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
    from zoo.training import recipes

    recipe = recipes.find(options.recipe)
    # Keras reports its epochs on standard output, which is the result's.
    with contextlib.redirect_stdout(sys.stderr):
        weights = recipe.train(
            options.workdir or Path("runs") / options.recipe,
            stages=tuple(options.stages or recipe.STAGES),
            data_dir=options.data_dir,
        )
    data = {stage: str(path) for stage, path in weights.items()}
    emit(options, data, *(f"{stage}: {path}" for stage, path in data.items()))
