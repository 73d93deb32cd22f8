import keras
from keras import ops

from zoo.layers.jpeg import JPEG


@keras.saving.register_keras_serializable(package="zoo")
class RandomPatchJPEG(keras.layers.Layer):
    stochastic = True

    def __init__(
        self,
        qualities=(40, 60, 80, 90),
        grid=(2, 2),
        subsampling="4:2:0",
        gradient="straight_through",
        seed=None,
        **kwargs,
    ):
        super().__init__(autocast=False, **kwargs)
        self.qualities, self.grid, self.subsampling, self.seed = (
            tuple(qualities),
            tuple(grid),
            subsampling,
            seed,
        )
        self.gradient = gradient
        self.seed_generator = keras.random.SeedGenerator(seed)
        self.jpeg = JPEG(
            subsampling=subsampling, gradient=gradient, dtype=self.dtype_policy
        )

    def call(self, images):
        batch, height, width, channels = ops.shape(images)
        draws = keras.random.randint(
            (batch, *self.grid),
            0,
            len(self.qualities),
            seed=self.seed_generator,
        )
        quality = ops.take(
            ops.convert_to_tensor(self.qualities, "int32"), draws, axis=0
        )
        snap = 2 if self.subsampling == "4:2:0" and channels == 3 else 1
        for axis, (size, parts) in enumerate(
            zip((height, width), self.grid), 1
        ):
            blocks = -(-size // 8)
            units = -(-blocks // snap)
            quality = ops.take(
                quality, ops.arange(blocks) // snap * parts // units, axis=axis
            )
        return self.jpeg(images, quality_map=quality)

    def compute_output_shape(self, input_shape):
        return input_shape

    def get_config(self):
        return {
            **super().get_config(),
            "qualities": self.qualities,
            "grid": self.grid,
            "subsampling": self.subsampling,
            "gradient": self.gradient,
            "seed": self.seed,
        }
