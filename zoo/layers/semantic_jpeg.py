"""JPEG with a quality for each block, the higher the more salient it is."""

import keras
from keras import ops

from zoo.jpeg.gradient import replace_gradient
from zoo.jpeg.quantization import check_quality
from zoo.jpeg.saliency_quality import RULES
from zoo.jpeg.saliency_quality import block_means
from zoo.jpeg.saliency_quality import level_qualities
from zoo.layers.explained import Explained
from zoo.layers.jpeg import JPEG


@keras.saving.register_keras_serializable(package="zoo")
class QualityMap(keras.layers.Layer):
    """Turns a saliency map into one JPEG quality for each 8x8 block.

    The map is averaged over each block, the averages are sorted into levels by
    `rule`, and the levels' qualities go in equal steps from `min_quality` to
    `max_quality`. With the defaults, they are 20, 30, … 100.

    Gradient: that of `min_quality + (max_quality - min_quality) * average`,
    whatever the rule.
    Randomness: none.

    Args:
        min_quality: Of the lowest level, 1 to 100.
        max_quality: Of the highest level, `min_quality` to 100.
        levels: Number of levels, 2 to 100.
        rule: `"decile"` ranks the blocks of an image: of nine levels, each
            takes a tenth of the blocks and the highest the upper two. Equal
            blocks share the lowest level that their place allows, those at
            the map's maximum take the highest, and a flat map is at the
            lowest. It is the released code's rule, by block and not by pixel,
            except for ties (`zoo.jpeg.saliency_quality.decile_levels`).
            `"linear"` cuts [0, 1] into equal steps, for maps whose values
            themselves matter, such as grey masks.
        dtype: Dtype policy, by default float32 as for `zoo.layers.JPEG`.

    Input shape: `(batch, height, width)`, in [0, 1], any height and width.
    Output shape: `(batch, ceil(height / 8), ceil(width / 8))`, whole numbers.

    Raises:
        ValueError: If an option is out of its range, or the map has other
            dimensions.

    Example:

    >>> saliency = np.kron([[[0.0, 0.5, 1.0]]], np.ones((8, 8)))
    >>> np.asarray(QualityMap(rule="linear")(saliency))
    array([[[ 20.,  60., 100.]]], dtype=float32)

    References: [Prakash et al., 2017](https://arxiv.org/abs/1612.08712);
        `combine_images.py` of github.com/iamaaditya/image-compression-cnn,
        "model 3", commit 67855c9.
    """

    stochastic = False

    def __init__(
        self,
        min_quality: int = 20,
        max_quality: int = 100,
        levels: int = 9,
        rule: str = "decile",
        *,
        dtype: str | keras.DTypePolicy = "float32",
        **kwargs,
    ):
        super().__init__(autocast=False, dtype=dtype, **kwargs)
        self.min_quality = check_quality(min_quality)
        self.max_quality = check_quality(max_quality)
        if self.min_quality > self.max_quality:
            raise ValueError(
                "min_quality must not be above max_quality. Received: "
                f"min_quality={min_quality}, max_quality={max_quality}"
            )
        if levels not in range(2, 101):
            raise ValueError(
                "levels must be a whole number from 2 to 100. "
                f"Received: levels={levels!r}"
            )
        self.levels = int(levels)
        if rule not in RULES:
            raise ValueError(
                f"rule must be one of {tuple(RULES)}. Received: rule={rule!r}"
            )
        self.rule = rule

    def build(self, input_shape):
        if len(input_shape) != 3:
            raise ValueError(
                "A saliency map must be (batch, height, width). "
                f"Received: shape {tuple(input_shape)}"
            )
        self.built = True

    def call(self, saliency):
        to_quality = replace_gradient(self._to_quality, self._gradient)
        blocks = block_means(ops.cast(saliency, "float32"))
        return ops.cast(to_quality(blocks), self.compute_dtype)

    def _to_quality(self, blocks):
        levels = RULES[self.rule](blocks, self.levels)
        qualities = level_qualities(
            self.min_quality, self.max_quality, self.levels
        )
        return ops.take(qualities, ops.cast(levels, "int32"))

    def _gradient(self, upstream):
        return (self.max_quality - self.min_quality) * upstream

    def compute_output_shape(self, input_shape):
        batch, *sizes = input_shape
        return (batch, *(size and -(-size // 8) for size in sizes))

    def get_config(self):
        return {
            **super().get_config(),
            "min_quality": self.min_quality,
            "max_quality": self.max_quality,
            "levels": self.levels,
            "rule": self.rule,
        }


@keras.saving.register_keras_serializable(package="zoo")
class SemanticJPEG(keras.layers.Layer):
    """Compresses each 8x8 block at a quality that its saliency decides.

    `zoo.layers.QualityMap` in front of `zoo.layers.JPEG`. `zoo compress
    --semantic` writes files that decode to nearly the same.

    Gradient: through the pixels by `gradient`, as for `zoo.layers.JPEG`;
    through the saliency map by `quality_gradient`.
    Randomness: none.

    Args:
        min_quality: As for `zoo.layers.QualityMap`.
        max_quality: As for `zoo.layers.QualityMap`.
        levels: As for `zoo.layers.QualityMap`.
        rule: As for `zoo.layers.QualityMap`.
        subsampling: `"4:2:0"` or `"4:4:4"`.
        gradient: `"straight_through"`, `"soft"` or `"none"`.
        quality_gradient: `"none"` holds the quality map, so that attacks do
            not see how pixels move it. `"soft"` is for attacks that do: the
            gradient of the smoothed compression with respect to each block's
            quality, then that of `QualityMap`. It takes a second compression.
        dtype: Dtype policy, by default float32 as for `zoo.layers.JPEG`.

    Call arguments:
        images: `(batch, height, width, channels)`, float pixels in [0, 1],
            one channel or three, any height and width.
        saliency: `(batch, height, width)`, in [0, 1].

    Output shape: That of the images.

    Raises:
        ValueError: If an option is out of its range, or the images or maps
            have other dimensions or sizes.

    Reference: Prakash et al., "Protecting JPEG images against adversarial
        attacks", [2018](https://arxiv.org/abs/1803.00940).
    """

    stochastic = False

    def __init__(
        self,
        min_quality: int = 20,
        max_quality: int = 100,
        levels: int = 9,
        rule: str = "decile",
        subsampling: str = "4:2:0",
        gradient: str = "straight_through",
        *,
        quality_gradient: str = "none",
        dtype: str | keras.DTypePolicy = "float32",
        **kwargs,
    ):
        super().__init__(autocast=False, dtype=dtype, **kwargs)
        self.quality_map = QualityMap(
            min_quality, max_quality, levels, rule, name="quality"
        )
        self.jpeg = JPEG(
            subsampling=subsampling,
            gradient=gradient,
            quality_gradient=quality_gradient,
            dtype=self.dtype_policy,
            name="compression",
        )

    @property
    def gradient(self) -> str:
        return self.jpeg.gradient

    def build(self, images_shape, saliency_shape):
        _check_sizes(images_shape, saliency_shape)
        self.jpeg.build(images_shape)
        self.quality_map.build(saliency_shape)
        self.built = True

    def call(self, images, saliency):
        _check_sizes(images.shape, saliency.shape)
        return self.jpeg(images, quality_map=self.quality_map(saliency))

    def compute_output_shape(self, images_shape, saliency_shape=None):
        return images_shape

    def get_config(self):
        options = self.quality_map.get_config()
        return {
            **super().get_config(),
            **{
                name: options[name]
                for name in ("min_quality", "max_quality", "levels", "rule")
            },
            "subsampling": self.jpeg.subsampling,
            "gradient": self.jpeg.gradient,
            "quality_gradient": self.jpeg.quality_gradient,
        }


def compress_by_saliency(
    images,
    saliency,
    *,
    min_quality: int,
    max_quality: int,
    levels: int,
    rule: str,
    subsampling: str,
    quality_gradient: str,
):
    """Adds semantic JPEG to a graph, and marks its `saliency` and `quality`.

    Args:
        images: `keras.Input`, `(batch, height, width, channels)`, float
            pixels in [0, 1], one channel or three.
        saliency: Their maps, `(batch, height, width)`, in [0, 1].
        min_quality: As for `QualityMap`, as are `max_quality`, `levels` and
            `rule`.
        subsampling: As for `zoo.layers.JPEG`, as is `quality_gradient`.

    Returns:
        The compressed images, in the images' shape, pixels in [0, 1].

    Raises:
        ValueError: If an option is out of its range, or the images or maps
            have other dimensions.
    """
    found = Explained("saliency")(saliency)
    quality = QualityMap(
        min_quality, max_quality, levels, rule, name="quality"
    )(found)
    compression = JPEG(
        subsampling=subsampling,
        quality_gradient=quality_gradient,
        name="compression",
    )
    return compression(images, quality_map=Explained("quality")(quality))


def _check_sizes(images_shape, saliency_shape) -> None:
    sizes, expected = tuple(saliency_shape), tuple(images_shape[:3])
    if len(sizes) != 3 or any(
        None not in (size, wanted) and size != wanted
        for size, wanted in zip(sizes, expected, strict=True)
    ):
        raise ValueError(
            "The saliency map must be (batch, height, width), of the images' "
            f"size. Received: shape {sizes} for images of shape "
            f"{tuple(images_shape)}"
        )
