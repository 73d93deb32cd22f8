"""A Wide ResNet behind JPEG of random quality, or of one."""

import keras

from zoo.layers.jpeg import JPEG
from zoo.layers.random_patch_jpeg import RandomPatchJPEG
from zoo.models.wide_resnet import wide_resnet


def jpeg_wide_resnet(
    *,
    depth: int = 28,
    width: int = 10,
    num_classes: int = 110,
    image_shape: tuple[int | None, int | None, int] = (299, 299, 3),
    strides: int = 1,
    qualities: tuple[int, ...] | int = (40, 60, 80, 90),
    dropout: float = 0.3,
    seed: int | None = None,
    name: str = "jpeg_wide_resnet",
) -> keras.Model:
    """Builds a Wide ResNet that sees randomly compressed images.

    The first half of IRM: random-patch JPEG (section II.A), then the network
    at the images' own scale, with global average pooling.

    Args:
        depth: Convolutional layers of the Wide ResNet; must be `6n + 4`.
        width: Its multiplier on the base widths 16, 32 and 64.
        num_classes: Logits.
        image_shape: `(height, width, channels)` of the images; `None` for a
            size left open.
        strides: Of its first layers, as for `zoo.models.wide_resnet`.
        qualities: JPEG qualities each of the four parts draws from; a number
            compresses whole images at it, with no randomness.
        dropout: Rate inside the residual blocks, in [0, 1).
        seed: Seed of the compression's randomness, as in
            `zoo.layers.RandomPatchJPEG`.
        name: The model's name.

    Returns:
        A `keras.Model` from `(batch, *image_shape)` float pixels in [0, 1]
        to `(batch, num_classes)` float32 logits.

    Raises:
        ValueError: If an argument is out of its range.

    Reference: IRM ("Information Redundancy Minimization"), table 4, the row
        of DDN with compression.
    """
    classifier = wide_resnet(
        depth=depth,
        width=width,
        num_classes=num_classes,
        image_shape=image_shape,
        strides=strides,
        dropout=dropout,
    )
    images = keras.Input(image_shape, name="image")
    compression = (
        JPEG(qualities, name="compression")
        if isinstance(qualities, int)
        else RandomPatchJPEG(qualities, seed=seed, name="compression")
    )
    return keras.Model(images, classifier(compression(images)), name=name)
