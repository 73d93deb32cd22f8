"""Checks that an export computes what its Keras model computes."""

import os
import pathlib
import tempfile
from collections.abc import Mapping

import numpy as np

from zoo.exports.c_api import SavedModelSession
from zoo.exports.saved_model.entropy import pin_entropy

_GRAPH_FILE = "saved_model.pb"


def max_logit_difference(
    directory: str | os.PathLike,
    requests: Mapping[str, Mapping[str, np.ndarray]],
    expected: np.ndarray,
    *,
    seed: int,
    tolerance: float,
) -> float:
    """Runs a SavedModel in a C++ session and compares its logits.

    A model that draws fresh entropy is compared with its draws pinned, as
    `SeedSource(seed)` pins those of the Keras model, and then run as it is.

    Args:
        directory: A SavedModel.
        requests: For each signature the inputs that give `expected`.
        expected: Logits of the Keras model.
        seed: The seed behind `expected`.
        tolerance: Difference allowed, as a fraction of the largest logit
            or of one, whichever is more.

    Returns:
        The largest absolute difference over all signatures.

    Raises:
        ValueError: If logits are NaN or plus infinity, or differ by more.
    """
    directory = pathlib.Path(directory)
    shipped = (directory / _GRAPH_FILE).read_bytes()
    pinned = pin_entropy(shipped, seed)
    largest = 0.0
    with tempfile.TemporaryDirectory() as pinned_copy:
        for entry in directory.iterdir():
            if entry.name != _GRAPH_FILE:
                pathlib.Path(pinned_copy, entry.name).symlink_to(
                    entry.absolute()
                )
        pathlib.Path(pinned_copy, _GRAPH_FILE).write_bytes(pinned)
        for name, logits in _run(pinned_copy, requests).items():
            difference = float(np.max(_differences(logits, expected)))
            limit = tolerance * max(1.0, _largest(expected))
            if not difference <= limit:
                raise ValueError(
                    f"The logits of `{name}` must be finite or minus infinity "
                    "and within "
                    f"{limit:.3g} of the Keras model. "
                    f"Received: difference={difference:.3g}"
                )
            largest = max(largest, difference)
    if pinned != shipped:
        for name, logits in _run(directory, requests).items():
            if not np.all(logits < np.inf):  # False of NaN.
                raise ValueError(
                    f"The logits of `{name}` must be finite or minus infinity. "
                    f"Received: logits={logits}"
                )
    return largest


def _differences(logits, expected):
    """Minus infinity, which rules a class out, equals itself alone."""
    ruled_out = np.isneginf(logits) & np.isneginf(expected)
    return np.abs(
        np.where(ruled_out, 0, logits) - np.where(ruled_out, 0, expected)
    )


def _largest(logits):
    return float(np.max(np.abs(logits), where=np.isfinite(logits), initial=0.0))


def _run(directory, requests) -> dict[str, np.ndarray]:
    with SavedModelSession(directory) as session:
        return {
            signature: session.run(signature, inputs)["logits"]
            for signature, inputs in requests.items()
        }
