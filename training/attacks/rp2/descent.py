"""Adam, looped inside the graph."""

from collections.abc import Callable
from typing import NamedTuple

import tensorflow as tf

_DECAYS = (0.9, 0.999)  # Of Adam's two moments.
_EPSILON = 1e-8

Gradient = Callable[
    [tf.Tensor, tf.Tensor], tuple[tf.Tensor, tf.Tensor, tf.Tensor]
]
"""Maps variables and a step's seed to gradient, losses and successes."""


class Adam(NamedTuple):
    """State of Adam: the variables and their gradients' two moments."""

    variables: tf.Tensor
    means: tf.Tensor
    squares: tf.Tensor


def descend(
    gradient: Gradient,
    state: Adam,
    start: tf.Tensor,
    stop: tf.Tensor,
    *,
    step_size: float,
    seed: int,
) -> tuple[Adam, tf.Tensor, tf.Tensor]:
    """Takes the steps from `start` to `stop`, keeping within [-1, 1].

    A step's randomness depends on its number and the seed alone, so a
    descent may be taken in several calls.

    Args:
        gradient: Measures `(targets, ...)` variables.
        state: The last call's; at first the start and zeros.
        start: Steps already taken.
        stop: Steps taken at the end.

    Returns:
        The new state; losses and successes, `(stop - start, targets)`.
    """

    def step(index, state, losses, successes):
        step_seed = tf.stack([seed, index])
        gradients, loss, success = gradient(state.variables, step_seed)
        gradients = tf.where(tf.math.is_finite(gradients), gradients, 0.0)
        first, second = _DECAYS
        means = first * state.means + (1 - first) * gradients
        squares = second * state.squares
        squares += (1 - second) * tf.square(gradients)
        count = tf.cast(index + 1, "float32")
        lengths = tf.sqrt(squares / (1 - second**count)) + _EPSILON
        moves = means / (1 - first**count) / lengths
        variables = state.variables - step_size * moves
        variables = tf.clip_by_value(variables, -1.0, 1.0)
        row = index - start
        return (
            index + 1,
            Adam(variables, means, squares),
            losses.write(row, loss),
            successes.write(row, success),
        )

    targets = state.variables.shape[0]
    rows = tf.TensorArray(
        "float32", size=stop - start, element_shape=(targets,)
    )
    _, state, losses, successes = tf.while_loop(
        lambda index, *_: index < stop, step, (start, state, rows, rows)
    )
    return state, losses.stack(), successes.stack()
