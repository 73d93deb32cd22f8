"""The codec that calls the library."""

import keras
import numpy as np
import pytest

from tests.jpeg import SUBSAMPLINGS
from tests.jpeg import as_bytes
from tests.jpeg import as_pixels
from tests.jpeg import compress_with_pillow
from tests.jpeg import paint
from zoo.layers.jpeg import JPEG


@pytest.mark.parametrize("subsampling", SUBSAMPLINGS)
def test_libjpeg_is_pillows(subsampling):
    pictures = paint(2, 61, 47)
    layer = JPEG(30, codec="libjpeg", subsampling=subsampling)
    np.testing.assert_array_equal(
        as_bytes(layer(as_pixels(pictures))),
        compress_with_pillow(pictures, 30, subsampling),
    )


@pytest.mark.parametrize("channels", [1, 3])
def test_libjpeg_takes_a_quality_for_each_image(channels):
    pictures = paint(2, 20, 30, channels)
    layer = JPEG(codec="libjpeg")
    compressed = layer(as_pixels(pictures), quality_map=np.array([15, 85]))
    for index, quality in enumerate((15, 85)):
        np.testing.assert_array_equal(
            as_bytes(compressed[index]),
            compress_with_pillow(pictures[index, None], quality, "4:2:0")[0],
        )


@pytest.mark.parametrize(
    ("subsampling", "quality_map"),
    [("4:2:0", np.ones((1, 1, 1))), ("4:4:4", np.ones(1))],
)
def test_libjpeg_rejects_what_it_cannot_do(subsampling, quality_map):
    layer = JPEG(codec="libjpeg", subsampling=subsampling)
    with pytest.raises(ValueError, match="use codec='dct'"):
        layer(np.zeros((1, 8, 8, 3), "float32"), quality_map=quality_map)


def test_libjpeg_needs_tensorflow(monkeypatch):
    monkeypatch.setattr(keras.backend, "backend", lambda: "jax")
    with pytest.raises(ValueError, match="TensorFlow backend.*'jax'"):
        JPEG(codec="libjpeg")
