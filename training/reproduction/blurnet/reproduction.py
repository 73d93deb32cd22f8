"""BlurNet's tables and figures, one after the other."""

import os
from collections.abc import Sequence
from pathlib import Path

from zoo.training.reproduction.blurnet.figure_fft import spectra
from zoo.training.reproduction.blurnet.settings import PARTS
from zoo.training.reproduction.blurnet.settings import Settings
from zoo.training.reproduction.blurnet.sticker_cache import StickerCache
from zoo.training.reproduction.blurnet.table_1 import table_1
from zoo.training.reproduction.blurnet.table_2 import adaptive_table
from zoo.training.reproduction.blurnet.table_2 import table_2
from zoo.training.reproduction.exhibit import Exhibit
from zoo.training.reproduction.exhibit import check_exhibits
from zoo.training.reproduction.exhibit import write_exhibits

_HEAD = """# BlurNet: the paper's tables and figures, measured

Written by `zoo reproduce blurnet`; docs/blurnet.md
explains them. The signs are rendered, not photographs.
"""


def reproduce(
    settings: Settings,
    output: str | os.PathLike,
    *,
    only: Sequence[str] = PARTS,
) -> list[Exhibit]:
    """Measures parts of the paper and writes them.

    Each part is a JSON file and perhaps a picture; `README.md` shows all
    parts in the folder, those of earlier calls too.

    Args:
        settings: What to run on.
        output: Folder to write to.
        only: Names of parts.

    Returns:
        The parts that were measured, in the order of `PARTS`.

    Raises:
        ImportError: If TFDS, which keeps the data, is not installed.
        OSError: If a folder cannot be written.
        ValueError: If a part is unknown, or the baseline has no weights and
            table 1 is asked for.
    """
    check_exhibits(only, PARTS)
    output, bench = Path(output), StickerCache(settings)
    measures = {
        "tab1": lambda: table_1(bench),
        "tab2": lambda: table_2(bench),
        "adaptive": lambda: adaptive_table(bench),
        "fft": lambda: spectra(bench, output),
    }
    return write_exhibits(
        {name: measures[name] for name in PARTS if name in only},
        output,
        known=PARTS,
        head=_HEAD,
    )
