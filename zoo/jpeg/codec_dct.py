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
    if images.shape[-1] == 1:
        return _compress_grey(images, quality, rounding)
    if subsampling == "4:4:4":
        return _compress_full(images, quality, rounding)
    return _compress_halved(images, quality, rounding)


def _compress_grey(images, quality, rounding):
    _, height, width, _ = ops.shape(images)
    samples = rounding.to_bytes(255.0 * images - 128.0, -128.0, 127.0)
    samples = _code(samples, quality, LUMINANCE, rounding)
    return (crop(samples, height, width) + 128.0) * (1 / 255)


def _compress_full(images, quality, rounding):
    _, height, width, _ = ops.shape(images)
    pixels = rounding.to_bytes(images, 0.0, 1.0)
    pixels = extend(pixels, 2, up_to_multiple(width, 8))
    luma = rounding.round(rgb_to_luma(pixels))
    chroma = rounding.round(rgb_to_chroma(pixels))
    luma = _code(luma, quality, LUMINANCE, rounding)
    chroma = _code(chroma, quality, CHROMINANCE, rounding)
    return _to_pixels(luma, chroma, height, width, rounding)


def _compress_halved(images, quality, rounding):
    _, height, width, _ = ops.shape(images)
    pixels = rounding.to_bytes(images, 0.0, 1.0)
    pixels = extend(pixels, 1, up_to_multiple(height, 2))
    pixels = extend(pixels, 2, up_to_multiple(width, 16))
    luma_quality, chroma_quality = _halve(quality)
    luma = rounding.round(rgb_to_luma(pixels))
    luma = _code(luma, luma_quality, LUMINANCE, rounding)

    chroma = rounding.round(rgb_to_chroma(pixels))
    chroma = rounding.round(downsample(chroma))
    _, rows, columns, _ = ops.shape(chroma)
    chroma = _code(chroma, chroma_quality, CHROMINANCE, rounding)
    # The decoder interpolates only the samples that the image covers.
    chroma = crop(chroma, rows, (width + 1) // 2)
    chroma = extend(chroma, 1, rows + 1, before=True)
    chroma = extend(chroma, 2, columns + 1, before=True)
    chroma = rounding.round(upsample(chroma))

    return _to_pixels(luma, chroma, height, width, rounding)


def _to_pixels(luma, chroma, height, width, rounding):
    padded = ops.shape(luma)[2]
    luma = crop(luma, height, padded)
    chroma = crop(chroma, height, padded)
    pixels = crop(ycc_to_rgb(luma, chroma), height, width)
    return rounding.to_bytes(pixels, 0.0, 1.0)


def _code(planes, quality, base, rounding):
    """Codes planes as 8-bit samples, padded to whole blocks."""
    _, height, width, channels = ops.shape(planes)
    planes = extend(planes, 1, up_to_multiple(height, 8))
    planes = extend(planes, 2, up_to_multiple(width, 8))
    select = partial(_select_quality, quality=quality)
    planes = code_blocks(planes, quantization_tables(base), select, rounding)
    return rounding.to_bytes(planes, -128.0, 127.0)


def _select_quality(values, quality):
    """Takes the values of each block's quality."""
    if isinstance(quality, int):
        return values[quality - 1]
    selected = ops.take(values, ops.cast(quality - 1.0, "int32"), axis=0)
    return selected[:, None, None] if len(quality.shape) == 1 else selected


def _halve(quality):
    """Returns the qualities of luma and of halved chroma blocks."""
    if isinstance(quality, int) or len(quality.shape) < 3:
        return quality, quality
    _, rows, columns = ops.shape(quality)
    luma = extend(quality, 2, up_to_multiple(columns, 2))
    pairs = extend(luma, 1, up_to_multiple(rows, 2))
    _, rows, columns = ops.shape(pairs)
    pairs = ops.reshape(pairs, (-1, rows // 2, 2, columns // 2, 2))
    return luma, ops.floor(ops.mean(pairs, axis=(2, 4)) + 0.5)
