"""Noise on activations, for many random passes in one batch."""

import math

import keras
from keras import ops

DISTRIBUTIONS = ("gaussian", "uniform")


@keras.saving.register_keras_serializable(package="zoo")
class ActivationNoise(keras.layers.Layer):
    """Adds random noise to activations, draw by draw.

    The batch holds `draws` copies of the images, all images of the first draw
    first. The noise of an image has `scale` times the standard deviation of
    that image's own activations in the first draw: one number an image, for
    all its draws.

    The noise differs between draws and between calls. Within a draw, all
    images of a call share one sample of it, before it is scaled: a sample an
    image would cost more than most convolutions. Each image alone sees the
    right distribution, but the images of a call are not independent:

    - Copies of an image in one batch get the same noise. To average over the
      noise, average over calls, or take more draws.
    - An image's noise depends on which call it is in, so predictions depend
      on how images are split into batches. They don't depend on the other
      images of the batch.
    - The errors of a batch's images rise and fall together, so a mean over
      images varies more than it would with noise of their own. Average over
      several calls.

    Gradient: exact, for the noise as drawn. The standard deviation is
    differentiated, too.
    Randomness: every call draws new noise, in inference too. Attack it in
    expectation over many calls.

    Args:
        scale: Standard deviation of the noise over that of the activations;
            0 for none.
        distribution: `"gaussian"`, or `"uniform"` of the same deviation.
        draws: Copies of each image.
        repeat: Whether the inputs hold each image once and the layer makes
            the copies: the first noise of a network.
        seed: Seed of the layer's own generator. `None` draws a seed from
            Python's global `random`.

    Input shape: `(draws * batch, ...)`, or `(batch, ...)` to be repeated.
    Output shape: `(draws * batch, ...)`.

    Raises:
        ValueError: If an option is out of its range.

    Reference: Aug-MSROI ("Protecting JPEG images against adversarial
        attacks", Prakash et al., 2018), which leaves scale, distribution and
        draws open.
    """

    stochastic = True

    def __init__(
        self,
        scale: float = 0.4,
        distribution: str = "gaussian",
        draws: int = 10,
        *,
        repeat: bool = False,
        seed: int | None = None,
        **kwargs,
    ):
        super().__init__(**kwargs)
        if not 0 <= scale < math.inf:
            raise ValueError(
                f"scale must be 0 or more, and finite. Received: scale={scale}"
            )
        if distribution not in DISTRIBUTIONS:
            raise ValueError(
                f"distribution must be one of {DISTRIBUTIONS}. "
                f"Received: distribution={distribution!r}"
            )
        self.scale = float(scale)
        self.distribution = distribution
        self.draws = check_draws(draws)
        self.repeat = bool(repeat)
        self.seed = seed
        self.seed_generator = keras.random.SeedGenerator(seed)

    def call(self, inputs):
        shape = ops.shape(inputs)
        copies = 1 if self.repeat else self.draws
        inputs = ops.reshape(inputs, (copies, -1, *shape[1:]))
        # In float16 the squares of ordinary activations overflow.
        precise = keras.backend.result_type(inputs.dtype, "float32")
        spread = ops.std(
            ops.cast(inputs[:1], precise),
            axis=tuple(range(2, len(shape) + 1)),
            keepdims=True,
        )
        spread = ops.cast(spread, inputs.dtype)
        noise = self._sample((self.draws, 1, *shape[1:]), inputs.dtype)
        noisy = inputs + noise * (self.scale * spread)
        return ops.reshape(noisy, (-1, *shape[1:]))

    def _sample(self, shape, dtype):
        """Returns noise of mean 0 and standard deviation 1."""
        options = {"dtype": dtype, "seed": self.seed_generator}
        if self.distribution == "gaussian":
            return keras.random.normal(shape, **options)
        bound = math.sqrt(3)
        return keras.random.uniform(shape, -bound, bound, **options)

    def compute_output_shape(self, input_shape):
        if self.repeat:
            return repeated_shape(input_shape, self.draws)
        return input_shape

    def get_config(self):
        return {
            **super().get_config(),
            "scale": self.scale,
            "distribution": self.distribution,
            "draws": self.draws,
            "repeat": self.repeat,
            "seed": self.seed,
        }


@keras.saving.register_keras_serializable(package="zoo")
class RepeatedBatch(keras.layers.Layer):
    """Copies a batch for several draws, all images of the first draw first.

    For what joins noisy activations without noise of its own, such as a
    shortcut past them.

    Gradient: exact.
    Randomness: none.

    Args:
        draws: Copies of each image.

    Input shape: `(batch, ...)`.
    Output shape: `(draws * batch, ...)`.

    Raises:
        ValueError: If `draws` is no whole number above 0.
    """

    stochastic = False

    def __init__(self, draws: int, **kwargs):
        super().__init__(**kwargs)
        self.draws = check_draws(draws)

    def call(self, inputs):
        return ops.tile(inputs, (self.draws, *(1,) * (len(inputs.shape) - 1)))

    def compute_output_shape(self, input_shape):
        return repeated_shape(input_shape, self.draws)

    def get_config(self):
        return {**super().get_config(), "draws": self.draws}


def check_draws(draws) -> int:
    """Returns a number of draws, or raises a `ValueError`."""
    if int(draws) != draws or draws < 1:
        raise ValueError(
            f"draws must be a whole number, 1 or more. Received: draws={draws}"
        )
    return int(draws)


def repeated_shape(shape, draws):
    """Returns a shape whose batch is `draws` times as large."""
    batch = None if shape[0] is None else draws * shape[0]
    return (batch, *shape[1:])
