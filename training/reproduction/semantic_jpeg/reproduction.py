"""Measures what semantic JPEG's slides show, one exhibit after the other."""

import os
from collections.abc import Sequence
from pathlib import Path

from zoo.training.reproduction.exhibit import Exhibit
from zoo.training.reproduction.exhibit import check_exhibits
from zoo.training.reproduction.exhibit import write_exhibits
from zoo.training.reproduction.semantic_jpeg.adaptive import adaptive
from zoo.training.reproduction.semantic_jpeg.attack_cache import AttackCache
from zoo.training.reproduction.semantic_jpeg.elephant import elephant
from zoo.training.reproduction.semantic_jpeg.image_quality import image_quality
from zoo.training.reproduction.semantic_jpeg.imagenet import imagenet
from zoo.training.reproduction.semantic_jpeg.imagenet import photographs
from zoo.training.reproduction.semantic_jpeg.maps import location
from zoo.training.reproduction.semantic_jpeg.maps import stability
from zoo.training.reproduction.semantic_jpeg.recovered_accuracy import (
    recovered_accuracy,
)
from zoo.training.reproduction.semantic_jpeg.settings import EXHIBITS
from zoo.training.reproduction.semantic_jpeg.settings import Settings

_HEAD = """# Semantic JPEG: what the slides show, measured

Written by `zoo reproduce semantic_jpeg`; docs/semantic_jpeg.md explains it. The
objects are photographs, cut out and laid over other photographs.
"""


def reproduce(
    settings: Settings,
    output: str | os.PathLike,
    *,
    only: Sequence[str] = EXHIBITS,
) -> list[Exhibit]:
    """Measures what the slides show and writes it.

    Each exhibit becomes a JSON file, some a picture too. `README.md` shows
    all exhibits in the folder, those of earlier calls too.

    Args:
        settings: What to run on.
        output: Folder to write to.
        only: Names of exhibits, among `EXHIBITS`.

    Returns:
        The exhibits that were measured, in the order of `EXHIBITS`.

    Raises:
        FileNotFoundError: If the data are composed from pictures that are
            not installed, or a network's weights are not in the settings'
            folder.
        ImportError: If TFDS is not installed, or, for `imagenet`, Foolbox.
        OSError: If a folder cannot be written.
        ValueError: If a name in `only` is unknown, a network has no weights,
            or the settings' `workdir` holds adaptive measurements with other
            settings.
    """
    check_exhibits(only, EXHIBITS)
    if "imagenet" in only:
        photographs()
    output, cache = Path(output), AttackCache(settings)
    measures = {
        "adaptive": lambda: adaptive(cache),
        "accuracy": lambda: recovered_accuracy(cache, output),
        "elephant": lambda: elephant(cache, output),
        "quality": lambda: image_quality(cache),
        "location": lambda: location(cache),
        "stability": lambda: stability(cache),
        "imagenet": lambda: imagenet(cache),
    }
    return write_exhibits(
        {name: measures[name] for name in EXHIBITS if name in only},
        output,
        known=EXHIBITS,
        head=_HEAD,
    )
