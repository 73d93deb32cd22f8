"""The random numbers of each picture."""

import numpy as np

STREAMS = ("train", "validation", "test", "views")
"""What must share no picture: the splits, and the views of single signs."""


def stream(name: str, seed: int, *indices: int) -> np.random.Generator:
    """Returns the generator of one picture, whatever was drawn before it.

    Args:
        name: One of `STREAMS`.
        seed: Not negative.
        indices: Of the picture in the stream.
    """
    entropy = (STREAMS.index(name), *indices)
    return np.random.default_rng(
        np.random.SeedSequence(seed, spawn_key=entropy)
    )
