"""JPEG in front of a classifier."""

import keras
import numpy as np

from zoo.defenses.surgery.copying import copy_graph
from zoo.defenses.surgery.ends import check_logits
from zoo.defenses.surgery.ends import copy_to_logits
from zoo.defenses.surgery.ends import to_pixel_range
from zoo.defenses.surgery.graph import classifier_graph
from zoo.inspection import are_probabilities
from zoo.inspection import built_shape
from zoo.inspection import is_graph
from zoo.inspection import is_stochastic
from zoo.layers.jpeg import JPEG
from zoo.layers.random_patch_jpeg import RandomPatchJPEG

_PROBES = 2
_PROBE_SIDE = 64
"""Of the noise that a subclassed model is tried on, where it takes any size."""


def jpeg(
    model: keras.Model,
    *,
    quality: int | tuple[int, ...] = 75,
    subsampling: str = "4:2:0",
    pixel_range: tuple[float, float] = (0.0, 1.0),
    seed: int | None = None,
    image_shape: tuple[int, int, int] | None = None,
) -> keras.Model:
    """Puts JPEG compression in front of a classifier, and nothing else.

    Gradient: straight-through.
    Randomness: none for one quality; else that of `RandomPatchJPEG`.

    Args:
        model: As for `zoo.defend`, or any other `keras.Model` that Keras can
            build again from its configuration, such as a subclassed one. A
            softmax at the end is taken away; a subclassed model must return
            logits.
        quality: One JPEG quality, 1 to 100, for the whole image; or several,
            of which each of four parts of the image draws one at random.
        subsampling: `"4:2:0"` halves the size of the chroma, `"4:4:4"` does
            not.
        pixel_range: What the model takes for black and white, if that is not
            0 and 1: `(0, 255)` or `(-1, 1)`. Other preprocessing belongs in
            the model.
        seed: Seed of the randomness, as in `RandomPatchJPEG`.
        image_shape: `(height, width, channels)` of the images; `None` for
            what the model declares or was built for.

    Returns:
        A model mapping pixels in [0, 1] to logits, with copies of the
        model's layers and weights.

    Raises:
        ValueError: If an argument is out of its range, or the model cannot be
            wrapped.

    References: [Das et al., 2018](https://arxiv.org/abs/1802.06816); IRM,
        section II.A.
    """
    if image_shape is not None:
        _check_image_shape(image_shape)
    if isinstance(model, keras.Model) and not is_graph(model):
        classifier = _copy_subclassed(model, image_shape)
    else:
        classifier = copy_to_logits(classifier_graph(model))
    shape = _fixed_shape(classifier, image_shape)
    options = {"subsampling": subsampling, "name": "compression"}
    if isinstance(quality, tuple | list):
        compression = RandomPatchJPEG(quality, seed=seed, **options)
    else:
        compression = JPEG(quality, **options)
    images = keras.Input(shape, name="image")
    pixels = to_pixel_range(compression(images), pixel_range)
    return keras.Model(
        images, classifier(pixels), name=f"jpeg_{classifier.name}"
    )


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
