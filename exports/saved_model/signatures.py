"""The functions that an exported classifier offers."""

from collections.abc import Iterable
from collections.abc import Sequence
from typing import Any

import keras
import numpy as np
import tensorflow as tf

from zoo.exports.saved_model.decoding import decode_picture
from zoo.exports.saved_model.entropy import SeedSource
from zoo.exports.saved_model.entropy import seeds_from
from zoo.inspection import built_shape
from zoo.inspection import explanation

SERVED = ("serving_default", "serving_bytes")
SIGNATURES = (*SERVED, "explain", "seeded")
IMAGE = "image"
SEED = "seed"
IMAGE_BYTES = "image_bytes"
PIXEL_SCALE = np.float32(1 / 255)
"""A factor, as graph optimisation makes one of a division by 255."""
DECODED_AT_ONCE = 4
"""Of a request's pictures, each of which may be large."""
_PIXEL_ROUNDING = 1e-3
"""How far half precision and resizing may leave [0, 1]."""


def check_backend() -> None:
    """Raises a `ValueError` unless Keras runs on TensorFlow."""
    if keras.backend.backend() != "tensorflow":
        raise ValueError(
            "An export needs the TensorFlow backend of Keras. "
            f"Received: backend={keras.backend.backend()}"
        )


def resolve_image_shape(
    model: keras.Model, image_shape: Sequence[int] | None = None
) -> tuple[int, int, int]:
    """Returns the height, width and channels that `model` takes.

    Args:
        model: A model of one input.
        image_shape: Needed if the model leaves one of them open. A subclassed
            model leaves all of them open; the default is then what it was
            built for.

    Raises:
        ValueError: If the model does not take one batch of images, or if
            neither it nor `image_shape` fixes the shape.
    """
    if not isinstance(model, keras.Model):
        raise ValueError(
            f"`model` must be a `keras.Model`. Received: model={model!r}"
        )
    if _is_trainer(model):
        raise ValueError(
            "`model` must be the plain model, not the trainer around it: pass "
            f"`trainer.model`. Received: {type(model).__name__}"
        )
    inputs = _declared_inputs(model)
    if len(inputs) > 1:
        raise ValueError(
            f"`model` must have one input. Received: inputs={len(inputs)}"
        )
    declared = tuple(inputs[0].shape) if inputs else (None,) * 4
    if not inputs and image_shape is None:
        image_shape = (built_shape(model) or declared)[1:]
    if len(declared) != 4:
        raise ValueError(
            "`model` must take images of shape (batch, height, width, "
            f"channels). Received: shape={declared}"
        )
    shape = declared[1:] if image_shape is None else image_shape
    shape = tuple(shape) if isinstance(shape, Iterable) else (shape,)
    if len(shape) != 3 or not all(
        isinstance(size, int) and size > 0 for size in shape
    ):
        raise ValueError(
            "`image_shape` must be three positive numbers where the model "
            "leaves its height, width or channels open; a subclassed model "
            "may also be built for it, by model.build((None, height, width, "
            "channels)). "
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
    source: SeedSource,
    *,
    image_shape: tuple[int, int, int],
    names: Sequence[str] = SERVED,
    classes: Sequence[str] | None = None,
    check_pixels: bool = False,
) -> dict[str, tf.types.experimental.ConcreteFunction]:
    """Traces the signatures of a classifier in inference mode.

    `serving_default` takes `image`: float32, `(batch, height, width,
    channels)`, pixels in [0, 1]. A model that leaves height and width open
    takes any. `serving_bytes` takes `image_bytes`: the bytes of picture
    files, each decoded as `decode_picture` says and resized, antialiased, to
    `image_shape` regardless of its aspect ratio. `seeded` takes `image` and
    `seed`, int64, `(batch,)`: what an image gets depends on it and on its
    seed alone, not on the batch.

    These return `logits` and `probabilities`, float32, `(batch, classes)`,
    and `classes`, int64, `(batch,)`: the index of the largest logit; and,
    if there are `classes`, their names as `labels`. `explain` takes `image`
    and returns what the model's `zoo.layers.Explained` layers mark, by name.
    With `check_pixels` all that take `image` fail on pixels that are not in
    [0, 1].

    Args:
        source: Where all but `seeded` take the seeds of random draws from.

    Returns:
        The functions by name, `serving_default` in any case.

    Raises:
        ValueError: If the model does not return logits of rank 2, if their
            number differs from `classes`, or on an unknown name or one of a
            signature that the model cannot have.
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

    def outputs_of(logits):
        index = tf.argmax(logits, axis=-1)
        outputs = {
            "logits": logits,
            "probabilities": tf.nn.softmax(logits),
            "classes": index,
        }
        if classes is not None:
            outputs["labels"] = tf.gather(tf.constant(list(classes)), index)
        return outputs

    @tf.function(input_signature=[spec], autograph=False)
    def serving_default(image):
        image = _checked_pixels(image) if check_pixels else image
        with seeds_from(source):
            logits = logits_of(model, image)
        check_logits(logits, classes)
        return outputs_of(logits)

    @tf.function(
        input_signature=[tf.TensorSpec([None], tf.string, name=IMAGE_BYTES)],
        autograph=False,
    )
    def serving_bytes(image_bytes):
        @tf.autograph.experimental.do_not_convert
        def decode(picture):
            image = decode_picture(*picture, channels)
            image = tf.image.resize(image, (height, width), antialias=True)
            return image * PIXEL_SCALE

        image = tf.map_fn(
            decode,
            (image_bytes, tf.range(tf.size(image_bytes))),
            parallel_iterations=DECODED_AT_ONCE,
            fn_output_signature=tf.TensorSpec(image_shape, tf.float32),
        )
        return serving_default(image)

    @tf.function(input_signature=[spec], autograph=False)
    def explain(image):
        image = _checked_pixels(image) if check_pixels else image
        with seeds_from(SeedSource(source.seed)):
            return parts_of(explained, image)

    @tf.function(
        input_signature=[spec, tf.TensorSpec([None], tf.int64, name=SEED)],
        autograph=False,
    )
    def seeded(image, seed):
        image = _checked_pixels(image) if check_pixels else image
        same = tf.debugging.assert_equal(
            tf.shape(image)[0],
            tf.size(seed),
            "`seed` must hold one number for each image.",
        )

        @tf.autograph.experimental.do_not_convert
        def classify(row):
            with seeds_from(SeedSource(row[1])):
                return logits_of(model, row[0][None])[0]

        with tf.control_dependencies([same]):
            logits = tf.map_fn(
                classify, (image, seed), fn_output_signature=tf.float32
            )
        count = default.structured_outputs["logits"].shape[-1]
        return outputs_of(tf.ensure_shape(logits, [None, count]))

    if "serving_bytes" in names and channels not in (1, 3, 4):
        raise ValueError(
            "`serving_bytes` needs images of 1, 3 or 4 channels. "
            f"Received: channels={channels}"
        )
    explained = explanation(model)
    if "explain" in names and explained is None:
        raise ValueError(
            "`explain` needs a model that marks what explains its verdict by "
            "`zoo.layers.Explained` in its own graph. "
            f"Received: {model.name}, which marks nothing"
        )
    default = serving_default.get_concrete_function()
    if "seeded" in names and not source.draws:
        raise ValueError(
            "`seeded` needs a model that draws random numbers when it "
            f"predicts. Received: {model.name}, which draws none"
        )
    functions = {
        "serving_bytes": serving_bytes,
        "explain": explain,
        "seeded": seeded,
    }
    return {"serving_default": default} | {
        name: functions[name].get_concrete_function()
        for name in names
        if name in functions
    }


def logits_of(model: keras.Model, image: tf.Tensor) -> tf.Tensor:
    """Returns the model's float32 logits in inference mode."""
    return keras.tree.map_structure(
        lambda output: tf.cast(output, tf.float32),
        model(image, training=False),
    )


def parts_of(explained: keras.Model, image: tf.Tensor) -> dict[str, tf.Tensor]:
    """Returns the float32 parts of an explanation, by name."""
    return {
        name: tf.cast(part, tf.float32)
        for name, part in explained(image, training=False).items()
    }


def _declared_inputs(model: keras.Model) -> list[keras.KerasTensor]:
    """Returns the inputs; none if the model finds its shape when called."""
    return keras.tree.flatten(getattr(model, "inputs", None) or [])


def _is_trainer(model: keras.Model) -> bool:
    """Returns whether a model trains another one in steps of its own."""
    trains = type(model).train_step is not keras.Model.train_step
    return trains and isinstance(getattr(model, "model", None), keras.Model)


def _checked_pixels(image):
    """Makes the graph fail on 8-bit pixels, NaN and the like."""
    inside = (image >= -_PIXEL_ROUNDING) & (image <= 1 + _PIXEL_ROUNDING)
    checked = tf.debugging.Assert(
        tf.reduce_all(inside),  # NaN is not inside.
        [
            "`image` must hold pixels in [0, 1]; divide 8-bit pixels by 255. "
            "Received values from and to:",
            tf.reduce_min(image),
            tf.reduce_max(image),
        ],
    )
    with tf.control_dependencies([checked]):
        return tf.identity(image)


def check_logits(logits: Any, classes: Sequence[str] | None) -> None:
    """Raises a `ValueError` unless it is one tensor, a logit for each class.

    Args:
        logits: What a model returns.
        classes: Names of the classes, or `None` for any number.
    """
    shape = getattr(logits, "shape", None)
    if shape is None or len(shape) != 2 or shape[-1] is None:
        shapes = keras.tree.map_structure(lambda one: tuple(one.shape), logits)
        raise ValueError(
            "`model` must return one tensor of logits of shape (batch, "
            f"classes). Received: shape={shapes}"
        )
    if classes is not None and len(classes) != shape[-1]:
        raise ValueError(
            f"`classes` must name each of the {shape[-1]} logits. "
            f"Received: {len(classes)} names"
        )
