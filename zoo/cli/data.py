"""Images named on the command line, parsed once."""

import argparse
import dataclasses
from pathlib import Path
from typing import TYPE_CHECKING

from zoo.cli.arguments import at_least
from zoo.cli.models import NamedModel
from zoo.cli.models import add_classes_argument
from zoo.cli.models import add_image_size_argument
from zoo.validation import check_images

if TYPE_CHECKING:
    import keras
    import numpy as np

SAMPLE = "fashion_mnist_sample"
_SPLIT = "test"


@dataclasses.dataclass(frozen=True, kw_only=True)
class NamedImages:
    """Images of the command line: what is known before they are read.

    Args:
        name: Of a data set, or the path of a folder.
        split: Split of the set.
        limit: Images to take from the front.
        data_dir: Where TFDS keeps its data, or an archive was unpacked.
        size: `(height, width)` that pictures are resized to, where the model
            leaves it open.
        model: Model that they are for.
    """

    name: str
    split: str
    limit: int
    data_dir: Path | None
    size: tuple[int, int] | None
    model: NamedModel

    @classmethod
    def parse(
        cls, options: argparse.Namespace, model: NamedModel
    ) -> "NamedImages":
        """Reads what `add_data_arguments` adds; `check` looks at it.

        Args:
            options: Of the command line.
            model: Model that the images are for; a preset's own set is the
                default.
        """
        return cls(
            name=options.data or _default_data(model),
            split=options.split or _SPLIT,
            limit=options.limit or options.default_limit,
            data_dir=options.data_dir,
            size=options.image_size,
            model=model,
        )

    @classmethod
    def default(cls, model: NamedModel, limit: int) -> "NamedImages":
        """Names the first images that a model has without any option."""
        return cls(
            name=_default_data(model),
            split=_SPLIT,
            limit=limit,
            data_dir=None,
            size=None,
            model=model,
        )

    def check(self) -> None:
        """Raises an error if `load` would; TensorFlow stays out.

        Raises:
            FileNotFoundError: If there is no such folder.
            ImportError: If TFDS, which has the set, is not installed.
            ValueError: If there is no such set or split, or a folder of
                pictures doesn't fit the model's classes.
        """
        from zoo.training.datasets.registry import check_source

        check_source(
            self.name,
            self.split,
            data_dir=self.data_dir,
            classes=self.model.classes or None,
        )

    @property
    def title(self) -> str:
        """The set and its split; a folder has none."""
        from zoo.training import datasets

        if datasets.is_folder(self.name):
            return self.name
        return f"{self.name}, {self.split}"

    def load(self, loaded: "keras.Model") -> "tuple[np.ndarray, np.ndarray]":
        """Loads the images and labels.

        Args:
            loaded: The model that they are for.

        Raises:
            FileNotFoundError: If AAAC, GTSRB or LISA is not in its folder.
            ValueError: If there is no such set, or its pictures or classes
                don't fit the model.
            ConnectionError: If the set cannot be downloaded.
        """
        from zoo.inspection import input_shape
        from zoo.training import datasets
        from zoo.training.datasets.arrays import gather_examples

        self._check_classes(loaded.output_shape[-1])
        given = {}
        if datasets.is_resized(self.name):
            given["image_shape"] = self.model.image_shape(loaded, self.size)
        elif self.size is not None:  # It must not contradict the model.
            self.model.image_shape(loaded, self.size)
        if datasets.is_folder(self.name):
            given["classes"] = self.class_names(loaded.output_shape[-1])
        dataset = datasets.load(
            self.name, self.split, data_dir=self.data_dir, **given
        )
        images, labels = gather_examples(dataset.take(self.limit))
        try:
            check_images(images, input_shape(loaded))
        except ValueError as error:
            raise ValueError(
                f"{self.name} doesn't suit {self.model.name}: {error}"
            ) from error
        return images, labels

    def _check_classes(self, count: int) -> None:
        """Raises a `ValueError` if a set's labels aren't the model's classes.

        The set may lack the model's last classes. Names of `--classes` are
        the user's, and may be other words for the set's.
        """
        from zoo.training import datasets

        found = datasets.label_names(self.name)
        known = () if self.model.renamed else self.model.classes
        if len(found) > count or (known and known[: len(found)] != found):
            raise ValueError(
                f"{self.name} must be of the classes of {self.model.name}, "
                f"{_listed(known) if known else f'which are {count}'}. "
                f"Received: {_listed(found)}"
            )

    def class_names(self, count: int) -> list[str]:
        """Names of the model's classes in order, or else of the folders.

        Args:
            count: How many classes the model has.

        Raises:
            ValueError: If there are not as many names.
        """
        from zoo.training import datasets

        if self.model.classes or not datasets.is_folder(self.name):
            return self.model.class_names(count)
        folders = datasets.class_folders(self.name)
        if len(folders) != count:
            self.model.refuse_names(folders, self.name, count)
        return folders


def add_data_arguments(parser: argparse.ArgumentParser, limit: int) -> None:
    """Adds what to read, and how, to a command.

    Args:
        parser: Of the command.
        limit: Images to take unless `--limit` is given.
    """
    parser.add_argument(
        "--data",
        metavar="SET",
        help="TFDS name, rendered_objects, rendered_signs/crops32, folder of "
        "pictures with one folder a class, or aaac, gtsrb or lisa with "
        "--data-dir (default: test images of a preset's set that are in the "
        f"package, if there are any, else that set; for others {SAMPLE})",
    )
    parser.add_argument(
        "--data-dir",
        type=Path,
        metavar="DIR",
        help="where TFDS keeps its data, or AAAC, GTSRB or LISA was unpacked",
    )
    parser.add_argument("--split", help=f"of the set (default: {_SPLIT})")
    parser.add_argument(
        "--limit",
        type=at_least(1),
        metavar="N",
        help=f"images to take from the front (default: {limit})",
    )
    add_classes_argument(
        parser, "the card's or the export's, else the folders, sorted"
    )
    add_image_size_argument(parser)
    parser.set_defaults(default_limit=limit)


def _listed(names: tuple[str, ...]) -> str:
    """Returns how many names there are, and the first three."""
    shown = [*names[:3], *(["…"] if len(names) > 3 else [])]
    return f"{len(names)} ({', '.join(shown)})"


def _default_data(model: NamedModel) -> str:
    """Returns the packaged sample of a preset's set, else the set itself.

    For models that are no presets, it is the sample of Fashion-MNIST.
    """
    from zoo.training.datasets.registry import SAMPLES

    dataset = model.card.dataset if model.is_preset else SAMPLE
    return SAMPLES.get(dataset, dataset)
