"""How many bytes a JPEG file of each image takes."""

from collections.abc import Callable

import numpy as np

from zoo.jpeg.file_writer import TransformedPicture
from zoo.jpeg.file_writer import writes_exactly


class FileSizes:
    """Writes files of images, in memory, as `zoo compress` does.

    All files are baseline JPEG, 4:2:0, with optimised Huffman tables. Those of
    several qualities have the table of their best one, which any decoder
    reads.

    Args:
        images: `(images, height, width, channels)` in [0, 1].
    """

    def __init__(self, images: np.ndarray):
        pixels = np.round(255 * np.asarray(images)).astype("uint8")
        self._pictures = [TransformedPicture(image) for image in pixels]
        self.exact = writes_exactly()
        self._plain = {}

    def of_maps(self, quality_maps: np.ndarray) -> np.ndarray:
        """Returns the bytes of each image's file.

        Args:
            quality_maps: Quality of each block, `(images, rows, columns)`.
        """
        return np.array(
            [
                len(picture.encode(np.rint(quality), exact=self.exact))
                for picture, quality in zip(
                    self._pictures, quality_maps, strict=True
                )
            ]
        )

    def plain(self, quality: int) -> np.ndarray:
        """Returns the bytes of each image's file at one quality."""
        if quality not in self._plain:
            shape = (len(self._pictures), *self._pictures[0].blocks)
            self._plain[quality] = self.of_maps(np.full(shape, quality))
        return self._plain[quality]


def nearest_quality(
    size: Callable[[int], float], wanted: float, *, lowest: int = 1
) -> int:
    """Returns the quality whose files are nearest to a mean size.

    Sizes grow with the quality, so bisection finds it.

    Args:
        size: Takes a quality and returns the mean bytes of a file.
        wanted: Mean bytes of a file.
        lowest: Quality; the highest is 100.
    """
    low, high = lowest, 100
    while high - low > 1:
        middle = (low + high) // 2
        if size(middle) <= wanted:
            low = middle
        else:
            high = middle
    return min((low, high), key=lambda quality: abs(size(quality) - wanted))
