"""Measures BlurNet's tables and figures, one after the other."""

import os
from collections.abc import Sequence
from pathlib import Path

from zoo.training.reproduction.blurnet.alpha_sweep import alpha_sweep
from zoo.training.reproduction.blurnet.figure_fft import figure_fft
from zoo.training.reproduction.blurnet.settings import EXHIBITS
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
        The exhibits that were measured, in the order of `EXHIBITS`.

    Raises:
        ImportError: If TFDS, which the data come from, is not installed.
        OSError: If a folder cannot be written.
        ValueError: If a name in `only` is unknown, or `only` has `tab1` and
            the baseline has no weights; or the folder of the sweep holds
            trainings of another recipe.
    """
    check_exhibits(only, EXHIBITS)
    output, cache = Path(output), StickerCache(settings)
    measures = {
        "tab1": lambda: table_1(cache),
        "tab2": lambda: table_2(cache),
        "adaptive": lambda: adaptive_table(cache),
        "fft": lambda: figure_fft(cache, output),
        "alpha": lambda: alpha_sweep(settings, output),
    }
    return write_exhibits(
        {name: measures[name] for name in EXHIBITS if name in only},
        output,
        known=EXHIBITS,
        head=_HEAD,
    )
