"""The photographs that stamps are laid over.

By default they are those among the backgrounds of three of Debian's packages,
under the licences that `sources` lists, and the photographs of ImageNet in
Foolbox.
"""

import functools
import importlib.util
from pathlib import Path

from PIL import Image

from zoo.pictures import fit_picture
from zoo.pictures import read_picture
from zoo.training.datasets.composed_photos.sources import check_installed
from zoo.training.datasets.composed_photos.sources import share
from zoo.training.datasets.image_folder import SUFFIXES

DEBIAN = {
    "mate-backgrounds": tuple(
        f"/usr/share/backgrounds/mate/nature/{name}.jpg"
        for name in (
            *("Aqua", "Blinds", "Dune", "FreshFlower", "Garden"),
            *("GreenMeadow", "LadyBird", "RainDrops", "Storm", "TwoWings"),
            *("Wood", "YellowFlower"),
        )
    ),
    "plasma-workspace-wallpapers": tuple(
        f"/usr/share/wallpapers/{name}/contents/images/2560x1600.jpg"
        for name in (
            *("BytheWater", "ColdRipple", "ColorfulCups", "DarkestHour"),
            *("EveningGlow", "FallenLeaf", "Grey", "Kite", "OneStandsOut"),
            *("Path", "summer_1am"),
        )
    ),
    "lomiri-wallpapers-20.04": (
        "/usr/share/backgrounds/Infinite-Sea_by_Aury88.jpg",
        "/usr/share/backgrounds/Kleiber_by_Lukas_Baubkus.jpg",
    ),
}
"""Photographs among the backgrounds of Debian's packages; others are drawn."""

_SHORTER_SIDE = 512
"""Pixels that a background is reduced to."""


def backgrounds(split: str, folder: Path | None = None) -> list[Path]:
    """Returns the photographs of one split.

    Args:
        split: One of `sources.SHARES`.
        folder: Of the user's photographs, at any depth; `None` for Debian's
            and Foolbox's.

    Raises:
        FileNotFoundError: If they are not there.
        ValueError: If a folder has too few to be split.
    """
    if folder is not None:
        return share(_folder(folder), split)
    imagenet = _imagenet()
    check_installed(
        {
            package: [Path(path) for path in paths]
            for package, paths in DEBIAN.items()
        }
        | {"foolbox": imagenet}
    )
    paths = {path: Path(path) for paths in DEBIAN.values() for path in paths}
    return share(paths | {path.name: path for path in imagenet}, split)


@functools.lru_cache(maxsize=64)
def read_photograph(path: Path) -> Image.Image:
    """Reads a photograph, RGB, upright, its shorter side 512 pixels at most.

    Raises:
        ValueError: If it is no picture that Pillow can read.
    """
    picture = Image.fromarray(read_picture(path, (None, None, 3)))
    scale = _SHORTER_SIDE / min(picture.size)
    if scale >= 1:
        return picture
    height, width = round(scale * picture.height), round(scale * picture.width)
    return Image.fromarray(fit_picture(picture, (height, width, 3)))


def _folder(folder: Path) -> dict[str, Path]:
    if not folder.is_dir():
        raise FileNotFoundError(
            f"The folder of backgrounds must exist. Received: {folder}"
        )
    return {
        path.relative_to(folder).as_posix(): path
        for path in folder.rglob("*")
        if path.suffix.lower() in SUFFIXES
    }


def _imagenet() -> list[Path]:
    """Returns where Foolbox's photographs are, or would be."""
    found = importlib.util.find_spec("foolbox")
    folder = Path(found.submodule_search_locations[0] if found else "foolbox")
    photographs = sorted((folder / "data").glob("imagenet_*.jpg"))
    return photographs or [folder / "data" / "imagenet_00_243.jpg"]
