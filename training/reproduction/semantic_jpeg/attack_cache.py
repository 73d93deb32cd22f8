"""Attacked images that are kept, so that a reproduction continues."""

import dataclasses
import functools
import hashlib
import re
from collections.abc import Mapping
from typing import Any

import keras
import numpy as np
from keras import ops

import zoo
from zoo.atomic_write import atomic_write
from zoo.inspection import explanation
from zoo.inspection import is_stochastic
from zoo.layers import QualityMap
from zoo.models.semantic_jpeg import combine
from zoo.training import attacks
from zoo.training import datasets
from zoo.training.evaluation import provenance
from zoo.training.evaluation.engine.progress import step_progress
from zoo.training.evaluation.engine.randomness import owned_randomness
from zoo.training.reproduction.exhibit_provenance import provenance_of
from zoo.training.reproduction.semantic_jpeg import paper
from zoo.training.reproduction.semantic_jpeg.file_sizes import FileSizes
from zoo.training.reproduction.semantic_jpeg.file_sizes import nearest_quality
from zoo.training.reproduction.semantic_jpeg.settings import Settings
from zoo.weights.digests import weights_digest

NONE = "no defense"
MSROI = "MSROI"
AUGMENTED = "Aug-MSROI"
MATCHED_MSROI = "MSROI, matched"
MATCHED_AUGMENTED = "Aug-MSROI, matched"
MATCHED = {MATCHED_MSROI: MSROI, MATCHED_AUGMENTED: AUGMENTED}
"""Those of a lower highest quality, and whose map they follow."""

SEMANTIC = (MSROI, AUGMENTED, *MATCHED)
EQUAL = "JPEG of equal bytes"
ROUNDED = "8-bit pixels"
"""Pixels rounded as any file of a picture rounds them, and no more."""

CLEAN = "clean"
ON_NETWORK = "bim_on_msroi"
"""IGSM on the MSROI network's own classes, which its map depends on."""


@dataclasses.dataclass(frozen=True)
class Examples:
    """Test images with their objects.

    Args:
        images: `(images, height, width, channels)` in [0, 1].
        labels: `(images,)`.
        masks: Whether a pixel is the object's, `(images, height, width)`.
        backgrounds: Names of the photographs behind, `(images,)`.
    """

    images: np.ndarray
    labels: np.ndarray
    masks: np.ndarray
    backgrounds: np.ndarray


class AttackCache:
    """Loads the networks, attacks them and predicts, each once.

    Args:
        settings: Say what to attack and where attacked images are kept.

    Raises:
        ValueError: If a network has no weights.
    """

    def __init__(self, settings: Settings):
        self.settings = settings
        self.classifier = _load(paper.CLASSIFIER, settings)
        self.network = _load(paper.NETWORK, settings)
        self.attacks = _attacks(settings)
        self._commits = {provenance.commit() or "unknown"}
        self._predicted = {}
        self._matched = {}
        self._qualities = {}

    @functools.cached_property
    def examples(self) -> Examples:
        """The first test images."""
        settings = self.settings
        rows = datasets.load_features(
            settings.data, "test", data_dir=settings.data_dir
        ).take(settings.limit)
        rows = list(rows.as_numpy_iterator())
        return Examples(
            np.stack([row["image"] for row in rows]).astype("float32") / 255,
            np.array([row["label"] for row in rows]),
            np.stack([row["mask"][..., 0] for row in rows]) >= 128,
            np.array([row["background"].decode() for row in rows]),
        )

    @functools.cached_property
    def sizes(self) -> FileSizes:
        """The sizes of the clean images' files."""
        return FileSizes(self.examples.images)

    @functools.cached_property
    def equal_quality(self) -> int:
        """Quality at which plain JPEG's files are as large as Aug-MSROI's."""
        wanted = self.sizes.of_maps(self.quality_maps(AUGMENTED)).mean()
        return nearest_quality(
            lambda quality: self.sizes.plain(quality).mean(), wanted
        )

    @functools.cached_property
    def defenses(self) -> Mapping[str, keras.Model]:
        """The models that are compared, the undefended one first."""
        settings = self.settings
        plain = {
            plain_jpeg(quality): zoo.defend(
                self.classifier, "jpeg", quality=quality
            )
            for quality in sorted({*settings.qualities, settings.match_quality})
        }
        equal = zoo.defend(self.classifier, "jpeg", quality=self.equal_quality)
        semantic = {name: self.semantic(name) for name in SEMANTIC}
        return {
            NONE: self.classifier,
            ROUNDED: _rounding(self.classifier),
            **plain,
            EQUAL: equal,
            **semantic,
        }

    def highest_quality(self, name: str) -> int:
        """Returns the quality of the most salient blocks.

        In one of `MATCHED` it is that at which the clean images' files are as
        large in the mean as plain JPEG's of the settings' `match_quality`.

        Args:
            name: One of `SEMANTIC`.
        """
        settings = self.settings
        if name not in MATCHED:
            return settings.max_quality
        if name not in self._matched:
            explain = explanation(self.semantic(MATCHED[name]))
            found = self.run(explain, self.examples.images, name)["saliency"]

            def size(highest: int) -> float:
                qualities = QualityMap(settings.min_quality, highest)(found)
                return self.sizes.of_maps(np.asarray(qualities)).mean()

            self._matched[name] = nearest_quality(
                size,
                self.sizes.plain(settings.match_quality).mean(),
                lowest=settings.min_quality,
            )
        return self._matched[name]

    def semantic(self, name: str, **options: Any) -> keras.Model:
        """Returns the classifier behind semantic JPEG.

        Args:
            name: One of `SEMANTIC`.
            options: Further options of `zoo.models.semantic_jpeg.combine`.
        """
        settings = self.settings
        return combine(
            self.classifier,
            self.network,
            augmented=MATCHED.get(name, name) == AUGMENTED,
            draws=settings.map_draws,
            noise=settings.noise,
            min_quality=settings.min_quality,
            max_quality=self.highest_quality(name),
            seed=settings.seed,
            name=slug(name),
            **options,
        )

    def quality_maps(self, name: str) -> np.ndarray:
        """Returns the clean images' qualities, one a block, at one draw.

        Args:
            name: One of `SEMANTIC`.

        Returns:
            `(images, rows, columns)`.
        """
        if name not in self._qualities:
            explain = explanation(self.semantic(name))
            found = self.run(explain, self.examples.images, name)
            self._qualities[name] = found["quality"]
        return self._qualities[name]

    def attacked(
        self, attack: str, *, images: np.ndarray | None = None
    ) -> np.ndarray:
        """Attacks images, or reads those that were attacked before.

        Args:
            attack: A key of `attacks`, or `CLEAN`.
            images: Images to attack, with the classifier's own verdicts for
                labels; `None` for the test images with theirs.
        """
        if attack == CLEAN:
            return self.examples.images if images is None else images
        if images is None:
            images, labels = self.examples.images, self.examples.labels
        else:
            logits = self.run(self.classifier, images, "labels")
            labels = logits.argmax(-1)
        size = self.settings.batch_size
        batches = []
        with step_progress(attack, enabled=self.settings.progress) as progress:
            for start in range(0, len(images), size):
                part = slice(start, start + size)
                batches.append(
                    self._attacked(attack, images[part], labels[part])
                )
                progress(start + len(batches[-1]), len(images))
        return np.concatenate(batches)

    def _attacked(self, name, images, labels):
        source, attack = self.attacks[name]
        model = {"classifier": self.classifier, "network": self.network}[source]
        made_by = hashlib.sha256(
            f"{attack!r} {weights_digest(model)} {labels.tolist()}".encode()
        )
        made_by.update(np.ascontiguousarray(images).tobytes())
        file_name = f"{name}-{made_by.hexdigest()[:16]}.npz"
        path = self.settings.workdir / "attacked" / file_name
        if not path.exists():
            adversarial = np.asarray(attack(model, images, labels))
            with atomic_write(path) as temporary, temporary.open("wb") as file:
                np.savez_compressed(
                    file,
                    change=adversarial - images,
                    commit=provenance.commit() or "unknown",
                )
        with np.load(path) as kept:
            self._commits.add(str(kept["commit"]))
            return np.clip(images + kept["change"], 0, 1)

    def probabilities(self, defense: str, attack: str) -> np.ndarray:
        """Returns `(draws, images, classes)` of the test images, attacked."""
        key = defense, attack
        if key not in self._predicted:
            model = self.defenses[defense]
            draws = self.settings.draws if is_stochastic(model) else 1
            images = self.attacked(attack)
            self._predicted[key] = np.stack(
                [
                    _softmax(
                        self.run(model, images, f"{defense} {attack} {draw}")
                    )
                    for draw in range(draws)
                ]
            )
        return self._predicted[key]

    def accuracy(self, defense: str, attack: str) -> float:
        """Returns the mean over images and draws."""
        predicted = self.probabilities(defense, attack).argmax(-1)
        return float(np.mean(predicted == self.examples.labels))

    def run(self, model: keras.Model, images: np.ndarray, text: str) -> Any:
        """Predicts, with noise that depends on seed and text alone."""
        with owned_randomness([model], self.settings.seed) as reseed:
            reseed(text, 0)
            return model.predict(
                images, batch_size=self.settings.batch_size, verbose=0
            )

    def provenance(self) -> dict[str, Any]:
        """Returns what an exhibit was measured with.

        The commits include those at which the attacked images were made.
        """
        models = {
            paper.CLASSIFIER: self.classifier,
            paper.NETWORK: self.network,
        }
        return {
            **provenance_of(self.settings, self._commits, models=models),
            "attacks": {
                name: repr(attack) for name, (_, attack) in self.attacks.items()
            },
            "exact_files": self.sizes.exact,
        }


def plain_jpeg(quality: int) -> str:
    """Returns what plain JPEG of a quality is called."""
    return f"JPEG of quality {quality}"


def slug(name: str) -> str:
    """Returns a defense's name as a file or a layer may be called."""
    return re.sub(r"\W+", "_", name.lower())


def _rounding(classifier: keras.Model) -> keras.Model:
    images = keras.Input(classifier.input_shape[1:])
    return keras.Model(images, classifier(ops.round(255 * images) / 255))


def _load(name: str, settings: Settings) -> keras.Model:
    if settings.weights is not None:
        return zoo.load(name, weights=settings.weights / f"{name}.weights.h5")
    return zoo.load(name)


def _attacks(settings: Settings) -> dict[str, tuple[str, attacks.Attack]]:
    """Returns the attacks, and the network that each is made on."""
    eps = settings.eps
    on_classifier = {
        "gradient": attacks.gradient(steps=100),
        "fgsm": attacks.fgsm(eps=eps),
        "bim": attacks.bim(eps=eps),
        "deepfool": attacks.deepfool(),
        "jsma": attacks.jsma(gamma=settings.gamma),
        "lbfgs": attacks.lbfgs(steps=20, binary_search_steps=3),
    }
    made = {
        name: ("classifier", attack) for name, attack in on_classifier.items()
    }
    return made | {ON_NETWORK: ("network", attacks.bim(eps=eps))}


def _softmax(logits: np.ndarray) -> np.ndarray:
    exponentials = np.exp(logits - logits.max(-1, keepdims=True))
    return exponentials / exponentials.sum(-1, keepdims=True)
