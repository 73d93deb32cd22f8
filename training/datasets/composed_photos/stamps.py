"""The stamps of Tux Paint that pictures are composed of.

They are cut-out photographs with their alpha channel, under the GPL, version 2,
and are read from where they are installed. All were looked at. Drawings are
kept out by their folder or their name.
"""

import functools
from pathlib import Path

from PIL import Image

from zoo.presets.composed_photos import CLASSES
from zoo.training.datasets.composed_photos.sources import check_installed
from zoo.training.datasets.composed_photos.sources import share

STAMPS = Path("/usr/share/tuxpaint/stamps")
"""Of Debian's `tuxpaint-stamps-default`."""

OBJECTS = {
    "avocado": "food/fruit/avocado",
    "basketball": "sports/basketball",
    "broccoli": "food/vegetables/broccoli",
    "brown_bear": "animals/mammals/bears/european-bear",
    "butterflyfish": "animals/fish/butterflyfish",
    "camel": "animals/mammals/camel/camel",
    "cherries": "food/fruit/Cherry_Stella",
    "daffodil": "plants/flowers/daffodil",
    "dolphin": "animals/mammals/aquatic/dolphin",
    "drum_kit": "hobbies/music/percussion/drumkit",
    "elephant": "animals/mammals/elephant",
    "fire_engine": "vehicles/emergency/firetruck",
    "flamingo": "animals/birds/pink_flamingo",
    "frog": "animals/amphibians/frog",
    "giraffe": "animals/mammals/giraffe",
    "gorilla": "animals/mammals/apes/gorilla",
    "guitar": "hobbies/music/string/guitar_classical",
    "hammer": "household/tools/hammer",
    "hippopotamus": "animals/mammals/hippopotamus",
    "hot_air_balloon": "vehicles/flight/balloon360",
    "iris": "plants/flowers/iris",
    "kangaroo": "animals/marsupials/kangaroo",
    "kettle": "household/kettle",
    "king_penguin": "animals/birds/penguin",
    "koala": "animals/marsupials/koala",
    "lemon": "food/fruit/lemon",
    "lion": "animals/mammals/cats/lion-2",
    "orca": "animals/mammals/aquatic/orca",
    "pelican": "animals/birds/pelican",
    "rooster": "animals/birds/rooster",
    "rose": "plants/flowers/rose",
    "rubber_duck": "household/rubberduck",
    "seahorse": "animals/fish/seahorse",
    "snowy_owl": "animals/birds/owl",
    "squirrel": "animals/mammals/rodents/squirrel",
    "tiger": "animals/mammals/cats/tiger",
    "toucan": "animals/birds/tucan",
    "trumpet": "hobbies/music/brass/trumpet",
    "violin": "hobbies/music/string/violin",
    "zebra": "animals/mammals/equines/zebra",
}
"""The stamp of each class of `objects`."""

KINDS = {
    "bird": ("animals/birds",),
    "fish": ("animals/fish",),
    "flower": ("plants/flowers",),
    "fruit": ("food/fruit",),
    "instrument": ("hobbies/music",),
    "mammal": ("animals/mammals", "animals/marsupials"),
    "tool": ("household/tools",),
    "vehicle": ("vehicles", "military/vehicles"),
    "vegetable": ("food/vegetables",),
}
"""The folders of each class of `kinds`."""

SCREENED_FOLDERS = ("cartoon", "plastic", "toys")
"""Folders, at any depth, of drawings and of what only looks like the kind."""

SCREENED_STAMPS = (
    "echidna",  # Drawn.
    "hedgehog",  # Drawn.
    "sedan_police",  # The paint to lay over a sedan.
    "chineseJunk",  # Has remains of its background.
    "lobster",  # No fish, but in its folder, as is the next.
    "shrimp",
    "7spoke256",  # A wheel, as is the next.
    "wheel_tractor",
)
"""Stamps that are no photograph, or none of their kind."""

_MIRRORED = ("_flip", "_mirror")
"""Ends of the names of stamps that are others turned round."""

_PACKAGE = "tuxpaint-stamps-default"
_SOLID = 16
"""Least alpha of what is cut out; shadows fade below it."""


def object_stamps(stamps: Path = STAMPS) -> dict[str, list[Path]]:
    """Returns the stamp of each class of `objects`, the same in all splits.

    Args:
        stamps: Folder of Tux Paint's stamps.

    Raises:
        FileNotFoundError: If one is not there.
    """
    found = {name: [stamps / f"{OBJECTS[name]}.png"] for name in CLASSES}
    check_installed({_PACKAGE: [path for (path,) in found.values()]})
    return found


def kind_stamps(split: str, stamps: Path = STAMPS) -> dict[str, list[Path]]:
    """Returns the stamps of each class of `kinds` in one split.

    Args:
        split: One of `sources.SHARES`.
        stamps: Folder of Tux Paint's stamps.

    Raises:
        FileNotFoundError: If a kind's folder is not there.
        ValueError: If a kind has too few stamps to be split.
    """
    folders = [stamps / folder for kind in KINDS.values() for folder in kind]
    check_installed({_PACKAGE: folders})
    found = {}
    for kind, folders in KINDS.items():
        names = {
            path.relative_to(stamps).as_posix(): path
            for folder in folders
            for path in (stamps / folder).rglob("*.png")
        }
        names = {
            name: path for name, path in names.items() if is_photograph(name)
        }
        found[kind] = share(names, split)
    return found


def is_photograph(name: str) -> bool:
    """Returns whether a stamp is a photograph, and no other's mirror image.

    Args:
        name: Of its file, below the folder of all stamps.
    """
    path = Path(name)
    return not (
        set(path.parent.parts) & set(SCREENED_FOLDERS)
        or path.stem in SCREENED_STAMPS
        or path.stem.endswith(_MIRRORED)
    )


@functools.lru_cache(maxsize=512)
def read_stamp(path: Path) -> Image.Image:
    """Reads a stamp, RGBA, without what is transparent around it.

    Raises:
        ValueError: If nothing in it is solid.
    """
    with Image.open(path) as opened:
        stamp = opened.convert("RGBA")
    solid = stamp.getchannel("A").point(lambda alpha: 255 * (alpha >= _SOLID))
    box = solid.getbbox()
    if box is None:
        raise ValueError(
            f"A stamp must show something. Received: {path}, transparent"
        )
    return stamp.crop(box)
