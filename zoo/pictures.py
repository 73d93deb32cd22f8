"""Picture files as pixels."""

import os
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
_SIXTEEN_BITS_AT_MOST = ("PNG", "PPM")
"""Formats whose 32-bit pixels, as Pillow reads them, are 0 to 65535."""


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
    from PIL import Image
    from PIL import ImageOps
    from PIL import UnidentifiedImageError

    channels = shape[-1]
    if channels not in _MODES:
        raise ValueError(
            "A picture is read with 1 channel, grey, or 3, RGB. "
            f"Received: channels={channels}"
        )
    try:
        check_regular(path)
        with Image.open(path) as opened:
            if opened.format in _PROGRAMS:
                raise ValueError(f"{opened.format} files are programs")
            _scale_colour_key(opened)
            upright = ImageOps.exif_transpose(opened)
            shallow = _eight_bits(upright, opened.format)
        return fit_picture(_over_black(shallow), shape)
    except UnidentifiedImageError as error:
        raise ValueError(
            f"{_shown(path)} is not a picture Pillow can read."
        ) from error
    except Exception as error:  # Decoders raise many kinds.
        reason = getattr(error, "strerror", None) or error
        raise ValueError(f"{_shown(path)} cannot be read: {reason}.") from error


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
