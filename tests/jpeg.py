"""Pictures, Pillow's compression of them, and what the JPEG tests measure."""

import io

import numpy as np
import tensorflow as tf
from PIL import Image

SUBSAMPLINGS = ("4:2:0", "4:4:4")


def paint(count=2, height=96, width=80, channels=3, seed=0):
    """Byte pictures with a photograph's 1/f spectrum, edges and highlights."""
    rng = np.random.default_rng(seed)
    frequency = np.hypot(
        np.fft.fftfreq(height)[:, None], np.fft.fftfreq(width)[None]
    )
    amplitude = 1 / np.maximum(frequency, 1 / max(height, width))
    noise = rng.normal(size=(count, channels, height, width))
    waves = np.fft.ifft2(np.fft.fft2(noise) * amplitude).real
    waves /= waves.std(axis=(2, 3), keepdims=True)
    color = rng.normal(size=(count, channels, channels))
    color += 2 * np.ones((channels, channels))
    waves = np.einsum("nchw,ncd->nhwd", waves, color)
    top, left = height // 4, width // 3
    waves[:, top : 3 * top, left : 2 * left] *= -1
    return np.clip(128 + 25 * waves, 0, 255).astype("uint8")


def as_pixels(pictures):
    return (pictures / 255).astype("float32")


def as_bytes(pixels):
    return np.round(np.asarray(pixels) * 255).astype(int)


def compress_with_pillow(pictures, quality, subsampling):
    decoded = []
    for picture in pictures:
        file = io.BytesIO()
        Image.fromarray(picture.squeeze()).save(
            file, "JPEG", quality=quality, subsampling=subsampling
        )
        decoded.append(np.asarray(Image.open(file)).reshape(picture.shape))
    return np.stack(decoded).astype(int)


def gradient_of(layer, pixels, weights, **options):
    with tf.GradientTape() as tape:
        pixels = tf.constant(pixels)
        tape.watch(pixels)
        total = tf.reduce_sum(layer(pixels, **options) * weights)
    return np.asarray(tape.gradient(total, pixels))
