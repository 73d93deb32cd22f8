"""The attack by box-constrained L-BFGS."""

import functools
import math

import numpy as np
import tensorflow as tf
from scipy import optimize

from zoo.training.attacks.base import Attack
from zoo.training.attacks.parts.checks import checked_options
from zoo.training.attacks.parts.gradients import expected_logits
from zoo.training.attacks.parts.gradients import objective_gradient
from zoo.training.attacks.parts.host_solvers import solve_each
from zoo.training.attacks.parts.losses import succeeds
from zoo.training.attacks.parts.losses import without_label

_BRACKET = 10.0  # Factor between the values of `c` that bracket the best.
_BRACKET_STEPS = 10
_TOLERANCE = 1e-6  # Relative, of the minimum; float32 gives no more.


def lbfgs(
    *,
    steps: int = 100,
    binary_search_steps: int = 6,
    initial_const: float = 1.0,
    targeted: bool = False,
    draws: int = 1,
) -> Attack:
    """Binds the L-BFGS attack, for a small L2 perturbation.

    L-BFGS-B minimizes `c |perturbation|^2` plus the cross-entropy of a wanted
    class, with pixels in [0, 1]. For each image a line search looks for the
    largest `c` whose minimizer fools the model: tenfold steps bracket it,
    then its logarithm is bisected. The paper doesn't say how to search
    and doesn't square the norm; each of its minimizers is a stationary point
    here, at another `c`. The smallest perturbation that fooled, among all that
    were tried, is returned; an image that never fooled, or that did
    unperturbed, comes back as it was.

    The paper's attack is targeted. Untargeted, the wanted class is the most
    likely wrong one of the unperturbed image, and any wrong class counts as
    a success.

    Each image is a problem of its own, which SciPy solves on the host's CPU.
    The values and gradients that it asks for are computed in the graph, for
    the whole batch at once.

    Args:
        steps: Most iterations of L-BFGS for each `c`; each takes a gradient
            or a few.
        binary_search_steps: Bisections of `c`.
        initial_const: First `c`.
        targeted: Whether the labels are the wanted classes.
        draws: Forward passes averaged in each gradient; more than 1 for
            randomised models.

    Raises:
        ValueError: If an option is out of range.

    Reference: [Szegedy et al., 2014](https://arxiv.org/abs/1312.6199),
    Section 4.1.
    """
    options = checked_options(
        steps=steps,
        binary_search_steps=binary_search_steps,
        initial_const=initial_const,
        targeted=targeted,
        draws=draws,
    )
    algorithm = functools.partial(_attack, **options)
    return Attack("lbfgs", algorithm, "l2", None, options, minimal=True)


def _attack(logits, images, labels, *, targeted, draws, **search):
    outputs = expected_logits(logits, images, draws=draws)
    fooled = succeeds(outputs, labels, targeted=targeted)
    targets = labels
    if not targeted:
        targets = tf.argmax(without_label(outputs, labels), -1, labels.dtype)
    possible = tf.math.is_finite(tf.gather(outputs, targets, batch_dims=1))
    attacked = tf.where(~fooled & possible)[:, 0]

    def answer(points, rows):
        """Returns the cross-entropies, their gradients, and who is fooled."""
        rows = tf.gather(attacked, rows)
        wanted = tf.gather(targets, rows)
        losses, gradients, outputs = objective_gradient(
            logits,
            points,
            lambda outputs: tf.nn.sparse_softmax_cross_entropy_with_logits(
                wanted, outputs
            ),
            draws=draws,
        )
        gradients = tf.where(tf.math.is_finite(gradients), gradients, 0.0)
        fooled = succeeds(outputs, tf.gather(labels, rows), targeted=targeted)
        return losses, gradients, fooled

    found = solve_each(
        functools.partial(_line_search, **search),
        answer,
        tf.gather(images, attacked),
    )
    return tf.tensor_scatter_nd_update(images, attacked[:, None], found)


def _line_search(image, ask, *, steps, binary_search_steps, initial_const):
    """Looks for the largest `c` whose minimizer fools, for one image."""
    best, best_norm = image, math.inf

    def minimizer_fools(const):
        lowest, fools = math.inf, False

        def objective(variables):
            nonlocal best, best_norm, lowest, fools
            point = variables.reshape(image.shape).astype("float32")
            loss, gradient, fooled = ask(point)
            perturbation = point.astype("float64") - image
            norm = np.linalg.norm(perturbation)
            if fooled and norm < best_norm:
                best, best_norm = point, norm
            value = float(loss) + const * norm**2
            if value < lowest:
                lowest, fools = value, fooled
            gradient = gradient + 2 * const * perturbation
            return value, gradient.ravel()

        optimize.minimize(
            objective,
            image.ravel(),
            jac=True,
            method="L-BFGS-B",
            bounds=optimize.Bounds(0.0, 1.0),
            options={"maxiter": steps, "ftol": _TOLERANCE},
        )
        return fools

    const = initial_const
    grow = minimizer_fools(const)
    for _ in range(_BRACKET_STEPS):
        before, const = const, const * (_BRACKET if grow else 1 / _BRACKET)
        if minimizer_fools(const) != grow:
            break
    else:
        return best
    fooling, failing = (before, const) if grow else (const, before)
    for _ in range(binary_search_steps):
        const = math.sqrt(fooling * failing)
        if minimizer_fools(const):
            fooling = const
        else:
            failing = const
    return best
