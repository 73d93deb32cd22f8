"""What an evaluation that may be killed has done so far."""

import dataclasses
import hashlib
import json
import os
import pathlib
from collections.abc import Mapping
from collections.abc import Sequence
from typing import Any

import keras
import numpy as np

from zoo.atomic_write import atomic_write
from zoo.inspection import all_layers
from zoo.training.evaluation import provenance
from zoo.training.evaluation.engine.same_model import layer_options
from zoo.training.evaluation.planned_attack import PlannedAttack
from zoo.training.evaluation.results.image_results import ImageResults
from zoo.weights.digests import arrays_digest
from zoo.weights.digests import weights_digest

_RUN = "run.json"


class Journal:
    """Keeps the outcomes of finished batches in a folder.

    `run.json` says which run they are of; each batch is one `.npz` file,
    named after the number of its phase and its own. Every file appears whole
    or not at all, so the folder is in order whenever the process ends.

    Args:
        folder: Made if missing.
        fingerprint: All that the outcomes depend on, as values that JSON
            can hold.
        date: When the run began, unless the folder knows.
        commit: Of the sources it began with, likewise.

    Raises:
        OSError: If the folder cannot be read or written.
        ValueError: If the folder holds another run.
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
        """Returns date, commit and fingerprint of a folder's run, if any.

        Raises:
            OSError: If the folder cannot be read.
        """
        path = pathlib.Path(folder) / _RUN
        if pathlib.Path(folder).is_file():
            raise NotADirectoryError(
                f"resume must be a folder. Received: the file {folder}"
            )
        if not path.exists():
            return None
        return json.loads(path.read_text(encoding="utf-8"))

    def read(self, phase: int) -> list[ImageResults]:
        """Returns the outcomes of a phase's finished batches, in order."""
        outcomes = []
        while (path := self._path(phase, len(outcomes))).exists():
            with np.load(path) as arrays:
                fields = dict(arrays)
            seconds = float(fields.pop("seconds"))
            outcomes.append(ImageResults(**fields, seconds=seconds))
        return outcomes

    def write(self, phase: int, batch: int, outcome: ImageResults) -> None:
        """Adds the outcome of a phase's next batch."""
        fields = {
            field.name: getattr(outcome, field.name)
            for field in dataclasses.fields(outcome)
        }
        with atomic_write(self._path(phase, batch)) as temporary:
            np.savez(temporary, **fields)

    def _path(self, phase, batch):
        return self._folder / f"{phase:02d}-{batch:05d}.npz"


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
    phases: Sequence[PlannedAttack],
    sanity_attacks: Sequence[PlannedAttack] = (),
) -> dict[str, Any]:
    """Returns what must be equal for two runs to have equal outcomes.

    The evaluation's own options come on top.

    Args:
        model: Scores the images.
        attacked: What the attacks are run on.
        images: All of them, clean.
        labels: Their classes.
        phases: The attacks.
        sanity_attacks: Those that test the numbers' trustworthiness.
    """
    sources = [
        [weights_digest(source), _layers_digest(source)]
        for phase in phases
        for source in phase.sources
    ]
    return {
        "weights": weights_digest(model),
        "layers": _layers_digest(model),
        "attacked weights": weights_digest(attacked),
        "attacked layers": _layers_digest(attacked),
        "data": arrays_digest([images, labels]),
        "attacks": [phase.text for phase in phases],
        **({"sources": sources} if sources else {}),
        **(
            {"sanity_attacks": [s.text for s in sanity_attacks]}
            if sanity_attacks
            else {}
        ),
        "versions": provenance.versions(),
    }


def _layers_digest(model):
    """Returns the SHA-256 of the layers' classes, precisions and options.

    A defense may have no weights to tell its options by. Names don't count,
    and so neither does how models connect their layers: Keras numbers names
    on in one process.
    """
    layers = [
        [type(layer).__name__, layer.dtype_policy.name, layer_options(layer)]
        for layer in all_layers(model)
    ]
    text = json.dumps(layers, sort_keys=True)
    return hashlib.sha256(text.encode()).hexdigest()
