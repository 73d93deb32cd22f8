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
    each with a ReLU; only the first convolution pads. Pixels are not
    normalised. The defaults are the authors', with 726,354 weights: 17 signs
    and one output that is no image's class.

    Args:
        num_classes: Logits.
        image_shape: `(height, width, channels)`; 27 pixels or more a side,
            no size left open, since the classifier takes flattened maps.
        input_filter: Layer applied to the pixels.
        feature_filter: Layer applied to the first convolution's feature
            maps, after their ReLU.
        feature_regularizer: Penalty on these maps, before `feature_filter`,
            as `zoo.regularizers.get` takes it.
        kernel_regularizer: Penalty on the first convolution's weights, as
            `zoo.regularizers.get` takes it.
        name: The model's name.

    Returns:
        A `keras.Model` from `(batch, *image_shape)` float pixels in [0, 1]
        to `(batch, num_classes)` float32 logits.

    Raises:
        ValueError: If there are no classes, or an image size is too small or
            left open.

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
