"""JPEG in front of a classifier, with more quality where an object is."""

import keras

from zoo.defenses.surgery.classifier import copy_classifier
from zoo.defenses.surgery.copying import copy_graph
from zoo.defenses.surgery.ends import to_pixel_range
from zoo.inspection import check_float_input
from zoo.inspection import is_graph
from zoo.layers.semantic_jpeg import compress_by_saliency


def semantic_jpeg(
    model: keras.Model,
    *,
    saliency: keras.Model,
    augmented: bool = True,
    min_quality: int = 20,
    max_quality: int = 100,
    levels: int = 9,
    rule: str = "decile",
    subsampling: str = "4:2:0",
    quality_gradient: str = "none",
    pixel_range: tuple[float, float] = (0.0, 1.0),
    image_shape: tuple[int, int, int] | None = None,
    seed: int | None = None,
) -> keras.Model:
    """Compresses images as JPEG, each block by how salient it is.

    The result's `zoo.inspection.explanation` is `saliency`, the map, and
    `quality`, that of each block.

    Gradient: straight-through in the pixels; through the saliency by
    `quality_gradient`.
    Randomness: that of the saliency model.

    Args:
        model: As for `zoo.defenses.jpeg`.
        saliency: From pixels in [0, 1], `(batch, height, width, channels)`, to
            a map in [0, 1], `(batch, height, width)`: a functional or
            Sequential model. Or a classifier that
            `zoo.models.saliency_model` takes, such as an MSROI network.
        augmented: Whether a classifier's map is Aug-MSROI's.
        min_quality: Quality of the least salient blocks, 1 to 100.
        max_quality: Of the most salient ones.
        levels: Number of qualities, as for `zoo.layers.QualityMap`.
        rule: `"decile"` or `"linear"`, as for `zoo.layers.QualityMap`.
        subsampling: `"4:2:0"` halves the size of the chroma, `"4:4:4"` does
            not.
        quality_gradient: `"none"` holds the quality map; `"soft"` gives it a
            gradient and compresses twice, as for `zoo.layers.JPEG`. Attack
            both: the latter is the one that moves the map.
        pixel_range: What the model takes for black and white, if that is not
            0 and 1; `saliency` gets 0 and 1 in any case.
        image_shape: `(height, width, channels)` of the images; `None` for
            what the model declares or was built for.
        seed: Seed of the noise of a classifier's map, as for
            `zoo.models.saliency_model`.

    Returns:
        A model mapping pixels in [0, 1] to logits, with copies of the layers
        and weights of both models.

    Raises:
        ValueError: If an argument is out of its range, a model cannot be
            copied, or `saliency` gives no map of the images' size.

    Reference: Prakash et al., "Protecting JPEG images against adversarial
        attacks", [2018](https://arxiv.org/abs/1803.00940).
    """
    classifier, shape = copy_classifier(model, image_shape)
    find_saliency = _copy_saliency(
        saliency, shape, augmented=augmented, seed=seed
    )
    images = keras.Input(shape, name="image")
    pixels = compress_by_saliency(
        images,
        find_saliency(images),
        min_quality=min_quality,
        max_quality=max_quality,
        levels=levels,
        rule=rule,
        subsampling=subsampling,
        quality_gradient=quality_gradient,
    )
    pixels = to_pixel_range(pixels, pixel_range)
    return keras.Model(
        images, classifier(pixels), name=f"semantic_jpeg_{classifier.name}"
    )


def _copy_saliency(
    saliency: keras.Model, image_shape, *, augmented: bool, seed: int | None
) -> keras.Model:
    if not is_graph(saliency):
        name = getattr(saliency, "name", saliency)
        raise ValueError(
            "`saliency` must be a functional or Sequential keras.Model from "
            f"images to maps. Received: saliency={name} of "
            f"{type(saliency).__name__}"
        )
    check_float_input(saliency)
    if len(saliency.output_shape) == 2:
        # The module imports this package, for `surgery`.
        from zoo.models.msroi import saliency_model

        saliency = saliency_model(saliency, augmented=augmented, seed=seed)
    takes, gives = saliency.input_shape, saliency.output_shape
    expected = (None, *image_shape), (None, *image_shape[:2])
    if not (_fit(takes, expected[0]) and _fit(gives, expected[1])):
        raise ValueError(
            "`saliency` must map the images to maps of their size, from "
            f"{expected[0]} to {expected[1]}. Received: {saliency.name}, from "
            f"{takes} to {gives}"
        )
    graph = keras.Model(
        saliency.inputs[0], saliency.outputs[0], name="saliency_model"
    )
    return copy_graph(graph)


def _fit(shape, expected) -> bool:
    """Returns whether sizes are the same or `shape` leaves them open."""
    return len(shape) == len(expected) and all(
        size is None or size == wanted
        for size, wanted in zip(shape[1:], expected[1:], strict=True)
    )
