"""The JPEG round trip as tensor operations."""

import numpy as np
from keras import ops

from zoo.layers.jpeg.tables import CHROMINANCE
from zoo.layers.jpeg.tables import LUMINANCE
from zoo.layers.jpeg.tables import quantisation_tables

RGB_TO_YCC = (
    np.array(
        [[19595, -11059, 32768], [38470, -21709, -27439], [7471, 32768, -5329]],
        "float32",
    )
    / 65536.0
)
YCC_TO_RGB = np.array(
    [
        [1, 1, 1],
        [0, -22554 / 65536, 116130 / 65536],
        [91881 / 65536, -46802 / 65536, 0],
    ],
    "float32",
)
TINY = 2.0**-17


def dct_matrix():
    k = np.arange(8)
    m = np.cos((2 * k[None] + 1) * k[:, None] * np.pi / 16) / 2
    m[0] /= np.sqrt(2)
    return m


DCT = np.kron(dct_matrix(), dct_matrix()).astype("float32")  # coef x pixel


def compress(images, quality, subsampling, rnd):
    channels = images.shape[-1]
    levels = rnd(ops.clip(images, 0.0, 1.0) * 255.0) - 128.0
    if channels == 1:
        height, width = ops.shape(levels)[1:3]
        plane = _code(levels[..., 0], quality, LUMINANCE, rnd)
        plane = plane[:, :height, :width, None]
        return (plane + 128.0) / 255.0
    height, width = ops.shape(levels)[1:3]
    ycc = rnd(
        ops.matmul(levels, RGB_TO_YCC) - np.array([0, TINY, TINY], "float32")
    )
    luma = _code(ycc[..., 0], quality, LUMINANCE, rnd)[:, :height, :width]
    half = subsampling == "4:2:0"
    chroma = []
    for index in (1, 2):
        plane = ycc[..., index]
        if half:
            plane = _downsample(plane, rnd)
            h, w = (height + 1) // 2, (width + 1) // 2
        else:
            h, w = height, width
        q = quality
        if half and len(getattr(quality, "shape", ())) == 3:
            q = _pool(quality)
        plane = _code(plane, q, CHROMINANCE, rnd)[:, :h, :w]
        if half:
            plane = _upsample(plane, rnd)[:, :height, :width]
        chroma.append(plane)
    ycc = ops.stack([luma, *chroma], axis=-1)
    rgb = ops.clip(rnd(ops.matmul(ycc, YCC_TO_RGB)), -128.0, 127.0)
    return (rgb + 128.0) / 255.0


def _extend(x, axis, multiple):
    size = ops.shape(x)[axis]
    if isinstance(size, int) and size % multiple == 0:
        return x
    total = -(-size // multiple) * multiple
    return ops.take(x, ops.minimum(ops.arange(total), size - 1), axis=axis)


def _pool(quality):
    q = ops.cast(_extend(_extend(quality, 1, 2), 2, 2), "float32")
    h, w = ops.shape(q)[1] // 2, ops.shape(q)[2] // 2
    q = ops.mean(ops.reshape(q, (-1, h, 2, w, 2)), axis=(2, 4))
    return ops.cast(ops.floor(q + 0.5), "int32")


def _downsample(plane, rnd):
    plane = _extend(_extend(plane, 1, 2), 2, 16)
    h, w = ops.shape(plane)[1] // 2, ops.shape(plane)[2] // 2
    plane = ops.mean(ops.reshape(plane, (-1, h, 2, w, 2)), axis=(2, 4))
    bias = ops.cast(ops.arange(w) % 2, "float32") * 0.5 - 0.25
    return rnd(plane + bias * 0.5)


def _upsample(plane, rnd):
    h, w = ops.shape(plane)[1:3]
    up = ops.concatenate([plane[:, :1], plane[:, :-1]], 1)
    down = ops.concatenate([plane[:, 1:], plane[:, -1:]], 1)
    plane = ops.stack([plane * 0.75 + up * 0.25, plane * 0.75 + down * 0.25], 2)
    plane = ops.reshape(plane, (-1, 2 * h, w))
    left = ops.concatenate([plane[:, :, :1], plane[:, :, :-1]], 2)
    right = ops.concatenate([plane[:, :, 1:], plane[:, :, -1:]], 2)
    plane = ops.stack(
        [plane * 0.75 + left * 0.25 + TINY, plane * 0.75 + right * 0.25 - TINY],
        3,
    )
    return rnd(ops.reshape(plane, (-1, 2 * h, 2 * w)))


def _code(plane, quality, base, rnd):
    plane = _extend(_extend(plane, 1, 8), 2, 8)
    h, w = ops.shape(plane)[1] // 8, ops.shape(plane)[2] // 8
    blocks = ops.transpose(
        ops.reshape(plane, (-1, h, 8, w, 8)), (0, 1, 3, 2, 4)
    )
    blocks = ops.reshape(blocks, (-1, h, w, 64))
    steps = ops.take(
        quantisation_tables(base), ops.cast(quality, "int32"), axis=0
    )
    if len(steps.shape) == 2:
        steps = steps[:, None, None]
    coefficients = ops.matmul(blocks, DCT.T) / steps * (1 + 2.0**-20)
    coefficients = rnd(coefficients) * steps
    blocks = ops.clip(rnd(ops.matmul(coefficients, DCT)), -128.0, 127.0)
    blocks = ops.transpose(
        ops.reshape(blocks, (-1, h, w, 8, 8)), (0, 1, 3, 2, 4)
    )
    return ops.reshape(blocks, (-1, h * 8, w * 8))
