"""Reads the headers of picture files in a graph.

JPEG, PNG, GIF, BMP and WebP are told apart by their first bytes. Of each the
graph reads what decides how it is decoded: its size, whether and how it is
turned, what is transparent.

To trace, load and run, a graph costs by its number of ops. So one loop walks
through the parts of any file, which `picture_parts` lists.
"""

from typing import NamedTuple

import numpy as np
import tensorflow as tf

from zoo.exports.saved_model.picture_parts import END
from zoo.exports.saved_model.picture_parts import FILE
from zoo.exports.saved_model.picture_parts import LAST_COUNTS
from zoo.exports.saved_model.picture_parts import NAMES
from zoo.exports.saved_model.picture_parts import WIDTH
from zoo.exports.saved_model.picture_parts import as_arrays

MAX_PIXELS = 40_000_000
"""Pictures of more are refused: a file of a few bytes may declare as many."""
BYTES_A_PIXEL = 25
"""That a picture takes at most while it is decoded; as measured, if it is
transparent and made grey (without, it's 12, and opaque 3.3)."""

_MAX_PARTS = 10_000
"""Of a file: a hostile one may consist of millions."""
_MAX_SCANS = 100
"""Of a JPEG: each takes as long as its pixels take, however short it is."""
_BEYOND = 1024
"""Zeros after a file, for what is looked up past its end."""
_EXIF_ORIENTATION, _EXIF_LONG = 0x0112, 4
_XMP_ORIENTATION = r'(?s)\C*tiff:Orientation(="|>)[2-8]\C*'
_WEBPS = ("vp8", "vp8l", "vp8x")
"""By a WebP's first chunk: lossy, lossless, with more chunks."""
_FORMATS = ("jpeg", "png", "gif", "bmp", *_WEBPS)
_FIELDS = {
    # Which window, place in it, size, whether the lowest byte comes first.
    "png_width": (0, 16, 4, False),
    "gif_width": (0, 6, 2, True),
    "bmp_width": (0, 18, 4, True),
    "jpeg_width": (1, 7, 2, False),
    "vp8_width": (0, 26, 2, True),
    "vp8x_width": (0, 24, 3, True),
    "png_height": (0, 20, 4, False),
    "gif_height": (0, 8, 2, True),
    "bmp_height": (0, 22, 4, True),
    "jpeg_height": (1, 5, 2, False),
    "vp8_height": (0, 28, 2, True),
    "vp8x_height": (0, 27, 3, True),
    "vp8l_size": (0, 21, 4, True),
    "colours": (1, 9, 1, False),
    "pixels_at": (0, 10, 4, True),
    "bmp_header": (0, 14, 4, True),
    "bits": (0, 28, 2, True),
    "compression": (0, 30, 4, True),
    "riff_size": (0, 4, 4, True),
    "offset": (2, 1, 4, True),
    "frame_width": (2, 5, 2, True),
    "frame_height": (2, 7, 2, True),
    "frame_flags": (2, 9, 1, True),
    "segment_length": (3, 2, 2, False),
    "chunk_length": (3, 0, 4, False),
    "byte_order": (4, 0, 1, False),
    "little_directory": (4, 4, 4, True),
    "big_directory": (4, 4, 4, False),
}
"""Of a file's first bytes, and behind its frame, GIF's frame, XMP and EXIF."""
_SIZED = ("png", "gif", "bmp", "jpeg", *_WEBPS)
"""Formats whose files say how large they are: all."""
_ENTRY = ((0, 2), (2, 2), (8, 2), (8, 4))
"""Of EXIF data: tag, type, and the value as a short or a long number."""


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
        is_gif: Whether it is a GIF.
        end: Bytes up to the end of a GIF's first frame; the size of others.
    """

    refused: tf.Tensor
    orientation: tf.Tensor
    is_jpeg: tf.Tensor
    keeps_channels: tf.Tensor
    is_keyed: tf.Tensor
    is_gif: tf.Tensor
    end: tf.Tensor


def read_header(contents: tf.Tensor) -> Header:
    """Reads the header of a picture file.

    Args:
        contents: Scalar of bytes.
    """
    data = tf.io.decode_raw(contents, tf.uint8)
    size = tf.size(data, tf.int64)
    data = tf.pad(data, [[0, _BEYOND]])
    unfinished, end, at, has = _walk(data, size)
    in_jpeg = tf.cast(has["jpeg"], "int64")
    exif = tf.maximum(at["exif"] + 10, at["exif_chunk"] + 8)
    places = tf.stack([0, at["frame"], end, at["xmp"], exif])
    field = _read_fields(data, size, places)
    has_exif = has["exif"] | has["exif_chunk"]
    orientation = _exif_orientation(data, size, exif, has_exif, field)
    is_webp = tf.reduce_any(tf.stack([has[name] for name in _WEBPS]))
    sized = tf.reduce_any(tf.stack([has[name] for name in _SIZED]))
    pixels = _pixels(has, field)
    scans = data[tf.where(has["scan"], at["scan"], size) :]
    ends = _markers(scans, 0xD9)
    refused = {
        "a TIFF": has["tiff"],
        "an AVIF or HEIF": has["avif"],
        "no JPEG, PNG, GIF, BMP or WebP": ~tf.reduce_any(
            tf.stack([has[name] for name in _FORMATS])
        ),
        f"a file of more than {_MAX_PARTS} parts": unfinished,
        f"a JPEG of more than {_MAX_SCANS} scans": (
            has["jpeg"] & (_count_scans(scans, ends) > _MAX_SCANS)
        ),
        "a JPEG without a frame": has["jpeg"] & ~has["frame"],
        "a CMYK JPEG without an Adobe marker": (
            (field["colours"] == 4) & has["frame"] & ~has["adobe"]
        ),
        "a PNG with EXIF data as text": has["text"] & ~has["exif_chunk"],
        "a PNG with compressed XMP data": has["packed"],
        "a picture without pixels": sized & (pixels == 0),
        "a GIF whose first frame is smaller than it": (
            has["gif"]
            & (
                (field["offset"] != 0)
                | (field["frame_width"] != field["gif_width"])
                | (field["frame_height"] != field["gif_height"])
            )
        ),
        **_refused_bitmaps(data, size, has["bmp"], field),
        "an animated WebP": has["animated"],
        "a WebP with EXIF or XMP data": has["webp_meta"],
        f"more than {MAX_PIXELS} pixels": pixels > MAX_PIXELS,
        "a picture that its XMP data turn": (
            _turned_by_xmp(contents, at["xmp"], in_jpeg, field)
            & (orientation == 0)
        ),
        "a file that is cut short": (
            (has["jpeg"] & ~tf.reduce_any(ends))
            | (has["png"] & ~has["last_chunk"])
            | (is_webp & (field["riff_size"] + 8 > size))
        ),
        "": tf.constant(True),
    }
    first = tf.argmax(tf.cast(tf.stack(list(refused.values())), "int32"))
    return Header(
        tf.gather(list(refused), first),
        orientation,
        has["jpeg"],
        has["png"] | is_webp,
        has["key"],
        has["gif"],
        tf.where(has["gif"], _frame_end(data, size, end, field), size),
    )


def _walk(data, size):
    """Walks through the parts of a file, up to a JPEG's or GIF's pixels.

    Returns whether more are left, where the last begins, and where those of
    each name do and whether there is any.
    """
    masks, values, rules, named = as_arrays()

    def step(kind, at, found):
        window = tf.concat([[1, kind], _window(data, size, at, WIDTH)], axis=0)
        same = tf.bitwise.bitwise_and(window, masks) == values
        matches = tf.reduce_all(same, axis=1)
        rule = tf.reduce_sum(tf.where(matches, rules, np.int64(0)), axis=-1)
        skip, kind = tf.unstack(tf.reduce_sum(rule * window, axis=-1))
        seen = tf.reduce_any(matches & named, axis=1)
        found = tf.where(seen & ((found < 0) | LAST_COUNTS), at, found)
        at += skip
        return tf.where(at < size, kind, np.int64(END)), at, found

    kind, end, found = tf.while_loop(
        lambda kind, *_: kind > END,
        step,
        (np.int64(FILE), np.int64(0), np.full(len(NAMES), -1, "int64")),
        maximum_iterations=_MAX_PARTS,
    )
    at = dict(zip(NAMES, tf.unstack(found), strict=True))
    has = dict(zip(NAMES, tf.unstack(found >= 0), strict=True))
    return kind > END, end, at, has


def _read_fields(data, size, places):
    """Returns numbers of the header by name; nonsense of other formats."""
    weights = np.zeros((len(_FIELDS), places.shape[0], WIDTH), "int64")
    for row, (window, *place) in zip(weights, _FIELDS.values(), strict=True):
        _weigh(row[window], *place)
    begins = tf.clip_by_value(places, 0, size)
    windows = tf.gather(data, begins[:, None] + np.arange(WIDTH))
    numbers = tf.reduce_sum(tf.cast(windows, "int64") * weights, axis=(1, 2))
    return dict(zip(_FIELDS, tf.unstack(numbers), strict=True))


def _weigh(weights, place, count, little):
    """Writes what the bytes of a number at a place weigh."""
    powers = 256 ** np.arange(count)
    weights[place : place + count] = powers if little else powers[::-1]


def _pixels(has, field):
    """Returns the number of pixels that a file declares."""
    # A BMP's negative height says that the upper row comes first.
    height = field["bmp_height"]
    # A WebP's sizes have 14 bits, or are one less than it is large.
    size = field["vp8l_size"]
    sizes = {
        **field,
        "bmp_height": tf.minimum(height, 2**32 - height),
        "vp8_width": field["vp8_width"] % 2**14,
        "vp8_height": field["vp8_height"] % 2**14,
        "vp8l_width": size % 2**14 + 1,
        "vp8l_height": size // 2**14 % 2**14 + 1,
        "vp8x_width": field["vp8x_width"] + 1,
        "vp8x_height": field["vp8x_height"] + 1,
    }
    pixels = tf.stack([sizes[f"{name}_width"] for name in _SIZED]) * tf.stack(
        [sizes[f"{name}_height"] for name in _SIZED]
    )
    own = tf.stack([has[name] for name in _SIZED])
    return tf.reduce_max(tf.where(own, pixels, np.int64(0)))


def _frame_end(data, size, frame, field):
    """Returns where a GIF's first frame ends; nonsense of other files.

    TensorFlow decodes all frames of an animation, to return the first. So
    the graph cuts the others off. A frame is a chain of blocks, each with its
    length in front, and an empty one at its end. Instead of walking block by
    block, every byte is taken for a length at once, and the ways doubled.
    """
    flags = field["frame_flags"]
    table = tf.where(flags >= 128, 3 * 2 ** (flags % 8 + 1), np.int64(0))
    is_gif = tf.cast(data[0] == ord("G"), "int64")
    chain = tf.clip_by_value(frame + 11 + table, 0, size)
    lengths = tf.cast(data[chain : chain + is_gif * (size - chain)], "int32")
    # A byte behind the file ends each chain.
    count = tf.size(lengths)
    lengths = tf.pad(lengths, [[0, 1]])
    jumps = tf.range(count + 1)
    jumps = tf.minimum(jumps + lengths + tf.cast(lengths > 0, "int32"), count)
    (jumps,) = tf.while_loop(
        lambda jumps: tf.gather(jumps, jumps[0]) != jumps[0],
        lambda jumps: (tf.gather(jumps, jumps),),
        (jumps,),
    )
    return tf.minimum(chain + tf.cast(jumps[0], "int64") + 1, size)


def _refused_bitmaps(data, size, is_bmp, field):
    greys = np.repeat(np.arange(256), 4)
    unused = np.arange(1024) % 4 == 3
    table = field["bmp_header"] + 14
    is_grey = (_window(data, size, table, 1024) == greys) | unused
    grey = (field["pixels_at"] == table + 1024) & tf.reduce_all(is_grey)
    bits = field["bits"]
    plain = (field["bmp_header"] >= 40) & (field["compression"] == 0)
    coloured = plain & ((bits == 24) | (bits == 32))
    return {
        "a BMP with a palette of colours": (
            is_bmp & (bits <= 8) & ~(plain & grey & (bits == 8))
        ),
        "a BMP of other than 24 or 32 plain bits a pixel": (
            is_bmp & (bits > 8) & ~coloured
        ),
    }


def _markers(data, marker):
    """Returns where a JPEG's marker is. In compressed pixels it can't be."""
    return (data[:-1] == 0xFF) & (data[1:] == marker)


def _count_scans(scans, ends):
    """Returns how many scans a JPEG has up to its end.

    Behind the end some cameras write a film, of any bytes.

    Args:
        scans: The file from its first scan on.
        ends: Where there the end's marker is. Of a file without one, the
            scans aren't counted: it is cut short.
    """
    end = tf.argmax(tf.cast(ends, tf.uint8))
    return tf.math.count_nonzero(_markers(scans[:end], 0xDA))


def _turned_by_xmp(contents, at, in_jpeg, field):
    """Returns whether a file's XMP data say that it is turned."""
    none = np.int64(0)
    length = tf.where(
        in_jpeg > 0, field["segment_length"] - 2, field["chunk_length"]
    )
    text = tf.strings.substr(
        contents,
        tf.where(at < 0, none, at + 8 - 4 * in_jpeg),
        tf.where(at < 0, none, tf.maximum(length, 0)),
    )
    return tf.strings.regex_full_match(text, _XMP_ORIENTATION)


def _exif_orientation(data, size, start, has_exif, field):
    """Returns the orientation, 1 to 8; 0 if EXIF data have no such tag."""
    weights = np.zeros((2, len(_ENTRY), 12), "int64")
    for little, rows in enumerate(weights):
        for row, place in zip(rows, _ENTRY, strict=True):
            _weigh(row, *place, little)
    is_little = field["byte_order"] == ord("I")
    weights = tf.where(is_little, weights[1], weights[0])
    directory = start + tf.where(
        is_little, field["little_directory"], field["big_directory"]
    )
    window = _window(data, size, directory, 2)
    count = tf.reduce_sum(window * weights[0, :2])
    # At most what is left of the file.
    count = tf.clip_by_value((size - directory - 2) // 12, 0, count)
    count *= tf.cast(has_exif, "int64")
    entries = _window(data, size, directory + 2, 12 * count)
    numbers = tf.matmul(
        tf.reshape(entries, (-1, 12)), weights, transpose_b=True
    )
    tag, kind, short, long = tf.unstack(numbers, axis=1)
    values = tf.where(kind == _EXIF_LONG, long, short)
    return tf.reduce_max(
        tf.pad(
            tf.where(tag == _EXIF_ORIENTATION, values, np.int64(0)), [[0, 1]]
        )
    )


def _window(data, size, at, count):
    """Returns bytes from a place on, int64; those beyond the file are 0."""
    begin = tf.minimum(at, size)
    return tf.cast(tf.slice(data, [begin], [count]), "int64")
