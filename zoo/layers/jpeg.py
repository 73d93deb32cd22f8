"""The JPEG layer."""

from functools import partial

import keras
from keras import ops

from zoo.jpeg import codec_dct
from zoo.jpeg import codec_libjpeg
from zoo.jpeg.gradient import halved_chroma
from zoo.jpeg.gradient import identity
from zoo.jpeg.gradient import replace_gradient
from zoo.jpeg.gradient import zero
from zoo.jpeg.quantization import ExactRounding
from zoo.jpeg.quantization import SmoothRounding
from zoo.jpeg.quantization import check_quality
from zoo.jpeg.quantization import read_quality_map

CODECS = ("dct", "libjpeg")
SUBSAMPLINGS = ("4:2:0", "4:4:4")
GRADIENTS = ("straight_through", "soft", "none")
QUALITY_GRADIENTS = ("none", "soft")


@keras.saving.register_keras_serializable(package="zoo")
class JPEG(keras.layers.Layer):
    """Compresses images as JPEG and decodes them again.

    Detail below the quantization steps is lost, and small perturbations with
    it. Unless `gradient` is `"soft"`, the result is libjpeg's, for nearly all
    pixels to the exact grey level: Annex K tables, integer color transform,
    chroma averaged over 2x2 pixels and interpolated with a triangle filter,
    images padded to whole blocks with their last pixels and then cropped.

    Gradient: by `gradient`. `"straight_through"` computes exactly, and treats
    rounding and saturation as the identity in the chain rule. The transform
    and its inverse cancel, so the gradient is the identity, except for the
    chroma, which 4:2:0 averages and interpolates. `"soft"` changes the result
    too: it is the exact gradient of a smoothed computation, which rounds
    coefficients by `round(x) + (x - round(x))**3` and does not round samples
    and pixels. `"none"` is zero. A quality map has no gradient unless
    `quality_gradient` is `"soft"`: then it gets that of the smoothed
    computation, with steps interpolated between whole qualities.
    Randomness: none.

    Args:
        quality: 1 (coarsest) to 100, libjpeg's scale.
        codec: `"dct"` computes with tensors, on any device and backend.
            `"libjpeg"` calls the library, on the CPU and under TensorFlow
            alone, without XLA, a quality for each block or the `"soft"`
            gradient.
        subsampling: `"4:2:0"` halves the size of the chroma, `"4:4:4"` does
            not. Grey images have no chroma.
        gradient: `"straight_through"`, `"soft"` or `"none"`. Measure
            robustness with the first; a zero gradient only blinds the attack.
        quality_gradient: `"none"` or `"soft"`. The latter is for attacks on
            what computes the map. Unless `gradient` is `"soft"`, too, images
            are then compressed twice, exactly and smoothed.
        dtype: Dtype policy. The default is float32 whatever Keras' own is,
            since bfloat16 cannot hold the 256 levels. The codec computes in
            float32 in any case.

    Call arguments:
        images: Float pixels in [0, 1], one channel or three.
        quality_map: Replaces `quality`: a scalar, one number for each image
            `(batch,)`, or one for each 8x8 block `(batch, ceil(height / 8),
            ceil(width / 8))`. Rounded, and limited to 1 to 100. With
            `"4:2:0"` a chroma block covers four blocks and takes their mean
            quality, halves rounded up.

    Input shape: `(batch, height, width, channels)`, any height and width,
        known or not.
    Output shape: Same as the input, in the layer's compute dtype. On devices
        that multiply float32 as TensorFloat-32, the result differs more from
        libjpeg's, by half a grey level in the mean.

    Example:

    >>> images = np.random.uniform(size=(2, 30, 50, 3))
    >>> JPEG(quality=50)(images, quality_map=np.array([10, 90])).shape
    TensorShape([2, 30, 50, 3])

    Reference: ITU-T T.81; libjpeg-turbo.
    """

    stochastic = False

    def __init__(
        self,
        quality: int = 75,
        codec: str = "dct",
        subsampling: str = "4:2:0",
        gradient: str = "straight_through",
        *,
        quality_gradient: str = "none",
        dtype: str | keras.DTypePolicy = "float32",
        **kwargs,
    ):
        super().__init__(autocast=False, dtype=dtype, **kwargs)
        self.quality = check_quality(quality)
        self.codec = _check_choice("codec", codec, CODECS)
        self.subsampling = _check_choice(
            "subsampling", subsampling, SUBSAMPLINGS
        )
        self.gradient = _check_choice("gradient", gradient, GRADIENTS)
        self.quality_gradient = _check_choice(
            "quality_gradient", quality_gradient, QUALITY_GRADIENTS
        )
        if codec == "libjpeg":
            codec_libjpeg.check_available()
            if gradient == "soft":
                raise ValueError(
                    "codec='libjpeg' has the gradients 'straight_through' and "
                    f"'none'. Received: gradient={gradient!r}"
                )
            if quality_gradient == "soft":
                raise ValueError(
                    "codec='libjpeg' has no gradient with respect to "
                    "qualities; use codec='dct'. "
                    f"Received: quality_gradient={quality_gradient!r}"
                )
            self.supports_jit = False

    def build(self, images_shape):
        _check_shape(images_shape)
        self.built = True

    def call(self, images, quality_map=None):
        _check_images(images)
        pixels = ops.cast(images, "float32")
        quality = self.quality
        if quality_map is not None:
            quality = self._read_map(quality_map, images.shape)
        if quality_map is None or not self._adds_soft_gradient:
            compressed = self._bind(quality, images.shape[-1])(pixels)
        else:
            held = ops.stop_gradient(quality)
            compressed = self._bind(held, images.shape[-1])(pixels)
            smoothed = codec_dct.compress(
                ops.stop_gradient(pixels),
                quality,
                self.subsampling,
                SmoothRounding(),
            )
            compressed = compressed + (smoothed - ops.stop_gradient(smoothed))
        return ops.cast(compressed, self.compute_dtype)

    @property
    def _adds_soft_gradient(self) -> bool:
        return self.quality_gradient == "soft" and self.gradient != "soft"

    def _read_map(self, quality_map, image_shape):
        if self.quality_gradient == "none":
            return ops.stop_gradient(read_quality_map(quality_map, image_shape))
        whole = replace_gradient(
            partial(read_quality_map, image_shape=image_shape), identity
        )
        return whole(ops.cast(quality_map, "float32"))

    def _bind(self, quality, channels):
        """Returns the codec as a function from pixels to pixels."""
        options = {"quality": quality, "subsampling": self.subsampling}
        if self.codec == "libjpeg":
            compress = partial(codec_libjpeg.compress, **options)
        elif self.gradient == "soft":
            return partial(
                codec_dct.compress, rounding=SmoothRounding(), **options
            )
        else:
            compress = partial(
                codec_dct.compress, rounding=ExactRounding(), **options
            )
        if self.gradient == "none":
            return replace_gradient(compress, zero)
        if channels == 3 and self.subsampling == "4:2:0":
            return replace_gradient(compress, halved_chroma)
        return replace_gradient(compress, identity)

    def compute_output_shape(self, images_shape, quality_map_shape=None):
        return images_shape

    def get_config(self):
        return {
            **super().get_config(),
            "quality": self.quality,
            "codec": self.codec,
            "subsampling": self.subsampling,
            "gradient": self.gradient,
            "quality_gradient": self.quality_gradient,
        }


def _check_choice(name, value, choices):
    if value not in choices:
        raise ValueError(
            f"{name} must be one of {choices}. Received: {name}={value!r}"
        )
    return value


def _check_shape(shape):
    if len(shape) != 4 or shape[-1] not in (1, 3):
        raise ValueError(
            "images must be (batch, height, width, channels) with one channel "
            f"or three. Received: images of shape {tuple(shape)}"
        )


def _check_images(images):
    _check_shape(images.shape)
    if not keras.backend.is_float_dtype(images.dtype):
        raise ValueError(
            "images must be floating-point pixels in [0, 1]. "
            f"Received: images of type {images.dtype}"
        )
