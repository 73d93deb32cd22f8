"""What RP2 minimizes."""

import dataclasses

import keras
import numpy as np
import tensorflow as tf
from numpy.typing import ArrayLike
from scipy import fft

from zoo.training.attacks.rp2.placing import Transformations
from zoo.training.attacks.rp2.placing import place

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
printing (Neugebauer, 1937), and each of them halfway to the paper's white.
They are the inks' nominal colours, as screens commonly show them. They were
not measured on a printer.

The authors have another palette: 30 darker colours in [0, 1], most likely
measured on their printer, one a line in `lisa-cnn-attack/npstriplets.txt` of
`evtimovi/robust_physical_perturbations`. Their runs on signs don't use it. For
theirs, or your own printer's, give `rp2` the `palette`
`np.loadtxt(path, delimiter=",")`.
"""


@dataclasses.dataclass(frozen=True, eq=False)
class Objective:
    """Equation 3 with the non-printability score, for many targets at once.

        lambda |M delta|_p + mean_i J(f(x_i + T_i(M delta)), y*) + w NPS

    One forward pass sees every target's perturbation on every drawn view.

    Args:
        model: Maps images to logits.
        mask: `M`, `(height, width)` of `bool`.
        views: `(views, height, width, channels)` in [0, 1].
        to_plane: As in `place`.
        targets: `y*`, `(targets,)`.
        options: As `rp2` takes them.
    """

    model: keras.Model
    mask: np.ndarray
    views: tf.Tensor
    to_plane: tf.Tensor | None
    targets: tf.Tensor
    lambda_: float
    p: int
    nps_weight: float
    palette: np.ndarray
    transformations: Transformations
    views_per_step: int | None
    defense_weight: float
    frequencies: int | None

    def perturbations(self, variables: tf.Tensor) -> tf.Tensor:
        """Returns `M delta`, in [-1, 1] and 0 outside the mask."""
        if self.frequencies is not None:
            variables = low_frequencies(variables, self.frequencies)
        variables = tf.clip_by_value(variables, -1.0, 1.0)
        return variables * self.mask[:, :, None].astype("float32")

    def gradient(
        self, variables: tf.Tensor, seed: tf.Tensor
    ) -> tuple[tf.Tensor, tf.Tensor, tf.Tensor]:
        """Measures the perturbations on one draw of the views.

        Args:
            variables: `(targets, height, width, channels)`.
            seed: Two integers that fix the draw.

        Returns:
            The gradient; each target's objective, without the defender's
            penalty; and the fraction of the views taken for the target.
        """
        with tf.GradientTape(watch_accessed_variables=False) as tape:
            tape.watch(variables)
            perturbations = self.perturbations(variables)
            images = self._images(perturbations, seed)
            targets, views, *pixels = images.shape
            logits = self.model(
                tf.reshape(images, (-1, *pixels)), training=False
            )
            logits = tf.reshape(
                tf.cast(logits, "float32"), (targets, views, -1)
            )
            wanted = tf.repeat(self.targets[:, None], views, axis=1)
            entropies = tf.nn.sparse_softmax_cross_entropy_with_logits(
                wanted, logits
            )
            losses = tf.reduce_mean(entropies, axis=1)
            losses += self._size(perturbations)
            if self.nps_weight:
                losses += self._unprintable(perturbations)
            total = tf.reduce_sum(losses)
            if self.defense_weight:
                # Keras takes the mean over all images, this sum over targets.
                penalties = tf.add_n(self.model.losses)
                total += self.defense_weight * targets * penalties
        gradient = tape.gradient(total, variables)
        predictions = tf.argmax(logits, axis=-1, output_type=wanted.dtype)
        hits = tf.cast(predictions == wanted, "float32")
        return gradient, losses, tf.reduce_mean(hits, axis=1)

    def _images(self, perturbations, seed):
        views, to_plane = self.views, self.to_plane
        draw_seed, seed = tf.unstack(tf.random.split(seed))
        if self.views_per_step is not None:
            order = tf.random.stateless_uniform((views.shape[0],), draw_seed)
            drawn = tf.argsort(order)[: self.views_per_step]
            views = tf.ensure_shape(
                tf.gather(views, drawn),
                (self.views_per_step, *views.shape[1:]),
            )
            if to_plane is not None:
                to_plane = tf.gather(to_plane, drawn)
        return place(perturbations, views, to_plane, self.transformations, seed)

    def _size(self, perturbations):
        """Returns `lambda |M delta|_p` for each target."""
        pixels = (1, 2, 3)
        if self.p == 1:
            return self.lambda_ * tf.reduce_sum(tf.abs(perturbations), pixels)
        squares = tf.reduce_sum(tf.square(perturbations), pixels)
        return self.lambda_ * _root(squares)

    def _unprintable(self, perturbations):
        """Returns the weighted non-printability of the masked pixels."""
        targets, height, width, channels = perturbations.shape
        flat = tf.reshape(perturbations, (targets, height * width, channels))
        inside = tf.gather(flat, np.flatnonzero(self.mask), axis=1)
        return self.nps_weight * non_printability_score(inside, self.palette)


def low_frequencies(perturbations: tf.Tensor, dimension: int) -> tf.Tensor:
    """Keeps the lowest frequencies of a discrete cosine transform.

    The orthonormal DCT-II of each channel, its coefficients of index
    `dimension` or more along either side set to 0, transformed back: a
    projection.

    Args:
        perturbations: `(targets, height, width, channels)`.
        dimension: Coefficients kept along each side.

    Returns:
        A tensor of the same shape.
    """
    _, height, width, _ = perturbations.shape
    return tf.einsum(
        "yh,xw,bhwc->byxc",
        _projection(height, dimension),
        _projection(width, dimension),
        perturbations,
    )


def _projection(size, dimension):
    """Returns the `(size, size)` matrix that keeps the lowest frequencies."""
    basis = fft.dct(np.eye(size), axis=0, norm="ortho")[:dimension]
    return tf.constant(basis.T @ basis, "float32")


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
        products *= _root(squares)
    return tf.reduce_sum(products, axis=-1)


def _root(squares: tf.Tensor) -> tf.Tensor:
    """Returns the square root, whose gradient is 0 at 0 instead of NaN."""
    positive = squares > 0
    return tf.where(positive, tf.sqrt(tf.where(positive, squares, 1.0)), 0.0)
