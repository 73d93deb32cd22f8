"""JPEG with a quality for each image or block."""

import numpy as np
import pytest

from tests.jpeg import SUBSAMPLINGS
from tests.jpeg import as_pixels
from tests.jpeg import paint
from zoo.layers.jpeg import JPEG


@pytest.mark.parametrize("subsampling", SUBSAMPLINGS)
def test_quality_of_each_image_equals_separate_calls(subsampling):
    pixels = as_pixels(paint(3, 40, 56))
    together = JPEG(subsampling=subsampling)(
        pixels, quality_map=np.array([20, 60, 95])
    )
    for index, quality in enumerate((20, 60, 95)):
        alone = JPEG(quality, subsampling=subsampling)(pixels[index, None])
        np.testing.assert_array_equal(together[index], alone[0])


@pytest.mark.parametrize(
    "quality_map",
    [40, np.float32(39.6), np.full(2, 40), np.full((2, 5, 7), 40)],
)
@pytest.mark.parametrize("subsampling", SUBSAMPLINGS)
def test_uniform_maps_equal_the_number(quality_map, subsampling):
    pixels = as_pixels(paint(2, 39, 51))
    np.testing.assert_array_equal(
        JPEG(75, subsampling=subsampling)(pixels, quality_map=quality_map),
        JPEG(40, subsampling=subsampling)(pixels),
    )


@pytest.mark.parametrize("channels", [1, 3])
@pytest.mark.parametrize("size", [(40, 56), (37, 50)])
def test_each_block_has_its_quality(channels, size):
    pixels = as_pixels(paint(2, *size, channels=channels))
    rng = np.random.default_rng(1)
    quality_map = rng.choice([10, 50, 90], (2, 5, 7))
    layer = JPEG(subsampling="4:4:4")
    compressed = np.asarray(layer(pixels, quality_map=quality_map))
    of_pixel = quality_map.repeat(8, axis=1).repeat(8, axis=2)
    of_pixel = of_pixel[:, : size[0], : size[1]]
    for quality in (10, 50, 90):
        expected = np.asarray(JPEG(quality, subsampling="4:4:4")(pixels))
        chosen = of_pixel == quality
        np.testing.assert_array_equal(compressed[chosen], expected[chosen])


def test_halved_chroma_takes_the_mean_quality():
    pixels = as_pixels(paint(1, 48, 48))
    quality_map = np.full((1, 6, 6), 30)
    quality_map[:, 2:4, 2:4] = [[81, 81], [80, 80]]
    compressed = np.asarray(JPEG()(pixels, quality_map=quality_map))
    inside, around = np.asarray(JPEG(81)(pixels)), np.asarray(JPEG(30)(pixels))
    # Triangle filters reach one pixel across a border of the chroma.
    upper, lower = np.s_[:, 17:24, 17:31], np.s_[:, 24:31, 17:31]
    np.testing.assert_array_equal(compressed[upper], inside[upper])
    assert not np.array_equal(compressed[lower], inside[lower])
    difference = compressed[lower] - np.asarray(JPEG(80)(pixels))[lower]
    assert np.abs(difference @ [0.299, 0.587, 0.114]).mean() < 0.5 / 255
    for rows in (np.s_[:, :15], np.s_[:, 33:]):
        np.testing.assert_array_equal(compressed[rows], around[rows])


def test_qualities_beyond_the_scale_are_limited():
    pixels = as_pixels(paint(2, 16, 16))
    np.testing.assert_array_equal(
        JPEG()(pixels, quality_map=np.array([-3, 400])),
        JPEG()(pixels, quality_map=np.array([1, 100])),
    )
