"""Pictures in a graph are those that `zoo predict` reads."""

import io

import keras
import numpy as np
import pytest
import tensorflow as tf
from PIL import Image

from zoo import exports
from zoo.exports.saved_model.signatures import decode_picture
from zoo.pictures import read_picture

RGBA = np.random.default_rng(0).integers(0, 256, (6, 5, 4), np.uint8)
COLOUR = Image.fromarray(RGBA[..., :3])
GREY = Image.fromarray(RGBA[..., 0])
PALETTE = COLOUR.quantize(8)


def encoded(picture, file_format, **options):
    file = io.BytesIO()
    picture.save(file, file_format, **options)
    return file.getvalue()


FILES = {
    "GIF": encoded(GREY, "GIF"),
    "transparent GIF": encoded(PALETTE, "GIF", transparency=0),
    "BMP": encoded(COLOUR, "BMP"),
    "grey BMP": encoded(GREY, "BMP"),
    "BMP of 32 bits": encoded(Image.fromarray(RGBA), "BMP"),
    "PNG": encoded(COLOUR, "PNG"),
    "grey PNG": encoded(GREY, "PNG"),
    "one-bit PNG": encoded(GREY.convert("1"), "PNG"),
    "transparent PNG": encoded(Image.fromarray(RGBA), "PNG"),
    "grey transparent PNG": encoded(Image.fromarray(RGBA).convert("LA"), "PNG"),
    "PNG of a palette": encoded(PALETTE, "PNG"),
    "transparent palette": encoded(PALETTE, "PNG", transparency=0),
}


@pytest.mark.parametrize("channels", [1, 3])
@pytest.mark.parametrize("name", FILES)
def test_equals_pillow(tmp_path, name, channels):
    decode = tf.function(lambda contents: decode_picture(contents, channels))
    path = tmp_path / "picture"
    path.write_bytes(FILES[name])
    expected = read_picture(path, (None, None, channels))
    np.testing.assert_array_equal(decode(FILES[name]), expected)


def test_four_channels_keep_alpha():
    np.testing.assert_array_equal(
        decode_picture(FILES["transparent PNG"], 4), RGBA
    )
    opaque = decode_picture(FILES["BMP"], 4)
    np.testing.assert_array_equal(opaque[..., :3], RGBA[..., :3])
    assert np.all(opaque[..., 3] == 255)


@pytest.mark.parametrize("mode", ["L", "RGB", "CMYK"])
def test_jpeg_is_near_pillow(tmp_path, mode):
    """TensorFlow's inverse cosine transform is the fast one."""
    path = tmp_path / "picture"
    Image.new("RGB", (9, 8), (200, 60, 10)).convert(mode).save(path, "JPEG")
    for channels in (1, 3):
        expected = read_picture(path, (None, None, channels))
        decoded = decode_picture(path.read_bytes(), channels)
        np.testing.assert_allclose(decoded, expected, atol=2)


def test_a_grey_model_is_served_any_format(tmp_path):
    """White that is transparent is black, as for `zoo predict`."""
    model = keras.Sequential([keras.Input((6, 5, 1)), keras.layers.Flatten()])
    report = exports.save(model, tmp_path / "model")
    white = np.full((6, 5, 4), 255, np.uint8)
    white[:3, :, 3] = 0
    files = [
        FILES["GIF"],
        FILES["BMP"],
        encoded(Image.fromarray(white), "PNG"),
    ]
    with exports.SavedModelSession(report.path) as session:
        outputs = session.run("serving_bytes", {"image_bytes": files})
    served = np.rint(outputs["logits"] * 255).reshape(3, 6, 5)
    np.testing.assert_array_equal(served[0], GREY)
    np.testing.assert_array_equal(served[1], COLOUR.convert("L"))
    np.testing.assert_array_equal(served[2], white[..., 3])
