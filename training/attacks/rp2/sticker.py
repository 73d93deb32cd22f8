"""What RP2 makes: a perturbation to print."""

import dataclasses
import os

import numpy as np
import tensorflow as tf
from numpy.typing import ArrayLike
from PIL import Image
from PIL import ImageFilter

from zoo.atomic_write import atomic_write
from zoo.training.attacks.rp2.checks import check_homographies
from zoo.training.attacks.rp2.placing import place
from zoo.validation import check_images

_CUT_LINE = (0, 0, 0, 255)


@dataclasses.dataclass(frozen=True, eq=False, repr=False)
class Sticker:
    """A perturbation of a sign, the same for every view of it.

    Args:
        delta: `M delta`, `(height, width, channels)` in the sign's plane, in
            [-1, 1] and 0 outside the mask.
        mask: `M`, `(height, width)` of `bool`.
        target: Class it should be taken for.
        history: By name, one number a step: `"loss"`, the objective without
            the defender's penalty, and `"success"`, the fraction of the
            step's views taken for the target.
    """

    delta: np.ndarray
    mask: np.ndarray
    target: int
    history: dict[str, np.ndarray]

    def apply(
        self, views: ArrayLike, homographies: ArrayLike | None = None
    ) -> np.ndarray:
        """Puts it on views of the sign.

        Args:
            views: Images in [0, 1], NHWC.
            homographies: As `rp2` was given; `None` if the views are crops
                aligned with the mask.

        Returns:
            Float32 images in [0, 1].

        Raises:
            ValueError: If the views aren't images that fit the sticker.
        """
        channels = self.delta.shape[-1]
        if homographies is None:
            views = check_images(views, self.delta.shape)
        else:
            views = check_images(views, (None, None, channels))
        to_plane = check_homographies(homographies, len(views))
        placed = place(
            tf.constant(self.delta[None]), tf.constant(views), to_plane
        )
        return placed[0].numpy()

    def picture(self, sign: ArrayLike, pixels: int = 1) -> np.ndarray:
        """Returns the sticker's colours, to be printed and cut out.

        Args:
            sign: The sign that it goes on, `(height, width, channels)` in
                [0, 1]: for aligned crops, their mean.
            pixels: Pixels along each side of one of the sticker's.

        Returns:
            uint8 RGBA, `(height * pixels, width * pixels, 4)`, transparent
            outside the mask.

        Raises:
            ValueError: If the sign has another size than the mask, or other
                than 1 or 3 channels.
        """
        sign = np.asarray(sign)
        if sign.shape != self.delta.shape:
            raise ValueError(
                "`sign` must have the size of the mask and the channels of the "
                f"sticker, {self.delta.shape}. Received: shape={sign.shape}"
            )
        sign = check_images(sign[None])[0]
        if sign.shape[-1] not in (1, 3):
            raise ValueError(
                "A printed sticker has 1 channel, grey, or 3, RGB. "
                f"Received: shape={sign.shape}"
            )
        colours = np.clip(sign + self.delta, 0, 1)
        colours = np.broadcast_to(colours, (*self.mask.shape, 3))
        printed = np.dstack([colours * self.mask[..., None], self.mask])
        printed = np.round(255 * printed).astype("uint8")
        return printed.repeat(pixels, axis=0).repeat(pixels, axis=1)

    def write(
        self, path: str | os.PathLike, sign: ArrayLike, pixels: int = 32
    ) -> None:
        """Writes the printable picture, a PNG by its name.

        A thin black line to cut along runs around the mask, since white paint
        cannot be seen on paper. It lies just outside the mask, so the file is
        `picture` with a frame of the line's width: `pixels / 16`, at least 1.

        The file holds paint, `clip(sign + delta, 0, 1)`, while `apply` adds
        `delta` to every view, however bright. What was measured is digital
        and additive; the printed sticker would succeed less often. A printer
        may not have the colours either: the non-printability score is of
        `delta`, as in the authors' code, and counts only if `rp2` is given a
        weight for it.

        Args:
            path: File to write.
            sign: As in `picture`.
            pixels: As in `picture`.

        Raises:
            ValueError: As `picture`.
            OSError: If the file cannot be written.
        """
        width = max(1, pixels // 16)
        frame = ((width, width), (width, width), (0, 0))
        printed = np.pad(self.picture(sign, pixels), frame)
        inside = Image.fromarray(printed[..., 3])
        near = inside.filter(ImageFilter.MaxFilter(2 * width + 1))
        printed[np.asarray(near) > np.asarray(inside)] = _CUT_LINE
        with atomic_write(path) as temporary:
            Image.fromarray(printed).save(temporary)

    def __repr__(self) -> str:
        return (
            f"Sticker(shape={self.delta.shape}, mask=<{self.mask.sum()} of "
            f"{self.mask.size} pixels>, target={self.target})"
        )
