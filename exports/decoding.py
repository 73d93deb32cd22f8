"""Encoded pictures as pixels, inside a graph."""

import numpy as np
import tensorflow as tf

_PNG = b"\x89PNG"
_LUMA = (19595.0, 38470.0, 7471.0)
"""ITU-R 601 in 65536ths, as Pillow rounds it; their sums are exact."""
_RGBA = [[0, 0, 0, 1], [0, 0, 0, 1], [0, 1, 2, 3], [0, 1, 2, 3]]
"""Where these are among one to four channels and an opaque one behind."""


def decode_picture(contents: tf.Tensor, channels: int) -> tf.Tensor:
    """Decodes a JPEG, PNG, GIF or BMP file to the colours a model takes.

    As in `zoo.pictures.read_picture`, the alpha channel of a PNG lays it over
    black, and colours are made grey by ITU-R 601 luma. Of several frames the
    first is taken. The palette of a BMP is not read: its indices are grey.

    Args:
        contents: Scalar of bytes.
        channels: 1 for grey, 3 for RGB, 4 for RGBA as it is.

    Returns:
        Float32 whole numbers from 0 to 255, `(height, width, channels)`.
    """

    def decode(channels):
        pixels = tf.io.decode_image(
            contents, channels=channels, expand_animations=False
        )
        return tf.cast(tf.ensure_shape(pixels, [None, None, None]), tf.float32)

    # A PNG keeps its channels: TensorFlow makes nonsense of its palettes and
    # single bits if told how many. The fourth of a BMP is often unused.
    pixels = tf.cond(
        tf.equal(tf.strings.substr(contents, 0, len(_PNG)), _PNG),
        lambda: decode(0),
        lambda: decode(3),
    )
    opaque = tf.pad(pixels, [[0, 0], [0, 0], [0, 1]], constant_values=255.0)
    order = tf.gather(_RGBA, tf.shape(pixels)[-1] - 1)
    rgba = tf.gather(opaque, order, axis=-1)
    if channels == 4:
        return rgba
    rgb = tf.floor(rgba[..., :3] * rgba[..., 3:] / 255.0 + 0.5)
    if channels == 3:
        return rgb
    luma = tf.reduce_sum(rgb * np.float32(_LUMA), axis=-1, keepdims=True)
    return tf.floor((luma + 32768.0) / 65536.0)
