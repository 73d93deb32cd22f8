"""Keras' dtype policy, for a while."""

import contextlib
from collections.abc import Iterator

import keras


@contextlib.contextmanager
def dtype_policy(name: str) -> Iterator[None]:
    """Makes a policy, such as `"mixed_bfloat16"`, that of new layers.

    Raises:
        ValueError: If there is no such policy.
    """
    before = keras.config.dtype_policy()
    keras.config.set_dtype_policy(name)
    try:
        yield
    finally:
        keras.config.set_dtype_policy(before)
