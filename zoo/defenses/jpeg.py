"""JPEG in front of a classifier."""

import keras

from zoo.defenses.surgery.ends import copy_to_logits
from zoo.defenses.surgery.ends import to_pixel_range
from zoo.defenses.surgery.graph import classifier_graph
from zoo.layers.jpeg import JPEG
from zoo.layers.random_patch_jpeg import RandomPatchJPEG


def jpeg(
    model: keras.Model,
    *,
    quality: int | tuple[int, ...] = 75,
    subsampling: str = "4:2:0",
    pixel_range: tuple[float, float] = (0.0, 1.0),
    seed: int | None = None,
) -> keras.Model:
    """Puts JPEG compression in front of a classifier, and nothing else.

    Gradient: straight-through.
    Randomness: none for one quality; else that of `RandomPatchJPEG`.

    Args:
        model: As for `zoo.defend`. A softmax at its end is taken away.
        quality: One JPEG quality, 1 to 100, for the whole image; or several,
            of which each of four parts of the image draws one at random.
        subsampling: `"4:2:0"` halves the size of the chroma, `"4:4:4"` does
            not.
        pixel_range: What the model takes for black and white, if that is not
            0 and 1: `(0, 255)` or `(-1, 1)`. Preprocessing of another kind
            belongs into the model.
        seed: Seed of the randomness, as in `RandomPatchJPEG`.

    Returns:
        A model mapping pixels in [0, 1] to logits, with copies of the
        model's layers and weights.

    Raises:
        ValueError: If an argument is out of its range, or the model is none
            that can be wrapped.

    References: [Das et al., 2018](https://arxiv.org/abs/1802.06816); IRM,
        section II.A.
    """
    graph = classifier_graph(model)
    options = {"subsampling": subsampling, "name": "compression"}
    if isinstance(quality, tuple | list):
        compression = RandomPatchJPEG(quality, seed=seed, **options)
    else:
        compression = JPEG(quality, **options)
    images = keras.Input(graph.input_shape[1:], name="image")
    pixels = to_pixel_range(compression(images), pixel_range)
    logits = copy_to_logits(graph)(pixels)
    return keras.Model(images, logits, name=f"jpeg_{graph.name}")
