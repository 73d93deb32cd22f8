"""The randomness of a model under evaluation."""

import contextlib
import zlib
from collections.abc import Callable
from collections.abc import Iterator
from collections.abc import Sequence

import keras
import numpy as np

from zoo.inspection import is_stochastic


def attack_draws(model: keras.Model) -> int:
    """Returns the passes an attack averages over unless it is told: 2 or 1.

    A randomised model is attacked in expectation, by 2. More (`draws=10`)
    are a stronger attack, in proportion slower.
    """
    return 2 if is_stochastic(model) else 1


@contextlib.contextmanager
def owned_randomness(
    models: Sequence[keras.Model],
    seed: int,
    generators: Sequence[keras.random.SeedGenerator] = (),
) -> Iterator[Callable[[str, int], None]]:
    """Takes over seed generators and gives them back unchanged.

    Yields `reseed(phase, start)`, which starts every generator afresh from
    the seed, the phase's text and the index of the first image: the numbers
    drawn for a batch don't depend on what ran before it.

    Args:
        models: Their generators, at any depth.
        generators: More, an attack's.
    """
    variables = {id(v): v for model in models for v in model.variables}
    states = [
        variable
        for variable in variables.values()
        if variable.name == "seed_generator_state"
    ]
    states += [generator.state for generator in generators]
    saved = [state.numpy() for state in states]

    def reseed(phase: str, start: int) -> None:
        entropy = (seed, zlib.crc32(phase.encode()), start)
        numbers = np.random.SeedSequence(entropy).generate_state(len(states))
        for state, number in zip(states, numbers, strict=True):
            state.assign(np.array([number >> 1, 0], dtype=state.dtype))

    try:
        yield reseed
    finally:
        for state, value in zip(states, saved, strict=True):
            state.assign(value)
