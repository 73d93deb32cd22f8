"""The Jacobian-based saliency map attack."""

import functools
import math
from numbers import Real

import tensorflow as tf

from zoo.training.attacks.base import Attack
from zoo.training.attacks.parts.checks import checked_options
from zoo.training.attacks.parts.checks import checked_size
from zoo.training.attacks.parts.gradients import expectation
from zoo.training.attacks.parts.gradients import expected_logits
from zoo.training.attacks.parts.losses import succeeds
from zoo.training.attacks.parts.losses import without_label

_PAIRS_AT_ONCE = 2**21
"""Pairs of the whole batch that are scored at once, 8 MB a tensor."""


def jsma(
    *,
    theta: float = 1.0,
    gamma: float = 0.145,
    targeted: bool = False,
    draws: int = 1,
) -> Attack:
    """Binds JSMA, which changes few values of an image, two at a time.

    A value is one channel of a pixel. Each step takes the pair that most
    raises the wanted class's logit and lowers the others' sum, of all pairs
    whose values can still move. The wanted class of an untargeted attack is
    the likeliest wrong one of the image itself, but any wrong class counts
    as a success. An image that never fooled the model is returned unperturbed.

    Args:
        theta: Change of a value in a step: above 0 and at most 1 to increase
            values, below 0 and at least -1 to decrease them.
        gamma: Largest fraction of an image's values that may change, in
            (0, 1]. The default is the paper's bound for MNIST, 14.5 %, as
            N. Carlini quotes it in issue 14 of `ryderling/DEEPSEC`.
        targeted: Whether the labels are the wanted classes.
        draws: Forward passes averaged in each step; more than 1 for
            randomised models.

    Raises:
        ValueError: If an option is out of range.

    Reference: [Papernot et al., 2016](https://arxiv.org/abs/1511.07528),
    Algorithms 1 and 3, on logits.
    """
    real = isinstance(theta, Real) and not isinstance(theta, bool)
    if not real or not 0 < abs(theta) <= 1:
        raise ValueError(
            "`theta` must be from -1 to 1, and not 0. "
            f"Received: theta={theta!r}"
        )
    options = checked_options(
        theta=float(theta),
        gamma=checked_size("gamma", gamma, positive=True),
        targeted=targeted,
        draws=draws,
    )
    if gamma > 1:
        raise ValueError(
            f"`gamma` must be 1 or less. Received: gamma={gamma!r}"
        )
    algorithm = functools.partial(_change_pairs, **options)
    return Attack("jsma", algorithm, "l0", None, options, early_stop=True)


def _change_pairs(logits, images, labels, *, theta, gamma, targeted, draws):
    """Algorithm 1, until an image fools the model or gives up."""
    values = math.prod(images.shape[1:])
    budget = int(gamma * values)
    wanted = labels
    if not targeted:
        outputs = expected_logits(logits, images, draws=draws)
        wanted = tf.argmax(
            without_label(outputs, labels), -1, output_type="int32"
        )

    def step(iterates, active):
        originals = tf.gather(images, active)
        current = tf.gather(iterates, active)
        gains, losses, outputs = _forward_derivatives(
            logits, current, tf.gather(wanted, active), draws
        )
        fooled = succeeds(outputs, tf.gather(labels, active), targeted=targeted)
        shifted = tf.clip_by_value(current + theta, 0.0, 1.0)
        pairs, found = most_salient_pair(
            math.copysign(1, theta) * tf.reshape(gains, (-1, values)),
            math.copysign(1, theta) * tf.reshape(losses, (-1, values)),
            tf.reshape(shifted != current, (-1, values)),
        )
        chosen = tf.reduce_any(tf.one_hot(pairs, values, True, False), axis=1)
        chosen = tf.reshape(chosen, tf.shape(current))
        moved = tf.where(chosen, shifted, current)
        changed = tf.math.count_nonzero(moved != originals, (1, 2, 3))
        going = ~fooled & found & (changed <= budget)
        current = _select(going, moved, _select(fooled, current, originals))
        iterates = tf.tensor_scatter_nd_update(
            iterates, active[:, None], current
        )
        return iterates, active[going]

    iterates, _ = tf.while_loop(
        lambda _, active: tf.size(active) > 0,
        step,
        (images, tf.range(tf.shape(images)[0])),
        shape_invariants=(images.shape, tf.TensorShape((None,))),
    )
    return iterates


def _forward_derivatives(logits, images, wanted, draws):
    """Returns two derivatives with respect to the images, and the logits.

    The derivatives are those of the wanted class's logit, and of the sum of
    the other finite logits, negated.
    """

    def one_draw():
        with tf.GradientTape(
            persistent=True, watch_accessed_variables=False
        ) as tape:
            tape.watch(images)
            outputs = logits(images)
            is_wanted = tf.one_hot(
                wanted, tf.shape(outputs)[-1], True, False, dtype=bool
            )
            gained = tf.where(is_wanted, outputs, 0.0)
            counted = ~is_wanted & tf.math.is_finite(outputs)
            lost = tf.where(counted, -outputs, 0.0)
        gains, losses = (
            tape.gradient(
                summed,
                images,
                unconnected_gradients=tf.UnconnectedGradients.ZERO,
            )
            for summed in (gained, lost)
        )
        return outputs, _finite(gains), _finite(losses)

    outputs, gains, losses = expectation(one_draw, draws)
    return gains, losses, outputs


def _finite(derivatives):
    return tf.where(tf.math.is_finite(derivatives), derivatives, 0.0)


def _select(mask, chosen, others):
    return tf.where(mask[:, None, None, None], chosen, others)


def most_salient_pair(
    gains: tf.Tensor, losses: tf.Tensor, eligible: tf.Tensor
) -> tuple[tf.Tensor, tf.Tensor]:
    """Returns the pair of features with the largest saliency, exactly.

    The saliency of features p and q is `(gains[p] + gains[q]) * (losses[p] +
    losses[q])` where both sums are above 0. It grows with each term. So a
    feature that two others equal or exceed in both terms is never needed:
    one of the two isn't in its pair and can take its place. Only the other
    features are paired. They are few unless gains and losses oppose each
    other; then all features may be left, and the pairs take longer. They
    take no more memory, since they are scored in blocks.

    Args:
        gains: How much each feature raises the wanted class,
            `(batch, features)`; finite.
        losses: How much it lowers the other classes together.
        eligible: Whether it may be in a pair.

    Returns:
        Two indices an image, `(batch, 2)`, and whether it has such a pair at
        all, `(batch,)`.

    Reference: [Papernot et al., 2016](https://arxiv.org/abs/1511.07528),
    Algorithm 3.
    """
    features, gains, losses = _candidates(
        _scaled(gains, eligible), _scaled(losses, eligible)
    )
    batch, count = tf.unstack(tf.shape(gains))
    block = tf.maximum(_PAIRS_AT_ONCE // tf.maximum(batch * count, 1), 1)

    def score(start, best, pairs):
        """Pairs a block with itself and with what comes after it."""
        rows = tf.range(start, tf.minimum(start + block, count))
        columns = tf.range(start, count)
        products = 1.0
        valid = rows[:, None] < columns
        for terms in (gains, losses):
            sums = terms[:, start : start + block, None]
            sums += terms[:, None, start:]
            valid &= sums > 0
            products *= sums
        saliencies = tf.reshape(tf.where(valid, products, -1.0), (batch, -1))
        places = tf.argmax(saliencies, axis=-1, output_type="int32")
        found = tf.gather(saliencies, places, batch_dims=1)
        width = count - start
        found_pairs = start + tf.stack([places // width, places % width], -1)
        pairs = tf.where((found > best)[:, None], found_pairs, pairs)
        return start + block, tf.maximum(found, best), pairs

    _, best, pairs = tf.while_loop(
        lambda start, *_: start < count,
        score,
        (0, tf.fill((batch,), -1.0), tf.zeros((batch, 2), "int32")),
        shape_invariants=(
            tf.TensorShape(()),
            tf.TensorShape((None,)),
            tf.TensorShape((None, 2)),
        ),
    )
    found = best >= 0
    return tf.gather(features, pairs, batch_dims=1), found


def _scaled(terms, eligible):
    """Scales to 1, so that products don't underflow; excludes by -inf."""
    terms = tf.where(eligible, terms, 0.0)
    largest = tf.reduce_max(tf.abs(terms), axis=-1, keepdims=True)
    return tf.where(eligible, tf.math.divide_no_nan(terms, largest), -math.inf)


def _candidates(gains, losses):
    """Keeps the features that fewer than two others equal or exceed.

    Of equal features the one sorted first counts as the better. Rows are
    padded with -inf.

    Returns:
        Indices, gains and losses, `(batch, candidates)`.
    """
    order = tf.argsort(gains, direction="DESCENDING")
    gains = tf.gather(gains, order, batch_dims=1)
    losses = tf.gather(losses, order, batch_dims=1)
    kept = _second_largest_before(losses) < losses
    counts = tf.cumsum(tf.cast(kept, "int32"), axis=-1)
    most = tf.maximum(tf.reduce_max(counts[:, -1]), 1)
    shape = (tf.shape(gains)[0], most)
    sources = tf.where(kept)
    rows = tf.cast(sources[:, 0], "int32")
    places = tf.stack([rows, tf.gather_nd(counts, sources) - 1], axis=-1)
    features = tf.scatter_nd(places, tf.gather_nd(order, sources), shape)
    gains, losses = (
        tf.tensor_scatter_nd_update(
            tf.fill(shape, -math.inf), places, tf.gather_nd(terms, sources)
        )
        for terms in (gains, losses)
    )
    return features, gains, losses


def _second_largest_before(values):
    """Returns the second largest of all values to the left of each.

    Windows double until they reach the left end, so that an image takes
    `log2(features)` steps.
    """
    largest = _shifted(values, 1)
    second = tf.fill(tf.shape(values), -math.inf)
    reach = 1
    while reach < values.shape[-1]:
        left_largest = _shifted(largest, reach)
        left_second = _shifted(second, reach)
        second = tf.maximum(
            tf.minimum(largest, left_largest), tf.maximum(second, left_second)
        )
        largest = tf.maximum(largest, left_largest)
        reach *= 2
    return second


def _shifted(values, places):
    """Moves values to the right and fills up with -inf."""
    return tf.pad(
        values[:, :-places], ((0, 0), (places, 0)), constant_values=-math.inf
    )
