"""Gradients for JPEG's round trip, whose own is zero almost everywhere."""

from collections.abc import Callable

import numpy as np
from keras import ops

from zoo.jpeg.blocks import crop
from zoo.jpeg.blocks import extend
from zoo.jpeg.color import RGB_TO_YCC
from zoo.jpeg.color import YCC_TO_RGB
from zoo.jpeg.color import convolve
from zoo.jpeg.color import unfold


def replace_gradient(function: Callable, gradient: Callable) -> Callable:
    """Returns a function of one tensor with another gradient.

    Args:
        function: What is computed, from one tensor to one.
        gradient: From the gradient with respect to the outputs to that with
            respect to the inputs.
    """

    @ops.custom_gradient
    def replaced(inputs):
        def backward(*args, upstream=None):
            return gradient(args[0] if upstream is None else upstream)

        return function(inputs), backward

    return replaced


def zero(upstream):
    """Gradient of a constant: zeros instead of `None`."""
    return ops.zeros_like(upstream)


def identity(upstream):
    """Gradient of the identity."""
    return upstream


def halved_chroma(upstream):
    """Gradient of averaging the chroma over 2x2 pixels and interpolating it.

    The transpose of this linear map, color transforms included.

    Args:
        upstream: `(batch, height, width, 3)`, with respect to red, green and
            blue.
    """
    _, height, width, _ = ops.shape(upstream)
    rows, columns = (height + 1) // 2, (width + 1) // 2
    luma = np.outer(YCC_TO_RGB[0], RGB_TO_YCC[:, 0])
    by_luma = convolve(upstream, luma[None, None])

    by_chroma = convolve(upstream, YCC_TO_RGB[1:].T[None, None])
    if not _is_even(height) or not _is_even(width):
        missing = [(0, height % 2), (0, width % 2)]
        by_chroma = ops.pad(by_chroma, [(0, 0), *missing, (0, 0)])
    by_chroma = extend(by_chroma, 1, 2 * rows + 1, before=True)
    by_chroma = extend(by_chroma, 2, 2 * columns + 1, before=True)
    taps = np.array([1, 3, 3, 1]) / 4
    kernel = np.einsum("y,x,cd->yxcd", taps, taps, np.eye(2))
    by_chroma = convolve(by_chroma, kernel, strides=2)
    # In the last odd row or column, a sample averages that row alone.
    for axis, size in ((1, height), (2, width)):
        if not _is_even(size):
            by_chroma = by_chroma * _last_doubled(size, axis)
    pixels = np.tile(RGB_TO_YCC[:, 1:].T / 4, 4)
    by_chroma = unfold(convolve(by_chroma, pixels[None, None]))
    return by_luma + crop(by_chroma, height, width)


def _is_even(size) -> bool:
    return isinstance(size, int) and size % 2 == 0


def _last_doubled(size, axis):
    """Weights of halved samples along an axis: 2 for a last one on its own."""
    halved = (size + 1) // 2
    lone = ops.cast(2 * ops.arange(halved) + 1 == size, "float32")
    shape = [1, 1, 1, 1]
    shape[axis] = halved
    return ops.reshape(1.0 + lone, shape)
