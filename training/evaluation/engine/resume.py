"""A folder from which an interrupted evaluation goes on."""

import dataclasses
import hashlib
import json
import math
import os
import pathlib
import zipfile
import zlib
from collections.abc import Mapping
from collections.abc import Sequence
from typing import Any

import keras
import numpy as np

from zoo.atomic_write import atomic_write
from zoo.inspection import all_layers
from zoo.regular_files import check_regular
from zoo.regular_files import read_json
from zoo.training.evaluation import provenance
from zoo.training.evaluation.engine.same_model import layer_options
from zoo.training.evaluation.planned_attack import PlannedAttack
from zoo.training.evaluation.results.image_results import ImageResults
from zoo.weights.digests import arrays_digest
from zoo.weights.digests import weights_digest

_RUN = "run.json"
_DAMAGED = (EOFError, OSError, ValueError, zipfile.BadZipFile, zlib.error)
"""What reading a damaged `.npz` file raises, one that is pickled too."""


class Journal:
    """Keeps the results of finished batches in a folder.

    `run.json` describes the evaluation. Each batch is one `.npz` file, named
    after the number of its pass over the images and its own. A file appears
    whole or not at all, so the folder is in order whenever the process ends.

    Args:
        folder: Made if missing.
        fingerprint: All that the results depend on, as values that JSON
            can hold.
        date: When the evaluation began, if the folder is new.
        commit: Of the sources that it began with, if the folder is new.

    Raises:
        OSError: If the folder cannot be read or written.
        ValueError: If the folder holds another evaluation.
    """

    def __init__(
        self,
        folder: str | os.PathLike,
        fingerprint: Mapping[str, Any],
        *,
        date: str,
        commit: str | None,
    ):
        self._folder = pathlib.Path(folder)
        fingerprint = json.loads(json.dumps(fingerprint))
        run = self.begun(folder)
        if run is not None:
            _check_same(folder, run["fingerprint"], fingerprint)
        else:
            run = {"date": date, "commit": commit, "fingerprint": fingerprint}
            with atomic_write(self._folder / _RUN) as temporary:
                text = json.dumps(run, indent=2)
                temporary.write_text(text + "\n", encoding="utf-8")
        self.date = run["date"]
        self.commit = run["commit"]

    @staticmethod
    def begun(folder: str | os.PathLike) -> dict[str, Any] | None:
        """Returns the date, commit and fingerprint that a folder holds.

        Returns:
            `None` if it holds no evaluation.

        Raises:
            OSError: If the folder cannot be read.
            ValueError: If its `run.json` is not of an evaluation.
        """
        path = pathlib.Path(folder) / _RUN
        if pathlib.Path(folder).is_file():
            raise NotADirectoryError(
                f"resume must be a folder. Received: the file {folder}"
            )
        if not path.exists():
            return None
        run = read_json(path, dict)
        kinds = {"date": str, "commit": str | None, "fingerprint": dict}
        wrong = [
            name
            for name, kind in kinds.items()
            if name not in run or not isinstance(run[name], kind)
        ]
        if wrong:
            raise ValueError(
                f"{path} must be the run.json of an evaluation. "
                f"Received: {wrong[0]}={run.get(wrong[0])!r:.100}"
            )
        return run

    def read(
        self, number: int, indices: np.ndarray, *, batch_size: int, draws: int
    ) -> list[ImageResults]:
        """Returns the results of a pass's finished batches, in order.

        Args:
            number: Of the pass.
            indices: Positions of its images, which fill the batches in order.
            batch_size: Images in a batch.
            draws: Rows of `correct`.

        Raises:
            OSError: If a file cannot be read.
            ValueError: If a file is no such batch, or there is one too many.
        """
        batches = []
        for start in range(0, len(indices), batch_size):
            path = self._path(number, len(batches))
            if not path.exists():
                return batches
            batch = indices[start : start + batch_size]
            batches.append(_read_batch(path, batch, draws))
        path = self._path(number, len(batches))
        if path.exists():
            raise ValueError(
                f"The run has {len(batches)} batches in pass {number}; remove "
                f"others from the folder. Received: {path}"
            )
        return batches

    def write(self, number: int, batch: int, results: ImageResults) -> None:
        """Adds the results of a pass's next batch."""
        fields = {
            field.name: getattr(results, field.name)
            for field in dataclasses.fields(results)
        }
        with atomic_write(self._path(number, batch)) as temporary:
            np.savez(temporary, **fields)

    def _path(self, number, batch):
        return self._folder / f"{number:02d}-{batch:05d}.npz"


def _read_batch(path, indices, draws) -> ImageResults:
    """Reads a batch of the images at `indices`, and of no others."""
    check_regular(path)
    shapes = {
        field.name: (len(indices),)
        for field in dataclasses.fields(ImageResults)
    }
    shapes |= {"correct": (draws, len(indices)), "seconds": ()}
    # Arrays of these shapes, and their headers.
    most = sum(math.prod(shape) * 8 + 2**10 for shape in shapes.values())
    try:
        with zipfile.ZipFile(path) as archive:
            size = sum(member.file_size for member in archive.infolist())
        fields = {}
        if size <= most:
            with np.load(path) as arrays:
                fields = dict(arrays)
    except _DAMAGED as error:
        raise _no_batch(path, "a damaged file") from error
    if {name: np.shape(array) for name, array in fields.items()} != shapes:
        raise _no_batch(path, "arrays of other names or shapes")
    if not np.array_equal(fields["indices"], indices):
        raise _no_batch(path, "results of other images")
    if fields["correct"].dtype != bool:
        raise _no_batch(path, f"correct of type {fields['correct'].dtype}")
    for name in shapes.keys() - {"correct", "indices"}:
        values = fields[name]
        if values.dtype.kind != "f" or not np.all(
            np.isfinite(values) & (values >= 0)
        ):
            raise _no_batch(path, f"{name} that is not finite and 0 or more")
    seconds = float(fields.pop("seconds"))
    return ImageResults(**fields, seconds=seconds)


def _no_batch(path, received) -> ValueError:
    return ValueError(
        f"{path} must be a batch of this evaluation; remove it to measure it "
        f"again. Received: {received}"
    )


def _check_same(folder, found, given):
    different = [
        f"{name} was {found.get(name)!r}, now {given.get(name)!r}"
        for name in {**found, **given}
        if found.get(name) != given.get(name)
    ]
    if different:
        raise ValueError(
            "resume must be a new folder, or that of the same run. Received: "
            f"resume={os.fspath(folder)!r}, of another run: "
            f"{'; '.join(different)}"
        )


def fingerprint(
    model: keras.Model,
    attacked: keras.layers.Layer,
    images: np.ndarray,
    labels: np.ndarray,
    planned_attacks: Sequence[PlannedAttack],
    sanity_attacks: Sequence[PlannedAttack] = (),
) -> dict[str, Any]:
    """Returns what two evaluations must share to have equal results.

    The evaluation adds its own options.

    Args:
        model: Scores the images.
        attacked: What the attacks are run on.
        images: All of them, clean.
        labels: Their classes.
        planned_attacks: The attacks.
        sanity_attacks: The attacks that test whether numbers can be trusted.
    """
    sources = [
        [weights_digest(source), _layers_digest(source)]
        for planned in planned_attacks
        for source in planned.sources
    ]
    return {
        "weights": weights_digest(model),
        "layers": _layers_digest(model),
        "attacked weights": weights_digest(attacked),
        "attacked layers": _layers_digest(attacked),
        "data": arrays_digest([images, labels]),
        "attacks": [planned.text for planned in planned_attacks],
        **({"sources": sources} if sources else {}),
        **(
            {"sanity_attacks": [one.text for one in sanity_attacks]}
            if sanity_attacks
            else {}
        ),
        "versions": provenance.versions(),
    }


def _layers_digest(model):
    """Returns the SHA-256 of the layers' classes, precisions and options.

    Weights alone would not show the options of a defense without weights.
    Names don't count, since Keras numbers them on in one process; so how
    layers are connected doesn't count either.
    """
    layers = [
        [type(layer).__name__, layer.dtype_policy.name, layer_options(layer)]
        for layer in all_layers(model)
    ]
    text = json.dumps(layers, sort_keys=True)
    return hashlib.sha256(text.encode()).hexdigest()
