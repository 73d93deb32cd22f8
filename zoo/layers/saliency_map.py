"""The map of what an image shows, folded from the maps of the classes."""

import keras
from keras import ops

from zoo.layers.activation_noise import check_draws

FOLDS = ("top5", "threshold")
_TOP = 5
_LAST = 1.2
"""What the released code weighs the last of the classes by."""


@keras.saving.register_keras_serializable(package="zoo")
class SaliencyMap(keras.layers.Layer):
    """Folds maps of many classes into one map of all that is salient.

    `"top5"` is the released code: the maps of the five classes of largest
    score are upsampled, each is min-max normalised, and they are added up with
    the weights 1/2, 1/4, 1/8, 1/16 and 1.2/16, the best first. With fewer than
    five classes, the last has 1.2 times the weight before it. `"threshold"` is
    the slides' formula: the maps of all classes whose score is above a
    threshold are added up. A class's score is the mean of its map, which is
    its logit where no bias is added. The slides' score Z is the sum over the
    map's cells. The map is upsampled bilinearly, averaged over the draws, and
    min-max normalised for each image; a constant one becomes 0.

    Gradient: exact; the choice of classes has none.
    Randomness: none.

    Args:
        fold: `"top5"` or `"threshold"`.
        threshold: Score that a class must exceed, the slides' T divided by
            the number of cells of a map, `rows * columns`; `None` adds up all
            classes. For `"threshold"` alone.
        draws: Copies of each image that the class maps hold, all images of the
            first draw first, as `zoo.layers.ActivationNoise` makes them.

    Call arguments:
        class_maps: `(draws * batch, rows, columns, classes)`.
        images: `(batch, height, width, channels)`; only their size counts.

    Output shape: `(batch, height, width)`, float32 in [0, 1].

    Raises:
        ValueError: If an option is out of its range, or `threshold` is given
            for another fold.

    References: [Prakash et al., 2017](https://arxiv.org/abs/1612.08712);
        `generate_map.py` of `iamaaditya/image-compression-cnn`, commit
        67855c9, whose upsampling moves the map by half a cell and this
        doesn't (an earlier commit, 5b1e330, folds two classes with the
        weights 1/3 and 2/3); "Protecting JPEG images against adversarial
        attacks", Prakash et al., 2018.
    """

    stochastic = False

    def __init__(
        self,
        fold: str = "top5",
        threshold: float | None = None,
        draws: int = 1,
        **kwargs,
    ):
        super().__init__(**kwargs)
        if fold not in FOLDS:
            raise ValueError(
                f"fold must be one of {FOLDS}. Received: fold={fold!r}"
            )
        if threshold is not None and fold != "threshold":
            raise ValueError(
                "threshold belongs to fold='threshold'. "
                f"Received: threshold={threshold}, fold={fold!r}"
            )
        self.fold = fold
        self.threshold = None if threshold is None else float(threshold)
        self.draws = check_draws(draws)

    def call(self, class_maps, images):
        class_maps = ops.cast(class_maps, "float32")
        height, width = ops.shape(images)[1:3]
        scores = ops.mean(class_maps, axis=(1, 2))
        if self.fold == "top5":
            folded = self._top(class_maps, scores, height, width)
        else:
            if self.threshold is not None:
                kept = ops.cast(scores > self.threshold, "float32")
                class_maps = class_maps * kept[:, None, None]
            folded = ops.sum(class_maps, axis=-1)
        # Upsampling and the mean are linear, so one map an image is enough.
        folded = ops.reshape(folded, (self.draws, -1, *ops.shape(folded)[1:]))
        rows = _interpolation(ops.shape(folded)[2], height)
        columns = _interpolation(ops.shape(folded)[3], width)
        return _normalised(_resampled(ops.mean(folded, axis=0), rows, columns))

    def _top(self, class_maps, scores, height, width):
        """Returns the fold before it is upsampled, and up to a constant.

        Each class's map is divided by its range after upsampling. Subtracting
        the minimum would add a constant, which the final normalisation
        removes.
        """
        classes = min(_TOP, class_maps.shape[-1])
        _, best = ops.top_k(scores, classes)
        chosen = ops.one_hot(best, class_maps.shape[-1], dtype="float32")
        maps = ops.einsum("bhwc,bkc->bkhw", class_maps, chosen)
        ends = _resampled(
            maps,
            _interval_ends(ops.shape(maps)[2], height),
            _interval_ends(ops.shape(maps)[3], width),
        )
        spread = ops.max(ends, axis=(2, 3)) - ops.min(ends, axis=(2, 3))
        weights = [0.5**rank for rank in range(1, classes)]
        weights.append(_LAST * 0.5 ** (classes - 1))
        weights = ops.convert_to_tensor(weights, "float32")
        scaled = ops.divide_no_nan(weights, spread)
        return ops.einsum("bkhw,bk->bhw", maps, scaled)

    def compute_output_shape(self, class_maps_shape, images_shape):
        return tuple(images_shape[:3])

    def compute_output_spec(self, class_maps, images):
        return keras.KerasTensor(images.shape[:3], "float32")

    def get_config(self):
        return {
            **super().get_config(),
            "fold": self.fold,
            "threshold": self.threshold,
            "draws": self.draws,
        }


def _normalised(maps):
    """Moves each map's least value to 0 and its largest to 1."""
    lowest = ops.min(maps, axis=(1, 2), keepdims=True)
    highest = ops.max(maps, axis=(1, 2), keepdims=True)
    return ops.divide_no_nan(maps - lowest, highest - lowest)


def _resampled(maps, rows, columns):
    """Applies the matrices of both axes to maps, `(..., rows, columns)`."""
    return ops.matmul(ops.matmul(rows, maps), ops.transpose(columns))


def _interpolation(cells, pixels):
    """Returns the `(pixels, cells)` matrix of one axis; rows sum to one.

    It interpolates bilinearly. Pixels are at the centres of their squares, so
    are the cells; beyond the outer ones the map is constant.
    """
    return _at(ops.cast(ops.arange(pixels), "float32"), cells, pixels)


def _interval_ends(cells, pixels):
    """Returns the rows of `_interpolation` that have a map's extremes.

    Between the centres of neighbouring cells a map is linear along an axis,
    so it is largest and smallest at the first or last pixel there.
    """
    cells_to_pixels = ops.cast(pixels, "float32") / ops.cast(cells, "float32")
    centres = ops.cast(ops.arange(cells), "float32") + 0.5
    centres = centres * cells_to_pixels - 0.5
    ends = ops.concatenate([ops.floor(centres), ops.ceil(centres)])
    last = ops.cast(pixels, "float32") - 1.0
    return _at(ops.clip(ends, 0.0, last), cells, pixels)


def _at(pixels_to_read, cells, pixels):
    """Returns the weights of the cells at some pixels of an axis."""
    scale = ops.cast(cells, "float32") / ops.cast(pixels, "float32")
    places = (pixels_to_read + 0.5) * scale - 0.5
    places = ops.clip(places, 0.0, ops.cast(cells, "float32") - 1.0)
    indices = ops.cast(ops.arange(cells), "float32")
    return ops.maximum(0.0, 1.0 - ops.abs(places[:, None] - indices[None]))
