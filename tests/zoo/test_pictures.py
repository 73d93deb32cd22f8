"""Pictures as a model takes them."""

import numpy as np
import pytest
from PIL import Image

from zoo.pictures import read_picture

PIXELS = np.random.default_rng(0).integers(0, 256, (6, 9, 3), np.uint8)


@pytest.fixture
def saved(tmp_path):
    """Returns a function that writes an image and returns its file."""

    def save(image, name="picture.png", **options):
        path = tmp_path / name
        image.save(path, **options)
        return path

    return save


def test_size_and_colours_are_kept_if_they_fit(saved):
    path = saved(Image.fromarray(PIXELS))
    for shape in ((6, 9, 3), (None, None, 3)):
        pixels = read_picture(path, shape)
        assert pixels.dtype == np.uint8
        np.testing.assert_array_equal(pixels, PIXELS)


@pytest.mark.parametrize("name", ["a.png", "a.webp", "a.jpg"])
def test_every_format_is_read(saved, name):
    """A flat picture survives even JPEG within rounding."""
    flat = np.full((16, 16, 3), 100, np.uint8)
    options = {"lossless": True} if name.endswith("webp") else {}
    path = saved(Image.fromarray(flat), name, **options)
    np.testing.assert_allclose(read_picture(path, (16, 16, 3)), flat, atol=1)


def test_grey_is_the_luma_of_the_colours(saved):
    path = saved(Image.fromarray(PIXELS))
    grey = read_picture(path, (6, 9, 1))
    assert grey.shape == (6, 9, 1)
    luma = PIXELS @ np.array([0.299, 0.587, 0.114])
    np.testing.assert_allclose(grey[..., 0], luma, atol=1)


def test_grey_pictures_are_read_as_colours_and_transparency_dropped(saved):
    path = saved(Image.fromarray(PIXELS[..., 0]))
    expected = np.repeat(PIXELS[..., :1], 3, axis=-1)
    np.testing.assert_array_equal(read_picture(path, (6, 9, 3)), expected)
    alpha = np.full((6, 9, 1), 7, np.uint8)
    path = saved(Image.fromarray(np.concatenate([PIXELS, alpha], axis=-1)))
    np.testing.assert_array_equal(read_picture(path, (6, 9, 3)), PIXELS)


def test_resizing_averages_and_ignores_the_aspect_ratio(saved):
    """Down to one pixel, an antialiased filter averages the whole picture."""
    halves = np.zeros((40, 80, 3), np.uint8)
    halves[:, 40:] = 200
    pixels = read_picture(saved(Image.fromarray(halves)), (1, 1, 3))
    np.testing.assert_allclose(pixels, 100, atol=1)


def test_what_is_no_picture_is_named(saved, tmp_path):
    whole = saved(Image.fromarray(PIXELS).resize((60, 60)))
    truncated = tmp_path / "truncated.png"
    truncated.write_bytes(whole.read_bytes()[:200])
    text = tmp_path / "text.png"
    text.write_text("no picture")
    deep = saved(Image.fromarray(np.full((4, 4), 999, np.uint16)), "deep.png")
    for path, said in (
        (truncated, "cannot be read"),
        (text, "not a picture"),
        (tmp_path / "missing.png", "No such file"),
        (tmp_path, "cannot be read"),
        (deep, "more than 8 bits"),
    ):
        with pytest.raises(ValueError, match=said) as error:
            read_picture(path, (8, 8, 3))
        assert str(path) in str(error.value)


def test_two_channels_are_refused(saved):
    path = saved(Image.fromarray(PIXELS))
    with pytest.raises(ValueError, match="Received: channels=2"):
        read_picture(path, (8, 8, 2))
