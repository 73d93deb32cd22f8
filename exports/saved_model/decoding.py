"""Decodes picture files in a graph, as `zoo.pictures.read_picture` does.

TensorFlow's ops overlook what some files say of themselves: that a photograph
is to be turned, that a BMP has a palette, that a GIF's first frame is only a
part of the picture. So the graph reads the files' headers itself. It does
what they say, or refuses the file by the name of its kind.
"""

import functools

import numpy as np
import tensorflow as tf

from zoo.exports.saved_model.picture_headers import read_header

_LUMA = (19595.0, 38470.0, 7471.0)
"""ITU-R 601 in 65536ths, as Pillow rounds it; their sums are exact."""
_JPEG, _KEYED, _KEEPING, _OPAQUE = range(4)
"""Ways to decode."""
_RGBA = [[0, 0, 0, 1], [0, 0, 0, 1], [0, 1, 2, 3], [0, 1, 2, 3]]
"""Where these are among one to four channels and an opaque one behind."""


def decode_picture(
    contents: tf.Tensor, place: tf.Tensor, channels: int
) -> tf.Tensor:
    """Decodes a JPEG, PNG, GIF, BMP or WebP file to a model's colours.

    As in `zoo.pictures.read_picture`, the picture is turned upright as its
    EXIF data say, what is transparent is laid over black, colours are made
    grey by ITU-R 601 luma, and the first of several frames is taken. Pixels
    differ from Pillow's by 2 at most.

    The graph fails, with the kind in its message, on a BMP with a palette of
    colours, or of other than 8, 24 or 32 plain bits a pixel; a GIF whose
    first frame is smaller than it; a CMYK JPEG without an Adobe marker; a WebP
    that is animated or has EXIF or XMP data; a PNG with EXIF data as text,
    or compressed XMP data; a picture that XMP data turn; one of more than
    `MAX_PIXELS`, or of very many chunks, blocks, segments or scans; and a
    JPEG, PNG or WebP that is cut short. The message gives the picture's
    place. Damage inside a file is found by TensorFlow's decoders, which give
    its size.

    Args:
        contents: Scalar of bytes.
        place: Scalar: the picture's place in its batch.
        channels: 1 for grey, 3 for RGB, 4 for RGBA as it is.

    Returns:
        8-bit pixels, `(height, width, channels)`.
    """
    return _decoder(channels)(contents, place)


@functools.cache
def _decoder(channels):
    """Returns a function of a file, which is traced only once."""
    return tf.function(
        lambda contents, place: _decode_checked(contents, place, channels),
        input_signature=[
            tf.TensorSpec((), tf.string),
            tf.TensorSpec((), tf.int32),
        ],
        autograph=False,
    )


def _decode_checked(contents, place, channels):
    # On a GPU each of these small ops would wait for a copy of the file.
    with tf.device("CPU:0"):
        header = read_header(contents)
        # The raw op; TensorFlow's function wraps it in a branch.
        checked = tf.raw_ops.Assert(
            condition=header.refused == "",
            data=[
                "Pictures must be whole and of a kind that is served. "
                "Received, at place",
                place,
                "of the batch, counted from 0:",
                header.refused,
            ],
        )
        with tf.control_dependencies([checked]):
            # Of an animation TensorFlow would decode all frames.
            contents = tf.strings.substr(contents, np.int64(0), header.end)
            contents += tf.where(header.is_gif, ";", "")
        way = tf.where(header.keeps_channels, _KEEPING, _OPAQUE)
        way = tf.where(header.is_keyed, _KEYED, way)
        pixels = tf.switch_case(
            tf.where(header.is_jpeg, _JPEG, way),
            {
                # Pillow's inverse cosine transform; the default is a fast one.
                _JPEG: lambda: tf.io.decode_jpeg(
                    contents, 3, dct_method="INTEGER_ACCURATE"
                ),
                # Asked for four channels, TensorFlow makes nonsense of some
                # PNGs without a transparent colour; asked for none, it
                # overlooks the transparent colour of those that have one.
                _KEYED: lambda: _decode(contents, 4),
                _KEEPING: lambda: _decode(contents, 0),
                # The fourth channel of a BMP is often unused.
                _OPAQUE: lambda: _decode(contents, 3),
            },
        )
        pixels = tf.cond(
            header.orientation > 1,
            lambda: _upright(pixels, header.orientation),
            lambda: pixels,
        )
        return _to_colours(tf.ensure_shape(pixels, (None,) * 3), channels)


def _decode(contents, channels):
    return tf.io.decode_image(contents, channels, expand_animations=False)


def _upright(pixels, orientation):
    """Turns a picture by its EXIF orientation, 2 to 8."""
    across, back, down = (
        tf.reduce_any(orientation == np.array(turned, "int64"))
        for turned in ((5, 6, 7, 8), (2, 3, 6, 7), (3, 4, 7, 8))
    )
    axes = tf.where(across, [1, 0, 2], [0, 1, 2])
    dims = tf.stack([down, back, False])
    return tf.raw_ops.Reverse(tensor=tf.transpose(pixels, axes), dims=dims)


def _to_colours(pixels, channels):
    """Returns 8-bit pixels, what is transparent over black."""
    count = tf.shape(pixels)[-1]
    if channels == 4:
        return _to_rgba(pixels, count)

    def over_black():
        rgb, alpha = tf.split(_to_rgba(pixels, count), (3, 1), axis=-1)
        rgb = tf.cast(rgb, tf.uint16) * tf.cast(alpha, tf.uint16) + 128
        # Divides by 255 and rounds.
        shifted = tf.bitwise.right_shift(rgb, np.uint16(8))
        rgb = tf.bitwise.right_shift(rgb + shifted, np.uint16(8))
        return tf.cast(rgb, tf.uint8)

    rgb = tf.switch_case(
        count - 1,
        {
            0: lambda: tf.tile(pixels, [1, 1, 3]),
            1: over_black,
            2: lambda: pixels,
            3: over_black,
        },
    )
    rgb = tf.ensure_shape(rgb, (None, None, 3))
    if channels == 3:
        return rgb
    shares = tf.cast(rgb, tf.float32) * np.float32(_LUMA)
    luma = tf.reduce_sum(shares, axis=-1, keepdims=True)
    return tf.cast(tf.floor((luma + 32768.0) / 65536.0), tf.uint8)


def _to_rgba(pixels, count):
    opaque = tf.pad(pixels, [[0, 0], [0, 0], [0, 1]], constant_values=255)
    rgba = tf.gather(opaque, tf.gather(_RGBA, count - 1), axis=-1)
    return tf.ensure_shape(rgba, (None, None, 4))
