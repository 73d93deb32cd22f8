"""The L2 attack of Carlini and Wagner."""

import functools
import math
from typing import NamedTuple

import tensorflow as tf

from zoo.training.attacks.base import Attack
from zoo.training.attacks.parts import geometry
from zoo.training.attacks.parts.checks import checked_options
from zoo.training.attacks.parts.checks import checked_size
from zoo.training.attacks.parts.gradients import expected_logits
from zoo.training.attacks.parts.gradients import objective_gradient
from zoo.training.attacks.parts.losses import margin

_SHRINK = 0.999999  # Keeps the arctanh of black and white pixels finite.
_LARGEST_CONST = 1e10
_PROGRESS = 0.9999  # A loss above this part of the last one is no progress.
_DECAYS = (0.9, 0.999)  # Of Adam's two moments.
_ADAM_EPSILON = 1e-8


def cw(
    *,
    steps: int = 1000,
    binary_search_steps: int = 9,
    step_size: float = 0.01,
    initial_const: float = 1e-3,
    confidence: float = 0.0,
    abort_early: bool = True,
    targeted: bool = False,
    draws: int = 1,
) -> Attack:
    """Binds Carlini and Wagner's attack, for a small L2 perturbation.

    Adam minimizes `|perturbation|^2 + c f`, where `f` is the lead of the true
    class's logit (f6 in the paper). Its variables are the arctanh of the
    pixels, which keeps them in [0, 1]. For each image, `c` grows tenfold
    until some iterate fools the model, then is bisected. The smallest
    perturbation of all iterates that fooled is returned; an image that
    never fooled, or that did unperturbed, comes back as it was.

    Args:
        steps: Most gradients taken for each `c`. The authors take 10,000.
        binary_search_steps: Number of values of `c`.
        step_size: Adam's, in the space of the arctanh.
        initial_const: First `c`.
        confidence: Lead, in logits, that the wrong class must gain; larger
            ones transfer better and lie farther away.
        abort_early: Whether an image leaves the batch if its loss didn't
            fall during a tenth of the steps. The authors watch the sum over
            the batch, so their result for an image depends on the others.
        targeted: Whether the labels are the wanted classes.
        draws: Forward passes averaged in each step; more than 1 for
            randomised models.

    Raises:
        ValueError: If an option is out of range.

    Reference: [Carlini & Wagner, 2017](https://arxiv.org/abs/1608.04644),
    Sections V and VI, and `carlini/nn_robust_attacks`.
    """
    options = checked_options(
        steps=steps,
        binary_search_steps=binary_search_steps,
        step_size=step_size,
        initial_const=initial_const,
        confidence=checked_size("confidence", confidence),
        abort_early=abort_early,
        targeted=targeted,
        draws=draws,
    )
    algorithm = functools.partial(_search, **options)
    return Attack("cw", algorithm, "l2", None, options, minimal=True)


class _Best(NamedTuple):
    """The smallest perturbation found, and whether the last `c` found any."""

    images: tf.Tensor
    norms: tf.Tensor
    found: tf.Tensor


class _Adam(NamedTuple):
    """Variables and their gradients' moments."""

    variables: tf.Tensor
    means: tf.Tensor
    squares: tf.Tensor


def _search(
    logits,
    images,
    labels,
    *,
    binary_search_steps,
    initial_const,
    confidence,
    targeted,
    draws,
    **descent,
):
    """Looks for each image's smallest `c` that fools the model."""

    def lead(outputs, labels):
        """Returns by how much the logits are past what is wanted."""
        leads = margin(outputs, labels)
        return (leads if targeted else -leads) - confidence

    def objective(iterates, labels):
        """Returns f6, its gradient and whether the model is fooled."""
        values, gradients, outputs = objective_gradient(
            logits,
            iterates,
            lambda outputs: tf.nn.relu(-lead(outputs, labels)),
            draws=draws,
        )
        return values, gradients, lead(outputs, labels) > 0

    def search(index, const, lower, upper, best):
        best = best._replace(found=tf.zeros_like(best.found))
        best = _descend(
            objective, images, labels, const, attacked, best, **descent
        )
        lower = tf.where(best.found, lower, const)
        upper = tf.where(best.found, const, upper)
        grown = tf.minimum(10 * const, _LARGEST_CONST)
        const = tf.where(tf.math.is_inf(upper), grown, (lower + upper) / 2)
        return index + 1, const, lower, upper, best

    outputs = expected_logits(logits, images, draws=draws)
    fooled = lead(outputs, labels) > 0
    attacked = tf.where(~fooled)[:, 0]
    zeros = tf.zeros_like(labels, dtype="float32")
    best = _Best(images, norms=zeros + math.inf, found=fooled)
    *_, best = tf.while_loop(
        lambda index, *_: index < binary_search_steps,
        search,
        (0, zeros + initial_const, zeros, zeros + math.inf, best),
    )
    return best.images


def _descend(
    objective,
    images,
    labels,
    const,
    active,
    best,
    *,
    steps,
    step_size,
    abort_early,
):
    """Minimizes the loss at one `c` per image; aborted images leave."""
    tenth = math.ceil(steps / 10) if abort_early else steps

    def descend(index, active, adam, losses, best):
        """Takes a tenth of the steps, then drops who made no progress."""
        stop = tf.minimum(index + tenth, steps)
        step = functools.partial(
            _step,
            objective=objective,
            images=tf.gather(images, active),
            labels=tf.gather(labels, active),
            const=tf.gather(const, active),
            step_size=step_size,
        )
        losses_before = losses
        index, adam, losses, found = tf.while_loop(
            lambda index, *_: index < stop,
            step,
            (index, adam, losses, _Best(*(tf.gather(b, active) for b in best))),
        )
        best = _Best(
            *(
                tf.tensor_scatter_nd_update(old, active[:, None], new)
                for old, new in zip(best, found, strict=True)
            )
        )
        keep = losses < _PROGRESS * losses_before
        active = tf.boolean_mask(active, keep)
        adam = _Adam(*(tf.boolean_mask(state, keep) for state in adam))
        return index, active, adam, tf.boolean_mask(losses, keep), best

    start = tf.atanh(_SHRINK * (2 * tf.gather(images, active) - 1))
    zeros = tf.zeros_like(start)
    batch = tf.TensorShape((None, *images.shape[1:]))
    rows = tf.TensorShape((None,))
    *_, best = tf.while_loop(
        lambda index, active, *_: (index < steps) & (tf.size(active) > 0),
        descend,
        (
            0,
            active,
            _Adam(start, zeros, zeros),
            tf.fill(tf.shape(active), math.inf),
            best,
        ),
        shape_invariants=(
            tf.TensorShape(()),
            rows,
            _Adam(batch, batch, batch),
            rows,
            _Best(images.shape, labels.shape, labels.shape),
        ),
    )
    return best


def _step(index, adam, _, best, *, objective, images, labels, const, step_size):
    """Measures the iterates, then takes one step of Adam."""
    variables = adam.variables
    iterates = (tf.tanh(variables) + 1) / 2
    perturbations = iterates - images
    values, gradients, fooled = objective(iterates, labels)
    norms = geometry.norms(perturbations, "l2")[:, 0, 0, 0]
    losses = tf.square(norms) + const * values
    better = fooled & (norms < best.norms)
    best = _Best(
        tf.where(better[:, None, None, None], iterates, best.images),
        tf.where(better, norms, best.norms),
        best.found | fooled,
    )
    gradients = tf.where(tf.math.is_finite(gradients), gradients, 0.0)
    gradients = const[:, None, None, None] * gradients + 2 * perturbations
    gradients *= 0.5 / tf.square(tf.cosh(variables))
    first, second = _DECAYS
    means = first * adam.means + (1 - first) * gradients
    squares = second * adam.squares + (1 - second) * tf.square(gradients)
    index += 1
    count = tf.cast(index, "float32")
    lengths = tf.sqrt(squares / (1 - second**count)) + _ADAM_EPSILON
    variables -= step_size * means / (1 - first**count) / lengths
    return index, _Adam(variables, means, squares), losses, best
