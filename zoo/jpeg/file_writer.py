"""Standard JPEG files whose 8x8 blocks have qualities of their own.

A file has one quantization table for the luma and one for the chroma, here
those of the best quality in it. A block of a lower quality is quantized by its
own steps first, and what remains is written in the file's finer ones, rounded
to the nearest. So any decoder reads the file, and coarse blocks take fewer
bytes, as most of their coefficients are zero.
"""

import importlib.util
import io
import os
import tempfile
from dataclasses import dataclass

import numpy as np
from keras import ops

from zoo.jpeg.blocks import AWAY_FROM_ZERO
from zoo.jpeg.blocks import block_dct
from zoo.jpeg.blocks import transform_blocks
from zoo.jpeg.codec_dct import halve_quality
from zoo.jpeg.codec_dct import to_planes
from zoo.jpeg.quantization import CHROMINANCE
from zoo.jpeg.quantization import LUMINANCE
from zoo.jpeg.quantization import ExactRounding
from zoo.jpeg.quantization import quantization_tables

LONGEST_SIDE = 65500
"""Pixels that libjpeg writes in a row or column."""

_STRIPE = 512
"""Rows of pixels that are transformed at once, to save memory."""

_LARGEST_LEVEL = 1023
"""What a quantized coefficient may be in baseline JPEG."""

_CLOSE = 0.003
"""Relative difference in bytes at which the search for a size ends."""

_TRIES = 12

_LONGEST_CODE = 4
"""Bytes that no coefficient takes more than: 16 bits, 10 bits, stuffing."""

_SEGMENT = 65533
"""Bytes that a marker segment holds besides its length."""


def writes_exactly() -> bool:
    """Returns whether `jpeglib`, which writes coefficients, is installed."""
    return importlib.util.find_spec("jpeglib") is not None


@dataclass(frozen=True)
class Metadata:
    """What a file says of its pixels.

    Attributes:
        orientation: How to turn the picture, as EXIF says it, 1 to 8.
        icc_profile: Of the colours; `None` for sRGB.
    """

    orientation: int = 1
    icc_profile: bytes | None = None

    def segments(self) -> bytes:
        """Returns the marker segments to write after a file's first ones."""
        written = b""
        if self.orientation != 1:
            # Big-endian TIFF; one entry: 0x0112, one 16-bit number.
            entry = b"\x01\x12\x00\x03\x00\x00\x00\x01"
            value = bytes((0, self.orientation, 0, 0))
            tiff = b"MM\x00\x2a\x00\x00\x00\x08\x00\x01" + entry + value
            written += _segment(0xE1, b"Exif\x00\x00" + tiff + bytes(4))
        name = b"ICC_PROFILE\x00"
        room = _SEGMENT - len(name) - 2
        profile = self.icc_profile or b""
        parts = [profile[i : i + room] for i in range(0, len(profile), room)]
        for index, part in enumerate(parts, 1):
            number = bytes((index, len(parts)))
            written += _segment(0xE2, name + number + part)
        return written


class TransformedPicture:
    """A picture's DCT coefficients, to be written at any qualities.

    Pixels are transformed as `zoo.layers.JPEG` does it, so a file decodes to
    what the layer computes: exactly where the quality is the best in the file,
    and within half a step of the file's table elsewhere. Luma and chroma have
    a table each, and with 4:2:0 chroma has a best quality of its own, that of
    its best mean of four blocks.

    Args:
        pixels: uint8, `(height, width, channels)`, one channel or three.
        subsampling: `"4:2:0"` or `"4:4:4"`.
        metadata: Written into every file.

    Raises:
        ValueError: If a side is longer than 65500 pixels, which libjpeg
            refuses.
    """

    def __init__(
        self,
        pixels: np.ndarray,
        subsampling: str = "4:2:0",
        metadata: Metadata | None = None,
    ):
        self.height, self.width, channels = pixels.shape
        if max(self.height, self.width) > LONGEST_SIDE:
            raise ValueError(
                f"A JPEG file has at most {LONGEST_SIDE} pixels a side. "
                f"Received: {self.width}x{self.height}"
            )
        self.halved = channels == 3 and subsampling == "4:2:0"
        self.blocks = -(-self.height // 8), -(-self.width // 8)
        self._metadata = metadata or Metadata()
        stripes = [
            self._transform(pixels[top : top + _STRIPE], subsampling)
            for top in range(0, self.height, _STRIPE)
        ]
        self._planes = [
            np.concatenate(plane) for plane in zip(*stripes, strict=True)
        ]

    def _transform(self, pixels, subsampling) -> list[np.ndarray]:
        """Returns each component's coefficients in eighths, 64 a block."""
        rounding = ExactRounding()
        images = pixels[None].astype("float32") / 255
        planes = to_planes(images, subsampling, rounding)
        components = []
        for plane in planes:
            blocks = ops.convert_to_numpy(transform_blocks(plane, rounding))[0]
            blocks = blocks.astype("int16")
            if plane.shape[-1] == 1:  # The luma may be padded to even blocks.
                components.append(blocks[:, : self.blocks[1]])
            else:
                components += [blocks[..., 0::2], blocks[..., 1::2]]
        return components

    def encode(self, quality: np.ndarray, *, exact: bool) -> bytes:
        """Returns a baseline JPEG file with optimised Huffman tables.

        Args:
            quality: Of each block, whole numbers from 1 to 100, of shape
                `blocks`. With 4:2:0, a chroma block takes the mean of those
                that it covers, halves rounded up.
            exact: Whether `jpeglib` writes the coefficients as they are.
                Else the blocks' pixels go through Pillow, with the same
                tables: they are rounded to 8 bits on the way, so some
                coefficients change by one, and many of them where the best
                quality is above 95.

        Raises:
            ImportError: If `exact` and `jpeglib` is not installed.
        """
        quality = np.asarray(quality, "int32")
        of_chroma = quality
        if self.halved:
            means = halve_quality(quality[None].astype("float32"))
            of_chroma = ops.convert_to_numpy(means)[0].astype("int32")
        levels, tables = [], []
        for index, plane in enumerate(self._planes):
            own = of_chroma if index else quality
            steps = quantization_tables(CHROMINANCE if index else LUMINANCE)
            steps = steps.reshape(100, 64).astype("float32")
            best = own.max()
            levels.append(_quantize(plane, own, steps, best))
            if index < 2:
                tables.append(steps[best - 1].astype("uint16"))
        write = _write_coefficients if exact else _write_pixels
        written = write(self, levels, tables)
        # Behind SOI and the JFIF segment.
        start = 4 + int.from_bytes(written[4:6])
        return written[:start] + self._metadata.segments() + written[start:]

    def match_size(
        self,
        shares: np.ndarray,
        *,
        min_quality: int,
        match_quality: int,
        exact: bool,
    ) -> tuple[bytes, np.ndarray, int]:
        """Spreads qualities so that the file is as large as a plain one.

        First the highest quality rises, then the lowest, until the sizes are
        within 0.3 % or no step is left. Qualities between whole numbers are
        dithered over the blocks.

        Args:
            shares: Where between the lowest and the highest quality each
                block is, 0 to 1, of shape `blocks`.
            min_quality: Lowest quality to start from, at most
                `match_quality`.
            match_quality: Of the plain file.
            exact: As for `encode`.

        Returns:
            The file, the quality of each block and the plain file's size.
        """

        def encode(quality):
            return self.encode(quality, exact=exact)

        plain = len(encode(np.full(self.blocks, match_quality)))
        search = _SizeSearch(encode, shares, plain)
        low, high = min_quality, 101
        if search.size(min_quality, match_quality) <= plain:
            low = match_quality
        else:
            high = match_quality
        while high - low > 1 and not search.found:
            middle = (low + high) // 2
            if search.size(min_quality, middle) <= plain:
                low = middle
            else:
                high = middle
        best, low, high = low, min_quality, low
        for _ in range(_TRIES):
            if search.found or high - low < 1e-3:
                break
            middle = (low + high) / 2
            if search.size(middle, best) <= plain:
                low = middle
            else:
                high = middle
        return (*search.nearest, plain)


class _SizeSearch:
    """Tries qualities, and remembers what came nearest to a size."""

    def __init__(self, encode, shares, wanted: int):
        self._encode = encode
        self._shares = shares
        self._wanted = wanted
        # An even pattern of thresholds in [0, 1): Roberts' R2 sequence.
        rows, columns = np.indices(shares.shape)
        self._thresholds = (rows * 0.7548776662 + columns * 0.5698402910) % 1
        self._difference = np.inf
        self.nearest = None

    @property
    def found(self) -> bool:
        return self._difference <= _CLOSE * self._wanted

    def size(self, lowest: float, highest: int) -> int:
        spread = lowest + self._shares * (highest - lowest)
        quality = np.floor(spread + self._thresholds).clip(1, highest)
        quality = np.where(self._shares >= 1, highest, quality).astype("int32")
        written = self._encode(quality)
        difference = abs(len(written) - self._wanted)
        if difference < self._difference:
            self._difference = difference
            self.nearest = written, quality
        return len(written)


def _quantize(eighths, quality, steps, best) -> np.ndarray:
    """Quantizes blocks by their own steps, then in those of the best."""
    levels = np.empty_like(eighths)
    divide = (AWAY_FROM_ZERO / 8 / steps).astype("float32")
    multiply = (AWAY_FROM_ZERO * steps / steps[best - 1]).astype("float32")
    for row, own in enumerate(quality - 1):
        whole = np.rint(eighths[row] * divide[own])
        whole = np.rint(whole * multiply[own])
        levels[row] = whole.clip(-_LARGEST_LEVEL, _LARGEST_LEVEL)
    return levels


def _write_coefficients(picture, levels, tables) -> bytes:
    import jpeglib

    luma, *chroma = (plane.reshape(*plane.shape[:2], 8, 8) for plane in levels)
    file = jpeglib.from_dct(
        luma, *chroma, qt=np.stack(tables).reshape(-1, 8, 8)
    )
    file.height, file.width = picture.height, picture.width
    luma_factor = 2 if picture.halved else 1
    factors = [[luma_factor] * 2, [1, 1], [1, 1]]
    file.samp_factor = np.array(factors[: len(levels)])
    with tempfile.TemporaryDirectory() as folder:
        path = os.path.join(folder, "written.jpg")
        file.write_dct(path, flags=["+OPTIMIZE_CODING"])
        with open(path, "rb") as written:
            return _number_components(written.read())


def _number_components(file: bytes) -> bytes:
    """Numbers components from 1 on, as JFIF asks; jpeglib begins with 0."""
    numbered = bytearray(file)
    place = 2
    while True:
        marker = file[place + 1]
        if marker == 0xC0:  # SOF0: three bytes a component.
            for index in range(file[place + 9]):
                numbered[place + 10 + 3 * index] = index + 1
        if marker == 0xDA:  # SOS: two bytes a component.
            for index in range(file[place + 4]):
                numbered[place + 5 + 2 * index] = index + 1
            return bytes(numbered)
        place += 2 + int.from_bytes(file[place + 2 : place + 4])


def _write_pixels(picture, levels, tables) -> bytes:
    """Writes the pixels that the levels stand for, by Pillow.

    Pillow gets luma and chroma, which saves the rounding of colours. Halved
    chroma is doubled by repetition, which its averaging undoes.
    """
    from PIL import Image
    from PIL import ImageFile

    planes = []
    for index, plane in enumerate(levels):
        samples = _samples(plane, tables[min(index, 1)])
        if index and picture.halved:
            samples = samples.repeat(2, axis=0).repeat(2, axis=1)
        planes.append(samples[: picture.height, : picture.width])
    mode = "YCbCr" if len(planes) == 3 else "L"
    image = Image.merge(mode, [Image.fromarray(plane) for plane in planes])
    file = io.BytesIO()
    largest = ImageFile.MAXBLOCK
    # Pillow's buffer must hold the whole file, and may be too small for noise.
    ImageFile.MAXBLOCK = max(largest, _LONGEST_CODE * sum(map(np.size, planes)))
    try:
        image.save(
            file,
            "JPEG",
            qtables=[table.tolist() for table in tables],
            subsampling="4:2:0" if picture.halved else "4:4:4",
            optimize=True,
        )
    finally:
        ImageFile.MAXBLOCK = largest
    return file.getvalue()


def _samples(levels, table) -> np.ndarray:
    """Restores 8-bit samples from levels, as a decoder does."""
    rows, columns, _ = levels.shape
    samples = np.empty((8 * rows, 8 * columns), "uint8")
    transform = block_dct(1).astype("float32")
    for row, blocks in enumerate(levels):
        restored = (blocks * table.astype("float32")) @ transform + 128
        restored = np.rint(restored).clip(0, 255).astype("uint8")
        restored = restored.reshape(columns, 8, 8).transpose(1, 0, 2)
        samples[8 * row : 8 * row + 8] = restored.reshape(8, -1)
    return samples


def _segment(marker: int, content: bytes) -> bytes:
    length = (len(content) + 2).to_bytes(2)
    return bytes((0xFF, marker)) + length + content
