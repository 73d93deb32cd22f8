"""The three stages of the Artificial Mind's Eye, each a network of its own.

Each is trained alone and then put into `minds_eye_triple`. Outside they take
and give pixels and alpha in [0, 1] and rotations in radians; inside, pixels
are 0 to 255 and rotations are shifted by 0.5, as in the released code.
"""

import keras
from keras import layers

from zoo.layers.minds_eye import ClassPlanes
from zoo.layers.minds_eye import RowConv2D
from zoo.models.minds_eye.classifier import POSE
from zoo.models.minds_eye.classifier import pose
from zoo.models.minds_eye.classifier import trunk

PATCH = 10
"""Pixels along a side of the patches that the comparator sees."""

_UPSAMPLED = 8
"""How much larger the projector's image is than its first maps."""


def estimator(
    *,
    classes: int = 3,
    image_shape: tuple[int, int, int] = (64, 64, 1),
    dropout: float = 0.5,
    name: str = "estimator",
) -> keras.Model:
    """Builds the first stage: what pose would an object of the class have?

    The direct classifier's layers, with one constant channel a class beside
    the image, 1 for the class that is asked about. The defaults have
    4,468,627 weights.

    Args:
        classes: Number of objects.
        image_shape: As for `minds_eye_direct`.
        dropout: As for `minds_eye_direct`.
        name: The model's name.

    Returns:
        A `keras.Model` from `image`, `(batch, *image_shape)` in [0, 1], and
        `object`, `(batch, classes)` one-hot, to `(batch, 3)` float32
        rotations in radians, not clipped.

    Raises:
        ValueError: If an image size is too small or left open, or the rate is
            out of its range.
    """
    images = keras.Input(image_shape, name="image")
    one_hot = keras.Input((classes,), name="object")
    pixels = layers.Rescaling(255.0, name="grey_levels")(images)
    x = ClassPlanes(name="planes")([pixels, one_hot])
    return keras.Model(
        {"image": images, "object": one_hot},
        pose(trunk(x, dropout=dropout)),
        name=name,
    )


def projector(
    *,
    classes: int = 3,
    image_shape: tuple[int, int, int] = (64, 64, 1),
    name: str = "projector",
) -> keras.Model:
    """Builds the second stage: how does an object in this pose look?

    Five hidden layers, two up-convolutions and two more side by side, one for
    the image and one for its alpha. The image is the former's output times
    alpha, so it is drawn on black. The defaults have 3,174,274 weights.

    Args:
        classes: Number of objects.
        image_shape: `(height, width, channels)`, sides multiples of 8.
        name: The model's name.

    Returns:
        A `keras.Model` from `pose`, `(batch, 3)` rotations in radians, and
        `object`, `(batch, classes)` one-hot, to `image`,
        `(batch, *image_shape)` float32 pixels around [0, 1], not clipped,
        and `alpha`, `(batch, height, width, 1)` float32 in [0, 1], by name.

    Raises:
        ValueError: If a side is no multiple of 8.

    References:
        Mind's Eye, section 2.1; [Dosovitskiy et al., 2015](
        https://arxiv.org/abs/1411.5928v3), the network 1s-S.
    """
    height, width, channels = image_shape
    if any(side is None or side % _UPSAMPLED for side in (height, width)):
        raise ValueError(
            f"The sides must be multiples of {_UPSAMPLED}. "
            f"Received: image_shape={image_shape}"
        )
    rotations = keras.Input((POSE,), name="pose")
    one_hot = keras.Input((classes,), name="object")
    shifted = layers.Rescaling(1.0, offset=0.5, name="shifted")(rotations)
    x = layers.Concatenate(name="parameters")([shifted, one_hot])
    maps = (height // _UPSAMPLED, width // _UPSAMPLED, 96)
    widths = (512, 512, 384, 384, maps[0] * maps[1] * maps[2])
    for index, units in enumerate(widths, start=1):
        start = "glorot_uniform"
        if index == 1:
            start = keras.initializers.RandomNormal(stddev=1.0)
        x = layers.Dense(units, kernel_initializer=start, name=f"fc{index}")(x)
        x = _leaky_relu(f"fc{index}_relu")(x)
    x = layers.Reshape(maps, name="maps")(x)
    for index, filters in enumerate((96, 32), start=1):
        x = _upconvolution(filters, f"deconv{index}")(x)
        x = _leaky_relu(f"deconv{index}_relu")(x)
    alpha = _upconvolution(1, "alpha", activation="sigmoid", dtype="float32")(x)
    drawn = _upconvolution(channels, "drawn", dtype="float32")(x)
    image = layers.Multiply(dtype="float32", name="image")([drawn, alpha])
    return keras.Model(
        {"pose": rotations, "object": one_hot},
        {"image": image, "alpha": alpha},
        name=name,
    )


def comparator(
    *,
    image_shape: tuple[int | None, int | None, int] = (None, None, 1),
    name: str = "comparator",
) -> keras.Model:
    """Builds the third stage: do image and projection look alike here?

    It sees patches of 10×10 pixels of the image, the projection and its
    alpha, which are the channels of one convolution; three of 1×1 follow. It
    runs over whole images, and over a single patch to be trained. The
    defaults have 27,649 weights.

    Args:
        image_shape: `(height, width, channels)`; `None` for a size left open.
        name: The model's name.

    Returns:
        A `keras.Model` from `query` and `projection`,
        `(batch, *image_shape)` in [0, 1], and `alpha`,
        `(batch, height, width, 1)` in [0, 1], to float32 logits
        `(batch, height - 9, width - 9, 1)`: above 0 where they look alike.

    References:
        Mind's Eye, section 2.1 and figure 2; [Zagoruyko & Komodakis, 2015](
        https://arxiv.org/abs/1504.03641).
    """
    query = keras.Input(image_shape, name="query")
    projection = keras.Input(image_shape, name="projection")
    alpha = keras.Input((*image_shape[:2], 1), name="alpha")
    pixels = layers.Concatenate(name="pixels")([query, projection])
    pixels = layers.Rescaling(255.0, name="grey_levels")(pixels)
    x = layers.Concatenate(name="channels")([pixels, alpha])
    x = RowConv2D(64, PATCH, activation="relu", name="conv1")(x)
    for conv in ("conv2", "conv3"):
        x = layers.Conv2D(
            64, 1, activation="relu", data_format="channels_last", name=conv
        )(x)
    logits = layers.Conv2D(
        1, 1, dtype="float32", data_format="channels_last", name="conv4"
    )(x)
    return keras.Model(
        {"query": query, "projection": projection, "alpha": alpha},
        logits,
        name=name,
    )


def _leaky_relu(name):
    return layers.LeakyReLU(negative_slope=0.1, name=name)


def _upconvolution(filters, name, **options):
    return layers.Conv2DTranspose(
        filters,
        4,
        strides=2,
        padding="same",
        data_format="channels_last",
        name=name,
        **options,
    )
