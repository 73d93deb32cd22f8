"""Models named on the command line."""

import argparse
import contextlib
import importlib
import os
from pathlib import Path

import zoo


def add_model_argument(parser: argparse.ArgumentParser) -> None:
    """Adds the model: a preset's name, a `.keras` file or a SavedModel."""
    parser.add_argument(
        "model",
        metavar="NAME",
        help="preset (see `zoo list`), .keras file or SavedModel's folder",
    )


def is_preset(name: str) -> bool:
    """Whether a name is a preset's, known or not, rather than a path."""
    if name.endswith(".keras") or os.sep in name:
        return False
    try:
        zoo.info(name)
    except zoo.UnknownPresetError:
        return not Path(name).is_dir()
    return True


def load_model(
    name: str,
    *,
    policy: str | None = None,
    image_size: tuple[int, int] | None = None,
):
    """Loads a preset by name, or a `.keras` file or SavedModel by its path.

    Args:
        name: Name or path.
        policy: Dtype policy to build a preset in; `None` for Keras' own.
        image_size: Height and width that a SavedModel may leave open.

    Raises:
        ValueError: If there is no such preset or policy, or the path is no
            model.
        FileNotFoundError: If there is no such file or SavedModel.
    """
    if is_preset(name):
        with dtype_policy(policy):
            return zoo.load(name)
    if not name.endswith(".keras"):
        from training import load_saved_model

        return load_saved_model(name, image_size=image_size)
    if not Path(name).is_file():
        raise FileNotFoundError(f"There is no such file: {name}")
    import keras

    importlib.import_module("zoo.layers")  # Registers what a file may hold.
    try:
        return keras.saving.load_model(name, compile=False)
    except TypeError as error:  # A class that is not registered.
        raise ValueError(
            f"{name} holds layers that this package doesn't know; export the "
            "model with model.export(DIR) where they are defined, and name "
            "DIR instead."
        ) from error


@contextlib.contextmanager
def dtype_policy(policy: str | None):
    """Builds models in a dtype policy; `None` for Keras' own."""
    import keras

    before = keras.config.dtype_policy()
    try:
        keras.config.set_dtype_policy(policy or before)
        yield
    finally:
        keras.config.set_dtype_policy(before)


def known_classes(name: str) -> list[str]:
    """Names of a model's classes in order; empty if they are not known.

    A preset's are in its card, a `.keras` file's in the file beside it that
    `zoo finetune` writes, one a line.

    Raises:
        OSError: If the file cannot be read.
    """
    if is_preset(name):
        return list(zoo.info(name).classes)
    path = classes_file(name)
    return path.read_text("utf-8").splitlines() if path.is_file() else []


def classes_file(name: str | os.PathLike) -> Path:
    """Returns where the names of a `.keras` file's classes are kept."""
    return Path(name).with_suffix(".classes.txt")


def class_names(name: str, count: int) -> list[str]:
    """Names of a model's classes; numbers if they are not known."""
    return known_classes(name) or [str(index) for index in range(count)]


def load_attacks(
    options: argparse.Namespace,
    specs: list[str],
    threat: zoo.ThreatModel | None = None,
    *,
    seed: int | None = None,
) -> list:
    """Builds attacks from text; with `--transfer-from`, on that model.

    Args:
        threat: Ball of the attacks whose text leaves it open.
        seed: Of the attacks whose text leaves it open.

    Raises:
        ValueError: If a text is wrong, or the model to transfer from has no
            gradient and an attack needs it.
    """
    from training import attacks

    bound = [
        attack
        for spec in specs
        for attack in (
            attacks.suite(spec, threat)
            if spec in attacks.suites.by_name
            else [attacks.parse(spec, threat, seed=seed)]
        )
    ]
    if options.transfer_from is None:
        return bound
    source = load_model(options.transfer_from, image_size=options.image_size)
    for attack in bound:
        attack.check_model(source)
    return [attacks.transfer(attack=a, source=source) for a in bound]


def add_transfer_argument(parser: argparse.ArgumentParser) -> None:
    """Adds `--transfer-from`."""
    parser.add_argument(
        "--transfer-from",
        metavar="NAME",
        help="preset or .keras file to make the adversarial images on, "
        "instead of the model they are for",
    )
