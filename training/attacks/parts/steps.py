"""CleverHans' steps, looped inside the graph.

Only its step and its projection are used. Its own attacks unroll their loop
while tracing and draw from TensorFlow's global generator.
"""

from collections.abc import Callable

import numpy as np
import tensorflow as tf

from zoo.training.attacks.parts.gradients import loss_gradient
from zoo.training.attacks.parts.gradients import rescaled
from zoo.training.attacks.parts.losses import succeeds

_ORDERS = {"linf": np.inf, "l2": 2}


def default_step_size(eps: float, steps: int) -> float:
    """Returns the step that crosses the ball 1.25 times, at most its radius.

    Reference: [Madry et al., 2018](https://arxiv.org/abs/1706.06083),
    2.5 * eps / steps.
    """
    return min(2.5 * eps / steps, eps)


def ascend(
    logits: Callable[[tf.Tensor], tf.Tensor],
    images: tf.Tensor,
    labels: tf.Tensor,
    *,
    norm: str,
    eps: float,
    steps: int,
    step_size: float,
    start: tf.Tensor | None = None,
    decay: float | None = None,
    early_stop: bool = False,
    targeted: bool = False,
    draws: int = 1,
) -> tf.Tensor:
    """Climbs the loss inside a ball and returns the last iterate.

    Args:
        start: First iterate, in the ball; `images` if `None`.
        decay: Weight of the past steps' directions, each divided by its
            mean absolute value; `None` climbs without momentum.
        early_stop: Whether an image leaves the batch at the first iterate
            that fools the model.
    """
    # Imported here because cleverhans reads its own files when imported.
    from cleverhans.tf2.utils import clip_eta
    from cleverhans.tf2.utils import optimize_linear

    order = _ORDERS[norm]

    def step(iterates, originals, labels, momenta):
        """Returns the next iterates and momenta, and who was fooled."""
        directions, outputs = loss_gradient(
            logits, iterates, labels, targeted=targeted, draws=draws
        )
        directions = rescaled(directions)
        if decay is not None:
            means = tf.reduce_mean(tf.abs(directions), (1, 2, 3), keepdims=True)
            momenta *= decay
            momenta += tf.math.divide_no_nan(directions, means)
            directions = momenta
        iterates += optimize_linear(directions, step_size, order)
        iterates = tf.clip_by_value(iterates, 0.0, 1.0)
        iterates = originals + clip_eta(iterates - originals, order, eps)
        iterates = tf.clip_by_value(iterates, 0.0, 1.0)
        return iterates, momenta, succeeds(outputs, labels, targeted=targeted)

    def step_all(index, iterates, momenta):
        iterates, momenta, _ = step(iterates, images, labels, momenta)
        return index + 1, iterates, momenta

    def step_active(index, iterates, momenta, active):
        stepped, momenta, fooled = step(
            tf.gather(iterates, active),
            tf.gather(images, active),
            tf.gather(labels, active),
            momenta,
        )
        keep = ~fooled
        active = tf.boolean_mask(active, keep)
        iterates = tf.tensor_scatter_nd_update(
            iterates, active[:, None], tf.boolean_mask(stepped, keep)
        )
        if decay is not None:
            momenta = tf.boolean_mask(momenta, keep)
        return index + 1, iterates, momenta, active

    iterates = images if start is None else start
    momenta = 0.0 if decay is None else tf.zeros_like(images)
    if not early_stop:
        _, last, _ = tf.while_loop(
            lambda index, *_: index < steps, step_all, (0, iterates, momenta)
        )
        return last
    active = tf.range(tf.shape(images)[0])
    _, last, _, _ = tf.while_loop(
        lambda index, *state: (index < steps) & (tf.size(state[-1]) > 0),
        step_active,
        (0, iterates, momenta, active),
        shape_invariants=(
            tf.TensorShape(()),
            iterates.shape,
            tf.TensorShape(() if decay is None else (None, *images.shape[1:])),
            tf.TensorShape((None,)),
        ),
    )
    return last
