"""The traffic sign classifier of RP2 and BlurNet."""

import keras
from keras import layers

from zoo import regularizers


def lisa_cnn(
    *,
    num_classes: int = 18,
    image_shape: tuple[int, int, int] = (32, 32, 3),
    input_filter: keras.layers.Layer | None = None,
    feature_filter: keras.layers.Layer | None = None,
    feature_regularizer: keras.Regularizer | dict | str | None = None,
    kernel_regularizer: keras.Regularizer | dict | str | None = None,
    name: str = "lisa_cnn",
) -> keras.Model:
    """Builds LISA-CNN: three convolutions and a classifier.

    64 filters of 8×8 with stride 2, 128 of 6×6 with stride 2 and 128 of 5×5,
    each with a ReLU; only the first pads. Pixels are taken as they are, in
    [0, 1]. The defaults are the authors', 726,354 weights: 17 signs and an
    output that no image has for its class.

    Args:
        num_classes: Logits.
        image_shape: `(height, width, channels)`; 27 pixels or more a side,
            none left open, since the classifier takes flattened maps.
        input_filter: Layer applied to the pixels.
        feature_filter: Layer applied to the first convolution's feature
            maps, after their ReLU.
        feature_regularizer: Penalty on those maps before that layer, as
            `zoo.regularizers.get` takes it.
        kernel_regularizer: The same, on the first convolution's weights.
        name: The model's name.

    Returns:
        A `keras.Model` from `(batch, *image_shape)` float pixels in [0, 1]
        to `(batch, num_classes)` float32 logits.

    Raises:
        ValueError: If there are no classes, or the images are too small or of
            open size.

    References:
        [Eykholt et al., 2018](https://arxiv.org/abs/1707.08945), section
        4.1; `evtimovi/robust_physical_perturbations`.
    """
    if num_classes < 1:
        raise ValueError(
            f"num_classes must be positive. Received: num_classes={num_classes}"
        )
    if any(side is None or side < 27 for side in image_shape[:2]):
        raise ValueError(
            "image_shape must have 27 pixels or more a side, none left open. "
            f"Received: image_shape={image_shape}"
        )
    images = keras.Input(image_shape, name="image")
    x = images
    if input_filter is not None:
        x = input_filter(x)
    x = _convolution(
        64,
        8,
        strides=2,
        padding="same",
        activity_regularizer=regularizers.get(feature_regularizer),
        kernel_regularizer=regularizers.get(kernel_regularizer),
        name="conv1",
    )(x)
    if feature_filter is not None:
        x = feature_filter(x)
    x = _convolution(128, 6, strides=2, name="conv2")(x)
    x = _convolution(128, 5, name="conv3")(x)
    x = layers.Flatten(data_format="channels_last", name="flatten")(x)
    logits = layers.Dense(num_classes, dtype="float32", name="logits")(x)
    return keras.Model(images, logits, name=name)


def _convolution(filters: int, size: int, **options):
    return layers.Conv2D(
        filters,
        size,
        activation="relu",
        data_format="channels_last",
        **options,
    )
