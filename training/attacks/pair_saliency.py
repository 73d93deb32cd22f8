"""The best pair of features in a Jacobian-based saliency map."""

import math

import tensorflow as tf

_PAIRS_AT_ONCE = 2**21
"""Pairs of the whole batch scored in one go, 8 MB a tensor."""


def most_salient_pair(
    gains: tf.Tensor, losses: tf.Tensor, eligible: tf.Tensor
) -> tuple[tf.Tensor, tf.Tensor]:
    """Returns the pair of features with the largest saliency, exactly.

    The saliency of features p and q is `(gains[p] + gains[q]) * (losses[p] +
    losses[q])` where both sums are above 0. It grows with each term. If two
    features are as good as p in both terms, one of them isn't q, and takes
    the place of p; so only features with fewer than two such betters are
    paired. They are few unless gains and losses oppose each other; then
    there may be as many as features, and the pairs take longer, but no more
    memory: they are scored in blocks.

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
    """Keeps features with fewer than two betters, filling up with -inf.

    Of equal features the one sorted first is the better.

    Returns:
        Indices, gains and losses, `(batch, candidates)`.
    """
    order = tf.argsort(gains, direction="DESCENDING")
    gains = tf.gather(gains, order, batch_dims=1)
    losses = tf.gather(losses, order, batch_dims=1)
    kept = _second_largest_before(losses) < losses
    counts = tf.cumsum(tf.cast(kept, "int32"), axis=-1)
    shape = (tf.shape(gains)[0], tf.reduce_max(counts[:, -1]))
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
    """Moves values to the right, -inf coming in."""
    return tf.pad(
        values[:, :-places], ((0, 0), (places, 0)), constant_values=-math.inf
    )
