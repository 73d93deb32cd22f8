"""Stickers that are kept, so that an interrupted run continues."""

import hashlib
import json
from collections.abc import Mapping
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import keras
import numpy as np

from zoo.atomic_write import atomic_write
from zoo.training.attacks.rp2 import Sticker
from zoo.training.attacks.rp2 import rp2
from zoo.training.evaluation import provenance
from zoo.training.evaluation.engine.progress import step_progress
from zoo.training.evaluation.stickers import SignViews
from zoo.weights.digests import weights_digest


class StickerFolder:
    """Makes stickers by RP2, each once.

    Args:
        folder: Where finished stickers are kept, made if missing. Stickers of
            other options, signs or weights lie beside them. `None` keeps
            none.
        progress: Whether to draw progress bars.
    """

    def __init__(self, folder: Path | None, *, progress: bool):
        self._folder = folder
        self._progress = progress
        self.commits = {provenance.commit() or "unknown"}
        """Commits of the sources that made the stickers, and of these."""

    def stickers(
        self,
        name: str,
        model: keras.Model,
        sign: SignViews,
        targets: Sequence[int],
        *,
        mask: np.ndarray,
        options: Mapping[str, Any],
        made_for: Mapping[str, Any],
    ) -> list[Sticker]:
        """Makes a sticker for each target, or reads those made before.

        Args:
            name: The model's name.
            model: Maps the views to logits.
            sign: The sign with its views.
            targets: Classes that the stickers imitate.
            mask: Where on the sign's plane they are.
            options: Further options of `rp2`, as values that JSON can hold;
                the sign's seed is among them.
            made_for: What tells sign and mask from others, as values that
                JSON can hold.
        """
        if self._folder is None:
            return self._make(name, model, sign, targets, mask, options)
        made_by = {
            "options": dict(options),
            "weights": weights_digest(model),
            "targets": list(targets),
            **made_for,
        }
        text = json.dumps(made_by, sort_keys=True)
        digest = hashlib.sha256(text.encode()).hexdigest()[:16]
        path = self._folder / f"{name}-{options['seed']}-{digest}.npz"
        if not path.exists():
            made = self._make(name, model, sign, targets, mask, options)
            with atomic_write(path) as temporary, temporary.open("wb") as file:
                np.savez_compressed(
                    file,
                    delta=[sticker.delta for sticker in made],
                    loss=[sticker.history["loss"] for sticker in made],
                    success=[sticker.history["success"] for sticker in made],
                    commit=provenance.commit() or "unknown",
                )
        with np.load(path) as kept:
            self.commits.add(str(kept["commit"]))
            rows = zip(
                *(kept[key] for key in ("delta", "loss", "success")),
                strict=True,
            )
            return [
                Sticker(delta, mask, target, {"loss": loss, "success": success})
                for target, (delta, loss, success) in zip(
                    targets, rows, strict=True
                )
            ]

    def _make(self, name, model, sign, targets, mask, options):
        unusual = options.keys() - {"steps", "step_size", "lambda_", "seed"}
        title = [name, f"sign {options['seed']}", *sorted(unusual)]
        with step_progress(
            ", ".join(title), enabled=self._progress
        ) as progress:
            attack = rp2(mask=mask, **options)
            return sign.make(attack, model, targets, progress)
