"""A golden request and its answer, and the smoke test that sends it.

    python -m zoo.exports.serving.golden served/NAME/serving/golden/1.json \\
        http://localhost:8501/v1/models/NAME grpc://localhost:8500/v1/models/NAME
"""

import argparse
import base64
import json
import os
import sys
from collections.abc import Mapping
from pathlib import Path

import numpy as np

from zoo.exports.serving.calls import Deadline
from zoo.exports.serving.calls import DeadlineError
from zoo.exports.serving.calls import ServingError
from zoo.exports.serving.calls import UnavailableError
from zoo.exports.serving.client import Client
from zoo.exports.serving.prediction import Prediction

_TOLERANCE = 1e-2
"""A fraction of the largest logit, or of one if that is more. A GPU's TF32
convolutions take a tenth of it."""


def compare(
    golden: Mapping, predictions: list[Prediction]
) -> tuple[bool, float]:
    """Compares predictions with the golden answer.

    The answer is a range for each logit, seen over several runs. It is a
    point if the model draws no random numbers. Else a new draw may leave it by
    its width, on either side.

    Args:
        golden: What `record` returned.
        predictions: Of the golden request.

    Returns:
        Whether all logits are where they should be, and how far the farthest
        lies outside its range.
    """
    low, high = (
        np.array(golden["response"]["logits"][side], "float32")
        for side in ("lowest", "highest")
    )
    logits = np.array([one.logits for one in predictions])
    if logits.shape != low.shape:
        return False, float("inf")
    inside = (logits >= low) & (logits <= high)
    # Minus infinity, which rules a class out, lies inside of itself alone.
    finite = np.isfinite(low) & np.isfinite(high)
    with np.errstate(invalid="ignore"):
        beyond = np.maximum(low - logits, logits - high)
        width = np.where(finite, high - low, 0)
    outside = np.where(inside, 0, beyond)
    largest = np.max(np.abs([low, high]), where=[finite] * 2, initial=1)
    allowed = golden["tolerance"] * largest + width
    return bool(np.all(outside <= allowed)), float(np.max(outside))


def read_golden(path: str | os.PathLike) -> dict:
    """Reads a golden file.

    Raises:
        OSError: If it can't be read.
        ValueError: If it holds no golden request and answer.
    """
    text = Path(path).read_text(encoding="utf-8")
    try:
        golden = json.loads(text)
        images(golden["request"])
        golden["response"]["logits"]["lowest"]
    except (KeyError, TypeError, ValueError) as error:
        raise ValueError(
            f"{path} must hold a golden request and answer. Received: {error!r}"
        ) from error
    return golden


def images(request: Mapping) -> np.ndarray | list[bytes]:
    """Returns pixels or files from a request's JSON, as `predict` takes them.

    Args:
        request: The body of a `POST /v1/models/NAME:predict`, by rows.
    """
    rows = request["instances"]
    if "image" in rows[0]:
        return np.array([row["image"] for row in rows], "float32")
    return [base64.b64decode(row["image_bytes"]["b64"]) for row in rows]


def record(
    request: Mapping, logits: np.ndarray, *, version: int
) -> dict[str, object]:
    """Returns what a golden file holds.

    Args:
        request: As `images` takes it.
        logits: Of several runs, `(runs, batch, classes)`.
        version: Number of the version that was run.
    """
    return {
        "version": version,
        "request": dict(request),
        "response": {
            "logits": {
                "lowest": logits.min(axis=0).tolist(),
                "highest": logits.max(axis=0).tolist(),
            },
            "runs": len(logits),
        },
        "tolerance": _TOLERANCE,
    }


def main() -> int:
    """Sends the golden request to each address.

    Returns:
        0 if all answers are right, 1 if one is wrong, 2 if a server couldn't
        be reached or the file can't be read.
    """
    parser = argparse.ArgumentParser(
        prog="python -m zoo.exports.serving.golden",
        description="Sends a golden request to servers and compares answers.",
    )
    parser.add_argument("golden", metavar="FILE", help="the bundle's golden")
    parser.add_argument(
        "urls", nargs="+", metavar="URL", help="a served model, as Client's"
    )
    parser.add_argument("--timeout", type=float, default=30.0)
    options = parser.parse_args()
    status = 0
    try:
        golden = read_golden(options.golden)
        Deadline(options.timeout)  # Checks it.
    except (OSError, ValueError) as error:
        parser.error(str(error))
    for url in options.urls:
        # The golden answer is this version's, whatever else is served.
        if "/versions/" not in url and "/labels/" not in url:
            url = f"{url.rstrip('/')}/versions/{golden['version']}"
        try:
            with Client(url, timeout=options.timeout) as client:
                good, outside = compare(
                    golden, client.predict(images(golden["request"]))
                )
        except (ImportError, ServingError, ValueError) as error:
            good, told = False, str(error)
            if isinstance(error, UnavailableError | DeadlineError):
                status = 2
        else:
            told = (
                f"logits within {outside:.2g} of the golden range"
                if good
                else f"logits {outside:.2g} outside of the golden range"
            )
        if not good:
            status = status or 1
        print("ok    " if good else "FAILED", url, told)
    return status


if __name__ == "__main__":
    sys.exit(main())
