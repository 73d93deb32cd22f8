"""Adversarial images made on another model."""

import functools

import keras

from zoo.training.attacks.adaptive_view import adaptive_view
from zoo.training.attacks.base import Attack


def transfer(*, attack: Attack, source: keras.Model) -> Attack:
    """Binds an attack to the model that it is to be run on.

    The images are made on `source`, in the hope that they fool the victim too.
    The victim is never asked. Layers of `source` that hide their gradient are
    seen through as by `adaptive_view`. It can only be built in Python;
    `parse` doesn't know it, because it holds a model.

    Randomness: the attack's and the source's own. An evaluation seeds both.

    Args:
        attack: Attack to run. Its options, norm and radius hold. Those
            that don't stop at the first success, such as `mim`, transfer
            better.
        source: Keras model of the victim's classes and image shape.

    Raises:
        ValueError: If `attack` isn't an attack or `source` isn't a model; in
            a call, if the victim has other classes than `source`.

    Reference: [Papernot et al., 2016](https://arxiv.org/abs/1605.07277).
    """
    if not isinstance(attack, Attack):
        raise ValueError(
            "`attack` must be an attack, such as attacks.pgd(eps=0.1). "
            f"Received: attack={attack!r}"
        )
    if not isinstance(source, keras.layers.Layer):
        raise ValueError(
            f"`source` must be a Keras model. Received: source={source!r}"
        )

    options = {
        "attack": attack,
        "source": source,
        "targeted": bool(attack.options.get("targeted")),
    }
    return Attack(
        "transfer",
        functools.partial(_on_source, attack=attack, source=source),
        attack.norm,
        attack.eps,
        options,
        black_box=True,
        supports_jit=attack.supports_jit,
        generators=attack.generators,
        sources=(source, *attack.sources),
    )


def _on_source(logits, images, labels, *, attack, source):
    crafted = attack(adaptive_view(source), images, labels)
    # Only shapes are read, so the graph computes neither.
    classes = logits(images).shape[-1]
    received = source(images, training=False).shape[-1]
    if received != classes:
        raise ValueError(
            f"`source` must have the victim's {classes} classes. "
            f"Received: source={source!r} with {received}"
        )
    return crafted
