"""Networks of the sweep of alpha: each trained, attacked and kept once."""

import contextlib
import dataclasses
import hashlib
import json
import sys
from pathlib import Path
from typing import Any

import keras

from zoo import models
from zoo.atomic_write import atomic_write
from zoo.regular_files import read_json
from zoo.training.evaluation import provenance
from zoo.training.recipes import rendered_signs
from zoo.training.recipes.rendered_signs import Recipe
from zoo.training.recipes.stages import run_stages
from zoo.training.reproduction.blurnet.alpha_penalties import PENALTIES
from zoo.training.reproduction.blurnet.settings import Settings
from zoo.training.reproduction.blurnet.sticker_cache import StickerCache
from zoo.training.reproduction.blurnet.table_2 import sticker_success
from zoo.weights import load_weights

BASELINE = "baseline"

PLAIN = "RP2"
"""Name of the attack that knows nothing of the defense but its gradient."""


class AlphaPoints:
    """Trains networks under a penalty and measures them, each once.

    Args:
        settings: Of the reproduction. Its `alpha_` options take the places of
            the tables' targets, views and steps.
    """

    def __init__(self, settings: Settings):
        self._settings = settings
        self._folder = settings.workdir / "alpha"
        self.cache = StickerCache(
            dataclasses.replace(
                settings,
                weights=None,
                workdir=self._folder / "stickers",
                targets=settings.sweep_targets,
                views=settings.alpha_views,
                steps=settings.alpha_steps,
            )
        )
        self.commits = {provenance.commit() or "unknown"}
        """Commits of the sources that measured, and of these."""

    def point(
        self, penalty: str, alpha: float | None, seed: int
    ) -> dict[str, Any]:
        """Returns what one network achieves, measured now or before.

        Args:
            penalty: A name of `PENALTIES`, or `BASELINE`.
            alpha: Its strength; `None` for the baseline.
            seed: Of the training.

        Returns:
            `accuracy` on the test split, `sign_accuracy` on the signs'
            held-out views, and the `success` of each attack, as
            `sticker_success` gives it.
        """
        name = penalty if alpha is None else f"{penalty}-{alpha:g}"
        path = self._path(name, seed)
        if not path.exists():
            found = self._measure(penalty, alpha, seed, name)
            keras.utils.clear_session()  # Graphs of dozens of networks.
            with atomic_write(path) as temporary:
                text = json.dumps(found, indent=2, allow_nan=False)
                temporary.write_text(text + "\n", "utf-8")
        found = read_json(path, dict)
        self.commits.add(found.pop("commit"))
        return found

    def _path(self, name: str, seed: int) -> Path:
        """Names a point by all that it depends on."""
        made_by = dataclasses.asdict(self._recipe(seed)) | {
            key: value
            for key, value in self.cache.settings.to_dict().items()
            if not key.startswith("alpha_")
        }
        text = json.dumps(made_by, sort_keys=True)
        digest = hashlib.sha256(text.encode()).hexdigest()[:16]
        return self._folder / f"{name}-{seed}-{digest}.json"

    def _recipe(self, seed):
        return Recipe(
            epochs=self._settings.alpha_epochs,
            batch_size=self._settings.alpha_batch_size,
            seed=seed,
        )

    def _measure(self, penalty, alpha, seed, name) -> dict[str, Any]:
        model = _build(penalty, alpha)
        load_weights(model, self._trained(penalty, alpha, seed, name))
        settings, cache = self._settings, self.cache
        variants = {
            PLAIN: {},
            "low frequencies": {"frequencies": settings.frequencies},
        }
        if penalty == "tv_maps":
            # RP2 adds the model's penalty, which alpha is a factor of.
            weight = settings.defense_weight / alpha
            variants["defender's penalty"] = {"defense_weight": weight}
        title = f"{name}, training {seed}"
        with cache.holding(title, model):
            return {
                "accuracy": cache.legitimate_accuracy(model),
                "sign_accuracy": cache.sign_accuracy(model),
                "success": {
                    kind: sticker_success(cache, title, **options)
                    for kind, options in variants.items()
                },
                "commit": provenance.commit() or "unknown",
            }

    def _trained(self, penalty, alpha, seed, name) -> Path:
        """Returns the weights; after an interruption, training continues."""
        recipe = self._recipe(seed)

        def run(stage: str, workdir: Path) -> keras.Model:
            model = _build(penalty, alpha)
            rendered_signs.fit(
                model,
                stage,
                recipe,
                workdir,
                data_dir=self._settings.data_dir,
            )
            return model

        kind = f"{recipe.epochs}_epochs-batch_{recipe.batch_size}-seed_{seed}"
        # Keras reports epochs on standard output, which is for the results.
        with contextlib.redirect_stdout(sys.stderr):
            return run_stages(
                run, recipe, self._folder / kind, stages=[name], known=[name]
            )[name]


def _build(penalty, alpha):
    if penalty == BASELINE:
        return models.lisa_cnn()
    return models.blurnet(**PENALTIES[penalty].build_options(alpha))
