"""Picture files as pixels."""

import contextlib
import os
from collections.abc import Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from zoo.regular_files import check_regular

if TYPE_CHECKING:
    from PIL import Image

_MODES = {1: "L", 3: "RGB"}
_GREY_STEPS = {"L;2": 85, "L;4": 17}
"""From one grey of 2 or 4 bits to the next, in 8 bits."""
_PROGRAMS = ("EPS",)
"""Formats that Pillow has another program run."""
_ORIENTATION = 0x0112
_CMYK = "CMYK"
_COLOURS_OF_PROFILES = {1: b"GRAY", 3: b"RGB "}
"""What an ICC profile's header says, by the number of channels."""
_SIXTEEN_BITS_AT_MOST = ("PNG", "PPM")
"""Formats whose 32-bit pixels, as Pillow reads them, are 0 to 65535."""
_LEFT_BEHIND = ("__MACOSX", "@eaDir")
"""Folders of copies that an archive of macOS and a Synology disk bring."""


def is_hidden(name: str) -> bool:
    """Returns whether a file or folder in a folder of pictures is left out.

    Those are hidden ones, whose names begin with a dot, and folders that
    systems leave behind, such as `__MACOSX`.
    """
    return name.startswith(".") or name in _LEFT_BEHIND


def read_picture(
    path: str | os.PathLike, shape: tuple[int | None, int | None, int]
) -> np.ndarray:
    """Reads a picture in the size and colours that a model takes.

    The picture is turned upright as its EXIF data say. 16-bit grey is scaled
    to 8 bits. What is transparent is laid over black, the background of
    Fashion-MNIST. Colours are made grey (ITU-R 601 luma) or RGB. The picture
    is resized by Pillow's antialiased bilinear filter, whatever its aspect
    ratio. An exported model's `serving_bytes` decodes files alike.

    Args:
        path: File of any format that Pillow reads, but for EPS, which is
            a program. Of several frames the first is taken.
        shape: `(height, width, channels)`; 1 channel is grey, 3 are RGB. The
            picture keeps its size if height or width is `None`.

    Returns:
        uint8 pixels, `(height, width, channels)`.

    Raises:
        ValueError: If there is no such file, it is no picture, its pixels
            are of no known range, it has more than twice
            `PIL.Image.MAX_IMAGE_PIXELS`, or the number of channels is
            another; the message names the file.
    """
    from PIL import ImageOps

    channels = shape[-1]
    if channels not in _MODES:
        raise ValueError(
            "A picture is read with 1 channel, grey, or 3, RGB. "
            f"Received: channels={channels}"
        )
    with _opened(path) as opened:
        upright = ImageOps.exif_transpose(opened)
        shallow = _eight_bits(upright, opened.format)
        return fit_picture(_over_black(shallow), shape)


@dataclass(frozen=True)
class StoredPicture:
    """A picture as its file has it.

    Attributes:
        pixels: uint8, `(height, width, channels)`, one channel for grey,
            three for RGB; not turned.
        orientation: How to turn it upright, as EXIF says it, 1 to 8.
        icc_profile: Of its colours, `None` if the file has none that fits.
    """

    pixels: np.ndarray
    orientation: int = 1
    icc_profile: bytes | None = None

    @property
    def image(self) -> "Image.Image":
        """The pixels as Pillow has them."""
        from PIL import Image

        grey = self.pixels.shape[-1] == 1
        return Image.fromarray(self.pixels[..., 0] if grey else self.pixels)

    def turn_upright(self, picture: "Image.Image") -> "Image.Image":
        """Turns a picture that lies as this one does."""
        return _turned(picture, self.orientation)

    def turn_back(self, picture: "Image.Image") -> "Image.Image":
        """Lays an upright picture as this one lies."""
        inverse = {6: 8, 8: 6}.get(self.orientation, self.orientation)
        return _turned(picture, inverse)


def read_stored_picture(path: str | os.PathLike) -> StoredPicture:
    """Reads a picture with its own size, colours and orientation.

    Depth and transparency are treated as in `read_picture`.

    Args:
        path: As for `read_picture`.

    Raises:
        ValueError: As for `read_picture`; and if the picture is for print,
            CMYK, whose colours mean nothing without their ink.
    """
    with _opened(path) as opened:
        if opened.mode == _CMYK:
            raise ValueError("its colours are CMYK; convert it to RGB first")
        opened.load()  # Pillow turns a TIFF upright itself.
        orientation = opened.getexif().get(_ORIENTATION, 1)
        profile = opened.info.get("icc_profile") or b""
        shallow = _over_black(_eight_bits(opened, opened.format))
        grey = opened.mode in ("1", "L", "LA") or opened.mode.startswith("I")
        channels = 1 if grey else 3
        pixels = fit_picture(shallow, (None, None, channels))
    fits = profile[16:20] == _COLOURS_OF_PROFILES[channels]
    return StoredPicture(
        pixels,
        int(orientation) if orientation in range(1, 9) else 1,
        profile if fits else None,
    )


def fit_picture(
    picture: "Image.Image", shape: tuple[int | None, int | None, int]
) -> np.ndarray:
    """Returns a picture's pixels, resized if the shape says so.

    Args:
        picture: Of 8 bits a channel, opaque.
        shape: `(height, width, channels)`; one channel for grey, three for
            RGB. If height or width is `None`, the size stays.

    Returns:
        `(height, width, channels)`, uint8 from 0 to 255.

    Raises:
        KeyError: If there are other than one or three channels.
    """
    from PIL import Image

    height, width, channels = shape
    picture = picture.convert(_MODES[channels])
    if None not in (height, width):
        picture = picture.resize((width, height), Image.Resampling.BILINEAR)
    return np.asarray(picture).reshape(picture.height, picture.width, channels)


@contextlib.contextmanager
def _opened(path) -> "Iterator[Image.Image]":
    """Opens a picture; what goes wrong with it names the file."""
    from PIL import Image
    from PIL import UnidentifiedImageError

    try:
        check_regular(path)
        with Image.open(path) as opened:
            if opened.format in _PROGRAMS:
                raise ValueError(f"{opened.format} files are programs")
            _scale_colour_key(opened)
            yield opened
    except UnidentifiedImageError as error:
        raise ValueError(
            f"{_shown(path)} is not a picture Pillow can read."
        ) from error
    except Exception as error:  # Decoders raise many kinds.
        reason = getattr(error, "strerror", None) or error
        raise ValueError(f"{_shown(path)} cannot be read: {reason}.") from error


def _turned(picture: "Image.Image", orientation: int) -> "Image.Image":
    from PIL import Image

    turn = Image.Transpose
    method = {
        2: turn.FLIP_LEFT_RIGHT,
        3: turn.ROTATE_180,
        4: turn.FLIP_TOP_BOTTOM,
        5: turn.TRANSPOSE,
        6: turn.ROTATE_270,
        7: turn.TRANSVERSE,
        8: turn.ROTATE_90,
    }.get(orientation)
    return picture if method is None else picture.transpose(method)


def _shown(path) -> str:
    """Returns a path on one line, whatever it does to a terminal."""
    text = os.fsdecode(path)
    return text if text.isprintable() else repr(text)


def _scale_colour_key(picture: "Image.Image") -> None:
    """Scales the grey that a PNG makes transparent as its pixels are scaled.

    Pillow leaves the key of grey pixels of 1, 2 or 4 bits as the file has it.
    """
    key = picture.info.get("transparency")
    if not isinstance(key, int | tuple) or not picture.tile:
        return
    raw_mode = picture.tile[0][3]
    if raw_mode == "RGB;16B":
        # Pillow has dropped the lower byte of the pixels.
        raise ValueError("a colour of its 16 bits is transparent")
    if picture.mode == "1":
        picture.info["transparency"] = 255 if key else 0
    elif raw_mode in _GREY_STEPS:
        picture.info["transparency"] = key * _GREY_STEPS[raw_mode]


def _eight_bits(picture: "Image.Image", file_format: str) -> "Image.Image":
    """Scales 16-bit grey pixels, which Pillow's `convert` cuts off at 255.

    What is transparent among them becomes black.
    """
    from PIL import Image

    if not picture.mode.startswith(("I", "F")):
        return picture
    if not picture.mode.startswith("I;16") and (
        picture.mode != "I" or file_format not in _SIXTEEN_BITS_AT_MOST
    ):
        raise ValueError("its pixels are deeper than 16 bits")
    pixels = np.asarray(picture).astype("int64")
    pixels[pixels == picture.info.get("transparency", -1)] = 0
    return Image.fromarray(((pixels + 128) // 257).astype("uint8"))


def _over_black(picture: "Image.Image") -> "Image.Image":
    """Composites what is transparent over black."""
    from PIL import Image

    if not picture.has_transparency_data:
        return picture
    picture = picture.convert("RGBA")
    black = Image.new("RGBA", picture.size, "black")
    return Image.alpha_composite(black, picture)
