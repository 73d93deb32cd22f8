"""The JPEG round trip as tensor operations."""

from functools import partial

from keras import ops

from zoo.jpeg.blocks import code_blocks
from zoo.jpeg.blocks import crop
from zoo.jpeg.blocks import extend
from zoo.jpeg.blocks import up_to_multiple
from zoo.jpeg.color import downsample
from zoo.jpeg.color import rgb_to_chroma
from zoo.jpeg.color import rgb_to_luma
from zoo.jpeg.color import upsample
from zoo.jpeg.color import ycc_to_rgb
from zoo.jpeg.gradient import identity
from zoo.jpeg.gradient import replace_gradient
from zoo.jpeg.quantization import CHROMINANCE
from zoo.jpeg.quantization import LUMINANCE
from zoo.jpeg.quantization import ExactRounding
from zoo.jpeg.quantization import SmoothRounding
from zoo.jpeg.quantization import quantization_tables


def compress(
    images, quality, subsampling: str, rounding: ExactRounding | SmoothRounding
):
    """Encodes and decodes images; leaves out the lossless entropy coding.

    Args:
        images: `(batch, height, width, channels)`, float32 pixels in [0, 1],
            one channel or three.
        quality: An `int`, or whole numbers as a float32 tensor of shape `()`,
            `(batch,)` or, one for each 8x8 block, `(batch, rows, columns)`;
            1 to 100. A halved chroma block takes the mean of the blocks that
            it covers, halves rounded up.
        subsampling: `"4:2:0"` or `"4:4:4"`.
        rounding: How to round, exactly or smoothly.

    Returns:
        Pixels of the shape of `images`.
    """
    _, height, width, channels = ops.shape(images)
    halved = channels == 3 and subsampling == "4:2:0"
    planes = to_planes(images, subsampling, rounding)
    qualities = [quality, quality]
    if halved and not isinstance(quality, int) and len(quality.shape) == 3:
        qualities = [
            extend(quality, 2, up_to_multiple(ops.shape(quality)[2], 2)),
            halve_quality(quality),
        ]
    luma, *chroma = (
        _code(plane, of_plane, table, rounding)
        for plane, of_plane, table in zip(
            planes, qualities, (LUMINANCE, CHROMINANCE), strict=False
        )
    )
    if not chroma:
        return (crop(luma, height, width) + 128.0) * (1 / 255)
    (chroma,) = chroma
    if halved:
        chroma = _interpolate(chroma, height, width, rounding)
    padded = ops.shape(luma)[2]
    luma = crop(luma, height, padded)
    chroma = crop(chroma, height, padded)
    pixels = crop(ycc_to_rgb(luma, chroma), height, width)
    return rounding.to_bytes(pixels, 0.0, 1.0)


def to_planes(
    images, subsampling: str, rounding: ExactRounding | SmoothRounding
) -> list:
    """Returns luma and chroma as level-shifted samples in whole blocks.

    Args:
        images: As for `compress`.
        subsampling: As for `compress`.
        rounding: How to round.

    Returns:
        `(batch, height, width, 1)`, and unless the images are grey `(batch,
        height, width, 2)`, where 4:2:0 halves both sizes. All sizes are
        multiples of 8; with 4:2:0, the luma's width is one of 16.
    """
    _, height, width, channels = ops.shape(images)
    if channels == 1:
        planes = [rounding.to_bytes(255.0 * images - 128.0, -128.0, 127.0)]
    else:
        halved = subsampling == "4:2:0"
        pixels = rounding.to_bytes(images, 0.0, 1.0)
        if halved:
            pixels = extend(pixels, 1, up_to_multiple(height, 2))
        pixels = extend(pixels, 2, up_to_multiple(width, 16 if halved else 8))
        chroma = rounding.round(rgb_to_chroma(pixels))
        if halved:
            chroma = rounding.round(downsample(chroma))
        planes = [rounding.round(rgb_to_luma(pixels)), chroma]
    return [_whole_blocks(plane) for plane in planes]


def halve_quality(quality):
    """Returns the qualities of halved chroma blocks.

    Args:
        quality: Of the luma's blocks, `(batch, rows, columns)`.

    Returns:
        `(batch, ceil(rows / 2), ceil(columns / 2))`, the means of the blocks
        covered, halves rounded up. The gradient ignores the rounding.
    """
    _, rows, columns = ops.shape(quality)
    pairs = extend(quality, 2, up_to_multiple(columns, 2))
    pairs = extend(pairs, 1, up_to_multiple(rows, 2))
    _, rows, columns = ops.shape(pairs)
    pairs = ops.reshape(pairs, (-1, rows // 2, 2, columns // 2, 2))
    round_half_up = replace_gradient(lambda q: ops.floor(q + 0.5), identity)
    return round_half_up(ops.mean(pairs, axis=(2, 4)))


def _interpolate(chroma, height, width, rounding):
    """Doubles the chroma's sizes again."""
    rows, columns = (height + 1) // 2, ops.shape(chroma)[2]
    # The decoder interpolates only the samples that the image covers.
    chroma = crop(chroma, rows, (width + 1) // 2)
    chroma = extend(chroma, 1, rows + 1, before=True)
    chroma = extend(chroma, 2, columns + 1, before=True)
    return rounding.round(upsample(chroma))


def _whole_blocks(plane):
    _, height, width, _ = ops.shape(plane)
    plane = extend(plane, 1, up_to_multiple(height, 8))
    return extend(plane, 2, up_to_multiple(width, 8))


def _code(plane, quality, base, rounding):
    """Codes a plane as 8-bit samples."""
    select = partial(_select_quality, quality=quality, rounding=rounding)
    plane = code_blocks(plane, quantization_tables(base), select, rounding)
    return rounding.to_bytes(plane, -128.0, 127.0)


def _select_quality(values, quality, rounding):
    """Takes the values of each block's quality."""
    if isinstance(quality, int):
        return values[quality - 1]
    selected = rounding.take_quality(values, quality)
    return selected[:, None, None] if len(quality.shape) == 1 else selected
