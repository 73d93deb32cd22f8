"""Stickers that are kept, so that an interrupted reproduction continues."""

import contextlib
import functools
from collections.abc import Iterator
from collections.abc import Sequence
from typing import Any

import keras
import numpy as np

import zoo
from zoo.training import datasets
from zoo.training.attacks.rp2 import Sticker
from zoo.training.attacks.rp2 import masks
from zoo.training.datasets.arrays import gather_examples
from zoo.training.evaluation.sticker_folder import StickerFolder
from zoo.training.evaluation.stickers import SignViews
from zoo.training.evaluation.stickers import StickerScores
from zoo.training.reproduction.blurnet import paper
from zoo.training.reproduction.blurnet.settings import Settings
from zoo.training.reproduction.exhibit_provenance import provenance_of

SIZE = 32
"""Pixels along a side of a view."""

DATA = "rendered_signs/crops32"


class StickerCache:
    """Loads models, makes stickers on them and scores these, each once.

    Args:
        settings: Say what to attack and where finished stickers are kept.
    """

    def __init__(self, settings: Settings):
        self.settings = settings
        first = settings.seed
        self.seeds = range(first, first + settings.seeds)
        self._signs = {
            seed: SignViews(
                settings.sign, count=settings.views, seed=seed, size=SIZE
            )
            for seed in self.seeds
        }
        self._models = {}
        self.missing = (
            "not published" if settings.weights is None else "no weights given"
        )
        """What a table says of a preset without weights."""
        self._check_weights()
        self._folder = StickerFolder(
            settings.workdir, progress=settings.progress
        )

    def model(self, name: str) -> keras.Model | None:
        """Returns a preset, loaded once; `None` if it has no weights."""
        if name not in self._models:
            self._models[name] = self._load(name)
        return self._models[name]

    @contextlib.contextmanager
    def holding(self, name: str, model: keras.Model) -> Iterator[None]:
        """Takes a model that is no preset, inside the block, as `name`."""
        self._models[name] = model
        try:
            yield
        finally:
            del self._models[name]

    def _load(self, name):
        folder = self.settings.weights
        if folder is not None:
            path = folder / f"{name}.weights.h5"
            return zoo.load(name, weights=path) if path.exists() else None
        return zoo.load(name) if zoo.info(name).trained else None

    def _check_weights(self):
        folder = self.settings.weights
        names = {*paper.BLACK_BOX, *paper.WHITE_BOX}
        if folder is not None and not any(
            (folder / f"{name}.weights.h5").exists() for name in names
        ):
            raise ValueError(
                "The folder must hold a preset's weights, such as "
                f"{paper.BASELINE}.weights.h5. Received: weights={folder}"
            )

    def sign(self, seed: int) -> SignViews:
        """Returns the sign of a seed, with its views."""
        return self._signs[seed]

    def mask(self, seed: int) -> np.ndarray:
        """Returns the mask of stickers on a sign."""
        whole = masks.by_name[self.settings.mask](SIZE, SIZE)
        return self.sign(seed).on_plate(whole)

    def described(self) -> str:
        """Returns sentences that say how stickers are made."""
        settings, count = self.settings, len(self.settings.target_labels)
        return (
            f"Signs: {settings.seeds} of {settings.sign}, one design in "
            "several states of wear, each with views and starts of its own; "
            f"{settings.views} views to make a sticker on and as many others "
            f"to test it on; {count} targets. RP2: {settings.steps} steps of "
            f"Adam of {settings.step_size:g}, lambda {settings.lambda_:g}, "
            f"mask `{settings.mask}`, {self.mask(settings.seed).sum()} pixels "
            f"of the sign's {SIZE}x{SIZE}."
        )

    def stickers(self, name: str, seed: int, **adaptive: Any) -> list[Sticker]:
        """Makes a sticker for each target, or reads those made before.

        Args:
            name: Preset to make them on; it must have weights.
            seed: Seed of the sign, its views and the start.
            adaptive: Further options of `rp2`.
        """
        settings = self.settings
        return self._folder.stickers(
            name,
            self.model(name),
            self.sign(seed),
            settings.target_labels,
            mask=self.mask(seed),
            options={
                "steps": settings.steps,
                "step_size": settings.step_size,
                "lambda_": settings.lambda_,
                "seed": seed,
                **adaptive,
            },
            made_for={
                "sign": settings.sign,
                "views": settings.views,
                "mask": settings.mask,
            },
        )

    def score(
        self, model: keras.Model, stickers: Sequence[Sticker], seed: int
    ) -> StickerScores:
        """Scores stickers on the sign's held-out views."""
        return self.sign(seed).score(model, stickers)

    def sign_accuracy(self, model: keras.Model) -> float:
        """Returns the accuracy on the signs' held-out views."""
        label = self.settings.label
        return float(
            np.mean([s.accuracy(model, label) for s in self._signs.values()])
        )

    def legitimate_accuracy(self, model: keras.Model) -> float:
        """Returns the accuracy on the data set's test images."""
        images, labels = self._test
        logits = model.predict(images, batch_size=256, verbose=0)
        return float(np.mean(logits.argmax(axis=-1) == labels))

    @functools.cached_property
    def _test(self):
        test = datasets.load(DATA, data_dir=self.settings.data_dir)
        return gather_examples(test.batch(256), limit=self.settings.limit)

    def provenance(self, *names: str) -> dict[str, Any]:
        """Returns what an exhibit was measured with.

        The commits include those at which its stickers were made.

        Args:
            names: Presets that were measured.
        """
        models = {name: self.model(name) for name in names}
        known = {n: model for n, model in models.items() if model is not None}
        return provenance_of(self.settings, self._folder.commits, models=known)
