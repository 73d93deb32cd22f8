"""One of several attacks for each image."""

import functools
from collections.abc import Sequence

import numpy as np
import tensorflow as tf

from zoo.training.attacks.base import Attack
from zoo.training.attacks.base import SeedGenerator
from zoo.training.attacks.parts.checks import checked_size


def mixture(
    *,
    attacks: Sequence[Attack],
    shares: Sequence[float] | None = None,
    seed: int | None = None,
) -> Attack:
    """Binds a mixture of attacks, for ensemble training.

    Each image is attacked by one of them. So a mixture of two attacks of n
    gradients takes n gradients an image, not 2 n. The sizes of the shares are
    fixed; which images they hold is drawn anew at every call. It can only be
    built in Python; `parse` doesn't know it.

    To train, take attacks that return no image unperturbed: `pgd` from random
    starts, and `ddn` and `deepfool` with a `max_norm`. If all attacks have a
    ball in the same norm, the mixture's is the largest of them; otherwise it
    has none.

    Args:
        attacks: One untargeted attack or more.
        shares: Weight of each attack in the batch, above 0; equal if `None`.
            The shares are rounded to whole images, perhaps to none in a small
            batch.
        seed: Fixes which image meets which attack.

    Raises:
        ValueError: If an option is out of range.

    Reference: IRM, section II.C, "Ensemble Training": PGD and DeepFool
    samples beside DDN's.
    """
    attacks = tuple(attacks)
    if not attacks or not all(isinstance(a, Attack) for a in attacks):
        raise ValueError(
            "`attacks` must be one attack or more, such as "
            f"[attacks.pgd(eps=0.1)]. Received: attacks={attacks!r}"
        )
    if any(attack.options.get("targeted") for attack in attacks):
        raise ValueError(
            "`attacks` must be untargeted: they are given the true classes. "
            f"Received: attacks={attacks!r}"
        )
    shares = (1.0,) * len(attacks) if shares is None else tuple(shares)
    if len(shares) != len(attacks):
        raise ValueError(
            f"`shares` must be {len(attacks)}, one an attack. "
            f"Received: shares={shares!r}"
        )
    shares = tuple(checked_size("shares", s, positive=True) for s in shares)
    generator = SeedGenerator(seed)
    norm = attacks[0].norm
    radii = [attack.eps for attack in attacks]
    if any(attack.norm != norm for attack in attacks):
        norm, radii = "mixed", [None]
    options = {"attacks": attacks, "shares": shares, "seed": seed}
    return Attack(
        "mixture",
        functools.partial(
            _one_attack_an_image,
            attacks=attacks,
            shares=shares,
            generator=generator,
        ),
        norm,
        None if None in radii else max(radii),
        options,
        black_box=all(attack.black_box for attack in attacks),
        early_stop=any(attack.early_stop for attack in attacks),
        supports_jit=all(attack.supports_jit for attack in attacks),
        generators=(generator, *(g for a in attacks for g in a.generators)),
        sources=tuple(model for a in attacks for model in a.sources),
    )


def _one_attack_an_image(logits, images, labels, *, attacks, shares, generator):
    # `stateless_shuffle` has neither a GPU nor an XLA kernel.
    draws = tf.random.stateless_uniform(
        tf.shape(images)[:1], tf.cast(generator.next(), "int32")
    )
    order = tf.argsort(draws)
    sizes = _sizes(shares, images)
    parts = zip(
        attacks,
        tf.split(tf.gather(images, order), sizes),
        tf.split(tf.gather(labels, order), sizes),
        strict=True,
    )
    crafted = [
        attack.algorithm(logits, part, part_labels)
        for attack, part, part_labels in parts
        if part.shape[0] != 0
    ]
    return tf.gather(tf.concat(crafted, 0), tf.argsort(order))


def _sizes(shares, images):
    """Rounds shares to whole images; static if the batch's size is."""
    ends = np.cumsum([0.0, *shares], dtype="float32") / np.float32(sum(shares))
    count = images.shape[0]
    if count is not None:
        return np.diff(np.rint(ends * count).astype("int32"))
    ends = tf.round(ends * tf.cast(tf.shape(images)[0], "float32"))
    return tf.cast(ends[1:] - ends[:-1], "int32")
