"""Checks of the options of an evaluation."""

from typing import Any

import keras
import numpy as np

from zoo.threat import ThreatModel


def check_options(
    *,
    model: Any,
    threat: Any,
    seed: Any,
    sanity: Any,
    limit: Any,
    attack_limit: Any,
    **counts: Any,
) -> None:
    """Raises a `ValueError` that names an option out of range.

    Args:
        counts: Other options, whole numbers from 1.
    """
    if not isinstance(model, keras.layers.Layer):
        raise ValueError(
            "model must be a Keras model, such as zoo.load('wrn16_2') gives. "
            f"Received: model={model!r}"
        )
    if not isinstance(threat, ThreatModel | None):
        raise ValueError(
            "threat must be a ball, such as zoo.ThreatModel('linf', 8 / 255). "
            f"Received: threat={threat!r}"
        )
    if limit is not None:
        counts["limit"] = limit
    if attack_limit is not None:
        counts["attack_limit"] = attack_limit
    from_zero = {"seed": seed, "sanity": sanity}
    for option, value in {**counts, **from_zero}.items():
        least = 0 if option in from_zero else 1
        if (
            isinstance(value, bool)
            or not isinstance(value, (int, np.integer))
            or value < least
        ):
            raise ValueError(
                f"{option} must be a whole number from {least}. "
                f"Received: {option}={value!r}"
            )
