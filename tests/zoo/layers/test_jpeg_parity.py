"""JPEG against Pillow and SciPy."""

import importlib.util
import io
from pathlib import Path

import numpy as np
import pytest
import scipy.fft
from PIL import Image

from tests.jpeg import SUBSAMPLINGS
from tests.jpeg import as_bytes
from tests.jpeg import as_pixels
from tests.jpeg import compress_with_pillow
from tests.jpeg import paint
from zoo.jpeg.blocks import block_dct
from zoo.jpeg.quantization import CHROMINANCE
from zoo.jpeg.quantization import LUMINANCE
from zoo.jpeg.quantization import quantization_tables
from zoo.layers.jpeg import JPEG

QUALITIES = (10, 30, 50, 75, 90, 95)


def expect_parity(pictures, quality, subsampling, mean=0.6, within_3=0.96):
    layer = JPEG(quality, subsampling=subsampling)
    expected = compress_with_pillow(pictures, quality, subsampling)
    difference = np.abs(as_bytes(layer(as_pixels(pictures))) - expected)
    assert difference.mean() <= mean
    assert np.mean(difference <= 3) >= within_3


def test_tables_are_those_in_the_files():
    picture = Image.fromarray(paint(1)[0])
    for quality in range(1, 101):
        file = io.BytesIO()
        picture.save(file, "JPEG", quality=quality)
        tables = Image.open(file).quantization
        for index, base in enumerate((LUMINANCE, CHROMINANCE)):
            steps = quantization_tables(base)[quality - 1]
            assert steps.ravel().tolist() == list(tables[index])


def test_block_dct_is_scipys():
    block = np.random.default_rng(0).normal(size=(8, 8, 2))
    expected = scipy.fft.dctn(block, axes=(0, 1), norm="ortho")
    np.testing.assert_allclose(
        block_dct(2) @ block.ravel(), expected.ravel(), atol=1e-12
    )


@pytest.mark.parametrize("quality", QUALITIES)
@pytest.mark.parametrize("subsampling", SUBSAMPLINGS)
def test_matches_pillow(quality, subsampling):
    expect_parity(paint(), quality, subsampling)


@pytest.mark.parametrize("quality", QUALITIES)
@pytest.mark.parametrize("subsampling", SUBSAMPLINGS)
def test_equals_pillow_on_flat_patches(quality, subsampling):
    """Halves abound there, and every one must go libjpeg's way."""
    colors = np.random.default_rng(0).integers(0, 256, (8, 6, 6, 3))
    colors[:4, ..., 1] = colors[:4, ..., 0]
    colors[4:, ..., 1] = colors[4:, ..., 2]
    pictures = colors.repeat(16, axis=1).repeat(16, axis=2).astype("uint8")
    layer = JPEG(quality, subsampling=subsampling)
    np.testing.assert_array_equal(
        as_bytes(layer(as_pixels(pictures))),
        compress_with_pillow(pictures, quality, subsampling),
    )


@pytest.mark.parametrize("size", [(61, 47), (16, 33), (9, 8), (23, 17)])
@pytest.mark.parametrize("subsampling", SUBSAMPLINGS)
def test_matches_pillow_at_any_size(size, subsampling):
    expect_parity(paint(4, *size), 75, subsampling)


@pytest.mark.parametrize("size", [(28, 28), (61, 47)])
def test_matches_pillow_on_grey(size):
    expect_parity(paint(4, *size, channels=1), 50, "4:4:4")


@pytest.mark.large
@pytest.mark.skipif(
    importlib.util.find_spec("foolbox") is None, reason="foolbox has the data"
)
@pytest.mark.parametrize("size", [(224, 224), (299, 299), (61, 47)])
@pytest.mark.parametrize("subsampling", SUBSAMPLINGS)
@pytest.mark.parametrize("quality", QUALITIES)
def test_matches_pillow_on_photographs(quality, subsampling, size):
    package = importlib.util.find_spec("foolbox").origin
    files = sorted(Path(package).parent.glob("data/imagenet_*.jpg"))
    assert len(files) == 20
    photographs = [
        np.asarray(Image.open(file).convert("RGB").resize(size[::-1]))
        for file in files
    ]
    expect_parity(np.stack(photographs), quality, subsampling, 0.2, 0.99)


def test_results_are_whole_levels():
    levels = 255 * np.asarray(JPEG(60)(as_pixels(paint())))
    np.testing.assert_allclose(levels, np.round(levels), atol=1e-4)
