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
    expected: Mapping[str, Mapping[str, np.ndarray]],
    *,
    seed: int,
    tolerance: float,
) -> float:
    """Runs a SavedModel in a C++ session and compares its outputs.

    A model that draws fresh entropy is compared with its draws pinned, as
    `SeedSource(seed)` pins those of the Keras model, and then run as it is.

    Args:
        directory: A SavedModel.
        requests: For each signature its inputs.
        expected: For each signature what the Keras model gives: `logits`, or
            parts of an explanation.
        seed: The seed behind `expected`.
        tolerance: Difference allowed, as a fraction of an output's largest
            value or of one, whichever is more.

    Returns:
        The largest absolute difference of logits over all signatures.

    Raises:
        ValueError: If an output is NaN or plus infinity, or differs by more.
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
        for name, key, found in _run(pinned_copy, requests, expected):
            wanted = expected[name][key]
            difference = float(np.max(_differences(found, wanted)))
            limit = tolerance * max(1.0, _largest(wanted))
            if not difference <= limit:
                raise ValueError(
                    f"The {key} of `{name}` must be finite or minus infinity "
                    "and within "
                    f"{limit:.3g} of the Keras model. "
                    f"Received: difference={difference:.3g}"
                )
            if key == "logits":
                largest = max(largest, difference)
    if pinned != shipped:
        for name, key, found in _run(directory, requests, expected):
            if not np.all(found < np.inf):  # False of NaN.
                raise ValueError(
                    f"The {key} of `{name}` must be finite or minus infinity. "
                    f"Received: {key}={found}"
                )
    return largest


def check_rows(
    alone: np.ndarray, together: np.ndarray, *, tolerance: float
) -> None:
    """Checks that an image's logits don't depend on the others of its batch.

    A server merges requests, and strangers would change each other's answers.

    Args:
        alone: Logits of images, each in a batch of its own,
            `(images, classes)`.
        together: Logits of the same images in one batch.
        tolerance: As for `max_logit_difference`.

    Raises:
        ValueError: If they differ by more.
    """
    difference = float(np.max(_differences(alone, together)))
    limit = tolerance * max(1.0, _largest(together))
    if difference > limit:  # False of NaN, which is found later.
        raise ValueError(
            "An image's logits must not depend on the others of its batch, "
            f"since servers merge requests. Received: {difference:.3g} between "
            "an image alone and in a batch"
        )


def _differences(found, expected):
    """Minus infinity, which rules a class out, equals itself alone."""
    ruled_out = np.isneginf(found) & np.isneginf(expected)
    return np.abs(
        np.where(ruled_out, 0, found) - np.where(ruled_out, 0, expected)
    )


def _largest(values):
    return float(np.max(np.abs(values), where=np.isfinite(values), initial=0.0))


def _run(directory, requests, expected):
    """Yields signature, name and value of each output that is expected."""
    with SavedModelSession(directory) as session:
        for signature, inputs in requests.items():
            outputs = session.run(signature, inputs)
            for key in expected[signature]:
                yield signature, key, outputs[key]
