"""The functions that an exported classifier offers."""

from collections.abc import Sequence

import keras
import numpy as np
import tensorflow as tf

SIGNATURES = ("serving_default", "serving_bytes")
IMAGE = "image"
IMAGE_BYTES = "image_bytes"
# A factor, as graph optimisation makes one of a division by 255.
PIXEL_SCALE = np.float32(1 / 255)


_PNG = b"\x89PNG"
_LUMA = (19595.0, 38470.0, 7471.0)
"""ITU-R 601 in 65536ths, as Pillow rounds it; their sums are exact."""
_RGBA = [[0, 0, 0, 1], [0, 0, 0, 1], [0, 1, 2, 3], [0, 1, 2, 3]]
"""Where these are among one to four channels and an opaque one behind."""


def resolve_image_shape(
    model: keras.Model, image_shape: Sequence[int] | None = None
) -> tuple[int, int, int]:
    """Returns the height, width and channels that `model` takes.

    Args:
        model: A model of one input.
        image_shape: Needed if the model leaves one of them open.

    Raises:
        ValueError: If the model does not take one batch of images, or if
            neither it nor `image_shape` fixes the shape.
    """
    if not isinstance(model, keras.Model):
        raise ValueError(
            f"`model` must be a `keras.Model`. Received: model={model!r}"
        )
    inputs = _declared_inputs(model)
    if len(inputs) > 1:
        raise ValueError(
            f"`model` must have one input. Received: inputs={len(inputs)}"
        )
    declared = tuple(inputs[0].shape) if inputs else (None,) * 4
    if len(declared) != 4:
        raise ValueError(
            "`model` must take images of shape (batch, height, width, "
            f"channels). Received: shape={declared}"
        )
    shape = declared[1:] if image_shape is None else tuple(image_shape)
    if len(shape) != 3 or not all(
        isinstance(size, int) and size > 0 for size in shape
    ):
        raise ValueError(
            "`image_shape` must be three positive numbers where the model "
            "leaves its height, width or channels open. "
            f"Received: image_shape={image_shape}, model shape={declared}"
        )
    if any(
        fixed not in (None, size)
        for fixed, size in zip(declared[1:], shape, strict=True)
    ):
        raise ValueError(
            "`image_shape` must agree with the model. "
            f"Received: image_shape={image_shape}, model shape={declared}"
        )
    return shape


def build_signatures(
    model: keras.Model,
    *,
    image_shape: tuple[int, int, int],
    names: Sequence[str] = SIGNATURES,
    classes: Sequence[str] | None = None,
) -> dict[str, tf.types.experimental.ConcreteFunction]:
    """Traces the signatures of a classifier in inference mode.

    `serving_default` takes `image`: float32, `(batch, height, width,
    channels)`, pixels in [0, 1]. A model that leaves height and width open
    takes any. `serving_bytes` takes `image_bytes`: encoded JPEG, PNG, GIF
    or BMP files, each decoded as `decode_picture` says and resized,
    antialiased, to `image_shape` regardless of its aspect ratio and EXIF
    orientation.

    Both return `logits` and `probabilities`, float32, `(batch, classes)`,
    and `classes`, int64, `(batch,)`: the index of the largest logit; and,
    if there are `classes`, their names as `labels`.

    Raises:
        ValueError: If the model does not return logits of rank 2, if their
            number differs from `classes`, or on an unknown name.
    """
    unknown = sorted(set(names) - set(SIGNATURES))
    if unknown or not names:
        raise ValueError(
            f"`signatures` must be among {list(SIGNATURES)}. "
            f"Received: signatures={names!r}"
        )
    height, width, channels = image_shape
    declared = _declared_inputs(model)
    shape = declared[0].shape[1:] if declared else image_shape
    spec = tf.TensorSpec([None, *shape], name=IMAGE)

    @tf.function(input_signature=[spec], autograph=False)
    def serving_default(image):
        logits = logits_of(model, image)
        _check_logits(logits, classes)
        index = tf.argmax(logits, axis=-1)
        outputs = {
            "logits": logits,
            "probabilities": tf.nn.softmax(logits),
            "classes": index,
        }
        if classes is not None:
            outputs["labels"] = tf.gather(tf.constant(list(classes)), index)
        return outputs

    @tf.function(
        input_signature=[tf.TensorSpec([None], tf.string, name=IMAGE_BYTES)],
        autograph=False,
    )
    def serving_bytes(image_bytes):
        def decode(contents):
            image = decode_picture(contents, channels)
            image = tf.image.resize(image, (height, width), antialias=True)
            return image * PIXEL_SCALE

        image = tf.map_fn(
            decode,
            image_bytes,
            fn_output_signature=tf.TensorSpec(image_shape, tf.float32),
        )
        return serving_default(image)

    if "serving_bytes" in names and channels not in (1, 3, 4):
        raise ValueError(
            "`serving_bytes` needs images of 1, 3 or 4 channels. "
            f"Received: channels={channels}"
        )
    functions = {
        "serving_default": serving_default,
        "serving_bytes": serving_bytes,
    }
    return {name: functions[name].get_concrete_function() for name in names}


def logits_of(model: keras.Model, image: tf.Tensor) -> tf.Tensor:
    """Returns the model's float32 logits in inference mode."""
    return keras.tree.map_structure(
        lambda output: tf.cast(output, tf.float32),
        model(image, training=False),
    )


def _declared_inputs(model: keras.Model) -> list[keras.KerasTensor]:
    """Returns the inputs; none if the model finds its shape when called."""
    return keras.tree.flatten(getattr(model, "inputs", None) or [])


def _check_logits(logits, classes) -> None:
    shape = getattr(logits, "shape", None)
    if shape is None or len(shape) != 2 or shape[-1] is None:
        raise ValueError(
            "`model` must return one tensor of logits of shape (batch, "
            f"classes). Received: output={logits}"
        )
    if classes is not None and len(classes) != shape[-1]:
        raise ValueError(
            f"`classes` must name each of the {shape[-1]} logits. "
            f"Received: {len(classes)} names"
        )


def decode_picture(contents: tf.Tensor, channels: int) -> tf.Tensor:
    """Decodes a JPEG, PNG, GIF or BMP file to the colours a model takes.

    As in `zoo.pictures.read_picture`, the alpha channel of a PNG lays it over
    black, and colours are made grey by ITU-R 601 luma. Of several frames the
    first is taken. The palette of a BMP is not read: its indices are grey.

    Args:
        contents: Scalar of bytes.
        channels: 1 for grey, 3 for RGB, 4 for RGBA as it is.

    Returns:
        Float32 whole numbers from 0 to 255, `(height, width, channels)`.
    """

    def decode(channels):
        pixels = tf.io.decode_image(
            contents, channels=channels, expand_animations=False
        )
        return tf.cast(tf.ensure_shape(pixels, [None, None, None]), tf.float32)

    # A PNG keeps its channels: TensorFlow makes nonsense of its palettes and
    # single bits if told how many. The fourth of a BMP is often unused.
    pixels = tf.cond(
        tf.equal(tf.strings.substr(contents, 0, len(_PNG)), _PNG),
        lambda: decode(0),
        lambda: decode(3),
    )
    opaque = tf.pad(pixels, [[0, 0], [0, 0], [0, 1]], constant_values=255.0)
    order = tf.gather(_RGBA, tf.shape(pixels)[-1] - 1)
    rgba = tf.gather(opaque, order, axis=-1)
    if channels == 4:
        return rgba
    rgb = tf.floor(rgba[..., :3] * rgba[..., 3:] / 255.0 + 0.5)
    if channels == 3:
        return rgb
    luma = tf.reduce_sum(rgb * np.float32(_LUMA), axis=-1, keepdims=True)
    return tf.floor((luma + 32768.0) / 65536.0)
