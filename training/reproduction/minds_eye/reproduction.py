"""Measures Mind's Eye's table and figures, one after the other."""

import os
from collections.abc import Sequence
from pathlib import Path

from zoo.training.reproduction.exhibit import Exhibit
from zoo.training.reproduction.exhibit import check_exhibits
from zoo.training.reproduction.exhibit import write_exhibits
from zoo.training.reproduction.minds_eye.figure_5 import figure_5
from zoo.training.reproduction.minds_eye.figures_4_6 import figure_4
from zoo.training.reproduction.minds_eye.figures_4_6 import figure_6
from zoo.training.reproduction.minds_eye.networks import Networks
from zoo.training.reproduction.minds_eye.robustness import robustness
from zoo.training.reproduction.minds_eye.settings import EXHIBITS
from zoo.training.reproduction.minds_eye.settings import Settings
from zoo.training.reproduction.minds_eye.table_1 import table_1

_HEAD = """# Mind's Eye: the paper's table and figures, measured

Written by `zoo reproduce minds_eye`; docs/minds_eye.md explains them. The
objects are rendered by this package, not by Blender.
"""


def reproduce(
    settings: Settings,
    output: str | os.PathLike,
    *,
    only: Sequence[str] = EXHIBITS,
) -> list[Exhibit]:
    """Measures the table and figures of the paper and writes them.

    Each becomes a JSON file, most a picture too. `README.md` shows all
    exhibits in the folder, those of earlier calls too.

    Args:
        settings: What to run on.
        output: Folder to write to.
        only: Names of exhibits, among `EXHIBITS`.

    Returns:
        The exhibits that were measured, in the order of `EXHIBITS`.

    Raises:
        ImportError: If TFDS, which the data come from, is not installed.
        OSError: If a folder cannot be written.
        ValueError: If a name in `only` is unknown, or the direct network has
            no weights.
    """
    check_exhibits(only, EXHIBITS)
    output, networks = Path(output), Networks(settings)
    measures = {
        "tab1": lambda: table_1(networks),
        "fig4": lambda: figure_4(networks, output),
        "fig5": lambda: figure_5(networks, output),
        "fig6": lambda: figure_6(networks, output),
        "robust": lambda: robustness(networks, output),
    }
    return write_exhibits(
        {name: measures[name] for name in EXHIBITS if name in only},
        output,
        known=EXHIBITS,
        head=_HEAD,
    )
