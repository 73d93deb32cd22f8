"""Picture files of all kinds, against pixels computed by hand."""

import numpy as np
import pytest
from PIL import Image

from zoo.pictures import read_picture

GREY = np.random.default_rng(0).integers(0, 256, (5, 4), np.uint8)
COLOUR = np.random.default_rng(1).integers(0, 256, (5, 4, 3), np.uint8)
ANY = (None, None)


@pytest.fixture
def saved(tmp_path):
    def save(pixels, name="picture.png", **options):
        path = tmp_path / name
        picture = (
            pixels
            if isinstance(pixels, Image.Image)
            else Image.fromarray(pixels)
        )
        picture.save(path, **options)
        return path

    return save


def test_grey_and_colour_are_kept(saved):
    grey = read_picture(saved(GREY), (*ANY, 1))
    assert grey.dtype == np.uint8
    np.testing.assert_array_equal(grey, GREY[..., None])
    colour = read_picture(saved(COLOUR), (*ANY, 3))
    np.testing.assert_array_equal(colour, COLOUR)
    repeated = np.repeat(GREY[..., None], 3, axis=-1)
    np.testing.assert_array_equal(
        read_picture(saved(GREY), (*ANY, 3)), repeated
    )


def test_size_is_the_models(saved):
    picture = Image.fromarray(COLOUR).resize((7, 6), Image.Resampling.BILINEAR)
    np.testing.assert_array_equal(
        read_picture(saved(COLOUR), (6, 7, 3)), np.asarray(picture)
    )


@pytest.mark.parametrize("name", ["deep.png", "deep.tiff", "deep.pgm"])
@pytest.mark.parametrize("channels", [1, 3])
def test_sixteen_bits_are_scaled_to_eight(saved, name, channels):
    deep = np.linspace(0, 65535, 20).astype("uint16").reshape(5, 4)
    pixels = read_picture(saved(deep, name), (*ANY, channels))
    scaled = np.round(deep / 257).astype("uint8")
    for channel in range(channels):
        np.testing.assert_array_equal(pixels[..., channel], scaled)


@pytest.mark.parametrize("dtype", ["int32", "float32"])
def test_pixels_of_no_known_range_are_refused(saved, dtype):
    path = saved(np.ones((5, 4), dtype), "deep.tiff")
    with pytest.raises(ValueError, match="deep.tiff.*16 bits"):
        read_picture(path, (*ANY, 1))


@pytest.mark.parametrize("name", ["turned.jpg", "turned.png"])
def test_pictures_are_turned_upright(saved, name):
    exif = Image.Exif()
    exif[0x0112] = 6  # Shown turned by a quarter, clockwise.
    flat = np.zeros((16, 32), np.uint8)
    flat[:, :16] = 255
    pixels = read_picture(saved(flat, name, exif=exif), (*ANY, 1))
    assert pixels.shape == (32, 16, 1)
    assert pixels[:15].min() > 240
    assert pixels[17:].max() < 15


def test_what_is_transparent_is_laid_over_black(saved):
    alpha = np.array([[0, 255, 51, 102]] * 5, np.uint8)
    expected = COLOUR * (alpha / 255)[..., None]
    path = saved(np.dstack([COLOUR, alpha]))
    np.testing.assert_allclose(
        read_picture(path, (*ANY, 3)), expected, atol=0.51
    )
    path = saved(Image.merge("LA", [*map(Image.fromarray, (GREY, alpha))]))
    np.testing.assert_allclose(
        read_picture(path, (*ANY, 1))[..., 0], GREY * (alpha / 255), atol=0.51
    )


def test_a_transparent_colour_of_a_palette(saved):
    picture = Image.new("P", (2, 1), 0)
    picture.putpalette([255, 255, 255, 200, 200, 200])
    picture.putpixel((1, 0), 1)
    pixels = read_picture(saved(picture, transparency=0), (*ANY, 1))
    assert pixels.ravel().tolist() == [0, 200]


def test_bombs_are_refused(saved, monkeypatch):
    path = saved(COLOUR)
    monkeypatch.setattr(Image, "MAX_IMAGE_PIXELS", 9)
    with pytest.raises(ValueError, match="picture.png cannot be read.*bomb"):
        read_picture(path, (*ANY, 3))


def test_other_channels_are_refused(saved):
    with pytest.raises(ValueError, match="Received: channels=4"):
        read_picture(saved(COLOUR), (*ANY, 4))
