"""Colours that a printer cannot make."""

import numpy as np
import tensorflow as tf
from numpy.typing import ArrayLike

_INKS = np.array(
    [
        [255, 255, 255],  # Paper.
        [0, 174, 239],  # Cyan.
        [236, 0, 140],  # Magenta.
        [255, 242, 0],  # Yellow.
        [237, 28, 36],  # Magenta and yellow.
        [0, 166, 81],  # Cyan and yellow.
        [46, 49, 146],  # Cyan and magenta.
        [35, 31, 32],  # Black.
    ],
    "float32",
)

PALETTE = np.concatenate([_INKS, (_INKS[0] + _INKS[1:]) / 2]) / 255
"""Printable colours, sRGB in [0, 1], `(15, 3)`.

The solid overprints of offset inks, that is the primaries of halftone
printing (Neugebauer, 1937), and each halfway to the paper's white. They are
the inks' nominal colours, as they are commonly shown on a screen, and were
measured on no printer.

The authors' palette is another: 30 darker colours in [0, 1], most likely
measured on their printer, one a line in `lisa-cnn-attack/npstriplets.txt` of
`evtimovi/robust_physical_perturbations`, which their runs on signs leave off.
For theirs, or your own printer's, give `rp2` the `palette`
`np.loadtxt(path, delimiter=",")`.
"""


def non_printability_score(
    colours: tf.Tensor, palette: ArrayLike = PALETTE
) -> tf.Tensor:
    """Returns the sum over pixels of the product of distances to a palette.

        NPS = sum_p prod_q |p - q|

    It is 0 if every pixel has a colour of the palette, else grows with the
    distance; the gradient at a distance of 0 is 0.

    Args:
        colours: `(..., pixels, channels)`.
        palette: `(colours, channels)`.

    Returns:
        A tensor of shape `(...)`.

    References: Sharif et al., "Accessorize to a Crime", CCS 2016; Eykholt et
        al., section 3.3.
    """
    products = 1.0
    for printable in np.asarray(palette, "float32"):
        squares = tf.reduce_sum(tf.square(colours - printable), axis=-1)
        products *= root(squares)
    return tf.reduce_sum(products, axis=-1)


def root(squares: tf.Tensor) -> tf.Tensor:
    """Returns the square root, whose gradient is 0 at 0 instead of NaN."""
    positive = squares > 0
    return tf.where(positive, tf.sqrt(tf.where(positive, squares, 1.0)), 0.0)
