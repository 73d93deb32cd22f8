"""Models named on the command line, each parsed once."""

import argparse
import dataclasses
import os
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING
from typing import Literal

import zoo
from zoo.class_names import as_class_names
from zoo.cli.arguments import image_size
from zoo.cli.keras_archives import check_keras_file
from zoo.cli.keras_files import read_class_names
from zoo.cli.keras_files import read_keras_file
from zoo.cli.keras_files import read_lines
from zoo.loading import dtype_policy
from zoo.saved_model_folder import newest_version
from zoo.saved_model_folder import read_classes

if TYPE_CHECKING:
    import keras

_SUFFIX = ".keras"
_ANY = ("preset", "keras_file", "saved_model")


@dataclasses.dataclass(frozen=True, kw_only=True)
class NamedModel:
    """A model of the command line: what is known before it is loaded.

    Args:
        name: Text that names it.
        kind: `"preset"`, `"keras_file"` or `"saved_model"`.
        card: A preset's card; `None` for others.
        classes: Names of its classes in order; empty if they are not known.
        renamed: Whether `classes` are those of `--classes`, not its own.
        trusted: Whether what a file may run as it is loaded is run.
    """

    name: str
    kind: Literal["preset", "keras_file", "saved_model"]
    card: zoo.Card | None = None
    classes: tuple[str, ...] = ()
    renamed: bool = False
    trusted: bool = False

    @classmethod
    def parse(
        cls,
        name: str,
        *,
        classes: str | None = None,
        kinds: Sequence[str] = _ANY,
        rule: str = "The model must be a preset or a .keras file.",
        trained: bool = True,
        trusted: bool = False,
    ) -> "NamedModel":
        """Finds out what a text names, without loading it or TensorFlow.

        A name that ends in `.keras` is a file. One with a path separator is a
        folder, as is one that no preset has and a folder does. All others are
        presets.

        Args:
            name: Text of the command line.
            classes: Text of `--classes`, in the place of its own names.
            kinds: Kinds that the command takes.
            rule: Error message for other kinds.
            trained: Whether a preset must have published weights.
            trusted: Whether a model may run code, read files and write them.

        Raises:
            FileNotFoundError: If there is no such file or SavedModel.
            ValueError: If there is no such preset, it has no weights, the
                file is no model, the command doesn't take its kind, or the
                names of its classes are not as many.
        """
        card = _find_card(name)
        kind = "saved_model"
        if card is not None:
            kind = "preset"
        elif name.endswith(_SUFFIX):
            kind = "keras_file"
        if kind not in kinds:
            folder = "the folder " if kind == "saved_model" else ""
            raise ValueError(f"{rule} Received: {folder}{name}")
        own = _own_classes(kind, name) if card is None else card.classes
        model = cls(
            name=name,
            kind=kind,
            card=card,
            classes=as_class_names(
                own if classes is None else _read_names(classes)
            ),
            renamed=classes is not None,
            trusted=trusted,
        )
        if card is not None:
            model.class_names(card.num_classes)
            if trained:
                check_trained(card)
        return model

    @property
    def is_preset(self) -> bool:
        """Whether it is a preset, which has a card."""
        return self.card is not None

    def class_names(self, count: int) -> list[str]:
        """Names of the model's classes; numbers if they are not known.

        Args:
            count: How many classes the model has.

        Raises:
            ValueError: If there are not as many names as classes.
        """
        if self.renamed and len(self.classes) != count:
            self.refuse_names(self.classes, "--classes", count)
        if self.classes and len(self.classes) != count:
            raise ValueError(
                f"{self.name} must name each of its {count} classes. "
                f"Received: {len(self.classes)} names"
            )
        return list(self.classes) or [str(index) for index in range(count)]

    def refuse_names(
        self, names: Sequence[str], source: str, count: int
    ) -> None:
        """Raises an error that tells how to name the classes."""
        raise ValueError(
            f"{self.name} has {count} classes; name each, in the model's "
            f"order, by --classes. Received: {len(names)} in {source}"
        )

    def load(
        self,
        *,
        policy: str | None = None,
        image_size: tuple[int, int] | None = None,
        classifier: bool = True,
    ) -> "keras.Model":
        """Loads the model.

        Args:
            policy: Dtype policy to build a preset in; `None` for Keras' own.
            image_size: Height and width that a file or SavedModel may leave
                open.
            classifier: Whether a `.keras` file must hold one.

        Returns:
            A model mapping pixels in [0, 1] to logits; a softmax at the end
            of a `.keras` file is taken away.

        Raises:
            ValueError: If there is no such policy, the path is no model, it
                does not take floating-point images and return one row of
                logits for each, or it returns probabilities that no softmax
                at its end gives.
        """
        if self.kind == "preset":
            with dtype_policy(policy):
                return zoo.load(self.name)
        if self.kind == "keras_file":
            loaded = read_keras_file(
                self.name, image_size=image_size, trusted=self.trusted
            )
            if classifier:
                self._check_classifier(loaded)
            return loaded
        from zoo.training import load_saved_model

        return load_saved_model(
            self.name, image_size=image_size, trust=self.trusted
        )

    def _check_classifier(self, loaded: "keras.Model") -> None:
        from zoo.inspection import check_float_input
        from zoo.inspection import class_count

        check_float_input(loaded)
        if class_count(loaded) is None:
            try:
                received = f"outputs of shape {loaded.output_shape}"
            except (AttributeError, ValueError):  # It isn't built.
                received = "a model that doesn't say, since it isn't built"
            raise ValueError(
                "A model must have one output, (batch, classes): a logit for "
                f"each class. Received: {self.name} with {received}"
            )

    def image_shape(
        self, loaded: "keras.Model", size: tuple[int, int] | None
    ) -> tuple[int, int, int]:
        """Shape of the images that pictures are resized to for the model.

        Args:
            loaded: The model.
            size: `(height, width)` of `--image-size`, if it is given.

        Raises:
            ValueError: If the model doesn't say, takes any size and none is
                given, or takes another one.
        """
        from zoo.inspection import input_shape

        shape = input_shape(loaded)
        if shape is None:
            raise ValueError(
                "A model must say what images it takes, to resize pictures "
                "to: save it as a functional or Sequential model of one image "
                f"input. Received: {self.name}"
            )
        _, height, width, channels = shape
        fixed = (height, width)
        size = size or fixed
        if None in size:
            raise ValueError(
                "A model that takes images of any size needs --image-size, "
                f"such as 224x224. Received: {self.name} without it"
            )
        if any(n not in (None, m) for n, m in zip(fixed, size, strict=True)):
            raise ValueError(
                f"{self.name} takes images of {height}x{width}. Received: "
                f"--image-size={size[0]}x{size[1]}"
            )
        return (*size, channels)


def check_trained(card: zoo.Card) -> None:
    """Raises a `ValueError` if a preset has no weights."""
    if not card.trained:
        raise ValueError(
            "No weights have been published for this preset; `zoo list` says "
            f"which presets have some. Received: {card.name}"
        )


def check_policy(name: str | None) -> None:
    """Raises a `ValueError` if Keras has no dtype policy of the name."""
    if name is not None:
        with dtype_policy(name):
            pass


def add_model_argument(parser: argparse.ArgumentParser) -> None:
    """Adds the model: a preset's name, a `.keras` file or a SavedModel."""
    parser.add_argument(
        "model",
        metavar="NAME",
        help="preset (see `zoo list`), .keras file or SavedModel's folder",
    )


def add_trust_argument(parser: argparse.ArgumentParser) -> None:
    """Adds `--trust`."""
    parser.add_argument(
        "--trust",
        action="store_true",
        help="load a .keras file or SavedModel that can run code, or read and "
        "write files: only if you trust those who made it",
    )


def add_classes_argument(parser: argparse.ArgumentParser, default: str) -> None:
    """Adds `--classes`."""
    parser.add_argument(
        "--classes",
        metavar="NAMES",
        help="the model's classes in order: names between commas, or a text "
        f"file of one a line (default: {default})",
    )


def add_image_size_argument(parser: argparse.ArgumentParser) -> None:
    """Adds `--image-size`."""
    parser.add_argument(
        "--image-size",
        type=image_size,
        metavar="HxW",
        help="size of the images, for models that take any; pictures of a "
        "folder, AAAC, GTSRB or LISA are resized to it",
    )


def _find_card(name: str) -> zoo.Card | None:
    """Returns a preset's card; `None` if the text is a path."""
    if name.endswith(_SUFFIX) or os.sep in name:
        return None
    try:
        return zoo.info(name)
    except zoo.UnknownPresetError:
        if os.path.isdir(name):
            return None
        raise


def _own_classes(kind: str, path: str) -> tuple[str, ...]:
    """Checks that a model is there and reads the names of its classes."""
    if kind == "saved_model":
        return read_classes(newest_version(path))
    check_keras_file(path)
    return read_class_names(path)


def _read_names(text: str) -> tuple[str, ...]:
    """Reads `--classes`."""
    if os.path.isfile(text):  # A list may be too long for a path.
        return read_lines(text)
    if "," not in text and (os.sep in text or Path(text).suffix):
        raise FileNotFoundError(
            "--classes must be names between commas or a file that exists. "
            f"Received: --classes={text}"
        )
    return tuple(name.strip() for name in text.split(",") if name.strip())
