"""The randomness of models and attacks under evaluation."""

import contextlib
import zlib
from collections.abc import Callable
from collections.abc import Iterator
from collections.abc import Sequence

import keras
import numpy as np


def attack_draws(stochastic: bool) -> int:
    """Returns how many draws an attack averages over unless it is told.

    Draws are forward passes, the samples of an expectation over
    transformation (EOT): 2 for a randomised model, else 1. More, such as
    `draws=10`, are a stronger attack and in proportion slower.

    Args:
        stochastic: Whether the attacked model is randomised.
    """
    return 2 if stochastic else 1


@contextlib.contextmanager
def owned_randomness(
    models: Sequence[keras.Model],
    seed: int,
    generators: Sequence[keras.random.SeedGenerator] = (),
) -> Iterator[Callable[[str, int], None]]:
    """Seeds generators inside the block and restores them at its end.

    Yields `reseed(text, start)`, which starts every generator afresh from
    the seed, the attack's text and the index of the batch's first image. So
    what is drawn for a batch doesn't depend on what ran before it.

    Args:
        models: Models whose generators are seeded, at any depth.
        seed: From 0.
        generators: Further generators, such as an attack's.
    """
    variables = {id(v): v for model in models for v in model.variables}
    states = [
        variable
        for variable in variables.values()
        if variable.name == "seed_generator_state"
    ]
    states += [generator.state for generator in generators]
    saved = [state.numpy() for state in states]

    def reseed(text: str, start: int) -> None:
        entropy = (seed, zlib.crc32(text.encode()), start)
        numbers = np.random.SeedSequence(entropy).generate_state(len(states))
        for state, number in zip(states, numbers, strict=True):
            state.assign(np.array([number >> 1, 0], dtype=state.dtype))

    try:
        yield reseed
    finally:
        for state, value in zip(states, saved, strict=True):
            state.assign(value)
