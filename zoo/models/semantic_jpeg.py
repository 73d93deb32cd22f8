"""A classifier behind JPEG whose quality follows the saliency of an image."""

import keras

from zoo.defenses.surgery.copying import copy_graph
from zoo.layers.semantic_jpeg import compress_by_saliency
from zoo.models.msroi import msroi
from zoo.models.msroi import saliency_model
from zoo.models.wide_resnet import wide_resnet


def semantic_jpeg(
    *,
    depth: int = 16,
    width: int = 2,
    num_classes: int = 40,
    image_shape: tuple[int | None, int | None, int] = (128, 128, 3),
    strides: int = 2,
    squeeze: int = 32,
    multiplier: int = 4,
    channels: int = 128,
    saliency_classes: int | None = None,
    augmented: bool = True,
    draws: int = 10,
    noise: float = 0.4,
    distribution: str = "gaussian",
    fold: str = "top5",
    threshold: float | None = None,
    min_quality: int = 20,
    max_quality: int = 100,
    levels: int = 9,
    rule: str = "decile",
    subsampling: str = "4:2:0",
    quality_gradient: str = "none",
    seed: int | None = None,
    name: str = "semantic_jpeg",
) -> keras.Model:
    """Builds a Wide ResNet behind semantic JPEG, with its MSROI network.

    An MSROI network of its own, as deep and wide as the classifier, finds
    what is salient. Each 8×8 block is compressed at a quality by its
    saliency, and the classifier sees the result. The weights of both networks
    are the model's; `combine` makes the same model of trained networks.

    Gradient: straight-through in the pixels; through the saliency by
    `quality_gradient`.
    Randomness: that of `zoo.layers.ActivationNoise` if `augmented`.

    Args:
        depth: Convolutional layers of either Wide ResNet; must be `6n + 4`.
        width: Their multiplier on the base widths 16, 32 and 64.
        num_classes: Logits.
        image_shape: `(height, width, channels)`; `None` for a size left open.
        strides: Of their first layers, as for `zoo.models.wide_resnet`.
        squeeze: Of the MSROI network's head, as for `zoo.models.msroi`, as
            are `multiplier` and `channels`.
        saliency_classes: Classes of the MSROI network; `None` for
            `num_classes`.
        augmented: Whether the map is Aug-MSROI's, as for
            `zoo.models.saliency_model`, as are `draws`, `noise`,
            `distribution`, `fold` and `threshold`.
        min_quality: As for `zoo.layers.QualityMap`, as are `max_quality`,
            `levels` and `rule`.
        subsampling: `"4:2:0"` or `"4:4:4"`.
        quality_gradient: As for `zoo.layers.JPEG`: `"none"` holds the
            saliency in an attack's gradient, `"soft"` leads through it.
        seed: Seed of the noise, as for `zoo.models.saliency_model`.
        name: The model's name.

    Returns:
        A `keras.Model` from `(batch, *image_shape)` float pixels in [0, 1]
        to `(batch, num_classes)` float32 logits. Its
        `zoo.inspection.explanation` is `saliency` and `quality`.

    Raises:
        ValueError: If an argument is out of its range.

    Reference: "Protecting JPEG images against adversarial attacks", Prakash
        et al., [2018](https://arxiv.org/abs/1803.00940).
    """
    sizes = {
        "depth": depth,
        "width": width,
        "image_shape": image_shape,
        "strides": strides,
    }
    classifier = wide_resnet(num_classes=num_classes, **sizes)
    network = msroi(
        num_classes=saliency_classes or num_classes,
        squeeze=squeeze,
        multiplier=multiplier,
        channels=channels,
        **sizes,
    )
    return combine(
        classifier,
        network,
        augmented=augmented,
        draws=draws,
        noise=noise,
        distribution=distribution,
        fold=fold,
        threshold=threshold,
        min_quality=min_quality,
        max_quality=max_quality,
        levels=levels,
        rule=rule,
        subsampling=subsampling,
        quality_gradient=quality_gradient,
        seed=seed,
        name=name,
    )


def combine(
    classifier: keras.Model,
    network: keras.Model,
    *,
    augmented: bool = True,
    draws: int = 10,
    noise: float = 0.4,
    distribution: str = "gaussian",
    fold: str = "top5",
    threshold: float | None = None,
    min_quality: int = 20,
    max_quality: int = 100,
    levels: int = 9,
    rule: str = "decile",
    subsampling: str = "4:2:0",
    quality_gradient: str = "none",
    seed: int | None = None,
    name: str = "semantic_jpeg",
) -> keras.Model:
    """Puts a trained classifier behind semantic JPEG by a trained MSROI net.

    The result is `semantic_jpeg`'s, with copies of both networks' weights:
    what it saves loads into a preset of the same options.

    Args:
        classifier: Functional model from pixels in [0, 1] to logits.
        network: What `zoo.models.saliency_model` takes, of the same images.
        augmented: As for `semantic_jpeg`, as are all other options.

    Returns:
        A `keras.Model` from the classifier's images, float pixels in [0, 1],
        to its logits, `(batch, num_classes)`. Its
        `zoo.inspection.explanation` is `saliency` and `quality`.

    Raises:
        ValueError: If an argument is out of its range, or the networks take
            other images.
    """
    shapes = classifier.input_shape, network.input_shape
    if shapes[0] != shapes[1]:
        raise ValueError(
            "Both networks must take the same images. Received: "
            f"{classifier.name} of {shapes[0]} and {network.name} of "
            f"{shapes[1]}"
        )
    find = saliency_model(
        network,
        augmented=augmented,
        draws=draws,
        noise=noise,
        distribution=distribution,
        fold=fold,
        threshold=threshold,
        seed=seed,
        name="saliency_model",
    )
    images = keras.Input(shapes[0][1:], name="image")
    pixels = compress_by_saliency(
        images,
        find(images),
        min_quality=min_quality,
        max_quality=max_quality,
        levels=levels,
        rule=rule,
        subsampling=subsampling,
        quality_gradient=quality_gradient,
    )
    return keras.Model(images, copy_graph(classifier)(pixels), name=name)
