"""Writes all that servers of an export need beside it."""

import dataclasses
import hashlib
import json
import os
import re
import time
from collections.abc import Mapping
from collections.abc import Sequence
from pathlib import Path

import numpy as np

from zoo.atomic_write import atomic_write
from zoo.exports.c_api import SavedModelSession
from zoo.exports.saved_model.staging import check_version
from zoo.exports.saved_model.warmup import REQUEST_FILE
from zoo.exports.serving.batching import BatchPlan
from zoo.exports.serving.batching import batching_config
from zoo.exports.serving.batching import plan_batches
from zoo.exports.serving.golden import images
from zoo.exports.serving.golden import record
from zoo.exports.serving.golden import smoke_test
from zoo.exports.serving.manifests import BUNDLE
from zoo.exports.serving.manifests import compose
from zoo.exports.serving.manifests import kubernetes
from zoo.exports.serving.manifests import models_config
from zoo.exports.serving.manifests import monitoring_config
from zoo.exports.serving.manifests import startup_seconds
from zoo.exports.serving.shared_draws import shares_draws
from zoo.regular_files import read_json
from zoo.saved_model_folder import check_served_name
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
        live: Whether `models.config` has this version loaded. If not, an
            earlier one was kept, and the operator rolls the version out.
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
    `batching.config` but one that was edited, or that an edited file may name.

    Args:
        path: The export's folder, which names the model.
        version: The highest by default.
        most: Largest batch that is tried, and images that a request may have.
        roll_out: Whether an existing `models.config` is replaced by one that
            names this version alone, which servers then load.

    Raises:
        FileNotFoundError: If there is no such version, or it has no request.
        OSError: If a file cannot be written.
        ValueError: If the folder's name can't be a served model's, `version`
            is no whole number from 1, or the export has no signature
            `serving_default`.
        tf.errors.OpError: If the SavedModel cannot be loaded or run.
    """
    path = Path(path).absolute()
    check_served_name(path.name)
    if version is not None:
        check_version(version)
    folder = newest_version(path) if version is None else path / str(version)
    if folder == path or not (folder / REQUEST_FILE).is_file():
        raise FileNotFoundError(
            "A bundle is made of a version that `exports.save` wrote. "
            f"Received: {folder}, which has no {REQUEST_FILE}"
        )
    number = int(folder.name)
    if folder.name != str(number):
        raise ValueError(
            "A version's folder must be named by a number without leading "
            f"zeros. Received: {folder}"
        )
    hashes = _read_hashes(path / BUNDLE)
    request = json.loads((folder / REQUEST_FILE).read_text(encoding="utf-8"))
    start = time.perf_counter()
    with SavedModelSession(folder) as session:
        if "serving_default" not in session.signatures:
            raise ValueError(
                "The export must have the signature `serving_default`. "
                f"Received: {sorted(session.signatures)}"
            )
        logits = _golden_logits(session, request)
        startup = startup_seconds(time.perf_counter() - start)
        plan = plan_batches(session, _image(session), most=most)
        merging = not shares_draws(session)
    size = sum(
        file.stat().st_size for file in folder.rglob("*") if file.is_file()
    )
    golden = f"golden/{number}.json"
    texts = {
        "monitoring.config": monitoring_config(),
        "compose.yaml": compose(path.name, startup, merging=merging),
        "kubernetes.yaml": kubernetes(
            path.name, size, startup, merging=merging
        ),
        golden: json.dumps(record(request, logits, version=number)) + "\n",
        "smoke_test.sh": smoke_test(path.name, number),
        "models.config": models_config(path.name, number),
    }
    if merging:
        texts = {"batching.config": batching_config(plan), **texts}
    served = path / BUNDLE / "models.config"
    kept = served.exists() and not roll_out
    live = not kept or _names(served.read_text("utf-8"), number)
    if kept:
        del texts[served.name]
    edited = _write(path / BUNDLE, texts, hashes)
    if not (merging or edited):
        _remove(path / BUNDLE / "batching.config", hashes)
    return Bundle(
        path=path / BUNDLE,
        files=(*texts, *([served.name] if kept else []), _WRITTEN),
        batches=plan,
        stochastic=bool(np.any(logits != logits[0])),
        merging=merging,
        live=live,
        edited=edited,
    )


def _names(config: str, version: int) -> bool:
    """Returns whether a `models.config` has a version loaded.

    One without specific versions takes the highest, or all.
    """
    text = re.sub("#.*", "", config)
    return "specific" not in text or bool(
        re.search(rf"\bversions\s*:\s*(\[[\d,\s]*)?\b{version}\b", text)
    )


def _read_hashes(folder: Path) -> dict[str, list[str]]:
    """Returns by file the hashes of what may have been written of it."""
    file = folder / _WRITTEN
    found = read_json(file, dict) if file.exists() else {}
    if not all(isinstance(hashes, list) for hashes in found.values()):
        raise ValueError(
            f"{file} must hold lists of hashes. Remove it, and all files of "
            "the bundle count as edited."
        )
    return found


def _write(
    folder: Path, texts: Mapping[str, str], hashes: Mapping[str, list[str]]
) -> tuple[str, ...]:
    """Writes files, but keeps those that were edited; returns these."""
    edited = tuple(
        name
        for name, text in texts.items()
        if name != "models.config"
        and _is_edited(folder / name, [*hashes.get(name, ()), _hash(text)])
    )
    targets = {
        f"{name}.new" if name in edited else name: text
        for name, text in texts.items()
    }
    # Both, while either may be there: a kill makes no file an edited one.
    both = {
        name: [*hashes.get(name, ()), _hash(text)]
        for name, text in targets.items()
    }
    _write_hashes(folder, {**hashes, **both})
    for name, text in targets.items():
        with atomic_write(folder / name) as temporary:
            temporary.write_text(text, encoding="utf-8")
            if name.startswith("smoke_test.sh"):
                temporary.chmod(0o755)
        if name in texts:
            _remove(folder / f"{name}.new", hashes)
    _write_hashes(
        folder, {**hashes, **{name: one[-1:] for name, one in both.items()}}
    )
    return edited


def _write_hashes(folder: Path, hashes: Mapping[str, list[str]]) -> None:
    with atomic_write(folder / _WRITTEN) as temporary:
        temporary.write_text(json.dumps(hashes, indent=2) + "\n")


def _remove(file: Path, hashes: Mapping[str, list[str]]) -> None:
    """Removes a file of an earlier bundle, unless it was edited."""
    if not _is_edited(file, hashes.get(file.name, ())):
        file.unlink(missing_ok=True)


def _is_edited(file: Path, hashes: Sequence[str]) -> bool:
    """Returns whether a file is there and none of what was written."""
    if file.is_symlink():
        return True
    return file.exists() and _hash(file.read_bytes()) not in hashes


def _hash(content: str | bytes) -> str:
    if isinstance(content, str):
        content = content.encode()
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
