"""Drawing in the sign's plane."""

from functools import cache
from pathlib import Path

import numpy as np
from PIL import Image
from PIL import ImageDraw
from PIL import ImageFont

from zoo.training.datasets.rendering.geometry import Points

Colour = tuple[int, int, int]

_FONT_SIZE = 400


class Drawing:
    """A transparent picture of the unit square, drawn in its coordinates.

    What is drawn is drawn at twice the size, so edges are smooth.

    Args:
        size: Pixels on a side of the finished picture.
    """

    def __init__(self, size: int):
        self.size = size
        self._scale = 2 * size
        self._picture = Image.new("RGBA", (self._scale, self._scale))
        self._draw = ImageDraw.Draw(self._picture)

    def picture(self) -> Image.Image:
        """Returns the finished RGBA picture."""
        return self._picture.resize(
            (self.size, self.size), Image.Resampling.BOX
        )

    def polygon(self, points: Points, colour: Colour) -> None:
        """Fills a polygon."""
        self._draw.polygon(self._pixels(points), (*colour, 255))

    def disc(
        self, centre: tuple[float, float], radius: float, colour: Colour
    ) -> None:
        """Fills a circle."""
        box = np.array(centre) + radius * np.array([[-1, -1], [1, 1]])
        self._draw.ellipse(self._pixels(box), (*colour, 255))

    def stroke(
        self, points: Points, width: float, colour: Colour, *, round_ends=False
    ) -> None:
        """Draws a line through the points, round where it bends."""
        points = np.asarray(points, float)
        for start, end in zip(points, points[1:], strict=False):
            along = (end - start) / np.linalg.norm(end - start)
            side = width / 2 * np.array([-along[1], along[0]])
            self.polygon(
                np.stack([start + side, end + side, end - side, start - side]),
                colour,
            )
        for joint in points if round_ends else points[1:-1]:
            self.disc(joint, width / 2, colour)

    def arrow(
        self, points: Points, width: float, colour: Colour, *, head: float = 3.0
    ) -> None:
        """Draws a line with a head at its last point.

        Args:
            head: Width of the head, as a multiple of the line's.
        """
        points = np.asarray(points, float)
        tip = points[-1]
        along = tip - points[-2]
        along = along / np.linalg.norm(along)
        across = np.array([-along[1], along[0]])
        base = tip - along * width * head * 0.8
        kept = points[(points - base) @ along < 0]
        self.stroke(np.vstack([kept, base + along * width / 4]), width, colour)
        side = across * width * head / 2
        self.polygon(np.stack([tip, base + side, base - side]), colour)

    def text(
        self,
        words: str,
        box: tuple[float, float, float, float],
        colour: Colour,
    ) -> None:
        """Writes a line that fills a box (left, top, right, bottom).

        The letters are as narrow or as wide as that takes: road signs have
        condensed faces.
        """
        (left, top), (right, bottom) = self._pixels(np.reshape(box, (2, 2)))
        inked = _letters(words).resize(
            (round(right - left), round(bottom - top)),
            Image.Resampling.LANCZOS,
        )
        self._picture.paste((*colour, 255), (round(left), round(top)), inked)

    def _pixels(self, points):
        return [tuple(p) for p in np.asarray(points, float) * self._scale]


@cache
def _letters(words: str) -> Image.Image:
    """Returns a line of text, cut to its ink, as coverage."""
    import matplotlib

    # Matplotlib brings the one bold face that every installation has.
    fonts = Path(matplotlib.get_data_path(), "fonts", "ttf")
    font = ImageFont.truetype(str(fonts / "DejaVuSans-Bold.ttf"), _FONT_SIZE)
    left, top, right, bottom = font.getbbox(words)
    picture = Image.new("L", (right - left, bottom - top))
    ImageDraw.Draw(picture).text((-left, -top), words, 255, font)
    return picture.crop(picture.getbbox())
