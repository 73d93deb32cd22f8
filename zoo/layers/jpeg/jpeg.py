import keras
from keras import ops

from zoo.layers.jpeg.codec_dct import compress


@keras.saving.register_keras_serializable(package="zoo")
class JPEG(keras.layers.Layer):
    stochastic = False

    def __init__(
        self,
        quality=75,
        codec="dct",
        subsampling="4:2:0",
        gradient="straight_through",
        **kwargs,
    ):
        super().__init__(autocast=False, **kwargs)
        self.quality, self.codec, self.subsampling, self.gradient = (
            quality,
            codec,
            subsampling,
            gradient,
        )

    def call(self, images, quality_map=None):
        images = ops.cast(images, "float32")
        rnd = {
            "straight_through": lambda x: (
                x + ops.stop_gradient(ops.round(x) - x)
            ),
            "none": ops.round,
            "soft": lambda x: ops.round(x) + (x - ops.round(x)) ** 3,
        }[self.gradient]
        quality = self.quality if quality_map is None else quality_map
        return ops.cast(
            compress(images, quality, self.subsampling, rnd), self.compute_dtype
        )

    def compute_output_shape(self, images_shape, quality_map_shape=None):
        return images_shape

    def get_config(self):
        return {
            **super().get_config(),
            "quality": self.quality,
            "codec": self.codec,
            "subsampling": self.subsampling,
            "gradient": self.gradient,
        }
