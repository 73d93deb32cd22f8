"""JPEG in front of a classifier."""

import keras

from zoo.defenses.surgery.classifier import copy_classifier
from zoo.defenses.surgery.ends import to_pixel_range
from zoo.layers.jpeg import JPEG
from zoo.layers.random_patch_jpeg import RandomPatchJPEG


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
    classifier, shape = copy_classifier(model, image_shape)
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
