"""JPEG with an independent random quality for each part of the image."""

from collections.abc import Sequence

import keras
from keras import ops

from zoo.jpeg.quantization import check_quality
from zoo.layers.jpeg import JPEG


@keras.saving.register_keras_serializable(package="zoo")
class RandomPatchJPEG(keras.layers.Layer):
    """Compresses each part of an image at a random JPEG quality.

    The image is divided into a grid of parts, two by two in the paper. Each
    part of each image draws one of `qualities`, and all are compressed in one
    pass. Parts meet at block borders: at multiples of 16 pixels where the
    chroma is halved and each part is at least 16 pixels long, else of 8. Their
    sizes differ by one such block at most.

    Gradient: by `gradient`, as for `zoo.layers.JPEG`.
    Randomness: every call draws new qualities, in inference too, since the
    randomness is the defense. Attack it in expectation over many calls.

    Args:
        qualities: JPEG qualities to choose from, each 1 to 100, equally
            likely.
        grid: Parts down and across.
        subsampling: `"4:2:0"` or `"4:4:4"`.
        gradient: `"straight_through"`, `"soft"` or `"none"`.
        seed: Seed of the layer's own generator. `None` draws a seed from
            Python's global `random`: the layers of one process differ, but
            after `keras.utils.set_random_seed(0)` they are the same in every
            process.
        dtype: Dtype policy, by default float32 as for `zoo.layers.JPEG`.

    Input shape: `(batch, height, width, channels)`, float pixels in [0, 1],
        one channel or three.
    Output shape: Same as the input.

    Reference: IRM ("Information Redundancy Minimization"), section II.A,
        after SHIELD: [Das et al., 2018](https://arxiv.org/abs/1802.06816).
    """

    stochastic = True

    def __init__(
        self,
        qualities: Sequence[int] = (40, 60, 80, 90),
        grid: tuple[int, int] = (2, 2),
        subsampling: str = "4:2:0",
        gradient: str = "straight_through",
        seed: int | None = None,
        *,
        dtype: str | keras.DTypePolicy = "float32",
        **kwargs,
    ):
        super().__init__(autocast=False, dtype=dtype, **kwargs)
        self.qualities = tuple(check_quality(q) for q in qualities)
        if not self.qualities:
            raise ValueError(
                "qualities must hold one quality or more. "
                f"Received: qualities={qualities}"
            )
        if len(grid) != 2 or any(int(n) != n or n < 1 for n in grid):
            raise ValueError(
                "grid must be two positive whole numbers, parts down and "
                f"across. Received: grid={grid}"
            )
        self.grid = tuple(int(parts) for parts in grid)
        self.seed = seed
        self.seed_generator = keras.random.SeedGenerator(seed)
        self.jpeg = JPEG(
            subsampling=subsampling, gradient=gradient, dtype=self.dtype_policy
        )

    @property
    def subsampling(self) -> str:
        return self.jpeg.subsampling

    @property
    def gradient(self) -> str:
        return self.jpeg.gradient

    def build(self, input_shape):
        self.jpeg.build(input_shape)
        self.built = True

    def call(self, images):
        return self.jpeg(images, quality_map=self._draw_quality_map(images))

    def _draw_quality_map(self, images):
        batch, height, width, channels = ops.shape(images)
        halved = channels == 3 and self.subsampling == "4:2:0"
        draws = keras.random.randint(
            (batch, *self.grid),
            minval=0,
            maxval=len(self.qualities),
            seed=self.seed_generator,
        )
        choices = ops.convert_to_tensor(self.qualities, "float32")
        qualities = ops.take(choices, draws, axis=0)
        for axis, size in ((1, height), (2, width)):
            parts = part_of_each_block(size, self.grid[axis - 1], halved)
            qualities = ops.take(qualities, parts, axis=axis)
        return qualities

    def compute_output_shape(self, input_shape):
        return input_shape

    def get_config(self):
        return {
            **super().get_config(),
            "qualities": self.qualities,
            "grid": self.grid,
            "subsampling": self.subsampling,
            "gradient": self.gradient,
            "seed": self.seed,
        }


def part_of_each_block(size, parts: int, halved: bool):
    """Assigns the 8-pixel blocks along an axis to parts of nearly equal size.

    Args:
        size: Pixels along the axis.
        parts: Parts along the axis.
        halved: Whether parts should meet at multiples of 16 pixels, which
            they do if each part gets at least one such unit.

    Returns:
        The index of each block's part.
    """
    blocks = -(-size // 8)
    units = -(-size // 16)
    index = ops.arange(blocks)
    fine = index * parts // blocks
    if not halved:
        return fine
    return ops.where(units >= parts, index // 2 * parts // units, fine)
