"""What picture files say of themselves, read in a graph from their bytes."""

from typing import NamedTuple

import numpy as np
import tensorflow as tf

MAX_PIXELS = 178_956_970
"""Pictures of more are refused, as they are by Pillow."""

_NONE = np.int64(-1)
"""Position of what a file doesn't have."""
_BEYOND = 64
"""Zeros after a file, for what is looked up past its end."""
_EXIF_ORIENTATION, _EXIF_LONG = 0x0112, 4
_XMP_ORIENTATION = r'(?s)\C*tiff:Orientation(="|>)[2-8]\C*'
_ANY = None
_FORMATS = (
    b"\xff\xd8\xff",
    b"\x89PNG\r\n\x1a\n",
    b"GIF8",
    b"BM",
    (*b"RIFF", *[_ANY] * 4, *b"WEBP"),
)
"""How files of JPEG, PNG, GIF, BMP and WebP begin."""
_LAST_SEGMENTS = (b"\xff\xda", b"\xff\xd9")
_SEGMENTS = tuple(
    (0xFF, marker, _ANY, _ANY, *text)
    for marker, text in (
        (0xE1, b"Exif\0\0"),
        (0xE1, b"http://ns.adobe.com/xap/1.0/\0"),
        (0xEE, b"Adobe"),
    )
)
_FRAMES = tuple({*range(0xC0, 0xD0)} - {0xC4, 0xC8, 0xCC})
"""Markers of a JPEG that begin a frame."""
_CHUNKS = (
    b"IEND",
    b"tRNS",
    b"eXIf",
    b"iTXtXML:com.adobe.xmp\0",
    b"iTXtXML:com.adobe.xmp\0\1",
    *(
        kind + b"Raw profile type exif\0"
        for kind in (b"tEXt", b"zTXt", b"iTXt")
    ),
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
    jpeg, png, gif, bmp, webp = _reads(data, 0, *_FORMATS)
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

    def more(at, *_):
        marks, last, end = _reads(data, at, (0xFF,), *_LAST_SEGMENTS)
        return marks & ~last & ~end

    def step(at, exif, xmp, frame, adobe):
        marker, length = _byte(data, at + 1), _number(data, at + 2, 2)
        alone = (marker == 1) | ((marker >= 0xD0) & (marker <= 0xD8))
        has_exif, has_xmp, has_adobe = _reads(data, at, *_SEGMENTS)
        has_frame = tf.reduce_any(marker == np.array(_FRAMES, "int64"))
        size = tf.where(alone, np.int64(2), length + 2)
        return (
            at + tf.where(marker == 0xFF, np.int64(1), size),
            tf.where(has_exif & (exif == _NONE), at + 10, exif),
            tf.where(has_xmp, tf.stack([at + 4, length - 2]), xmp),
            tf.where(has_frame & (frame == _NONE), at, frame),
            adobe | has_adobe,
        )

    _, exif, xmp, frame, adobe = tf.while_loop(
        more, step, (np.int64(2), _NONE, _nothing(), _NONE, False)
    )
    height, width = _number(data, frame + 5, 2), _number(data, frame + 7, 2)
    refused = _first_name(
        (frame == _NONE, "a JPEG without a frame"),
        (
            (_byte(data, frame + 9) == 4) & ~adobe,
            "a CMYK JPEG without an Adobe marker",
        ),
    )
    return refused, height * width, exif, xmp, tf.constant(False)


def _png_header(data):
    """Looks through a PNG's chunks."""
    size = tf.size(data, tf.int64)

    def more(at, *_):
        return at < size

    def step(at, exif, xmp, text, packed, keyed):
        length = _number(data, at, 4)
        end, key, has_exif, has_xmp, is_packed, *has_text = _reads(
            data, at + 4, *_CHUNKS
        )
        body = at + 8
        return (
            tf.where(end, size, body + length + 4),
            tf.where(has_exif, body, exif),
            tf.where(has_xmp, tf.stack([body, length]), xmp),
            text | tf.reduce_any(has_text),
            packed | is_packed,
            keyed | key,
        )

    _, exif, xmp, text, packed, keyed = tf.while_loop(
        more, step, (np.int64(8), _NONE, _nothing(), False, False, False)
    )
    height, width = _number(data, 20, 4), _number(data, 16, 4)
    refused = _first_name(
        (text & (exif == _NONE), "a PNG with EXIF data as text"),
        (packed, "a PNG with compressed XMP data"),
    )
    return refused, height * width, exif, xmp, keyed


def _gif_header(data):
    """Looks for a GIF's first frame, behind its extensions."""
    flags = _byte(data, 10)
    table = tf.where(
        flags & 0x80 > 0,
        tf.bitwise.left_shift(np.int64(6), flags & 7),
        np.int64(0),
    )

    def more(at, within):
        return within | (_byte(data, at) == 0x21)

    def step(at, within):
        # Behind an extension's two bytes are blocks, the last an empty one.
        size = _byte(data, at)
        return (
            at + tf.where(within, size + 1, np.int64(2)),
            ~within | (size > 0),
        )

    at, _ = tf.while_loop(more, step, (13 + table, False))
    screen, frame = _bytes(data, 6, 4), _bytes(data, at + 5, 4)
    fills = tf.reduce_all(screen == frame)
    fills &= tf.reduce_all(_bytes(data, at + 1, 4) == 0)
    refused = _first_name(
        (~fills, "a GIF whose first frame is smaller than it")
    )
    width, height = (_number(data, place, 2, little=True) for place in (6, 8))
    return _plain_header(refused, height * width)


def _bmp_header(data):
    def field(place, size):
        return _number(data, place, size, little=True)

    table, bits = field(14, 4) + 14, field(28, 2)
    plain = (field(14, 4) >= 40) & (field(30, 4) == 0)
    greys = tf.range(1024, dtype="int64") // 4
    is_grey = (_bytes(data, table, 1024) == greys) | (
        tf.range(1024) % 4 == 3  # Unused.
    )
    grey = (field(10, 4) == table + 1024) & tf.reduce_all(is_grey)
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
    # The sign of the height says which row is the first.
    height = tf.abs(tf.cast(tf.cast(field(22, 4), "int32"), "int64"))
    return _plain_header(refused, height * field(18, 4))


def _webp_header(data):
    (extended,) = _reads(data, 12, b"VP8X")
    flags = tf.where(extended, _byte(data, 20), np.int64(0))
    refused = _first_name(
        (flags & 0b0010 > 0, "an animated WebP"),
        (flags & 0b1100 > 0, "a WebP with EXIF or XMP data"),
    )
    # Without those, libwebp itself takes no more than 16383 x 16383.
    return _plain_header(refused, tf.constant(0, "int64"))


def _unknown_header(data):
    little, big, box = _reads(
        data, 0, b"II*\0", b"MM\0*", (*[_ANY] * 4, *b"ftyp")
    )
    refused = _first_name(
        (little | big, "a TIFF"),
        (box, "an AVIF or HEIF"),
        (tf.constant(True), "no JPEG, PNG, GIF, BMP or WebP"),
    )
    return _plain_header(refused, tf.constant(0, "int64"))


def _plain_header(refused, pixels):
    return refused, pixels, tf.constant(_NONE), _nothing(), tf.constant(False)


def _exif_orientation(data, start):
    """Returns the orientation, 1 to 8; 0 if EXIF data have no such tag."""
    (little,) = _reads(data, start, b"II")

    def numbers(places, size):
        places = tf.expand_dims(places, -1) + tf.range(size, dtype="int64")
        digits = _byte(data, places)
        digits = tf.where(little, tf.reverse(digits, [-1]), digits)
        return tf.reduce_sum(digits * _powers(size), axis=-1)

    directory = start + numbers(start + 4, 4)
    count = numbers(directory, 2)
    entries = directory + 2 + 12 * tf.range(count)
    is_long = numbers(entries + 2, 2) == _EXIF_LONG
    values = tf.where(is_long, numbers(entries + 8, 4), numbers(entries + 8, 2))
    named = numbers(entries, 2) == _EXIF_ORIENTATION
    return tf.reduce_max(tf.concat([[0], tf.where(named, values, 0)], 0))


def _first_name(*names):
    """Returns the name of the first condition that is true, or nothing."""
    result = tf.constant("")
    for condition, name in reversed(names):
        result = tf.where(condition, name, result)
    return result


def _nothing():
    return tf.constant([0, 0], "int64")


def _number(data, at, size, *, little=False):
    """Returns an unsigned number, int64."""
    digits = _bytes(data, at, size)
    return tf.reduce_sum(digits * _powers(size)[:: -1 if little else 1])


def _powers(size):
    return 256 ** np.arange(size, dtype="int64")[::-1]


def _reads(data, at, *texts):
    """Returns for each text, of bytes or any, whether it begins at a place."""
    width = max(map(len, texts))
    wanted = np.full((len(texts), width), -1)
    for row, text in zip(wanted, texts, strict=True):
        row[: len(text)] = [-1 if byte is _ANY else byte for byte in text]
    same = (_bytes(data, at, width) == wanted) | (wanted < 0)
    return tf.unstack(tf.reduce_all(same, axis=1))


def _bytes(data, at, size):
    return _byte(data, at + tf.range(size, dtype="int64"))


def _byte(data, at):
    """Returns the bytes at some places, int64; beyond the file they are 0."""
    last = tf.size(data, tf.int64) - 1
    places = tf.clip_by_value(tf.convert_to_tensor(at, "int64"), 0, last)
    return tf.cast(tf.gather(data, places), "int64")
