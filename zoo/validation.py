"""Checks of images and labels at the library's eager entry points."""

from collections.abc import Sequence

import numpy as np
from numpy.typing import ArrayLike

_ROUNDING = 1e-6
"""How far resizing in float32 may leave [0, 1]."""


def check_images(
    images: ArrayLike, input_shape: Sequence[int | None] | None = None
) -> np.ndarray:
    """Returns the images as float32, or raises what is wrong with them.

    Clips pixels that are outside [0, 1] by a rounding error, as resizing
    makes them.

    Args:
        images: A batch of images, NHWC, floating-point pixels in [0, 1].
        input_shape: What the model takes: `(height, width, channels)`, or
            its `input_shape` with the batch in front. `None`, for the whole
            or for one size, allows any.

    Raises:
        ValueError: If the images are no array, are not floating point, are
            not of rank 4, are empty, don't fit the model, or hold NaN,
            infinity or pixels outside [0, 1].
    """
    images = _as_array(images)
    # NumPy doesn't count bfloat16 among its own floating types.
    if images.dtype.kind != "f" and images.dtype.name != "bfloat16":
        raise ValueError(
            "images must be floating point, in [0, 1]; divide 8-bit pixels "
            f"by 255. Received: dtype={images.dtype}, shape={images.shape}"
        )
    if images.ndim != 4:
        raise ValueError(
            "images must be a batch, (batch, height, width, channels). "
            f"Received: shape={images.shape}"
        )
    if 0 in images.shape:
        raise ValueError(
            f"images must not be empty. Received: shape={images.shape}"
        )
    if input_shape is not None:
        _check_shape(images.shape, tuple(input_shape)[-3:])
    images = images.astype("float32", copy=False)
    low, high = float(np.min(images)), float(np.max(images))
    if not (np.isfinite(low) and np.isfinite(high)):  # NaN spreads to both.
        bad = np.count_nonzero(~np.isfinite(images))
        raise ValueError(
            "images must be finite. "
            f"Received: {bad} NaN or infinite of {images.size} values"
        )
    if low < -_ROUNDING or high > 1 + _ROUNDING:
        raise ValueError(
            "images must be in [0, 1]; divide 8-bit pixels by 255. "
            f"Received: values from {low:g} to {high:g}"
        )
    if low < 0 or high > 1:
        images = np.clip(images, 0, 1)
    return images


def _as_array(images) -> np.ndarray:
    try:
        array = np.asarray(images)
    except ValueError:  # NumPy's word for sizes that differ.
        array = None
    if array is None or array.dtype.kind == "O":
        raise ValueError(
            "images must be one array, (batch, height, width, channels), so "
            f"all of one size. Received: type={type(images).__name__}"
        )
    return array


def check_labels(
    labels: ArrayLike, count: int, num_classes: int | None = None
) -> np.ndarray:
    """Returns the labels as int64, or raises what is wrong with them.

    Args:
        labels: One class index for each image, integers of shape `(count,)`.
        count: Number of images.
        num_classes: Number of classes; `None` allows any.

    Raises:
        ValueError: If there isn't one integer for each image, or one names a
            class that the model doesn't have.
    """
    labels = np.asarray(labels)
    if labels.dtype.kind not in "iu" or labels.shape != (count,):
        raise ValueError(
            "labels must be one integer class index an image, shape "
            f"({count},). Received: shape={labels.shape}, dtype={labels.dtype}"
        )
    labels = labels.astype("int64", copy=False)
    low, high = (labels.min(), labels.max()) if count else (0, 0)
    if low < 0 or (num_classes is not None and high >= num_classes):
        rule = "0 or more" if num_classes is None else f"in [0, {num_classes})"
        raise ValueError(
            f"labels must be {rule}. Received: labels from {low} to {high}"
        )
    return labels


def _check_shape(shape, input_shape):
    fits = all(
        wanted is None or size == wanted
        for size, wanted in zip(shape[1:], input_shape, strict=True)
    )
    if not fits:
        wanted = ", ".join("any" if n is None else str(n) for n in input_shape)
        raise ValueError(
            "images must fit the model's input (height, width, channels) = "
            f"({wanted}). Received: shape={shape}"
        )
