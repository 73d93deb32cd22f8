"""Direct classification: the baseline of the Artificial Mind's Eye."""

import keras
from keras import layers

from zoo.layers.local_response_normalization import LocalResponseNormalization

POSE = 3
"""An object's parameters: its rotations about three axes."""

_SMALLEST_SIDE = 16
"""Fewer pixels leave nothing for the last pooling."""


def minds_eye_direct(
    *,
    num_classes: int = 4,
    image_shape: tuple[int, int, int] = (64, 64, 1),
    dropout: float = 0.5,
    name: str = "minds_eye_direct",
) -> keras.Model:
    """Builds the direct classifier: an AlexNet for small images.

    Five convolutions with ReLUs, the first two followed by local response
    normalisation, three max poolings and two hidden layers of 1,024 with
    dropout. Pixels enter the first convolution as 0 to 255, as in the
    released code. The defaults are the authors', with 4,469,220 weights.

    The first and the last layer start as the released ones, from a normal
    distribution of deviation 0.01, the others as of He et al.: from 0.01, too,
    the signal shrinks by four orders of magnitude on its way, and the loss
    doesn't fall for thousands of steps.

    Args:
        num_classes: Logits; three objects and none of them.
        image_shape: `(height, width, channels)`; 16 pixels or more a side,
            no size left open, since the hidden layers take flattened maps.
        dropout: Rate after each hidden layer, in [0, 1).
        name: The model's name.

    Returns:
        A `keras.Model` from `(batch, *image_shape)` float pixels in [0, 1]
        to `(batch, num_classes)` float32 logits.

    Raises:
        ValueError: If there are no classes, an image size is too small or
            left open, or the rate is out of its range.

    References:
        Mind's Eye ("The Artificial Mind's Eye"), section 2.1;
        `hberntsen/resisting-adversarials`.
    """
    if num_classes < 1:
        raise ValueError(
            f"num_classes must be positive. Received: num_classes={num_classes}"
        )
    images = keras.Input(image_shape, name="image")
    pixels = layers.Rescaling(255.0, name="grey_levels")(images)
    features = trunk(pixels, dropout=dropout)
    logits = output(num_classes, name="logits")(features)
    return keras.Model(images, logits, name=name)


def with_pose(classifier: keras.Model) -> keras.Model:
    """Adds a second output to a direct classifier: the object's pose.

    The paper's direct classification + parameter estimation, to train by: the
    pose guides the features, and is not used after training. The layers are
    shared, so the classifier is trained with it. The defaults have 4,472,295
    weights, 3,075 of them the new head's.

    Args:
        classifier: What `minds_eye_direct` built.

    Returns:
        A `keras.Model` from the same images to `logits` and `pose`,
        `(batch, 3)` rotations in radians, by name.
    """
    features = classifier.get_layer("fc7_dropout").output
    outputs = {"logits": classifier.output, "pose": pose(features)}
    return keras.Model(
        classifier.input, outputs, name=f"{classifier.name}_with_pose"
    )


def trunk(pixels: keras.KerasTensor, *, dropout: float) -> keras.KerasTensor:
    """Applies the layers that classifier and estimator have alike.

    Args:
        pixels: `(batch, height, width, channels)`, 0 to 255.
        dropout: Rate after each hidden layer.

    Returns:
        `(batch, 1024)` features.

    Raises:
        ValueError: If a side is too small or left open, or the rate is out
            of its range.
    """
    sides = pixels.shape[1:3]
    if any(side is None or side < _SMALLEST_SIDE for side in sides):
        raise ValueError(
            f"image_shape must have {_SMALLEST_SIDE} pixels or more a side, "
            f"none left open. Received: image_shape={pixels.shape[1:]}"
        )
    if not 0 <= dropout < 1:
        raise ValueError(
            f"dropout must be in [0, 1). Received: dropout={dropout}"
        )
    x = _convolution(16, "conv1", padding="valid")(pixels)
    x = LocalResponseNormalization(name="norm1")(x)
    # Caffe rounds the pooled size up.
    x = _pooling("pool1", padding="same")(x)
    x = _convolution(64, "conv2", bias=0.1)(x)
    x = LocalResponseNormalization(name="norm2")(x)
    x = _pooling("pool2")(x)
    x = _convolution(96, "conv3")(x)
    x = _convolution(96, "conv4", bias=0.1)(x)
    x = _convolution(64, "conv5", bias=0.1)(x)
    x = _pooling("pool5")(x)
    x = layers.Flatten(data_format="channels_last", name="flatten")(x)
    for name in ("fc6", "fc7"):
        x = layers.Dense(
            1024,
            activation="relu",
            kernel_initializer="he_normal",
            bias_initializer=_constant(0.1),
            name=name,
        )(x)
        x = layers.Dropout(dropout, name=f"{name}_dropout")(x)
    return x


def pose(features: keras.KerasTensor) -> keras.KerasTensor:
    """Estimates the pose from the trunk's features.

    The last layer estimates the rotations plus 0.5, in [0, 1], as in the
    released code.

    Returns:
        `(batch, 3)` float32 rotations in radians, not clipped.
    """
    shifted = output(POSE, name="fc8_params")(features)
    return layers.Rescaling(1.0, offset=-0.5, dtype="float32", name="pose")(
        shifted
    )


def output(units: int, *, name: str) -> keras.layers.Layer:
    """Returns the last layer, which is float32 whatever the policy."""
    return layers.Dense(
        units, kernel_initializer=_normal(0.01), dtype="float32", name=name
    )


def _convolution(filters, name, *, bias=0.0, padding="same"):
    return layers.Conv2D(
        filters,
        3,
        padding=padding,
        activation="relu",
        # Pixels up to 255 enter the first one.
        kernel_initializer=_normal(0.01) if name == "conv1" else "he_normal",
        bias_initializer=_constant(bias),
        data_format="channels_last",
        name=name,
    )


def _pooling(name, *, padding="valid"):
    return layers.MaxPooling2D(
        3, strides=2, padding=padding, data_format="channels_last", name=name
    )


def _normal(deviation):
    return keras.initializers.RandomNormal(stddev=deviation)


def _constant(value):
    return keras.initializers.Constant(value)
