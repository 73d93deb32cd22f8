"""Random draws that runtimes other than TensorFlow's can make.

Keras draws by TensorFlow's stateless ops, which no other runtime has, from a
seed that the export would freeze. While a model is traced for another runtime,
it draws by the ops that most have instead, and leaves the seed to the runtime.
"""

import contextlib
import threading
from collections.abc import Callable
from collections.abc import Iterator

import numpy as np
import tensorflow as tf

from zoo.exports.saved_model.entropy import DRAW_NAME

_REPLACED = ("stateless_normal", "stateless_uniform")
_PATCH = threading.Lock()


class NativeDraws:
    """Draws by the runtime's own generator, anew in every call."""

    def __init__(self):
        self.draws = 0

    def uniform(self, shape) -> tf.Tensor:
        """Returns float32 numbers in [0, 1)."""
        name = f"{DRAW_NAME}_{self.draws}"
        self.draws += 1
        # With both seeds zero, a runtime takes one of its own.
        return tf.raw_ops.RandomUniform(
            shape=shape, dtype=tf.float32, seed=0, seed2=0, name=name
        )

    def normal(self, shape) -> tf.Tensor:
        """Returns float32 numbers of the standard normal distribution.

        OpenVINO has no op that draws them, so they are made of uniform ones
        (Box and Muller, 1958). These come from one op: ONNX Runtime's
        generators of two ops are too much alike.
        """
        drawn = self.uniform(tf.concat([[2], shape], axis=0))
        radius = tf.sqrt(-2 * tf.math.log(1 - drawn[0]))
        return radius * tf.cos(2 * np.pi * drawn[1])


class PinnedDraws:
    """Draws constants, to compare a runtime with Keras.

    What is drawn depends on the seed and the shape alone, as a converter may
    trace a model more than once. So two draws of a shape are the same numbers.

    Args:
        seed: Of the constants.
    """

    def __init__(self, seed: int):
        self.seed = seed

    def uniform(self, shape) -> tf.Tensor:
        """Returns float32 numbers in [0, 1)."""
        return self._draw("random", shape)

    def normal(self, shape) -> tf.Tensor:
        """Returns float32 numbers of the standard normal distribution."""
        return self._draw("standard_normal", shape)

    def _draw(self, distribution, shape):
        size = tuple(tf.get_static_value(tf.convert_to_tensor(shape)))
        generator = np.random.default_rng(self.seed)
        numbers = getattr(generator, distribution)(size, dtype="float32")
        return tf.constant(numbers)


@contextlib.contextmanager
def drawing_by(source: NativeDraws | PinnedDraws) -> Iterator[None]:
    """Makes `keras.random`'s uniform and normal draws those of `source`.

    Others, and other threads, draw as before.
    """
    thread = threading.get_ident()
    with _PATCH, contextlib.ExitStack() as restored:
        for name in _REPLACED:
            original = getattr(tf.random, name)
            draw = _uniform if name == "stateless_uniform" else _normal
            own = _by(draw, original, source, thread)
            setattr(tf.random, name, own)
            restored.callback(setattr, tf.random, name, original)
        yield


def _by(draw: Callable, original: Callable, source, thread: int) -> Callable:
    def replaced(*args, **kwargs):
        if threading.get_ident() != thread:
            return original(*args, **kwargs)
        return draw(source, *args, **kwargs)

    return replaced


def _uniform(
    source, shape, seed, minval=0, maxval=None, dtype=tf.float32, **_
) -> tf.Tensor:
    dtype = tf.as_dtype(dtype)
    drawn = source.uniform(shape)
    if dtype.is_floating:
        maxval = 1 if maxval is None else maxval
        low, high = (tf.cast(x, tf.float32) for x in (minval, maxval))
        return tf.cast(drawn * (high - low) + low, dtype)
    low, high = (tf.cast(x, tf.float32) for x in (minval, maxval))
    # What is close to one must not be rounded to it.
    steps = tf.minimum(tf.floor(drawn * (high - low)), high - low - 1)
    return tf.cast(steps + low, dtype)


def _normal(
    source, shape, seed, mean=0.0, stddev=1.0, dtype=tf.float32, **_
) -> tf.Tensor:
    drawn = source.normal(shape)
    mean, stddev = (tf.cast(x, tf.float32) for x in (mean, stddev))
    return tf.cast(drawn * stddev + mean, dtype)
