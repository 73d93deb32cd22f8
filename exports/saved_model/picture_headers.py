"""Reads the headers of picture files in a graph.

JPEG, PNG, GIF, BMP and WebP are told apart by their first bytes. Of each the
graph reads what decides how it is decoded: its size, whether and how it is
turned, what is transparent.
"""

from typing import NamedTuple

import numpy as np
import tensorflow as tf

MAX_PIXELS = 178_956_970
"""Pictures of more are refused, as they are by Pillow."""

_MAX_PARTS = 10_000
"""Of a file: a hostile one may consist of millions."""
_ENDLESS = f"a file of more than {_MAX_PARTS} parts"
_NONE = np.int64(-1)
"""Position of what a file doesn't have."""
_BEYOND = 1024
"""Zeros after a file, for what is looked up past its end."""
_EXIF_ORIENTATION, _EXIF_LONG = 0x0112, 4
_XMP_ORIENTATION = r'(?s)\C*tiff:Orientation(="|>)[2-8]\C*'
_NOWHERE = np.zeros(2, "int64")
"""Position and size of what a file doesn't have."""
_ANY = None
_FORMATS = (
    b"\xff\xd8\xff",
    b"\x89PNG\r\n\x1a\n",
    b"GIF8",
    b"BM",
    (*b"RIFF", *[_ANY] * 4, *b"WEBP"),
)
"""How files of JPEG, PNG, GIF, BMP and WebP begin."""
_SEGMENTS = tuple(
    (0xFF, marker, _ANY, _ANY, *text)
    for marker, text in (
        (0xE1, b"Exif\0\0"),
        (0xE1, b"http://ns.adobe.com/xap/1.0/\0"),
        (0xEE, b"Adobe"),
    )
)
_FILL, _ALONE, _OTHER, _FRAME, _LAST = range(5)
_MARKERS = np.full(256, _OTHER)
"""What the markers of a JPEG begin."""
_MARKERS[0xFF] = _FILL
_MARKERS[[0x01, *range(0xD0, 0xD9)]] = _ALONE
_MARKERS[sorted({*range(0xC0, 0xD0)} - {0xC4, 0xC8, 0xCC})] = _FRAME
_MARKERS[[0xD9, 0xDA]] = _LAST
_CHUNKS = tuple(
    (*[_ANY] * 4, *text)
    for text in (
        b"IEND",
        b"tRNS",
        b"eXIf",
        b"iTXtXML:com.adobe.xmp\0",
        b"iTXtXML:com.adobe.xmp\0\1",
        b"tEXtRaw profile type exif\0",
        b"zTXtRaw profile type exif\0",
        b"iTXtRaw profile type exif\0",
    )
)
"""Of a PNG; in the fifth a flag says that the text is compressed."""


class Header(NamedTuple):
    """What decides how a file is decoded; scalar tensors.

    Attributes:
        refused: Name of the kind of a file that must not be decoded; empty
            for others.
        orientation: As in EXIF data, 1 to 8; 0 if the file has none.
        is_jpeg: Whether it is a JPEG.
        keeps_channels: Whether it is a PNG or a WebP.
        is_keyed: Whether it is a PNG that makes a colour or entries of its
            palette transparent.
    """

    refused: tf.Tensor
    orientation: tf.Tensor
    is_jpeg: tf.Tensor
    keeps_channels: tf.Tensor
    is_keyed: tf.Tensor


def read_header(contents: tf.Tensor) -> Header:
    """Reads the header of a picture file.

    Args:
        contents: Scalar of bytes.
    """
    data = tf.concat(
        [
            tf.io.decode_raw(contents, tf.uint8),
            tf.zeros([_BEYOND], tf.uint8),
        ],
        axis=0,
    )
    jpeg, png, gif, bmp, webp = _reads(_window(data, 0, 12), *_FORMATS)
    refused, pixels, exif, xmp, keyed = tf.case(
        [
            (jpeg, lambda: _jpeg_header(data)),
            (png, lambda: _png_header(data)),
            (gif, lambda: _gif_header(data)),
            (bmp, lambda: _bmp_header(data)),
            (webp, lambda: _webp_header(data)),
        ],
        default=lambda: _unknown_header(data),
    )
    orientation = tf.cond(
        exif == _NONE,
        lambda: tf.constant(0, "int64"),
        lambda: _exif_orientation(data, exif),
    )
    turned_by_xmp = tf.cond(
        (orientation == 0) & (xmp[1] > 0),
        lambda: tf.strings.regex_full_match(
            tf.strings.substr(contents, xmp[0], xmp[1]), _XMP_ORIENTATION
        ),
        lambda: tf.constant(False),
    )
    refused = _first_name(
        (refused != "", refused),
        (pixels > MAX_PIXELS, f"more than {MAX_PIXELS} pixels"),
        (turned_by_xmp, "a picture that its XMP data turn"),
    )
    return Header(refused, orientation, jpeg, png | webp, keyed)


def _jpeg_header(data):
    """Looks through a JPEG's segments up to the first scan.

    Like the other `..._header`, returns the name of the file's kind if it is
    refused, else an empty string; the number of pixels; where EXIF data
    begin, or -1; where XMP data begin and how many bytes they are; whether a
    PNG makes a colour or entries of its palette transparent.
    """

    def step(going, at, exif, xmp, frame, adobe):
        window = _window(data, at, 34)
        mark, marker, length = _numbers(window, (0, 1), (1, 1), (2, 2))
        has_exif, has_xmp, has_adobe = _reads(window, *_SEGMENTS)
        kind = tf.gather(_MARKERS, marker)
        alone = tf.gather(np.int64([1, 2]), tf.minimum(kind, 1))
        size = tf.where(kind > _ALONE, length + 2, alone)
        going = (mark == 0xFF) & (kind < _LAST)
        has_frame = going & (kind == _FRAME) & (frame == _NONE)
        return (
            going,
            at + size,
            tf.where(has_exif & (exif == _NONE), at + 10, exif),
            tf.where(has_xmp, tf.stack([at + 4, length - 2]), xmp),
            tf.where(has_frame, at, frame),
            adobe | has_adobe,
        )

    going, _, exif, xmp, frame, adobe = _repeat(
        step, True, np.int64(2), _NONE, _NOWHERE, _NONE, False
    )
    height, width, count = _numbers(
        _window(data, frame + 5, 5), (0, 2), (2, 2), (4, 1)
    )
    refused = _first_name(
        (going, _ENDLESS),
        (frame == _NONE, "a JPEG without a frame"),
        ((count == 4) & ~adobe, "a CMYK JPEG without an Adobe marker"),
    )
    return refused, height * width, exif, xmp, tf.constant(False)


def _png_header(data):
    """Looks through a PNG's chunks."""
    last = tf.size(data, tf.int64) - _BEYOND

    def step(going, at, exif, xmp, text, packed, keyed):
        window = _window(data, at, 34)
        (length,) = _numbers(window, (0, 4))
        end, key, has_exif, has_xmp, is_packed, *has_text = _reads(
            window, *_CHUNKS
        )
        body = at + 8
        return (
            ~end & (body + length < last),
            body + length + 4,
            tf.where(has_exif, body, exif),
            tf.where(has_xmp, tf.stack([body, length]), xmp),
            text | tf.reduce_any(has_text),
            packed | is_packed,
            keyed | key,
        )

    going, _, exif, xmp, text, packed, keyed = _repeat(
        step, True, np.int64(8), _NONE, _NOWHERE, False, False, False
    )
    width, height = _numbers(_window(data, 16, 8), (0, 4), (4, 4))
    refused = _first_name(
        (going, _ENDLESS),
        (text & (exif == _NONE), "a PNG with EXIF data as text"),
        (packed, "a PNG with compressed XMP data"),
    )
    return refused, height * width, exif, xmp, keyed


def _gif_header(data):
    """Looks for a GIF's first frame, behind its extensions."""
    screen = _window(data, 6, 5)
    has_table, depth = screen[4] > 127, screen[4] % 8
    table = tf.where(has_table, tf.gather([6 << n for n in range(8)], depth), 0)

    def step(going, at, within):
        # Behind an extension's two bytes are blocks, the last an empty one.
        (size,) = _numbers(_window(data, at, 1), (0, 1))
        going = within | (size == 0x21)
        return (
            going,
            at
            + tf.where(
                within, size + 1, tf.where(going, np.int64(2), np.int64(0))
            ),
            tf.where(within, size > 0, going),
        )

    at = 13 + tf.cast(table, "int64")
    going, at, _ = _repeat(step, True, at, False)
    frame = _window(data, at + 1, 8)
    fills = tf.reduce_all(frame == tf.pad(screen[:4], [[4, 0]]))
    refused = _first_name(
        (going, _ENDLESS),
        (~fills, "a GIF whose first frame is smaller than it"),
    )
    width, height = _numbers(screen, (0, 2), (2, 2), little=True)
    return _plain_header(refused, height * width)


def _bmp_header(data):
    begins, header, width, height, bits, compression = _numbers(
        _window(data, 0, 34),
        *((10, 4), (14, 4), (18, 4), (22, 4), (28, 2), (30, 4)),
        little=True,
    )
    plain = (header >= 40) & (compression == 0)
    greys = np.repeat(np.arange(256), 4)
    unused = np.arange(1024) % 4 == 3
    table = header + 14
    is_grey = (_window(data, table, 1024) == greys) | unused
    grey = (begins == table + 1024) & tf.reduce_all(is_grey)
    refused = _first_name(
        (
            (bits <= 8) & ~(plain & (bits == 8) & grey),
            "a BMP with a palette of colours",
        ),
        (
            (bits > 8) & ~(plain & ((bits == 24) | (bits == 32))),
            "a BMP of other than 24 or 32 plain bits a pixel",
        ),
    )
    # A negative height says that the upper row comes first.
    height = tf.minimum(height, 2**32 - height)
    return _plain_header(refused, height * width)


def _webp_header(data):
    window = _window(data, 0, 21)
    (extended,) = _reads(window, (*[_ANY] * 12, *b"VP8X"))
    flags = tf.where(extended, window[20], 0)
    refused = _first_name(
        (flags % 4 > 1, "an animated WebP"),
        (flags % 16 > 3, "a WebP with EXIF or XMP data"),
    )
    # Without those, libwebp itself takes no more than 16383 x 16383.
    return _plain_header(refused, tf.constant(0, "int64"))


def _unknown_header(data):
    little, big, box = _reads(
        _window(data, 0, 8), b"II*\0", b"MM\0*", (*[_ANY] * 4, *b"ftyp")
    )
    refused = _first_name(
        (little | big, "a TIFF"),
        (box, "an AVIF or HEIF"),
        (True, "no JPEG, PNG, GIF, BMP or WebP"),
    )
    return _plain_header(refused, tf.constant(0, "int64"))


def _plain_header(refused, pixels):
    return refused, pixels, tf.constant(_NONE), _NOWHERE, tf.constant(False)


def _exif_orientation(data, start):
    """Returns the orientation, 1 to 8; 0 if EXIF data have no such tag."""
    window = _window(data, start, 8)
    (little,) = _reads(window, b"II")

    def numbers(digits):
        digits = tf.where(little, digits, tf.reverse(digits, [-1]))
        weights = 256 ** np.arange(digits.shape[-1])
        return tf.reduce_sum(digits * weights, axis=-1)

    directory = start + numbers(window[4:])
    count = numbers(_window(data, directory, 2))
    # Of a directory that the file cuts short, what there is.
    left = (tf.size(data, tf.int64) - directory - 2) // 12
    count = tf.maximum(tf.minimum(count, left), 0)
    entries = _window(data, directory + 2, 12 * count)
    entries = tf.reshape(entries, (-1, 12))
    named = numbers(entries[:, :2]) == _EXIF_ORIENTATION
    is_long = numbers(entries[:, 2:4]) == _EXIF_LONG
    values = tf.where(
        is_long, numbers(entries[:, 8:]), numbers(entries[:, 8:10])
    )
    return tf.reduce_max(tf.pad(tf.where(named, values, 0), [[0, 1]]))


def _repeat(step, *state):
    """Runs a step until the first part of its state is false."""
    return tf.while_loop(
        lambda going, *_: going, step, state, maximum_iterations=_MAX_PARTS
    )


def _first_name(*names):
    """Returns the name of the first condition that is true, or nothing."""
    result = tf.constant("")
    for condition, name in reversed(names):
        result = tf.where(condition, name, result)
    return result


def _reads(window, *texts):
    """Returns for each text, of bytes or any, whether a window begins so."""
    wanted = np.full((len(texts), max(map(len, texts))), -1)
    for row, text in zip(wanted, texts, strict=True):
        row[: len(text)] = [-1 if byte is _ANY else byte for byte in text]
    same = (window[: wanted.shape[1]] == wanted) | (wanted < 0)
    return tf.unstack(tf.reduce_all(same, axis=1))


def _numbers(window, *places, little=False):
    """Returns the unsigned numbers at places of a window: start and size."""
    weights = np.zeros((len(places), window.shape[0]), "int64")
    for row, (start, size) in zip(weights, places, strict=True):
        powers = 256 ** np.arange(size)
        row[start : start + size] = powers if little else powers[::-1]
    return tf.unstack(tf.reduce_sum(window * weights, axis=1))


def _window(data, at, size):
    """Returns bytes from a place on, int64; those beyond the file are 0."""
    last = tf.size(data, tf.int64) - _BEYOND
    begin = tf.minimum(tf.cast(at, "int64"), last)
    return tf.cast(tf.slice(data, [begin], [size]), "int64")
