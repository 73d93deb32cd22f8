"""Models named on the command line."""

import argparse
import contextlib
import importlib
import os
import zipfile
from collections.abc import Sequence
from pathlib import Path

import zoo
from zoo.atomic_write import atomic_write
from zoo.loading import dtype_policy
from zoo.saved_model_folder import newest_version
from zoo.saved_model_folder import read_classes

ATTACK_HELP = (
    "attack and its options, such as 'pgd:norm=l2,eps=1.0'; the norm, and eps "
    "in that norm, are those of the card's ball (L2 1.0 if it has none) where "
    "the text leaves them open"
)


_PROBES = 2
_OPEN_SIDE = 224


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
        return not os.path.isdir(name)
    return True


def check_model(name: str) -> None:
    """Raises an error if there is no such model, before anything is loaded.

    Raises:
        ValueError: If there is no such preset, or it has no weights.
        FileNotFoundError: If there is no such file or SavedModel.
    """
    if is_preset(name):
        check_weights(name)
    elif not name.endswith(".keras"):
        newest_version(name)
    elif not os.path.isfile(name):
        raise FileNotFoundError(f"There is no such file: {name}")


def check_weights(preset: str) -> None:
    """Raises a `ValueError` if no preset has the name, or it has no weights."""
    if not zoo.info(preset).trained:
        raise ValueError(
            "No weights have been published for this preset; `zoo list` says "
            f"which presets have some. Received: {preset}"
        )


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
        image_size: Height and width that a file or SavedModel may leave open.

    Returns:
        A model mapping pixels in [0, 1] to logits; a softmax at the end of a
        `.keras` file is taken away.

    Raises:
        ValueError: If there is no such preset or policy, or the path is no
            model, or its outputs are confidences that no such softmax gives.
        FileNotFoundError: If there is no such file or SavedModel.
    """
    check_model(name)
    if is_preset(name):
        with dtype_policy(policy):
            return zoo.load(name)
    if not name.endswith(".keras"):
        from zoo.training import load_saved_model

        return load_saved_model(name, image_size=image_size)
    import keras

    importlib.import_module("zoo.layers")  # Registers what a file may hold.
    wrong = f"{name} is not a Keras model file."
    if not zipfile.is_zipfile(name):
        raise ValueError(wrong)
    try:
        model = keras.saving.load_model(name, compile=False)
    except KeyError as error:  # An archive of other files.
        raise ValueError(wrong) from error
    except TypeError as error:  # A class that is not registered.
        raise ValueError(
            f"{name} holds layers that this package doesn't know; export the "
            "model with model.export(DIR) where they are defined, and name "
            "DIR instead."
        ) from error
    return as_logits(model, name, image_size)


def known_classes(name: str) -> tuple[str, ...]:
    """Names of a model's classes in order; empty if they are not known.

    A preset's are on its card, a SavedModel's in its folder, a `.keras`
    file's in the file beside it that `zoo finetune` writes, one a line.

    Raises:
        OSError: If the file cannot be read.
    """
    if is_preset(name):
        return zoo.info(name).classes
    if name.endswith(".keras"):
        path = classes_file(name)
        if not os.path.isfile(path):
            return ()
        return tuple(path.read_text("utf-8").splitlines())
    return read_classes(newest_version(name))


def classes_file(name: str | os.PathLike) -> Path:
    """Returns where the names of a `.keras` file's classes are kept."""
    return Path(name).with_suffix(".classes.txt")


def write_model(model, path: Path, classes: Sequence[str]) -> None:
    """Writes a `.keras` file and its classes' names.

    If there are none, those of an older file in its place are removed.
    """
    with atomic_write(path) as temporary:
        model.save(temporary)
    if not classes:
        classes_file(path).unlink(missing_ok=True)
        return
    with atomic_write(classes_file(path)) as temporary:
        lines = "".join(f"{name}\n" for name in classes)
        temporary.write_text(lines, "utf-8")


def class_names(name: str, count: int) -> list[str]:
    """Names of a model's classes; numbers if they are not known.

    Raises:
        ValueError: If there are not as many names as classes.
    """
    names = known_classes(name)
    if names and len(names) != count:
        raise ValueError(
            f"{name} must name each of its {count} classes. "
            f"Received: {len(names)} names"
        )
    return list(names) or [str(index) for index in range(count)]


def check_run(options: argparse.Namespace, specs: list[str]) -> None:
    """Raises an error if a model or an attack that is named is not there.

    Nothing is loaded, not even TensorFlow.

    Args:
        specs: Text of the attacks.

    Raises:
        ValueError: If there is no such preset, attack or suite.
        FileNotFoundError: If there is no such file or SavedModel.
    """
    from zoo.training.attacks.registry import attack_name

    for spec in specs:
        attack_name(spec)
    for model in (options.model, options.transfer_from):
        if model is not None:
            check_model(model)


def check_single(spec: str) -> None:
    """Raises a `ValueError` if `--attack` names none, or a suite."""
    from zoo.training.attacks.registry import SUITES
    from zoo.training.attacks.registry import attack_name

    if attack_name(spec) in SUITES:
        raise ValueError(
            f"--attack takes one attack, no suite. Received: --attack={spec}"
        )


def load_attacks(
    options: argparse.Namespace,
    specs: list[str],
    threat: zoo.ThreatModel | None = None,
    *,
    model,
) -> list:
    """Builds attacks from text; with `--transfer-from`, on that model.

    Args:
        threat: Ball of the attacks whose text leaves it open.
        model: What they are for. Those run on a randomised model average
            over two draws, unless their text says how many.

    Raises:
        ValueError: If a text is wrong, or the model to transfer from has no
            gradient and an attack needs it.
    """
    from zoo.training import attacks
    from zoo.training.evaluation.engine.randomness import attack_draws

    if options.transfer_from is not None:
        model = load_model(options.transfer_from, image_size=options.image_size)
    bound = [
        attack
        for spec in specs
        for attack in attacks.suites.parse_all(
            spec, threat, draws=attack_draws(model)
        )
    ]
    if options.transfer_from is None:
        return bound
    for attack in bound:
        attack.check_model(model)
    return [attacks.transfer(attack=a, source=model) for a in bound]


def add_transfer_argument(parser: argparse.ArgumentParser) -> None:
    """Adds `--transfer-from`."""
    parser.add_argument(
        "--transfer-from",
        metavar="NAME",
        help="preset or .keras file to make the adversarial images on, "
        "instead of the model they are for",
    )


def as_logits(model, name: str, image_size: tuple[int, int] | None = None):
    """Returns a model, without the softmax at its end if it has one.

    What it gives, logits or confidences, is told by two images of noise; its
    seeds stay as they were. One that doesn't say what images it takes is
    returned as it is.

    Args:
        model: Keras model of images in [0, 1].
        name: What an error calls it.
        image_size: Height and width of the noise, where it leaves them open.

    Raises:
        ValueError: If it gives confidences, and not by a softmax at its end
            that could be taken away, or has one output.
    """
    noise = _noise(model, image_size)
    if noise is None:
        return model
    outputs = _outputs(model, noise)
    if outputs is not None and outputs.shape[1] == 1:
        raise ValueError(
            "The model must return a logit for each class, two where there "
            f"are two classes. Received: {name}, which returns one number"
        )
    if not _are_confidences(outputs):
        return model
    from zoo.defenses.surgery.ends import copy_to_logits
    from zoo.defenses.surgery.graph import classifier_graph

    with contextlib.suppress(ValueError):  # Another kind of model.
        logits = copy_to_logits(classifier_graph(model))
        if not _are_confidences(_outputs(logits, noise)):
            return logits
    raise ValueError(
        "The model must return logits: take the softmax at its end away. "
        f"Received: {name}, whose outputs are confidences"
    )


def _noise(model, image_size):
    import numpy as np

    from zoo.inspection import input_shape

    try:
        shape = input_shape(model)
    except ValueError:  # It takes no images.
        return None
    if shape is None or shape[-1] is None:
        return None
    wanted = image_size or (_OPEN_SIDE, _OPEN_SIDE)
    size = [n or m for n, m in zip(shape[1:3], wanted, strict=True)]
    return np.random.default_rng(0).random(
        (_PROBES, *size, shape[-1]), "float32"
    )


def _outputs(model, images):
    """Returns one row an image, or `None` if that is not what it gives."""
    import keras

    from zoo.training.evaluation.engine.randomness import owned_randomness

    with owned_randomness([model], seed=0):
        outputs = model(images, training=False)
    if len(getattr(outputs, "shape", ())) != 2:
        return None
    return keras.ops.convert_to_numpy(outputs)


def _are_confidences(outputs) -> bool:
    from zoo.inspection import are_probabilities

    return outputs is not None and are_probabilities(outputs)
