"""Robust physical perturbations."""

import dataclasses
from collections.abc import Callable
from collections.abc import Sequence

import keras
import numpy as np
import tensorflow as tf
from numpy.typing import ArrayLike

from zoo.inspection import input_shape
from zoo.training.attacks.parts.checks import checked_count
from zoo.training.attacks.parts.checks import checked_size
from zoo.training.attacks.rp2.checks import check_homographies
from zoo.training.attacks.rp2.checks import check_mask
from zoo.training.attacks.rp2.checks import check_palette
from zoo.training.attacks.rp2.checks import check_seed
from zoo.training.attacks.rp2.checks import check_seen
from zoo.training.attacks.rp2.checks import check_targets
from zoo.training.attacks.rp2.checks import check_victim
from zoo.training.attacks.rp2.descent import Adam
from zoo.training.attacks.rp2.descent import descend
from zoo.training.attacks.rp2.objective import PALETTE
from zoo.training.attacks.rp2.objective import Objective
from zoo.training.attacks.rp2.placing import Transformations
from zoo.training.attacks.rp2.sticker import Sticker
from zoo.validation import check_images

Progress = Callable[[int, int], None]
"""Called with the steps taken and the number of all steps."""

_CHUNK = 10  # Steps between two reports of progress.
_START = 2**31 - 1  # In place of a step's number, in the seed of the start.


@dataclasses.dataclass(frozen=True, eq=False, repr=False)
class RP2:
    """The attack with its options bound; see `rp2`."""

    mask: np.ndarray
    steps: int
    step_size: float
    start: float
    seed: int
    objective: dict

    def __call__(
        self,
        model: keras.Model,
        views: ArrayLike,
        target: int | Sequence[int],
        *,
        homographies: ArrayLike | None = None,
        progress: Progress | None = None,
    ) -> Sticker | list[Sticker]:
        """Makes a sticker that turns a sign into the target.

        Several targets share their views, start and draws, and every step's
        forward pass; each sticker is the one it would be alone.

        Args:
            model: Maps pixels in [0, 1] to logits. It runs in inference
                mode, its weights stay as they are.
            views: The sign in many views, float images in [0, 1], NHWC:
                crops aligned with the mask, or any with homographies.
            target: Class the sign should be taken for, or several, each once.
            homographies: `(views, 3, 3)`, from points of the sign's plane to
                points of each view: `(x, y, 1)`, in pixels of the mask and
                of the view, x to the right, y down, whole numbers at the
                pixels' centres. `None` if the views are aligned crops.
            progress: Called every ten steps with the steps taken and all
                steps.

        Returns:
            A sticker, or a list of them for a sequence of targets.

        Raises:
            ValueError: If something doesn't fit the rest, no view shows the
                mask, or the model has no gradient, or no penalty where
                `defense_weight` asks for it.
        """
        num_classes = check_victim(
            model, penalised=bool(self.objective["defense_weight"])
        )
        views = check_images(views, input_shape(model))
        self._check_fit(views, homographies)
        targets = check_targets(target, num_classes)
        to_plane = check_homographies(homographies, len(views))
        if to_plane is not None:
            check_seen(self.mask, homographies, views.shape[1:3])
        objective = Objective(
            model=model,
            mask=self.mask,
            views=tf.constant(views),
            to_plane=None if to_plane is None else tf.constant(to_plane),
            targets=tf.constant(targets, "int32"),
            **self.objective,
        )
        variables, losses, successes = self._descend(objective, progress)
        deltas = objective.perturbations(variables).numpy()
        stickers = [
            Sticker(
                delta=delta,
                mask=self.mask,
                target=wanted,
                history={"loss": loss, "success": success},
            )
            for delta, wanted, loss, success in zip(
                deltas, targets, losses.T, successes.T, strict=True
            )
        ]
        return stickers[0] if np.ndim(target) == 0 else stickers

    def _check_fit(self, views, homographies):
        if homographies is None and views.shape[1:3] != self.mask.shape:
            raise ValueError(
                "Views without `homographies` must be crops of the mask's "
                f"size, {self.mask.shape}. Received: shape={views.shape}"
            )
        count = self.objective["views_per_step"]
        if count is not None and count > len(views):
            raise ValueError(
                "`views_per_step` must be no more than the views. Received: "
                f"views_per_step={count}, views={len(views)}"
            )
        palette = self.objective["palette"]
        if self.objective["nps_weight"] and palette.shape[1] != views.shape[3]:
            raise ValueError(
                "`palette` must have the views' channels. Received: "
                f"palette of {palette.shape[1]}, views of {views.shape[3]}"
            )

    def _descend(self, objective, progress):
        """Returns the last variables, and a row of history for each step."""
        targets, channels = len(objective.targets), objective.views.shape[-1]
        variables = tf.random.stateless_uniform(
            (*self.mask.shape, channels), (self.seed, _START), 0, self.start
        )
        variables = tf.repeat(variables[None], targets, axis=0)
        zeros = tf.zeros_like(variables)
        state = Adam(variables, zeros, zeros)

        @tf.function(autograph=False)
        def run(state, start, stop):
            return descend(
                objective.gradient,
                state,
                start,
                stop,
                step_size=self.step_size,
                seed=self.seed,
            )

        rows = []
        chunk = _CHUNK if progress else self.steps
        for start in range(0, self.steps, chunk):
            stop = min(start + chunk, self.steps)
            state, *row = run(state, tf.constant(start), tf.constant(stop))
            rows.append([part.numpy() for part in row])
            if progress:
                progress(stop, self.steps)
        losses, successes = (
            np.concatenate(part) for part in zip(*rows, strict=True)
        )
        return state.variables, losses, successes

    def __repr__(self) -> str:
        options = {
            "mask": f"<{self.mask.sum()} of {self.mask.size} pixels>",
            "steps": self.steps,
            "step_size": self.step_size,
            "start": self.start,
            "seed": self.seed,
            **self.objective,
        }
        del options["palette"]
        return f"rp2({', '.join(f'{k}={v}' for k, v in options.items())})"


def rp2(
    *,
    mask: ArrayLike,
    lambda_: float = 0.02,
    p: int = 2,
    steps: int = 300,
    step_size: float = 0.1,
    nps_weight: float = 0.0,
    palette: ArrayLike = PALETTE,
    transformations: Transformations | None = None,
    views_per_step: int | None = None,
    start: float = 1.0,
    defense_weight: float = 0.0,
    frequencies: int | None = None,
    seed: int = 0,
) -> RP2:
    """Binds RP2: one printable perturbation that works from every view.

    Adam minimizes

        lambda |M delta|_p + mean_i J(f(x_i + T_i(M delta)), y*) + w NPS

    over `delta`, where `x_i` are views of one sign, `T_i` puts the
    perturbation on it as it is seen there, J is the cross-entropy and y* the
    target. `delta` stays in [-1, 1], the images in [0, 1]. The sticker is the
    last iterate, as the authors' is.

    The defaults are the released attack's on LISA-CNN, except for the steps:
    BlurNet takes 300, the released posters 300 and the released stickers
    400. The released attack has neither transformations nor the
    non-printability score, though the paper describes both.

    The perturbation is digital: the same is added to every view, however
    bright. Paint is lit as the sign is, so a printed sticker would succeed
    less often.

    Unlike the other attacks it makes nothing for one image, so it is called
    as `rp2(...)(model, views, target)` and returns a `Sticker`.

    Args:
        mask: `M`, `(height, width)` of 0 and 1, as of `masks.octagon` after
            `from zoo.training.attacks.rp2 import masks`.
        lambda_: Weight of the norm.
        p: Its order, 1 or 2.
        steps: Gradients taken.
        step_size: Adam's.
        nps_weight: Weight of the non-printability score. As in the authors'
            code, it is the score of `M delta`, not of the painted sign.
        palette: The printable colours, `(colours, channels)`.
        transformations: Drawn for every view and step; `None` for none.
        views_per_step: Views drawn for each step; `None` for all.
        start: `delta` starts uniform in [0, `start`].
        defense_weight: Weight of the penalties on feature maps that the
            victim was trained with, added to the loss: an adaptive attack.
        frequencies: Lowest frequencies kept of `delta`, along each side, by
            a DCT before the mask: an adaptive attack; `None` for all.
        seed: Fixes the start, the views drawn and the transformations.

    Raises:
        ValueError: If an option is out of range.

    References: [Eykholt et al., 2018](https://arxiv.org/abs/1707.08945),
        equation 3; `evtimovi/robust_physical_perturbations`; BlurNet.
    """
    if p not in (1, 2):
        raise ValueError(f"`p` must be 1 or 2. Received: p={p!r}")
    if not isinstance(transformations, Transformations | None):
        raise ValueError(
            "`transformations` must be `Transformations`. "
            f"Received: {transformations!r}"
        )
    mask = check_mask(mask)
    start = checked_size("start", start)
    if start > 1:
        raise ValueError(f"`start` must be in [0, 1]. Received: start={start}")
    if views_per_step is not None:
        views_per_step = checked_count("views_per_step", views_per_step)
    if frequencies is not None:
        frequencies = checked_count("frequencies", frequencies)
    return RP2(
        mask=mask,
        steps=checked_count("steps", steps),
        step_size=checked_size("step_size", step_size, positive=True),
        start=start,
        seed=check_seed(seed),
        objective={
            "lambda_": checked_size("lambda_", lambda_),
            "p": p,
            "nps_weight": checked_size("nps_weight", nps_weight),
            "palette": check_palette(palette),
            "transformations": transformations or Transformations(),
            "views_per_step": views_per_step,
            "defense_weight": checked_size("defense_weight", defense_weight),
            "frequencies": frequencies,
        },
    )
