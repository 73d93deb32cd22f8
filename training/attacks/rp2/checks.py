"""Checks of what RP2 is given."""

from collections.abc import Sequence
from numbers import Integral

import keras
import numpy as np
from numpy.typing import ArrayLike

from zoo.inspection import all_layers
from zoo.inspection import class_count
from zoo.inspection import is_black_box


def check_mask(mask: ArrayLike) -> np.ndarray:
    """Returns a mask as `bool`.

    Raises:
        ValueError: If it isn't `(height, width)` of 0 and 1, with a 1.
    """
    mask = np.asarray(mask)
    if mask.ndim != 2 or mask.dtype.kind not in "biuf":
        raise ValueError(
            "`mask` must be an array of shape (height, width). "
            f"Received: shape={mask.shape}, dtype={mask.dtype}"
        )
    if not np.isin(mask, (0, 1)).all() or not mask.any():
        raise ValueError(
            "`mask` must be 1 where the sticker is, somewhere, and else 0. "
            f"Received: values {np.unique(mask)[:8]}"
        )
    return mask.astype(bool)


def check_palette(palette: ArrayLike) -> np.ndarray:
    """Returns printable colours as float32.

    Raises:
        ValueError: If they aren't `(colours, channels)` in [0, 1].
    """
    palette = np.asarray(palette, "float32")
    if palette.ndim != 2 or not len(palette):
        raise ValueError(
            "`palette` must have the shape (colours, channels). "
            f"Received: shape={palette.shape}"
        )
    if not ((palette >= 0) & (palette <= 1)).all():
        raise ValueError(
            "`palette` must hold colours in [0, 1]. Received: values from "
            f"{palette.min()} to {palette.max()}"
        )
    return palette


def check_targets(target: int | Sequence[int], num_classes: int) -> list[int]:
    """Returns the classes wanted, one or several, as a list.

    Raises:
        ValueError: If there are none, one isn't a class or comes twice.
    """
    targets = np.atleast_1d(target)
    if targets.ndim != 1 or not len(targets) or targets.dtype.kind not in "iu":
        raise ValueError(
            "`target` must be a class index or several. "
            f"Received: target={target!r}"
        )
    if targets.min() < 0 or targets.max() >= num_classes:
        raise ValueError(
            f"`target` must be in [0, {num_classes}). "
            f"Received: target={target!r}"
        )
    if len(set(targets.tolist())) < len(targets):
        raise ValueError(
            f"`target` must name each class once. Received: target={target!r}"
        )
    return targets.tolist()


def check_seed(seed: int) -> int:
    """Returns a whole number of 32 bits, or raises a `ValueError`.

    For TensorFlow's stateless draws; a `keras.random.SeedGenerator` checks
    its own.
    """
    whole = isinstance(seed, Integral) and not isinstance(seed, bool)
    if not whole or not -(2**31) <= seed < 2**31:
        raise ValueError(
            "`seed` must be a whole number of 32 bits, in [-2**31, 2**31). "
            f"Received: seed={seed!r}"
        )
    return int(seed)


def check_homographies(
    homographies: ArrayLike | None, count: int
) -> np.ndarray | None:
    """Returns the inverses, from views to the sign's plane, as float32.

    They are scaled to a positive last row at the plane's own side of the
    camera, that is 1 in the lower right corner of each homography.

    Raises:
        ValueError: If they aren't `count` invertible matrices.
    """
    if homographies is None:
        return None
    matrices = np.asarray(homographies, "float64")
    if matrices.shape != (count, 3, 3) or not np.isfinite(matrices).all():
        raise ValueError(
            "`homographies` must be finite, one 3 by 3 matrix a view, shape "
            f"({count}, 3, 3). Received: shape={matrices.shape}"
        )
    corners = matrices[:, 2, 2]
    singular = np.linalg.matrix_rank(matrices) < 3
    if singular.any() or not corners.all():
        raise ValueError(
            "`homographies` must be invertible and see the plane's first "
            "pixel. Received: another at view "
            f"{np.flatnonzero(singular | (corners == 0))[0]}"
        )
    inverses = np.linalg.inv(matrices / corners[:, None, None])
    return inverses.astype("float32")


def check_seen(
    mask: np.ndarray, homographies: ArrayLike, size: tuple[int, int]
) -> None:
    """Raises a `ValueError` if no view shows any pixel of the mask.

    Args:
        mask: `(height, width)` of `bool`.
        homographies: From the mask's pixels to the views', as
            `check_homographies` let pass.
        size: Height and width of the views.
    """
    y, x = np.nonzero(mask)
    matrices = np.asarray(homographies, "float64")
    matrices = matrices / matrices[:, 2:, 2:]
    points = matrices @ np.stack([x, y, np.ones_like(x)])
    depth = points[:, 2]
    # Not divided by the depth, which may be 0; behind the camera nothing fits.
    inside = (points[:, 0] >= -0.5 * depth) & (points[:, 1] >= -0.5 * depth)
    inside &= points[:, 0] <= (size[1] - 0.5) * depth
    inside &= points[:, 1] <= (size[0] - 0.5) * depth
    if not (inside & (depth > 0)).any():
        raise ValueError(
            "`homographies` must map the mask's pixels to pixels of the "
            "views; those of rendered signs come from `Views.to_pixels`. "
            f"Received: no pixel of the mask in any view of {size[0]}x{size[1]}"
        )


def check_victim(model: keras.Model, *, penalised: bool) -> int:
    """Returns the number of classes of a model that gradients can attack.

    Args:
        penalised: Whether it must have a penalty on feature maps.

    Raises:
        ValueError: If it isn't such a model.
    """
    classes = class_count(model) if isinstance(model, keras.Model) else None
    if classes is None:
        raise ValueError(
            "`model` must be a Keras model that returns logits of shape "
            f"(batch, classes). Received: model={model!r}"
        )
    if is_black_box(model):
        raise ValueError(
            "rp2 needs the model's gradient, but this one gives predictions "
            "alone. Make the sticker on another model. "
            f"Received: model={model.name}"
        )
    if penalised and not any(
        layer.activity_regularizer for layer in all_layers(model)
    ):
        raise ValueError(
            "`defense_weight` needs a model with a penalty on its feature "
            "maps, an activity_regularizer. "
            f"Received: model={model.name}"
        )
    return classes
