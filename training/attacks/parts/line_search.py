"""Line search between images and perturbed ones that fool the model."""

from collections.abc import Callable

import tensorflow as tf

from zoo.training.attacks.parts.gradients import expected_logits
from zoo.training.attacks.parts.losses import likeliest_others
from zoo.training.attacks.parts.losses import succeeds

_EXCESS = 0.1


def shortened(
    logits: Callable[[tf.Tensor], tf.Tensor],
    originals: tf.Tensor,
    outputs: tf.Tensor,
    labels: tf.Tensor,
    fooling: tf.Tensor,
    *,
    steps: int,
    draws: int = 1,
) -> tf.Tensor:
    """Shortens perturbations towards the boundary on their way.

    By false position. Each step takes the margin of the class that the model
    mistakes the image for as linear, between a point that fools the model and
    one that doesn't, and goes where it is 0. It then goes on for a tenth of
    the remaining way, so that rounding doesn't decide on which side it ends.

    Args:
        logits: Maps images to logits.
        originals: Images that don't fool the model.
        outputs: Their `expected_logits`.
        fooling: Images that do. One that doesn't is returned as it is.
        steps: Points tried after the ends.
        draws: Forward passes averaged in each.
    """

    def margins(outputs, others):
        gathered = tf.gather(outputs, others, batch_dims=1)
        return gathered - tf.gather(outputs, labels[:, None], batch_dims=1)

    def step(index, near, near_outputs, far, far_outputs):
        others = likeliest_others(far_outputs, labels, 1)
        before = margins(near_outputs, others)
        after = margins(far_outputs, others)
        fraction = tf.math.divide_no_nan(before, before - after)
        fraction += _EXCESS * (1 - fraction)
        # The first step looks at the far end; NaN is not inside either.
        inside = (index > 0) & (fraction >= 0) & (fraction <= 1)
        fraction = tf.where(inside, fraction, 1.0)[..., None, None]
        middle = tf.clip_by_value(near + fraction * (far - near), 0.0, 1.0)
        middle = tf.where(fraction < 1, middle, far)
        middle_outputs = expected_logits(logits, middle, draws=draws)
        fooled = succeeds(middle_outputs, labels)[:, None]
        choose = fooled[..., None, None]
        return (
            index + 1,
            tf.where(choose, near, middle),
            tf.where(fooled, near_outputs, middle_outputs),
            tf.where(choose, middle, far),
            tf.where(fooled, middle_outputs, far_outputs),
        )

    _, _, _, far, _ = tf.while_loop(
        lambda index, *_: (index <= steps) & (tf.size(labels) > 0),
        step,
        (0, originals, outputs, fooling, outputs),
    )
    return far
