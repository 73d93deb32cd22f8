"""The stamps of Tux Paint that pictures are composed of.

They are cut-out photographs with their alpha channel, under the GPL, version 2,
and are read from where they are installed. All were looked at. Drawings are
kept out by their folder or their name.
"""

import functools
from pathlib import Path

from PIL import Image

from zoo.presets.composed_photos import CLASSES
from zoo.training.datasets.rendering.photographs import split_photographs

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

_SOLID = 16
"""Least alpha of what is cut out; shadows fade below it."""


def missing_stamps(folder: Path = STAMPS) -> list[Path]:
    """Returns the objects' stamps and the kinds' folders that are not there.

    Args:
        folder: Of Tux Paint's stamps.
    """
    kinds = [folder / name for names in KINDS.values() for name in names]
    stamps = [
        path for paths in object_stamps(folder).values() for path in paths
    ]
    return [path for path in (*stamps, *kinds) if not path.exists()]


def object_stamps(folder: Path = STAMPS) -> dict[str, list[Path]]:
    """Returns the stamp of each class of `objects`, the same in all splits.

    Args:
        folder: Of Tux Paint's stamps.
    """
    return {name: [folder / f"{OBJECTS[name]}.png"] for name in CLASSES}


def kind_stamps(split: str, folder: Path = STAMPS) -> dict[str, list[Path]]:
    """Returns the stamps of each class of `kinds` in one split.

    30 % of a kind's are for tests and 10 % for validation.

    Args:
        split: `"train"`, `"validation"` or `"test"`.
        folder: Of Tux Paint's stamps.
    """
    found = {}
    for kind, folders in KINDS.items():
        names = {
            path.relative_to(folder).as_posix(): path
            for name in folders
            for path in (folder / name).rglob("*.png")
        }
        stamps = split_photographs(
            {name: path for name, path in names.items() if is_photograph(name)},
            test=0.3,
        )
        found[kind] = [stamp.path for stamp in stamps if stamp.split == split]
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
