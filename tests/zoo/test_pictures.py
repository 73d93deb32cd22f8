"""Picture files of all kinds, against pixels computed by hand."""

import struct
import zlib

import numpy as np
import pytest
from PIL import Image

from zoo.pictures import read_picture
from zoo.pictures import read_stored_picture

GREY = np.random.default_rng(0).integers(0, 256, (5, 4), np.uint8)
COLOUR = np.random.default_rng(1).integers(0, 256, (5, 4, 3), np.uint8)
ANY = (None, None)


@pytest.fixture
def saved(tmp_path):
    """Returns a function that writes a picture and returns its file."""

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


@pytest.mark.parametrize("size", [ANY, (5, 4)])
def test_size_and_colours_are_kept_if_they_fit(saved, size):
    grey = read_picture(saved(GREY), (*size, 1))
    assert grey.dtype == np.uint8
    np.testing.assert_array_equal(grey, GREY[..., None])
    colour = read_picture(saved(COLOUR), (*size, 3))
    assert colour.dtype == np.uint8
    np.testing.assert_array_equal(colour, COLOUR)


@pytest.mark.parametrize("size", [ANY, (5, 4)])
def test_grey_pictures_are_read_as_colours(saved, size):
    repeated = np.repeat(GREY[..., None], 3, axis=-1)
    np.testing.assert_array_equal(
        read_picture(saved(GREY), (*size, 3)), repeated
    )


def test_grey_is_the_luma_of_the_colours(saved):
    grey = read_picture(saved(COLOUR), (5, 4, 1))
    assert grey.shape == (5, 4, 1)
    luma = COLOUR @ np.array([0.299, 0.587, 0.114])
    np.testing.assert_allclose(grey[..., 0], luma, atol=1)


@pytest.mark.parametrize("name", ["a.png", "a.webp", "a.jpg"])
def test_every_format_is_read(saved, name):
    """A flat picture survives even JPEG within rounding."""
    flat = np.full((16, 16, 3), 100, np.uint8)
    options = {"lossless": True} if name.endswith("webp") else {}
    path = saved(flat, name, **options)
    np.testing.assert_allclose(read_picture(path, (16, 16, 3)), flat, atol=1)


def test_size_is_the_models(saved):
    picture = Image.fromarray(COLOUR).resize((7, 6), Image.Resampling.BILINEAR)
    np.testing.assert_array_equal(
        read_picture(saved(COLOUR), (6, 7, 3)), np.asarray(picture)
    )


def test_resizing_averages_and_ignores_the_aspect_ratio(saved):
    """Down to one pixel, an antialiased filter averages the whole picture."""
    halves = np.zeros((40, 80, 3), np.uint8)
    halves[:, 40:] = 200
    pixels = read_picture(saved(halves), (1, 1, 3))
    np.testing.assert_allclose(pixels, 100, atol=1)


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
    with pytest.raises(ValueError, match="16 bits") as error:
        read_picture(path, (*ANY, 1))
    assert str(path) in str(error.value)


@pytest.mark.parametrize("name", ["turned.jpg", "turned.png", "turned.webp"])
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


def test_what_is_no_picture_is_named(saved, tmp_path):
    whole = saved(Image.fromarray(COLOUR).resize((60, 60)))
    truncated = tmp_path / "truncated.png"
    truncated.write_bytes(whole.read_bytes()[:200])
    text = tmp_path / "text.png"
    text.write_text("no picture")
    for path, said in (
        (truncated, "cannot be read"),
        (text, "not a picture"),
        (tmp_path / "missing.png", "No such file"),
        (tmp_path, "cannot be read"),
    ):
        with pytest.raises(ValueError, match=said) as error:
            read_picture(path, (8, 8, 3))
        assert str(path) in str(error.value)


@pytest.mark.parametrize("channels", [2, 4])
def test_other_channels_are_refused(saved, channels):
    with pytest.raises(ValueError, match=f"Received: channels={channels}"):
        read_picture(saved(COLOUR), (8, 8, channels))


def test_a_transparent_grey_of_16_bits_is_black(tmp_path):
    """Pillow forgets it when it scales the pixels."""
    path = tmp_path / "picture.png"
    deep = Image.fromarray(np.array([[65535, 30000]], np.uint16))
    deep.save(path, transparency=65535)
    pixels = read_picture(path, (*ANY, 1))
    assert pixels.ravel().tolist() == [0, 117]


def test_a_picture_that_declares_too_many_pixels_is_named(saved):
    """50,000 x 50,000 grey pixels in less than a kilobyte."""
    path = saved(GREY)
    content = bytearray(path.read_bytes())
    content[16:24] = struct.pack(">II", 50_000, 50_000)
    content[29:33] = struct.pack(">I", zlib.crc32(content[12:29]))
    path.write_bytes(content)
    with pytest.raises(ValueError, match="picture.png cannot be read") as error:
        read_picture(path, (8, 8, 1))
    assert "\n" not in str(error.value)


def test_programs_are_not_run(saved):
    """Pillow would have Ghostscript run an EPS, whatever its name."""
    path = saved(COLOUR, "picture.eps")
    path = path.rename(path.with_suffix(".png"))
    with pytest.raises(ValueError, match="EPS files are programs"):
        read_picture(path, (8, 8, 3))


def test_names_that_would_act_on_a_terminal_are_escaped(tmp_path):
    path = tmp_path / "a\x1b[2J\nb.png"
    path.write_text("no picture")
    with pytest.raises(ValueError, match="is not a picture") as error:
        read_picture(path, (8, 8, 3))
    assert str(error.value).isprintable()
    assert r"a\x1b[2J\nb.png" in str(error.value)


def test_a_stored_picture_is_not_turned(saved):
    exif = Image.Exif()
    exif[0x0112] = 6
    stored = read_stored_picture(saved(COLOUR, exif=exif))
    np.testing.assert_array_equal(stored.pixels, COLOUR)
    assert stored.orientation == 6
    upright = stored.turn_upright(stored.image)
    np.testing.assert_array_equal(np.asarray(upright), np.rot90(COLOUR, -1))
    back = stored.turn_back(upright)
    np.testing.assert_array_equal(np.asarray(back), COLOUR)


@pytest.mark.parametrize("mode", ["1", "L", "LA", "I;16"])
def test_stored_grey_stays_grey(saved, mode):
    path = saved(Image.new(mode, (4, 5)))
    stored = read_stored_picture(path)
    assert stored.pixels.shape == (5, 4, 1)
    assert stored.image.mode == "L"
    np.testing.assert_array_equal(stored.pixels, read_picture(path, (*ANY, 1)))


def test_a_profile_of_other_colours_is_left_out(saved):
    for colours, kept in ((b"RGB ", True), (b"GRAY", False), (b"CMYK", False)):
        profile = b"\0" * 16 + colours + b"\0" * 108
        stored = read_stored_picture(saved(COLOUR, icc_profile=profile))
        assert stored.icc_profile == (profile if kept else None)


def test_an_orientation_that_exif_does_not_know(saved):
    exif = Image.Exif()
    exif[0x0112] = 77
    assert read_stored_picture(saved(COLOUR, exif=exif)).orientation == 1


def test_ink_has_no_pixels(saved):
    with pytest.raises(ValueError, match="picture.jpg cannot be read.*CMYK"):
        read_stored_picture(saved(Image.new("CMYK", (4, 5)), "picture.jpg"))
