"""The parts of picture files, and what each means.

A file is walked through part by part: the segments of a JPEG, the chunks of a
PNG, the blocks of a GIF. What a part's first bytes say stands in one table.
"""

from typing import NamedTuple

import numpy as np

WIDTH = 34
"""Bytes of a part that tell what it is."""
_XMP = b"XML:com.adobe.xmp\0"
_EXIF_TEXT = b"Raw profile type exif\0"

END, FILE, _SEGMENT, _CHUNK, _EXTENSION, _BLOCK = range(6)
"""What a part is: none, a file's first bytes, a JPEG's, a PNG's, a GIF's."""


class _Part(NamedTuple):
    """How a part of a file begins, and what comes after it.

    What several entries say of the same part is added up.

    Args:
        name: What is remembered; nothing if empty.
        kind: A file's first bytes, a segment, ...
        begins: Pairs of a mask and a value, a byte each.
        skip: Bytes from here to the next part,
        length: and those that a big-endian number of the part adds: its
            place, its size and its sign.
        then: The next part's kind; the difference to other entries' if they
            match as well.
    """

    name: str
    kind: int
    begins: list[tuple[int, int]]
    skip: int = 0
    length: tuple[int, int, int] = (0, 0, 0)
    then: int = 0


def _bytes(*values: bytes | int) -> list[tuple[int, int]]:
    """Returns masked bytes; a number leaves as many bytes open."""
    return [
        pair
        for value in values
        for pair in (
            [(0, 0)] * value
            if isinstance(value, int)
            else [(0xFF, byte) for byte in value]
        )
    ]


def _segment(name: str, *values: bytes | int, **options) -> _Part:
    begins = _bytes(b"\xff", *values)
    return _Part(name, _SEGMENT, begins, **options)


def _chunk(name: str, text: bytes, **options) -> _Part:
    return _Part(name, _CHUNK, _bytes(4, text), **options)


_NO_LENGTH = {"length": (2, 2, -1)}
"""Of a JPEG's markers without a segment."""
_RIFF = _bytes(b"RIFF", 4, b"WEBP")
_EXTENDED = [*_RIFF, *_bytes(b"VP8X", 4)]
_TABLE = (
    _Part("jpeg", FILE, _bytes(b"\xff\xd8\xff"), 2, then=_SEGMENT),
    _Part("png", FILE, _bytes(b"\x89PNG\r\n\x1a\n"), 8, then=_CHUNK),
    _Part("gif", FILE, _bytes(b"GIF8"), 13, then=_EXTENSION),
    _Part("bmp", FILE, _bytes(b"BM")),
    *(
        # A chunk of none of these isn't looked for; libwebp takes raw data.
        _Part(name, FILE, [*_RIFF, *_bytes(chunk)])
        for name, chunk in (
            ("vp8", b"VP8 "),
            ("vp8l", b"VP8L"),
            ("vp8x", b"VP8X"),
        )
    ),
    _Part("animated", FILE, [*_EXTENDED, (0x02, 0x02)]),
    _Part("webp_meta", FILE, [*_EXTENDED, (0x04, 0x04)]),
    _Part("webp_meta", FILE, [*_EXTENDED, (0x08, 0x08)]),
    _Part("tiff", FILE, _bytes(b"II*\0")),
    _Part("tiff", FILE, _bytes(b"MM\0*")),
    _Part("avif", FILE, _bytes(4, b"ftyp")),
    *(
        # The table of a GIF's colours.
        _Part("", FILE, [*_bytes(b"GIF8", 6), (0x87, 0x80 | n)], 6 << n)
        for n in range(8)
    ),
    _segment("", skip=2, length=(2, 2, 1), then=_SEGMENT),
    _segment("", b"\xff", skip=-1, **_NO_LENGTH),
    _segment("", b"\x01", **_NO_LENGTH),
    _segment("", b"\xd8", **_NO_LENGTH),
    _Part("", _SEGMENT, [(0xFF, 0xFF), (0xF8, 0xD0)], **_NO_LENGTH),
    _segment("scan", b"\xda", then=END - _SEGMENT),
    _segment("", b"\xd9", then=END - _SEGMENT),
    *(
        _segment("frame", bytes([marker]))
        for marker in sorted({*range(0xC0, 0xD0)} - {0xC4, 0xC8, 0xCC})
    ),
    _segment("exif", b"\xe1", 2, b"Exif\0\0"),
    _segment("xmp", b"\xe1", 2, b"http://ns.adobe.com/xap/1.0/\0"),
    _segment("adobe", b"\xee", 2, b"Adobe"),
    _chunk("", b"", skip=12, length=(0, 4, 1), then=_CHUNK),
    _chunk("last_chunk", b"IEND", then=END - _CHUNK),
    _chunk("key", b"tRNS"),
    _chunk("exif_chunk", b"eXIf"),
    _chunk("xmp", b"iTXt" + _XMP),
    # A flag says that the text is compressed.
    _chunk("packed", b"iTXt" + _XMP + b"\1"),
    *(
        _chunk("text", kind + _EXIF_TEXT)
        for kind in (b"tEXt", b"zTXt", b"iTXt")
    ),
    _Part("", _EXTENSION, _bytes(b"\x21"), 2, then=_BLOCK),
    _Part("", _BLOCK, [], 1, length=(0, 1, 1), then=_BLOCK),
    _Part("", _BLOCK, _bytes(b"\0"), then=_EXTENSION - _BLOCK),
)
NAMES = tuple(dict.fromkeys(part.name for part in _TABLE if part.name))
LAST_COUNTS = np.isin(NAMES, ("exif_chunk", "xmp"))
"""Of several parts of a name; else the first."""


def as_arrays() -> tuple[np.ndarray, ...]:
    """Returns the table as arrays, for windows of 1, a kind, and bytes.

    Returns:
        Masks and values, int64, of shape (entries, window); an entry matches
        if the masked window equals the values. Rules, int64, of shape (2,
        window, entries): weights of the way to the next part, and of that
        part's kind. Names, bool, of shape (names, entries): whether an entry
        has a name.
    """
    masks = np.zeros((len(_TABLE), WIDTH + 2), "int64")
    values = np.zeros_like(masks)
    rules = np.zeros((2, *masks.T.shape), "int64")
    for row, part in enumerate(_TABLE):
        pairs = [(0xFF, part.kind), *part.begins]
        masks[row, 1 : len(pairs) + 1], values[row, 1 : len(pairs) + 1] = zip(
            *pairs, strict=True
        )
        place, count, sign = part.length
        powers = sign * 256 ** np.arange(count)[::-1]
        rules[0, place + 2 : place + 2 + count, row] = powers
        rules[:, 0, row] = part.skip, part.then
    named = np.array([[p.name == name for p in _TABLE] for name in NAMES])
    return masks, values, rules, named
