"""Models of the command line, made to end in logits."""

import contextlib

_PROBES = 2
_OPEN_SIDE = 224


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
    from zoo.defenses.classifier import classifier_graph
    from zoo.defenses.logits import copy_to_logits

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
