"""Measures IRM's tables and figures, one after the other."""

import os
from collections.abc import Callable
from collections.abc import Sequence
from pathlib import Path

from zoo.training.reproduction.exhibit import Exhibit
from zoo.training.reproduction.exhibit import check_exhibits
from zoo.training.reproduction.exhibit import write_exhibits
from zoo.training.reproduction.irm.evaluation_cache import EvaluationCache
from zoo.training.reproduction.irm.figure_7 import figure_7
from zoo.training.reproduction.irm.prediction_time import prediction_time
from zoo.training.reproduction.irm.settings import EXHIBITS
from zoo.training.reproduction.irm.settings import Settings
from zoo.training.reproduction.irm.table_4 import table_4
from zoo.training.reproduction.irm.tables_1_2 import scale_variance
from zoo.training.reproduction.irm.tables_1_2 import table_1
from zoo.training.reproduction.irm.tables_1_2 import table_2

_HEAD = """# IRM: the paper's tables and figures, measured

Written by `zoo reproduce irm`; docs/irm.md explains them.
"""


def reproduce(
    settings: Settings,
    output: str | os.PathLike,
    *,
    only: Sequence[str] = EXHIBITS,
) -> list[Exhibit]:
    """Measures tables and figures of the paper and writes them.

    Each becomes a JSON file, some a picture too. `README.md` shows all
    exhibits in the folder, those of earlier calls too.

    Args:
        settings: What to run on.
        output: Folder to write to.
        only: Names of exhibits, among `EXHIBITS`.

    Returns:
        The exhibits that were measured, in the paper's order.

    Raises:
        ConnectionError: If the data cannot be downloaded.
        ImportError: If the data come from TFDS, which is not installed.
        OSError: If a folder cannot be written.
        ValueError: If a name in `only` is unknown, or the settings' `workdir`
            holds measurements with other settings.
    """
    check_exhibits(only, EXHIBITS)
    measures = _measures(settings, Path(output), only)
    return write_exhibits(measures, output, known=EXHIBITS, head=_HEAD)


def _measures(
    settings: Settings, output: Path, only: Sequence[str]
) -> dict[str, Callable[[], Exhibit]]:
    """Returns how to measure each exhibit in `only`, in the paper's order."""
    cache = reports = None
    if set(only) - {"time"}:
        cache = EvaluationCache(settings)
    if set(only) & {"tab1", "tab2", "fig7"}:
        reports = scale_variance(cache)
    measures = {
        "tab1": lambda: table_1(cache, reports),
        "tab2": lambda: table_2(cache, reports),
        "tab4": lambda: table_4(cache, output),
        "fig7": lambda: figure_7(cache, reports, output),
        "time": lambda: prediction_time(
            settings.timed, rounds=settings.rounds, seed=settings.seed
        ),
    }
    return {name: measures[name] for name in EXHIBITS if name in only}
