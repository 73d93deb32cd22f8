"""The networks, the test images, and measurements that are kept."""

import dataclasses
import functools
import hashlib
import json
from collections.abc import Sequence
from typing import Any

import keras
import numpy as np
import tensorflow as tf

import zoo
from zoo.atomic_write import atomic_write
from zoo.loading import dtype_policy
from zoo.training import attacks
from zoo.training import datasets
from zoo.training import evaluation
from zoo.training.attacks.iterative_fgsm import step_until_fooled
from zoo.training.datasets.arrays import gather_examples
from zoo.training.evaluation import provenance
from zoo.training.evaluation.engine.progress import step_progress
from zoo.training.reproduction.exhibit_provenance import provenance_of
from zoo.training.reproduction.minds_eye.paper import DIRECT
from zoo.training.reproduction.minds_eye.paper import TRIPLE
from zoo.training.reproduction.minds_eye.settings import Settings
from zoo.weights.digests import arrays_digest
from zoo.weights.digests import weights_digest

OBJECTS = 3
"""Classes that have an object; the next label is none's."""

_CHUNK = 4
"""Steps' batches of images that are attacked between two files."""


@dataclasses.dataclass(frozen=True)
class Flips:
    """Images that were changed grey level by grey level until they flipped.

    Args:
        originals: `(count, height, width, 1)`, uint8.
        images: The adversarial images, as they then were.
        labels: True classes.
        targets: Wanted classes.
        steps: Steps taken; at most `max_steps`.
        flipped: Whether the verdict is then the target.
        started_right: Whether the image itself is classified correctly.
    """

    originals: np.ndarray
    images: np.ndarray
    labels: np.ndarray
    targets: np.ndarray
    steps: np.ndarray
    flipped: np.ndarray
    started_right: np.ndarray

    @classmethod
    def joined(cls, parts: "Sequence[Flips]") -> "Flips":
        """Returns the images of all parts, one after the other."""
        names = [field.name for field in dataclasses.fields(cls)]
        return cls(
            **{
                name: np.concatenate([getattr(part, name) for part in parts])
                for name in names
            }
        )

    def only(self, keep: np.ndarray) -> "Flips":
        """Returns those images for which `keep` is true."""
        names = [field.name for field in dataclasses.fields(self)]
        return Flips(**{name: getattr(self, name)[keep] for name in names})

    @property
    def distortion(self) -> np.ndarray:
        """The paper's: root mean square of the change, of pixels in [0, 1]."""
        change = self.images.astype("float64") - self.originals
        return np.sqrt(np.mean(np.square(change / 255), axis=(1, 2, 3)))


class Networks:
    """Loads networks, attacks them and keeps the results.

    Args:
        settings: Give the test images, the weights and the folder for
            finished measurements.

    Raises:
        ValueError: If the direct network has no weights.
    """

    def __init__(self, settings: Settings):
        self.settings = settings
        self._commits = set()
        self._models = {}
        self._logits = {}
        if self.model(DIRECT) is None:
            raise ValueError(
                "The direct network must have weights: publish them, or give "
                f"a folder with {DIRECT}.weights.h5. "
                f"Received: weights={settings.weights}"
            )

    def model(self, name: str) -> keras.Model | None:
        """Returns a preset, loaded once; `None` if it has no weights."""
        if name not in self._models:
            self._models[name] = self._load(name)
        return self._models[name]

    def _load(self, name):
        folder = self.settings.weights
        if folder is not None:
            path = folder / f"{name}.weights.h5"
            return zoo.load(name, weights=path) if path.exists() else None
        return zoo.load(name) if zoo.info(name).trained else None

    def low_precision_copy(self, name: str) -> keras.Model:
        """Returns another of the preset, of the settings' policy."""
        with dtype_policy(self.settings.attack_policy):
            return self._load(name)

    @functools.cached_property
    def test(self) -> tuple[np.ndarray, np.ndarray]:
        """The test images, in [0, 1], and their labels."""
        settings = self.settings
        test = datasets.load(settings.data, data_dir=settings.data_dir)
        return gather_examples(test.batch(256), limit=settings.limit)

    def verdicts(
        self,
        name: str,
        threshold: float | None,
        images: np.ndarray | None = None,
    ) -> np.ndarray:
        """Returns the classes of images at a threshold.

        Args:
            name: Preset.
            threshold: Of a triple-staged network, else `None`.
            images: The test images if `None`, whose logits are kept.
        """
        if images is not None:
            logits = self._predict(name, images)
        else:
            if name not in self._logits:
                self._logits[name] = self._predict(name, self.test[0])
            logits = self._logits[name].copy()
        if threshold is not None:
            logits[:, OBJECTS] = _log_odds(threshold)
        return logits.argmax(axis=1)

    def _predict(self, name, images):
        batch_size = self.settings.batch_size
        return self.model(name).predict(images, batch_size, verbose=0)

    def false_positives(
        self, name: str, thresholds: Sequence[float | None]
    ) -> dict[float | None, Flips]:
        """Makes each object be taken for each of the other two.

        A step doesn't depend on the threshold, which only says when to stop.
        So images of one threshold go on to the next.

        Args:
            name: Preset.
            thresholds: Ascending; `(None,)` for direct networks.
        """
        return self._flips(name, tuple(thresholds), (1, 2))

    def false_negatives(
        self, name: str, thresholds: Sequence[float | None]
    ) -> dict[float | None, Flips]:
        """Makes each object be taken for none, at descending thresholds."""
        return self._flips(name, tuple(thresholds), None)

    def _flips(self, name, thresholds, offsets):
        settings = self.settings
        triple = thresholds != (None,)
        images, labels = self.test
        chosen = np.flatnonzero(labels < OBJECTS)
        chosen = chosen[: settings.triple_flips if triple else settings.flips]
        images, labels = images[chosen], labels[chosen]
        targets = np.full_like(labels, OBJECTS)
        if offsets is not None:
            images = np.repeat(images, len(offsets), axis=0)
            labels = np.repeat(labels, len(offsets))
            turns = np.tile(offsets, len(chosen))
            targets = (labels + turns) % OBJECTS
        graph = self._graph(name, triple)
        size = _CHUNK * settings.batch_size
        parts = []
        kind = "negatives" if offsets is None else "positives"
        with step_progress(
            f"false {kind}, {name}", enabled=settings.progress
        ) as progress:
            for start in range(0, len(images), size):
                part = slice(start, start + size)
                found = self._chunk(
                    f"{name}-{kind}-{start}",
                    name,
                    thresholds,
                    graph,
                    (images[part], labels[part], targets[part]),
                )
                parts.append(found)
                progress(min(start + size, len(images)), len(images))
        return {
            threshold: Flips.joined([found[threshold] for found in parts])
            for threshold in thresholds
        }

    def _graph(self, name, triple):
        """Returns the traced attack: images, targets, threshold -> images,
        steps, successes."""
        model, settings = self.model(name), self.settings

        @tf.function(autograph=False)
        def graph(images, targets, threshold):
            def logits(images):
                outputs = model(images, training=False)
                if not triple:
                    return outputs
                none = tf.zeros_like(outputs[:, :1]) + threshold
                return tf.concat([outputs[:, :OBJECTS], none], axis=1)

            return step_until_fooled(
                logits,
                images,
                targets,
                steps=settings.max_steps,
                loss="euclidean" if triple else "ce",
                targeted=True,
                at_once=settings.batch_size,
            )

        return graph

    def _chunk(self, title, name, thresholds, graph, examples):
        """Attacks some images, or reads what was found before."""
        images, labels, targets = examples
        settings = self.settings
        made_by = {
            "weights": weights_digest(self.model(name)),
            "thresholds": thresholds,
            "images": arrays_digest([images, targets]),
            "steps": settings.max_steps,
        }
        text = json.dumps(made_by, sort_keys=True)
        digest = hashlib.sha256(text.encode()).hexdigest()[:16]
        path = settings.workdir / "flips" / f"{title}-{digest}.npz"
        if not path.exists():
            path.parent.mkdir(parents=True, exist_ok=True)
            found = self._attack(graph, thresholds, images, targets)
            with atomic_write(path) as temporary, temporary.open("wb") as file:
                np.savez_compressed(
                    file, **found, commit=provenance.commit() or "unknown"
                )
        with np.load(path) as file:
            kept = dict(file)
        self._commits.add(str(kept["commit"]))
        return {
            threshold: Flips(
                originals=_grey_levels(images),
                images=kept["images"][place],
                labels=labels,
                targets=targets,
                steps=kept["steps"][place],
                flipped=kept["flipped"][place],
                started_right=self.verdicts(name, threshold, images) == labels,
            )
            for place, threshold in enumerate(thresholds)
        }

    def _attack(self, graph, thresholds, images, targets):
        """Returns what each threshold found, the images as grey levels."""
        settings = self.settings
        found = {"images": [], "steps": [], "flipped": []}
        current, taken = images, np.zeros(len(images), "int32")
        for threshold in thresholds:
            odds = 0.0 if threshold is None else _log_odds(threshold)
            current, steps, flipped = (
                output.numpy()
                for output in graph(
                    tf.constant(current),
                    tf.constant(targets, "int32"),
                    tf.constant(odds, "float32"),
                )
            )
            taken = taken + steps
            # The steps of all thresholds so far may be too many.
            in_time = taken <= settings.max_steps
            found["images"].append(_grey_levels(current))
            found["steps"].append(np.minimum(taken, settings.max_steps))
            found["flipped"].append(flipped & in_time)
        return found

    def measure(
        self, name: str, title: str, against: Sequence, **options: Any
    ) -> evaluation.Report:
        """Returns a preset's report on the first test images.

        Args:
            name: Preset.
            title: Names the folder of the finished batches.
            against: Attacks to run.
            options: Further options of `evaluation.evaluate`.
        """
        settings = self.settings
        images, labels = self.test
        report = evaluation.evaluate(
            self.model(name),
            (images[: settings.attack_limit], labels[: settings.attack_limit]),
            against,
            batch_size=settings.batch_size,
            seed=settings.seed,
            resume=settings.workdir / "evaluations" / f"{name}-{title}",
            progress=settings.progress,
            name=name,
            dataset_name=settings.data,
            **options,
        )
        self._commits.add(report.commit or "unknown")
        return report

    def pgd(self) -> attacks.Attack:
        """Returns PGD of the settings' radius."""
        settings = self.settings
        return attacks.pgd(eps=settings.eps, seed=settings.seed)

    def provenance(self, *names: str) -> dict[str, Any]:
        """Returns what an exhibit was measured with.

        The commits include those at which adversarial images were made.

        Args:
            names: Presets that were measured.
        """
        commits = self._commits or {provenance.commit() or "unknown"}
        models = {name: self.model(name) for name in names}
        return provenance_of(self.settings, commits, models=models)


def is_triple(name: str) -> bool:
    """Returns whether a preset is a triple-staged network."""
    return name.partition(".")[0] == TRIPLE


def _grey_levels(images):
    return np.round(images * 255).astype("uint8")


def _log_odds(threshold):
    return np.log(threshold) - np.log1p(-threshold)
