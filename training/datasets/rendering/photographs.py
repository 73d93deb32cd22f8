"""Real photographs that are on this machine, to cut backgrounds from.

Debian's packages of wallpapers have some, and so have scikit-image and
Foolbox. Most wallpapers are drawn, so the photographs among them are named
here. None ships with this package: they are read from where they were
installed.
"""

import hashlib
import importlib.util
import os
from collections.abc import Mapping
from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path

import numpy as np
from PIL import Image

from zoo.pictures import read_picture

SPLITS = ("train", "validation", "test")

LONGEST = 1024
"""Pixels on the longer side that a photograph is read at."""

GREY = np.array([0.2126, 0.7152, 0.0722])
"""Weights of red, green and blue in a grey value, those of ITU-R BT.709."""

_SUFFIXES = (".jpeg", ".jpg", ".png", ".webp")

_DEBIAN = {
    "mate-backgrounds": (
        "/usr/share/backgrounds/mate/nature/{}.jpg",
        (
            "Aqua",
            "Blinds",
            "Dune",
            "FreshFlower",
            "Garden",
            "GreenMeadow",
            "LadyBird",
            "RainDrops",
            "Storm",
            "TwoWings",
            "Wood",
            "YellowFlower",
        ),
    ),
    "plasma-workspace-wallpapers": (
        "/usr/share/wallpapers/{}/contents/images/2560x1600.jpg",
        (
            "BytheWater",
            "ColdRipple",
            "ColorfulCups",
            "DarkestHour",
            "EveningGlow",
            "FallenLeaf",
            "Grey",
            "Kite",
            "OneStandsOut",
            "Path",
            "summer_1am",
        ),
    ),
    "lomiri-wallpapers-20.04": (
        "/usr/share/backgrounds/{}.jpg",
        ("Kleiber_by_Lukas_Baubkus",),
    ),
}
"""Where each package has its photographs, and their names."""

DEBIAN = tuple(_DEBIAN)
"""Debian's packages that have photographs."""

_SCIKIT_IMAGE = (
    "astronaut.png",
    "brick.png",
    "camera.png",
    "chelsea.png",
    "coffee.png",
    "coins.png",
    "grass.png",
    "gravel.png",
    "moon.png",
    "motorcycle_left.png",
    "rocket.jpg",
)

_FOOLBOX = (
    "imagenet_00_243.jpg",
    "imagenet_01_559.jpg",
    "imagenet_02_438.jpg",
    "imagenet_03_990.jpg",
    "imagenet_04_949.jpg",
    "imagenet_05_853.jpg",
    "imagenet_06_609.jpg",
    "imagenet_07_609.jpg",
    "imagenet_08_915.jpg",
    "imagenet_09_455.jpg",
    "imagenet_10_541.jpg",
    "imagenet_11_630.jpg",
    "imagenet_12_741.jpg",
    "imagenet_13_471.jpg",
    "imagenet_14_129.jpg",
    "imagenet_15_99.jpg",
    "imagenet_16_251.jpg",
    "imagenet_17_22.jpg",
    "imagenet_18_317.jpg",
    "imagenet_19_305.jpg",
)
"""Photographs of ImageNet, with the numbers of their classes."""


@dataclass(frozen=True)
class Photograph:
    """A picture file to cut backgrounds from.

    Attributes:
        name: `source/file`, the same on any machine.
        path: Of the file.
        split: That its crops belong to, "train", "validation" or "test".
    """

    name: str
    path: Path
    split: str


def find_photographs(
    folder: str | os.PathLike | None = None,
    *,
    sources: Sequence[str] | None = None,
) -> list[Photograph]:
    """Returns the photographs of this machine, in a fixed order.

    They are split within their source, a package or the folder, in the order
    of the SHA-256 of their names: the first fifth is for tests, the next
    tenth for validation. So what else is installed moves none to another
    split.

    Args:
        folder: Of the user's own, at any depth, which replaces the packages'.
        sources: Packages to look in: of `DEBIAN`, `"scikit-image"` and
            `"foolbox"`; `None` for all but the last.

    Raises:
        FileNotFoundError: If there is no such folder.
        ValueError: If it has fewer than three pictures, one a split.
    """
    if folder is not None:
        return _in_folder(Path(folder))
    found = []
    for source, (place, names) in _places(sources).items():
        found += split_photographs(
            {f"{source}/{name}": Path(place.format(name)) for name in names}
        )
    return [photograph for photograph in found if photograph.path.is_file()]


def missing_sources(sources: Sequence[str]) -> list[str]:
    """Returns the packages that lack a photograph, or are not installed.

    Args:
        sources: As for `find_photographs`.
    """
    places = _places(sources)
    return [
        source
        for source in sources
        if source not in places
        or not all(
            Path(places[source][0].format(name)).is_file()
            for name in places[source][1]
        )
    ]


def of_split(photographs: Sequence[Photograph], split: str) -> list[Photograph]:
    """Returns the photographs of a split.

    Raises:
        ValueError: If there are none.
    """
    if split not in SPLITS:
        raise ValueError(
            f"split must be one of {', '.join(SPLITS)}. "
            f"Received: split={split!r}"
        )
    chosen = [photo for photo in photographs if photo.split == split]
    if not chosen:
        raise ValueError(
            f"The split {split!r} needs a photograph of its own: install "
            f"{', '.join(_DEBIAN)} (Debian) or scikit-image, or name a "
            f"folder of at least three. Received: {len(photographs)} "
            "photographs, all of other splits"
        )
    return chosen


@lru_cache(maxsize=64)
def read_photograph(path: Path, *, grey: bool = False) -> Image.Image:
    """Reads a photograph, upright and at most `LONGEST` pixels long.

    Args:
        grey: Whether to make it grey, as `to_grey` does.

    Returns:
        A picture of mode "RGB", or "L" if `grey`.

    Raises:
        ValueError: If the file is no picture; the message names it.
    """
    pixels = read_picture(path, (None, None, 3))
    picture = Image.fromarray(pixels)
    picture.thumbnail((LONGEST, LONGEST), Image.Resampling.BOX)
    if not grey:
        return picture
    return Image.fromarray(
        np.rint(to_grey(np.asarray(picture))).astype("uint8")
    )


def to_grey(pixels: np.ndarray) -> np.ndarray:
    """Weighs red, green and blue as ITU-R BT.709 does, to float64."""
    return pixels @ GREY


def random_crop(
    rng: np.random.Generator, picture: Image.Image, size: int
) -> np.ndarray:
    """Cuts a square from a picture, anywhere, and shrinks it to `size`.

    Its side is drawn log-uniformly between `size` and the picture's shorter
    side; half of the crops are mirrored.

    Args:
        size: Pixels on a side of the result.

    Returns:
        uint8, `(size, size)` of a grey picture, `(size, size, 3)` of RGB.
    """
    shorter = min(picture.size)
    low, high = np.log((min(size, shorter), shorter))
    side = min(shorter, np.exp(rng.uniform(low, high)))  # It may round up.
    left, top = rng.uniform(0, 1, 2) * (np.array(picture.size) - side)
    crop = picture.resize(
        (size, size),
        Image.Resampling.BILINEAR,
        box=(left, top, left + side, top + side),
        reducing_gap=2.0,
    )
    pixels = np.asarray(crop)
    return pixels[:, ::-1] if rng.random() < 0.5 else pixels


def _places(sources):
    if sources is None:
        return _DEBIAN | _scikit_image()
    places = _DEBIAN | _scikit_image() | _foolbox()
    return {source: places[source] for source in sources if source in places}


def _scikit_image() -> dict[str, tuple[str, tuple[str, ...]]]:
    return _data_of("scikit-image", "skimage", _SCIKIT_IMAGE)


def _foolbox() -> dict[str, tuple[str, tuple[str, ...]]]:
    return _data_of("foolbox", "foolbox", _FOOLBOX)


def _data_of(source, module, names):
    """Returns where a Python package has its photographs, if it is there."""
    spec = importlib.util.find_spec(module)
    if spec is None:
        return {}
    folder = Path(spec.submodule_search_locations[0])
    return {source: (str(folder / "data" / "{}"), names)}


def _in_folder(folder: Path) -> list[Photograph]:
    if not folder.is_dir():
        raise FileNotFoundError(
            f"The folder must exist. Received: {os.fspath(folder)!r}"
        )
    paths = {
        f"{folder.name}/{path.relative_to(folder).as_posix()}": path
        for path in folder.rglob("*")
        if path.suffix.lower() in _SUFFIXES and not path.name.startswith(".")
    }
    if len(paths) < len(SPLITS):
        raise ValueError(
            "A folder of photographs must have one for each split, "
            f"{', '.join(SPLITS)}. Received: {len(paths)} pictures in "
            f"{os.fspath(folder)!r}"
        )
    return split_photographs(paths)


def split_photographs(
    paths: Mapping[str, Path],
    *,
    test: float = 0.2,
    validation: float = 0.1,
) -> list[Photograph]:
    """Splits one source's photographs, at least one a split if it has three.

    Args:
        paths: Of the files, by names that are the same on any machine.
        test: Share of the photographs for tests.
        validation: And for validation; the others are for training.
    """
    names = sorted(paths, key=_digest)
    least = int(len(names) >= len(SPLITS))
    photographs, used = [], 0
    shares = {"test": test, "validation": validation, "train": 1.0}
    for split, share in shares.items():
        count = max(least, int(share * len(names)))
        photographs += [
            Photograph(name, paths[name], split)
            for name in names[used : used + count]
        ]
        used += count
    return photographs


def _digest(name: str) -> str:
    return hashlib.sha256(name.encode()).hexdigest()
