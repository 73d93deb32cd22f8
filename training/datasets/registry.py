"""The data sets that there are, known without TensorFlow."""

import os
import re
from collections.abc import Sequence

from zoo.suggestions import did_you_mean

SAMPLES = {
    "fashion_mnist": "fashion_mnist_sample",
    "rendered_signs/crops32": "rendered_signs_sample",
    "rendered_objects": "rendered_objects_sample",
}
"""Test images inside the package, by the sets that they are from."""

PACKAGED = tuple(SAMPLES.values())

ON_DISK = {
    "aaac": "zoo.training.datasets.aaac",
    "gtsrb": "zoo.training.datasets.gtsrb",
    "lisa": "zoo.training.datasets.lisa",
}
"""Modules of the sets that are read from their unpacked archives."""

BUILDERS = {
    "composed_photos": "zoo.training.datasets.composed_photos.builder",
    "rendered_objects": "zoo.training.datasets.rendered_objects.builder",
    "rendered_signs": "zoo.training.datasets.rendered_signs.builder",
}
"""Modules of the sets that are rendered here, through TFDS."""

_OWN = (*PACKAGED, *ON_DISK, *BUILDERS)


def is_folder(name: str | os.PathLike) -> bool:
    """Returns whether `load` takes the name for the path of a folder."""
    if isinstance(name, os.PathLike):
        return True
    if os.path.isabs(name) or name.startswith("."):
        return True
    return os.path.isdir(name) and (os.sep in name or not _is_set(name))


def check_source(
    name: str | os.PathLike,
    split: str = "test",
    *,
    data_dir: str | os.PathLike | None = None,
    classes: Sequence[str] | None = None,
) -> None:
    """Raises an error if `load` would, as far as can be known early.

    Neither TensorFlow nor any picture is loaded.

    Args:
        name: As `load` takes it, like the others.
        split: Looked at if there is but one.
        data_dir: Where an archive was unpacked.
        classes: Names that the folders of pictures must have.

    Raises:
        FileNotFoundError: If there is no such folder.
        ImportError: If TFDS, which has the set, is not installed.
        ValueError: If there is no such set or split, the folder of pictures
            holds none, one in it is no class, or an archive's folder is not
            named.
    """
    if is_folder(name):
        from zoo.training.datasets.image_folder import find_pictures

        check_split(name, split)
        find_pictures(name, classes)
    elif name in ON_DISK:
        check_data_dir(name, data_dir)
    elif name in PACKAGED:
        check_split(name, split)
    else:
        check_known(name)


def check_split(name: str | os.PathLike, split: str) -> None:
    """Raises a `ValueError` if a set of one split is asked for another."""
    if split != "test":
        raise ValueError(
            f"{name} has the split 'test' alone. Received: split={split!r}"
        )


def check_data_dir(name: str, data_dir: str | os.PathLike | None) -> None:
    """Raises an error if an archive's folder is not named or not there."""
    if data_dir is None:
        raise ValueError(
            f"{name} is read from the folder that its archives were unpacked "
            "in; name it by `data_dir`, or --data-dir on the command line. "
            "Received: data_dir=None"
        )
    if not os.path.isdir(data_dir):
        raise FileNotFoundError(
            f"The folder must exist. Received: data_dir={os.fspath(data_dir)!r}"
        )


def check_known(name: str) -> None:
    """Raises an error if TFDS, with the sets rendered here, has no such set.

    Raises:
        ImportError: If TFDS is not installed.
        ValueError: If there is no such set.
    """
    family = re.match("[^/:]*", name)[0]
    try:
        import tensorflow_datasets as tfds
    except ImportError as error:
        if family in BUILDERS:
            reason, hint = f"{name} is rendered through", ""
        else:
            hint = did_you_mean(name, _OWN)
            reason = f"There is no folder {name}; as a data set it comes from"
        raise ImportError(
            f"{reason} TensorFlow Datasets: pip install "
            f'"defense-zoo[train]", or ".[train]" in a clone.{hint}'
        ) from error
    known = [*_OWN, *tfds.list_builders(with_community_datasets=False)]
    if family not in known and ":" not in name:  # A community's set has one.
        raise ValueError(
            f"Neither TFDS nor the package ({', '.join(_OWN)}) has this set, "
            f"and it is no folder.{did_you_mean(name, known)} "
            f"Received: name={name!r}"
        )


def _is_set(name: str) -> bool:
    if name in _OWN:
        return True
    try:
        import tensorflow_datasets as tfds
    except ImportError:
        return False
    return name in tfds.list_builders(with_community_datasets=False)
