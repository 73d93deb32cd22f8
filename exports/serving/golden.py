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
    logits = np.array([one.logits for one in predictions])
    low, high = _range(golden)
    if logits.shape != low.shape:
        return False, float("inf")
    outside, wrong = _outside(golden, logits)
    return not np.any(wrong), float(np.max(outside))


def describe_difference(golden: Mapping, predictions: list[Prediction]) -> str:
    """Says which logits are wrong, and where the farthest should be."""
    logits = np.array([one.logits for one in predictions])
    low, high = _range(golden)
    if logits.shape != low.shape:
        return f"logits of shape {logits.shape}, golden {low.shape}"
    outside, wrong = _outside(golden, logits)
    farthest = np.argmax(np.where(wrong, outside, -1))  # NaN is the farthest.
    row, column = np.unravel_index(farthest, logits.shape)
    lowest, highest = low[row, column], high[row, column]
    wanted = f"{lowest:.4g}"
    if lowest != highest:
        wanted += f" to {highest:.4g}"
    return (
        f"{np.sum(wrong)} of {wrong.size} logits differ; image {row}, class "
        f"{column}: {logits[row, column]:.4g}, golden {wanted}"
    )


def _range(golden: Mapping) -> list[np.ndarray]:
    """Returns the lowest and the highest logits of the golden answer."""
    found = golden["response"]["logits"]
    return [np.array(found[side], "float32") for side in ("lowest", "highest")]


def _outside(
    golden: Mapping, logits: np.ndarray
) -> tuple[np.ndarray, np.ndarray]:
    """Returns how far logits lie outside of their ranges, and which too far."""
    low, high = _range(golden)
    inside = (logits >= low) & (logits <= high)
    # Minus infinity, which rules a class out, lies inside of itself alone.
    finite = np.isfinite(low) & np.isfinite(high)
    with np.errstate(invalid="ignore"):
        beyond = np.maximum(low - logits, logits - high)
        width = np.where(finite, high - low, 0)
    outside = np.where(inside, 0, beyond)
    largest = np.max(np.abs([low, high]), where=[finite] * 2, initial=1)
    allowed = golden["tolerance"] * largest + width
    return outside, ~(outside <= allowed)


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
        low, high = _range(golden)
        int(golden["version"]), float(golden["tolerance"])
        if low.ndim != 2 or low.shape != high.shape:
            raise ValueError(f"logits of shapes {low.shape} and {high.shape}")
    except (LookupError, TypeError, ValueError) as error:
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


def smoke_test(name: str, version: int) -> str:
    """Returns a shell script that sends a bundle's golden request.

    Args:
        name: The model's, as `check_served_name` allows it.
        version: Number of the golden file beside the script.
    """
    return f"""\
#!/bin/sh
# Sends the golden request by REST and gRPC and compares the answers.
# Usage: smoke_test.sh [HOST], with HTTP_PORT (8501) and GRPC_PORT (8500)
# Status: 0 if all answers are right, 1 if one is wrong, 2 if none came,
# 3 if the version is served, but zoo isn't here and nothing was compared.
host="${{1:-localhost}}"
rest="http://$host:${{HTTP_PORT:-8501}}/v1/models/{name}"
python="${{PYTHON:-python3}}"
if why="$("$python" -c 'import zoo.exports.serving.golden' 2>&1)"; then
    exec "$python" -m zoo.exports.serving.golden \\
        "$(dirname -- "$0")/golden/{version}.json" "$rest" \\
        "grpc://$host:${{GRPC_PORT:-8500}}/v1/models/{name}"
fi
echo "Answers and gRPC aren't checked, which needs zoo:" \\
    "$(echo "$why" | tail -n 1)" >&2
curl --silent --show-error --fail --globoff --max-time 30 --output /dev/null \\
    "$rest/versions/{version}/metadata"
case $? in
    0) echo "served $rest/versions/{version}"; exit 3 ;;
    22) echo "FAILED $rest/versions/{version} isn't served"; exit 1 ;;
    *) echo "FAILED $rest couldn't be asked"; exit 2 ;;
esac
"""


def main() -> int:
    """Sends the golden request to each address.

    Returns:
        0 if all answers are right; 1 if one is wrong, or an error; else 2: a
        server couldn't be reached or asked, or the file can't be read.
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
    try:
        golden = read_golden(options.golden)
        Deadline(options.timeout)  # Checks it.
    except (OSError, ValueError) as error:
        parser.error(str(error))
    statuses = [_ask(url, golden, options.timeout) for url in options.urls]
    return 1 if 1 in statuses else max(statuses)


def _ask(url: str, golden: Mapping, timeout: float) -> int:
    """Sends the golden request to one address, says how it went; status."""
    # The golden answer is this version's, whatever else is served.
    if "/versions/" not in url and "/labels/" not in url:
        url = f"{url.rstrip('/')}/versions/{golden['version']}"
    try:
        with Client(url, timeout=timeout) as client:
            predictions = client.predict(images(golden["request"]))
    except (UnavailableError, DeadlineError, ImportError) as error:
        status, told = 2, str(error)
    except ServingError as error:
        status, told = 1, str(error)
    except ValueError as error:  # Of the address.
        status, told = 2, str(error)
    else:
        good, outside = compare(golden, predictions)
        status = 0 if good else 1
        told = (
            f"logits within {outside:.2g} of the golden range"
            if good
            else describe_difference(golden, predictions)
        )
    print("FAILED" if status else "ok    ", url, told)
    return status


if __name__ == "__main__":
    sys.exit(main())
