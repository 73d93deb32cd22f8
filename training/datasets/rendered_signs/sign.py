"""One sign by the road: its design and what the weather did to it."""

from dataclasses import dataclass
from typing import Self

import numpy as np
from PIL import Image

from zoo.training.datasets.rendered_signs.designs import designs
from zoo.training.datasets.rendered_signs.designs import frontal
from zoo.training.datasets.rendering.backgrounds import stretched
from zoo.training.datasets.rendering.geometry import Points
from zoo.training.datasets.rendering.sensor import LUMA

_SIZES = (32, 64, 128, 256)


@dataclass(frozen=True, eq=False)
class Sign:
    """A sign, the same in every picture of it.

    Attributes:
        label: Class, an index of `LISA_CLASSES`.
        design: Which of the class' designs.
        fading: Share of its colour that is gone, 0 to 1.
        tint: Factors of red, green and blue, of paint and of dust.
        dirt: Factors of the brightness on a grid over the sign.
        pole_width: Of the pole behind it, in the sign's plane.
        pole_grey: Of the pole, 0 to 1.
    """

    label: int
    design: int
    fading: float
    tint: np.ndarray
    dirt: np.ndarray
    pole_width: float
    pole_grey: float

    @classmethod
    def random(cls, label: int, rng: np.random.Generator) -> Self:
        """Draws a sign of a class."""
        return cls(
            label=label,
            design=int(rng.integers(len(designs(label)))),
            fading=rng.uniform(0, 0.4) ** 1.5,
            tint=rng.uniform(0.93, 1.05, 3).astype("float32"),
            dirt=1 - rng.uniform(0, 0.25) * rng.random((7, 7), "float32"),
            pole_width=rng.uniform(0.05, 0.12),
            pole_grey=rng.uniform(0.2, 0.7),
        )

    @property
    def outline(self) -> Points:
        """Corners of the plate, in the sign's plane."""
        return designs(self.label)[self.design].outline

    def front(self, extent: float) -> Image.Image:
        """Returns the sign from the front, RGBA, transparent around it.

        Args:
            extent: Pixels on a side of the unit square where it is shown; the
                picture has no fewer, unless more than 256 are asked for.
        """
        size = next((s for s in _SIZES if s >= extent), _SIZES[-1])
        pixels = np.array(frontal(self.label, self.design, size), "float32")
        colours = pixels[..., :3]
        grey = 0.75 * (colours @ LUMA)[..., None] + 55
        colours += self.fading * (grey - colours)
        colours *= self.tint * stretched(self.dirt, size)[..., None]
        return Image.fromarray(pixels.clip(0, 255).astype("uint8"), "RGBA")
