"""IRM's tables and figures, one after the other."""

import os
from collections.abc import Callable
from collections.abc import Sequence
from pathlib import Path

from training.reproduction.irm.cells import Cells
from training.reproduction.irm.figure7 import figure_7
from training.reproduction.irm.ladder import table_4
from training.reproduction.irm.prediction_time import prediction_time
from training.reproduction.irm.scale_variance import scale_variance
from training.reproduction.irm.scale_variance import table_1
from training.reproduction.irm.scale_variance import table_2
from training.reproduction.irm.settings import Settings
from training.reproduction.part import Part
from zoo.replacing import replacing

PARTS = ("tab1", "tab2", "tab4", "fig7", "time")
"""Tables 1, 2 and 4, figure 7, and 14 ms against 30 ms."""

PAGE = "README.md"
_HEAD = """# IRM: the paper's tables and figures, measured

Written by `zoo reproduce irm`; [the defense](../../irm.md) explains them.
"""


def reproduce(
    settings: Settings,
    output: str | os.PathLike,
    *,
    only: Sequence[str] = PARTS,
) -> list[Part]:
    """Measures parts of the paper and writes them.

    Each part is a JSON file and perhaps a picture; `README.md` shows all
    parts in the folder, those of earlier calls too.

    Args:
        settings: What to run on.
        output: Folder to write to.
        only: Names of parts.

    Returns:
        The parts that were measured, in the paper's order.

    Raises:
        ConnectionError: If the data have to be downloaded and cannot be.
        ImportError: If they come from TFDS, which is not installed.
        OSError: If a folder cannot be written.
        ValueError: If a part is unknown, or the settings' `workdir` holds
            measurements of other settings.
    """
    unknown = [name for name in only if name not in PARTS]
    if unknown:
        raise ValueError(
            f"Parts are {', '.join(PARTS)}. Received: {', '.join(unknown)}"
        )
    output = Path(output)
    parts = []
    for name, measure in _measures(settings, output, only).items():
        part = measure()
        part.to_json(output / f"{name}.json")
        parts.append(part)
        _write_page(output)
    return parts


def _measures(
    settings: Settings, output: Path, only: Sequence[str]
) -> dict[str, Callable[[], Part]]:
    """Returns how to measure each part asked for, in the paper's order."""
    cells = reports = None
    if set(only) - {"time"}:
        cells = Cells(settings)
    if set(only) & {"tab1", "tab2", "fig7"}:
        reports = scale_variance(cells)
    measures = {
        "tab1": lambda: table_1(cells, reports),
        "tab2": lambda: table_2(cells, reports),
        "tab4": lambda: table_4(cells, output),
        "fig7": lambda: figure_7(cells, reports, output),
        "time": lambda: prediction_time(
            settings.timed, rounds=settings.rounds, seed=settings.seed
        ),
    }
    return {name: measures[name] for name in PARTS if name in only}


def _write_page(output: Path) -> None:
    parts = [
        Part.from_json(output / f"{name}.json")
        for name in PARTS
        if (output / f"{name}.json").exists()
    ]
    sections = [_HEAD, *(part.to_markdown() for part in parts)]
    with replacing(output / PAGE) as temporary:
        temporary.write_text("\n".join(sections), "utf-8")
