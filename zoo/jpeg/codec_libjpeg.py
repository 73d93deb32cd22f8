"""The JPEG round trip by libjpeg, through TensorFlow's CPU kernels."""

import keras
from keras import ops


def check_available() -> None:
    """Raises unless TensorFlow is the backend.

    Raises:
        ValueError: If it is not.
    """
    if keras.backend.backend() != "tensorflow":
        raise ValueError(
            "codec='libjpeg' needs the TensorFlow backend; use codec='dct'. "
            f"Received: backend={keras.backend.backend()!r}"
        )


def compress(images, quality, subsampling: str):
    """Encodes and decodes images one by one.

    Args:
        images: `(batch, height, width, channels)`, float32 pixels in [0, 1],
            one channel or three.
        quality: An `int`, or whole numbers as a float32 tensor of shape `()`
            or `(batch,)`; 1 to 100.
        subsampling: `"4:2:0"` or `"4:4:4"`; the latter needs an `int` quality
            unless the images are grey.

    Returns:
        Pixels of the shape of `images`, without a gradient.

    Raises:
        ValueError: If TensorFlow's kernels don't support the quality.
    """
    import tensorflow as tf

    channels = images.shape[-1]
    fixed = isinstance(quality, int)
    if not fixed and len(quality.shape) == 3:
        raise ValueError(
            "codec='libjpeg' takes one quality an image, not one a block; use "
            f"codec='dct'. Received: quality_map of shape {quality.shape}"
        )
    if not fixed and subsampling == "4:4:4" and channels == 3:
        raise ValueError(
            "codec='libjpeg' takes no quality_map for color images with "
            "subsampling='4:4:4'; use codec='dct'. "
            f"Received: subsampling={subsampling!r}"
        )

    def encode(image, image_quality):
        if fixed:
            return tf.io.encode_jpeg(
                image,
                quality=quality,
                chroma_downsampling=subsampling == "4:2:0",
            )
        return tf.raw_ops.EncodeJpegVariableQuality(
            images=image, quality=image_quality
        )

    def round_trip(inputs):
        return tf.io.decode_jpeg(
            encode(*inputs), channels=channels, dct_method="INTEGER_ACCURATE"
        )

    pixels = ops.cast(ops.round(ops.clip(images, 0.0, 1.0) * 255.0), "uint8")
    qualities = tf.broadcast_to(
        ops.cast(quality, "int32"), tf.shape(pixels)[:1]
    )
    decoded = tf.map_fn(
        round_trip,
        (pixels, qualities),
        fn_output_signature=tf.TensorSpec(images.shape[1:], tf.uint8),
    )
    return ops.cast(decoded, "float32") * (1 / 255)
