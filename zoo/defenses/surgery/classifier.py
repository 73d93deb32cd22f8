"""Any classifier, copied whole, to put something in front of it."""

import keras
import numpy as np

from zoo.defenses.surgery.copying import copy_graph
from zoo.defenses.surgery.ends import check_logits
from zoo.defenses.surgery.ends import copy_to_logits
from zoo.defenses.surgery.graph import classifier_graph
from zoo.inspection import are_probabilities
from zoo.inspection import built_shape
from zoo.inspection import is_graph
from zoo.inspection import is_stochastic

_PROBES = 2
_PROBE_SIDE = 64
"""Of the noise that a subclassed model is tried on, where it takes any size."""


def copy_classifier(
    model: keras.Model, image_shape: tuple[int, int, int] | None
) -> tuple[keras.Model, tuple[int | None, ...]]:
    """Copies a classifier, without the softmax at its end if any.

    Args:
        model: As for `zoo.defend`, or any other `keras.Model` that Keras can
            build again from its configuration, such as a subclassed one that
            returns logits.
        image_shape: `(height, width, channels)` of the images; `None` for
            what the model declares or was built for.

    Returns:
        A functional model from images to logits, and the images' shape.

    Raises:
        ValueError: If the shape is wrong or not known, or the model cannot
            be copied.
    """
    if image_shape is not None:
        _check_image_shape(image_shape)
    if isinstance(model, keras.Model) and not is_graph(model):
        classifier = _copy_subclassed(model, image_shape)
    else:
        classifier = copy_to_logits(classifier_graph(model))
    return classifier, _fixed_shape(classifier, image_shape)


def _check_image_shape(image_shape) -> None:
    if len(image_shape) != 3 or any(
        int(size) != size or size < 1 for size in image_shape
    ):
        raise ValueError(
            "`image_shape` must be (height, width, channels), whole numbers "
            f"above 0. Received: image_shape={image_shape}"
        )


def _fixed_shape(classifier, image_shape) -> tuple[int | None, ...]:
    """Returns the images' shape; `image_shape` fills in what is open."""
    own = classifier.input_shape[1:]
    if image_shape is None:
        return own
    pairs = zip(own, image_shape, strict=True)
    if any(size not in (None, wanted) for size, wanted in pairs):
        raise ValueError(
            f"`image_shape` must agree with {classifier.name}, which takes "
            f"{own}. Received: image_shape={image_shape}"
        )
    return tuple(image_shape)


def _copy_subclassed(model: keras.Model, image_shape) -> keras.Model:
    """Copies a model that has no graph of layers.

    Noise shows whether it returns logits, and whether the copy computes the
    same: attributes set after the model was made are not in its configuration.

    Returns:
        A functional model that calls the copy.

    Raises:
        ValueError: If the shape of its images is not known, or it cannot be
            copied, or gives anything but a row of logits an image.
    """
    shape = image_shape or (built_shape(model) or ())[1:]
    if not shape:
        raise ValueError(
            "A model must be built, or told the images' shape by "
            "`image_shape=(height, width, channels)`. "
            f"Received: {model.name} of {type(model).__name__}, which isn't "
            "built"
        )
    images = keras.Input(shape)
    graph = classifier_graph(
        keras.Model(images, model(images), name=model.name)
    )
    if is_graph(model):  # A Sequential one, now that it is built.
        return copy_to_logits(graph)
    check_logits(graph)
    copied = copy_graph(graph)
    noise = np.random.default_rng(0).random(
        (_PROBES, *(size or _PROBE_SIDE for size in shape)), "float32"
    )
    outputs, again, of_copy = (
        keras.ops.convert_to_numpy(called(noise, training=False))
        for called in (graph, graph, copied)
    )
    if are_probabilities(outputs):
        raise ValueError(
            "A subclassed model must return logits: take the softmax at its "
            f"end away. Received: {model.name}, whose outputs are probabilities"
        )
    random = is_stochastic(model) or not np.array_equal(outputs, again)
    if not random and not np.allclose(outputs, of_copy, rtol=1e-3, atol=1e-3):
        raise ValueError(
            "A subclassed model must be one that Keras can build again from "
            f"its configuration. Received: {model.name} of "
            f"{type(model).__name__}, whose copy computes something else"
        )
    return copied
