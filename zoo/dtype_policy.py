"""Keras' dtype policy, for a while."""

import contextlib
from collections.abc import Iterator


@contextlib.contextmanager
def dtype_policy(name: str | None) -> Iterator[None]:
    """Makes a policy, such as `"mixed_bfloat16"`, that of new layers.

    Args:
        name: Of the policy; `None` leaves Keras' own.

    Raises:
        ValueError: If there is no such policy.
    """
    import keras  # `zoo list` does without.

    before = keras.config.dtype_policy()
    try:
        keras.config.set_dtype_policy(name or before)
        yield
    finally:
        keras.config.set_dtype_policy(before)
