"""Writes all that servers of an export need beside it."""

import dataclasses
import hashlib
import json
import os
from collections.abc import Mapping
from pathlib import Path

import numpy as np

from zoo.atomic_write import atomic_write
from zoo.exports.c_api import SavedModelSession
from zoo.exports.saved_model.warmup import REQUEST_FILE
from zoo.exports.serving.batching import BatchPlan
from zoo.exports.serving.batching import batching_config
from zoo.exports.serving.batching import plan_batches
from zoo.exports.serving.golden import images
from zoo.exports.serving.golden import record
from zoo.exports.serving.manifests import BUNDLE
from zoo.exports.serving.manifests import check_name
from zoo.exports.serving.manifests import compose
from zoo.exports.serving.manifests import kubernetes
from zoo.exports.serving.manifests import models_config
from zoo.exports.serving.manifests import monitoring_config
from zoo.exports.serving.shared_draws import shares_draws
from zoo.regular_files import read_json
from zoo.saved_model_folder import newest_version

_FEW_RUNS, _MANY_RUNS = 8, 64
"""Runs that show whether a model draws random numbers, and how widely."""

_WRITTEN = "written.json"
"""The hashes of what was written, which tell an operator's edits."""


@dataclasses.dataclass(frozen=True)
class Bundle:
    """What was written.

    Args:
        path: The bundle's folder.
        files: Its files, relative to it.
        batches: What was measured and chosen.
        stochastic: Whether runs of the golden request differed.
        merging: Whether servers merge callers' requests; not if the images
            of a batch share the model's random draws.
        live: Whether `models.config` is as written for this version. If not,
            an earlier one was kept, and the operator rolls the version out.
        edited: Files that someone had edited. They were kept; what would have
            replaced each is beside it, with `.new` at the end of its name.
    """

    path: Path
    files: tuple[str, ...]
    batches: BatchPlan
    stochastic: bool
    merging: bool
    live: bool
    edited: tuple[str, ...]

    def to_dict(self) -> dict:
        """Returns the bundle as plain values that JSON can hold."""
        return {**dataclasses.asdict(self), "path": str(self.path)}


def write_bundle(
    path: str | os.PathLike,
    *,
    version: int | None = None,
    most: int = 64,
    roll_out: bool = False,
) -> Bundle:
    """Writes `<path>/serving`: a server's files for an export.

    `models.config`, `batching.config` and `monitoring.config` are TensorFlow
    Serving's; the sizes of batches are measured on the model here.
    `compose.yaml` and `kubernetes.yaml` start servers on GPUs.
    `golden/<version>.json` is a request and its answer, by which
    `smoke_test.sh` tests a server. Each file is replaced whole, and
    `models.config` is the last. Files of an earlier version are replaced, but
    its golden file stays, and so does `models.config`: it says what is served.
    A file that an operator edited stays too, and the new one is written beside
    it as `NAME.new`; `written.json` has the hashes that tell.

    If the images of a batch share the model's random draws, no requests are
    merged: the manifests leave batching out, and there is no
    `batching.config`.

    Args:
        path: The export's folder, which names the model.
        version: The highest by default.
        most: Largest batch that is tried, and images that a request may have.
        roll_out: Whether an existing `models.config` is replaced by one that
            names this version alone, which servers then load.

    Raises:
        FileNotFoundError: If there is no such version, or it has no request.
        OSError: If a file cannot be written.
        ValueError: If the folder's name can't be a served model's, or the
            export has no signature `serving_default`.
        tf.errors.OpError: If the SavedModel cannot be loaded or run.
    """
    path = Path(path).absolute()
    check_name(path.name)
    folder = newest_version(path) if version is None else path / str(version)
    if folder == path or not (folder / REQUEST_FILE).is_file():
        raise FileNotFoundError(
            "A bundle is made of a version that `exports.save` wrote. "
            f"Received: {folder}, which has no {REQUEST_FILE}"
        )
    request = json.loads((folder / REQUEST_FILE).read_text(encoding="utf-8"))
    with SavedModelSession(folder) as session:
        if "serving_default" not in session.signatures:
            raise ValueError(
                "The export must have the signature `serving_default`. "
                f"Received: {sorted(session.signatures)}"
            )
        logits = _golden_logits(session, request)
        plan = plan_batches(session, _image(session), most=most)
        merging = not shares_draws(session)
    number = int(folder.name)
    size = sum(
        file.stat().st_size for file in folder.rglob("*") if file.is_file()
    )
    golden = f"golden/{number}.json"
    texts = {
        "monitoring.config": monitoring_config(),
        "compose.yaml": compose(path.name, merging=merging),
        "kubernetes.yaml": kubernetes(path.name, size, merging=merging),
        golden: json.dumps(record(request, logits, version=number)) + "\n",
        "smoke_test.sh": _smoke_test(path.name, golden),
        "models.config": models_config(path.name, number),
    }
    if merging:
        texts = {"batching.config": batching_config(plan), **texts}
    else:
        (path / BUNDLE / "batching.config").unlink(missing_ok=True)
    served = path / BUNDLE / "models.config"
    kept = served.exists() and not roll_out
    live = not kept or served.read_text("utf-8") == texts[served.name]
    if kept:
        del texts[served.name]
    edited = _write(path / BUNDLE, texts)
    return Bundle(
        path=path / BUNDLE,
        files=(*texts, *([served.name] if kept else []), _WRITTEN),
        batches=plan,
        stochastic=bool(np.any(logits != logits[0])),
        merging=merging,
        live=live,
        edited=edited,
    )


def _write(folder: Path, texts: Mapping[str, str]) -> tuple[str, ...]:
    """Writes files, but keeps those that were edited; returns these."""
    record_file = folder / _WRITTEN
    written = {}
    if record_file.exists():
        written = read_json(record_file, dict)
    edited = []
    for name, text in texts.items():
        target = folder / name
        if target.exists() and name != "models.config":
            own = (written.get(name), _digest(text.encode()))
            if _digest(target.read_bytes()) not in own:
                edited.append(name)
                target = target.with_name(f"{target.name}.new")
        with atomic_write(target) as temporary:
            temporary.write_text(text, encoding="utf-8")
            if name.endswith(".sh"):
                temporary.chmod(0o755)
        if name not in edited:
            written[name] = _digest(text.encode())
            with atomic_write(record_file) as temporary:
                temporary.write_text(json.dumps(written, indent=2) + "\n")
    return tuple(edited)


def _digest(content: bytes) -> str:
    return hashlib.sha256(content).hexdigest()


def _golden_logits(session: SavedModelSession, request) -> np.ndarray:
    """Runs the golden request often enough to know the range of its answer."""
    batch = images(request)
    if isinstance(batch, list):
        files = np.empty(len(batch), object)
        files[:] = batch
        inputs = {"image_bytes": files}
    else:
        inputs = {"image": batch}

    def runs(count):
        name = request["signature_name"]
        return [session.run(name, inputs)["logits"] for _ in range(count)]

    logits = np.array(runs(_FEW_RUNS))
    if np.any(logits != logits[0]):
        logits = np.concatenate([logits, runs(_MANY_RUNS - _FEW_RUNS)])
    return logits


def _image(session: SavedModelSession) -> np.ndarray:
    """Returns a grey image of the export's shape, 224 where it takes any."""
    inputs = session.signatures["serving_default"]["inputs"]
    shape = [size or 224 for size in inputs["image"].shape.as_list()[1:]]
    return np.full(shape, 0.5, "float32")


def _smoke_test(name: str, golden: str) -> str:
    return f"""\
#!/bin/sh
# Sends the golden request by REST and gRPC and compares the answers.
# Usage: smoke_test.sh [HOST]
host="${{1:-localhost}}"
exec "${{PYTHON:-python3}}" -m zoo.exports.serving.golden \\
    "$(dirname "$0")/{golden}" \\
    "http://$host:${{HTTP_PORT:-8501}}/v1/models/{name}" \\
    "grpc://$host:${{GRPC_PORT:-8500}}/v1/models/{name}"
"""
