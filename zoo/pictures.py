"""Picture files as pixels."""

import os

import numpy as np

_MODES = {1: "L", 3: "RGB"}


def read_picture(
    path: str | os.PathLike, shape: tuple[int | None, int | None, int]
) -> np.ndarray:
    """Reads a picture in the size and colours that a model takes.

    A picture is made grey (ITU-R 601 luma) or RGB, its transparency dropped,
    and resized by Pillow's antialiased bilinear filter, whatever its aspect
    ratio. A rotation that its EXIF data ask for is not done.

    Args:
        path: File of any format that Pillow reads. Of several frames the
            first is taken.
        shape: `(height, width, channels)`; 1 channel is grey, 3 are RGB. The
            picture keeps its size if height or width is `None`.

    Returns:
        uint8 pixels, `(height, width, channels)`.

    Raises:
        ValueError: If there is no such file, it is no picture, or the
            number of channels is another; the message names the file.
    """
    from PIL import Image
    from PIL import UnidentifiedImageError

    height, width, channels = shape
    if channels not in _MODES:
        raise ValueError(
            "A picture is read with 1 channel, grey, or 3, RGB. "
            f"Received: channels={channels}"
        )
    try:
        with Image.open(path) as opened:
            # Pillow cuts deeper pixels off at 255 instead of scaling them.
            deep = opened.mode.startswith(("I", "F"))
            picture = opened.convert(_MODES[channels])
    except UnidentifiedImageError as error:
        raise ValueError(f"{path} is not a picture Pillow can read.") from error
    except Exception as error:  # Decoders raise many kinds.
        reason = getattr(error, "strerror", None) or error
        raise ValueError(f"{path} cannot be read: {reason}.") from error
    if deep:
        raise ValueError(
            f"{path} has more than 8 bits a pixel; convert it to 8 bits."
        )
    if None not in (height, width):
        picture = picture.resize((width, height), Image.Resampling.BILINEAR)
    return np.asarray(picture).reshape(picture.height, picture.width, channels)
