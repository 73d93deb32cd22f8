"""A bad request fails alone, with a message; the server goes on."""

import io
import struct
import threading
import zlib

import numpy as np
import pytest
from PIL import Image

from zoo.exports.serving import Client
from zoo.exports.serving import RefusedError
from zoo.exports.serving import ServingError
from zoo.exports.serving.address import Address
from zoo.exports.serving.backend import Signature
from zoo.exports.serving.backend import Tensor
from zoo.exports.serving.calls import Deadline


def picture(kind, pixels):
    file = io.BytesIO()
    Image.fromarray(pixels).save(file, kind)
    return file.getvalue()


def png(width, height, rows=b""):
    """A PNG that declares a size, whatever it holds."""

    def chunk(name, data):
        check = zlib.crc32(name + data)
        return (
            struct.pack(">I", len(data))
            + name
            + data
            + struct.pack(">I", check)
        )

    header = struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0)
    return (
        b"\x89PNG\r\n\x1a\n"
        + chunk(b"IHDR", header)
        + chunk(b"IDAT", zlib.compress(rows))
        + chunk(b"IEND", b"")
    )


PIXELS = np.random.default_rng(2).integers(0, 256, (40, 30, 3), np.uint8)
GOOD = picture("PNG", PIXELS)
JPEG = picture("JPEG", PIXELS)
GIF_OF_NOTHING = b"GIF89a" + struct.pack("<HH", 0, 0) + b"\0\0\0;"

FILES = {
    "junk": b"junk" * 100,
    "nothing": b"",
    "truncated JPEG": JPEG[: len(JPEG) // 2],
    "truncated PNG": GOOD[: len(GOOD) // 2],
    "JPEG's first bytes": JPEG[:3],
    "0x0 PNG": png(0, 0),
    "0x0 GIF": GIF_OF_NOTHING,
    "decompression bomb": png(50_000, 50_000, b"\0" * 1000),
    "bomb of GIF": b"GIF89a" + struct.pack("<HH", 50_000, 50_000) + b"\0\0\0;",
}


@pytest.mark.parametrize("name", FILES)
def test_bad_file(url, images, name):
    with Client(url) as client:
        with pytest.raises(RefusedError, match="refused the request: ."):
            client.predict([FILES[name]])
        # One spoils its own batch, and is named.
        with pytest.raises(RefusedError, match=r"at place\] \[1\]"):
            client.predict([GOOD, FILES[name]])
        assert len(client.predict([GOOD])) == 1
        assert len(client.predict(images)) == 2


def test_30_megapixels(url):
    """A photograph of a phone is large, not bad: it's answered."""
    flat = np.full((8, 6, 3), 100, np.uint8)
    large = picture("JPEG", np.full((5000, 6000, 3), 100, np.uint8))
    with Client(url) as client:
        (small,) = client.predict([picture("PNG", flat)])
        (prediction,) = client.predict([large])
    np.testing.assert_allclose(prediction.logits, small.logits, atol=0.02)


IMAGE = Tensor("float32", (None, 8, 6, 3))
GOOD_PIXELS = np.full((2, 8, 6, 3), 0.5, "float32")
INPUTS = {
    "rank 3": {"image": GOOD_PIXELS[0]},
    "rank 5": {"image": GOOD_PIXELS[None]},
    "another size": {"image": GOOD_PIXELS[:, :7]},
    "another channel": {"image": GOOD_PIXELS[..., :1]},
    "NaN": {"image": np.full_like(GOOD_PIXELS, np.nan)},
    "infinity": {"image": np.full_like(GOOD_PIXELS, np.inf)},
    "8 bits": {"image": GOOD_PIXELS * 255},
    "10,000 images": {"image": np.repeat(GOOD_PIXELS, 5000, axis=0)},
    "no input": {},
    "an unknown input": {"picture": GOOD_PIXELS},
    "one input too many": {"image": GOOD_PIXELS, "picture": GOOD_PIXELS},
}


@pytest.mark.parametrize("name", INPUTS)
def test_bad_pixels(url, images, name):
    """Sent past the client's own checks."""
    with Client(url) as client:
        client.predict(images)
        signature = client._signatures["serving_default"]
        with pytest.raises((RefusedError, ServingError)) as caught:
            client._backend.run(
                "serving_default", signature, INPUTS[name], Deadline(30)
            )
        assert len(str(caught.value)) > 40
        assert len(client.predict(images)) == 2


@pytest.mark.parametrize("name", ["serving_default", "serving_bytes"])
def test_empty_batch(url, images, name):
    """It has an empty answer, or by REST none: `[]` has no image's shape."""
    empty = {
        "serving_default": {"image": GOOD_PIXELS[:0]},
        "serving_bytes": {"image_bytes": np.empty(0, object)},
    }
    with Client(url) as client:
        client.predict(images)
        arguments = (name, client._signatures[name], empty[name], Deadline(30))
        if url.startswith("http") and name == "serving_default":
            with pytest.raises(RefusedError):
                client._backend.run(*arguments)
        else:
            outputs = client._backend.run(*arguments)
            assert len(outputs["logits"]) == 0
        assert len(client.predict(images)) == 2


def test_unknown_signature(url, images):
    with Client(url) as client:
        client.predict(images)
        with pytest.raises(RefusedError, match="signature"):
            client._backend.run(
                "serving_other",
                Signature({"image": IMAGE}, {}),
                {"image": GOOD_PIXELS},
                Deadline(30),
            )


def test_others_go_on(url, images):
    """Callers with good requests don't notice those with bad ones."""
    stop = threading.Event()

    def spoil():
        with Client(url) as client:
            while not stop.is_set():
                for name in ("junk", "truncated JPEG", "0x0 PNG"):
                    with pytest.raises(RefusedError):
                        client.predict([FILES[name]])

    thread = threading.Thread(target=spoil)
    thread.start()
    try:
        with Client(url) as client:
            expected = client.predict(images)[0].logits
            for _ in range(10):
                np.testing.assert_array_equal(
                    client.predict(images)[0].logits, expected
                )
                assert client.predict([GOOD])
    finally:
        stop.set()
        thread.join()


def test_addresses_with_names_to_quote(server, images):
    """A name with a slash or a space asks for no other path."""
    address = Address.parse("http://h:1/v1/models/a%2Fb%20c")
    assert address.model == "a/b c"
    with Client(f"http://{server[1]['http']}/v1/models/tiny%2F..") as client:
        with pytest.raises(ServingError):
            client.predict(images)
