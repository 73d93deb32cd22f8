"""Wide residual networks."""

import contextlib
import contextvars
from collections.abc import Iterator

import keras
from keras import layers

from zoo.layers.batch_normalization import BatchNormalization
from zoo.layers.spatial_pyramid_pooling import SpatialPyramidPooling

ACTIVATIONS = ("relu", "silu")
_STRIDES = {1: (1, 1), 2: (2, 1), 4: (2, 2)}
"""Of the first convolution and of the first group, by their product."""
_SKIPPED = contextvars.ContextVar("skipped", default=False)


def wide_resnet(
    *,
    depth: int = 28,
    width: int = 10,
    num_classes: int = 10,
    image_shape: tuple[int | None, int | None, int] = (32, 32, 3),
    strides: int = 1,
    dropout: float = 0.0,
    pooling_bins: tuple[int, ...] | None = None,
    activation: str = "relu",
    name: str = "wide_resnet",
) -> keras.Model:
    """Builds a Wide ResNet that maps pixels to logits.

    Three groups of `(depth - 4) / 6` blocks, with `16 * width`, `32 * width`
    and `64 * width` channels. A block is two pre-activated 3×3 convolutions
    without biases; where the width changes, its shortcut projects the
    activated input. The model centres the pixels itself, `2 x - 1`.

    Args:
        depth: Convolutional layers; must be `6n + 4`.
        width: Multiplier on the base widths 16, 32 and 64.
        num_classes: Logits.
        image_shape: `(height, width, channels)`; `None` for a size left open.
        strides: By how much the map is reduced before the second group, for
            images larger than the paper's 32 × 32: 1, 2 or 4. The first
            convolution, then 5 × 5, halves it, and 4 also lets the first
            group.
        dropout: Rate between the two convolutions of a block, in [0, 1).
        pooling_bins: Levels of a spatial pyramid before the classifier, for
            example `(1, 2, 4)`; `None` averages over the whole map.
        activation: `"relu"` as in the paper, or the smooth `"silu"`, which
            adversarial training gains by ([Gowal et al.,
            2020](https://arxiv.org/abs/2010.03593), section 4.6).
        name: The model's name.

    Returns:
        A `keras.Model` from `(batch, *image_shape)` float pixels in [0, 1]
        to `(batch, num_classes)` float32 logits.

    Raises:
        ValueError: If `depth` is not `6n + 4`, or another number is out of
            its range.

    References:
        [Zagoruyko & Komodakis, 2016](https://arxiv.org/abs/1605.07146),
        table 1; `szagoruyko/wide-residual-networks`.
    """
    if depth < 10 or (depth - 4) % 6:
        raise ValueError(
            f"depth must be 6n + 4, at least 10. Received: depth={depth}"
        )
    if width < 1 or num_classes < 1:
        raise ValueError(
            "width and num_classes must be positive. "
            f"Received: width={width}, num_classes={num_classes}"
        )
    if strides not in _STRIDES:
        raise ValueError(
            f"strides must be one of {tuple(_STRIDES)}. "
            f"Received: strides={strides}"
        )
    if not 0 <= dropout < 1:
        raise ValueError(
            f"dropout must be in [0, 1). Received: dropout={dropout}"
        )
    if activation not in ACTIVATIONS:
        raise ValueError(
            f"activation must be one of {ACTIVATIONS}. "
            f"Received: activation={activation!r}"
        )
    images = keras.Input(image_shape, name="image")
    x = layers.Rescaling(2.0, offset=-1.0, name="normalisation")(images)
    first, second = _STRIDES[strides]
    x = _convolution(x, 16, size=2 * first + 1, strides=first, name="conv1")
    for group, channels in enumerate((16, 32, 64), start=2):
        for block in range((depth - 4) // 6):
            halving = second if group == 2 else 2
            x = _block(
                x,
                channels * width,
                halving if block == 0 else 1,
                dropout,
                activation,
                f"conv{group}_{block}",
            )
    x = _activate(x, activation, "final")
    if pooling_bins is None:
        x = layers.GlobalAveragePooling2D(
            data_format="channels_last", name="pooling"
        )(x)
    else:
        x = SpatialPyramidPooling(pooling_bins, name="pooling")(x)
    logits = layers.Dense(num_classes, dtype="float32", name="logits")(x)
    return keras.Model(images, logits, name=name)


@contextlib.contextmanager
def skip_initialization(skip: bool = True) -> Iterator[None]:
    """Leaves the convolutions of Wide ResNets built within it at zero.

    For networks whose weights are about to be read: to draw those of a large
    one takes longer than all else. The layers keep their initializers, for
    copies of them, and the classifying layer is drawn all the same. What else
    Python's global `random` decides stays as it would be.

    Args:
        skip: Whether to do so.
    """
    token = _SKIPPED.set(skip)
    try:
        yield
    finally:
        _SKIPPED.reset(token)


def _block(
    x, channels: int, strides: int, dropout: float, activation: str, name: str
):
    activated = _activate(x, activation, f"{name}_1")
    y = _convolution(activated, channels, strides=strides, name=f"{name}_conv1")
    y = _activate(y, activation, f"{name}_2")
    if dropout:
        y = layers.Dropout(dropout, name=f"{name}_dropout")(y)
    y = _convolution(y, channels, name=f"{name}_conv2")
    if strides > 1 or x.shape[-1] != channels:
        x = _convolution(
            activated,
            channels,
            size=1,
            strides=strides,
            name=f"{name}_projection",
        )
    return layers.Add(name=f"{name}_add")([x, y])


def _activate(x, activation: str, name: str):
    x = BatchNormalization(momentum=0.9, epsilon=1e-5, name=f"{name}_norm")(x)
    if activation == "silu":
        return layers.Activation("silu", name=f"{name}_silu")(x)
    return layers.ReLU(name=f"{name}_relu")(x)


def _convolution(
    x, channels: int, *, size: int = 3, strides: int = 1, name: str
):
    layer = layers.Conv2D(
        channels,
        size,
        strides=strides,
        padding="same",
        data_format="channels_last",
        use_bias=False,
        kernel_initializer="he_normal",
        name=name,
    )
    if _SKIPPED.get():
        initializer = layer.kernel_initializer
        layer.kernel_initializer = keras.initializers.Zeros()
        layer.build(x.shape)
        layer.kernel_initializer = initializer
    return layer(x)
