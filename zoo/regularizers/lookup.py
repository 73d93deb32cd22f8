"""Regularizers by name."""

from collections.abc import Callable

import keras

from zoo.regularizers.kernel_total_variation import KernelTotalVariation
from zoo.regularizers.l_inf import LInf
from zoo.regularizers.total_variation import TotalVariation
from zoo.suggestions import did_you_mean

by_name: dict[str, Callable[..., keras.Regularizer]] = {
    "l_inf": LInf,
    "total_variation": TotalVariation,
    "kernel_total_variation": KernelTotalVariation,
}
"""The class of each regularizer."""


def get(
    identifier: str | dict | keras.Regularizer | None, **options
) -> keras.Regularizer | None:
    """Returns a regularizer from what a configuration may hold.

    Keras' own `keras.regularizers.get` finds those of the zoo by their
    configuration, not by their name.

    Args:
        identifier: A name of `by_name` or of Keras' own (`"l2"`), a
            configuration, a regularizer or `None`.
        options: For a regularizer of the zoo given by name, such as `alpha`.

    Raises:
        ValueError: If the name is unknown.

    Example:

    >>> get("total_variation", alpha=1e-5).alpha
    1e-05
    """
    if isinstance(identifier, str) and identifier in by_name:
        return by_name[identifier](**options)
    if options:
        raise ValueError(
            "Options go with a name of the zoo's regularizers: "
            f"{', '.join(by_name)}. Received: {identifier!r}"
        )
    try:
        return keras.regularizers.get(identifier)
    except ValueError as error:
        hint = did_you_mean(str(identifier), by_name)
        raise ValueError(
            f"Unknown regularizer.{hint} The zoo's: {', '.join(by_name)}. "
            f"Received: {identifier!r}"
        ) from error
