"""Pictures in a graph are those that `zoo predict` reads."""

import io
import struct
import zlib

import keras
import numpy as np
import pytest
import tensorflow as tf
from PIL import Image
from PIL import ImageCms

from zoo import exports
from zoo.exports.saved_model.decoding import decode_picture
from zoo.exports.saved_model.picture_headers import MAX_PIXELS
from zoo.pictures import read_picture

RNG = np.random.default_rng(0)
RGBA = RNG.integers(0, 256, (6, 5, 4), np.uint8)
COLOUR = Image.fromarray(RGBA[..., :3])
GREY = Image.fromarray(RGBA[..., 0])
PALETTE = COLOUR.quantize(8)
SMOOTH = Image.fromarray(
    np.dstack(np.meshgrid(np.arange(24) * 10, np.arange(16) * 15)).astype(
        np.uint8
    )[..., [0, 1, 0]]
)
XMP = b'<x:xmpmeta><rdf:Description tiff:Orientation="6"/></x:xmpmeta>'


def encoded(picture, file_format, **options):
    file = io.BytesIO()
    picture.save(file, file_format, **options)
    return file.getvalue()


def exif(orientation):
    tags = Image.Exif()
    tags[0x010F] = "A maker"
    tags[0x0112] = orientation
    return tags


def chunk(kind, data):
    checksum = zlib.crc32(kind + data)
    return (
        struct.pack(">I", len(data)) + kind + data + struct.pack(">I", checksum)
    )


def packed(values, depth):
    """Rows of values, as a PNG holds those of `depth` bits."""
    if depth == 16:
        return [row.astype(">u2").tobytes() for row in values]
    rows = ["".join(f"{v:0{depth}b}" for v in row.ravel()) for row in values]
    length = -(-len(rows[0]) // 8)
    return [
        int(row.ljust(8 * length, "0"), 2).to_bytes(length, "big")
        for row in rows
    ]


def png(values, depth, kind, *chunks, interlaced=False, size=None):
    """A PNG of any bit depth and colour type, which Pillow doesn't write."""
    height, width = size or values.shape[:2]
    passes = [values]
    if interlaced:
        starts = ((0, 0), (0, 4), (4, 0), (0, 2), (2, 0), (0, 1), (1, 0))
        steps = ((8, 8), (8, 8), (8, 4), (4, 4), (4, 2), (2, 2), (2, 1))
        passes = [
            values[top::down, left::right]
            for (top, left), (down, right) in zip(starts, steps, strict=True)
        ]
    rows = [
        b"\0" + row
        for part in passes
        if part.size
        for row in packed(part, depth)
    ]
    header = struct.pack(
        ">IIBBBBB", width, height, depth, kind, 0, 0, interlaced
    )
    return b"".join(
        [
            b"\x89PNG\r\n\x1a\n",
            chunk(b"IHDR", header),
            *chunks,
            chunk(b"IDAT", zlib.compress(b"".join(rows))),
            chunk(b"IEND", b""),
        ]
    )


def grey_png(depth, *, key=None):
    values = RNG.integers(0, 2**depth, (6, 5))
    values[0, :2] = 2**depth - 1
    chunks = () if key is None else [chunk(b"tRNS", struct.pack(">H", key))]
    return png(values, depth, 0, *chunks)


def edited(content, *edits):
    """Overwrites bytes of a file."""
    content = bytearray(content)
    for place, new in edits:
        content[place : place + len(new)] = new
    return bytes(content)


def without(content, marker):
    """A JPEG without the segment of a marker."""
    start = content.index(marker)
    (length,) = struct.unpack(">H", content[start + 2 : start + 4])
    return content[:start] + content[start + 2 + length :]


def rgb_png_of_16_bits(*chunks):
    return png(RNG.integers(0, 2**16, (6, 5, 3)), 16, 2, *chunks)


def animated(file_format):
    return encoded(
        COLOUR,
        file_format,
        save_all=True,
        append_images=[GREY.convert("RGB")] * 2,
        duration=50,
    )


CMYK = encoded(SMOOTH.convert("CMYK"), "JPEG")
ADOBE = CMYK.index(b"Adobe")
JPEG = encoded(SMOOTH, "JPEG")
WHITE_KEY = chunk(b"tRNS", struct.pack(">H", 255))

FILES = {
    "GIF": encoded(GREY, "GIF"),
    "GIF not interlaced": encoded(PALETTE, "GIF", interlace=0),
    "transparent GIF": encoded(PALETTE, "GIF", transparency=0),
    "animated GIF": animated("GIF"),
    "GIF with a comment": encoded(PALETTE, "GIF", comment=b"x" * 300),
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
    "half transparent palette": encoded(
        PALETTE, "PNG", transparency=bytes(range(0, 240, 30))
    ),
    **{
        f"PNG of a palette of {bits} bits": encoded(
            COLOUR.quantize(2**bits), "PNG", bits=bits, transparency=1
        )
        for bits in (1, 2, 4)
    },
    **{f"grey PNG of {n} bits": grey_png(n) for n in (1, 2, 4, 16)},
    **{
        f"transparent grey of {n} bits": grey_png(n, key=2**n - 1)
        for n in (1, 2, 4, 8, 16)
    },
    "transparent colour": encoded(
        Image.fromarray(np.where(RGBA[..., :1] < 99, 255, RGBA[..., :3])),
        "PNG",
        transparency=(255, 255, 255),
    ),
    "PNG of 16 bits": rgb_png_of_16_bits(),
    "grey transparent PNG of 16 bits": png(
        RNG.integers(0, 2**16, (6, 5, 2)), 16, 4
    ),
    "transparent PNG of 16 bits": png(RNG.integers(0, 2**16, (6, 5, 4)), 16, 6),
    "interlaced PNG": png(RGBA[..., :3], 8, 2, interlaced=True),
    "interlaced transparent grey": png(
        np.where(RGBA[..., 0] < 99, 255, RGBA[..., 0]),
        8,
        0,
        WHITE_KEY,
        interlaced=True,
    ),
    "animated PNG": animated("PNG"),
    "PNG with a gamma": png(
        RGBA[..., 0], 8, 0, chunk(b"gAMA", struct.pack(">I", 100_000))
    ),
    "JPEG": JPEG,
    "JPEG of noise": encoded(COLOUR, "JPEG", quality=95),
    "JPEG of full chroma": encoded(SMOOTH, "JPEG", subsampling=0),
    "grey JPEG": encoded(SMOOTH.convert("L"), "JPEG"),
    "progressive JPEG": encoded(SMOOTH, "JPEG", progressive=True),
    "JPEG with a profile": encoded(
        SMOOTH,
        "JPEG",
        icc_profile=ImageCms.ImageCmsProfile(
            ImageCms.createProfile("sRGB")
        ).tobytes(),
    ),
    "RGB JPEG": encoded(SMOOTH, "JPEG", keep_rgb=True),
    "CMYK JPEG": CMYK,
    "YCCK JPEG": edited(CMYK, (ADOBE + 11, b"\x02")),
    "JPEG with XMP data": encoded(SMOOTH, "JPEG", xmp=XMP.replace(b"6", b"1")),
    "JPEG turned by EXIF, not by XMP": encoded(
        SMOOTH, "JPEG", exif=exif(8), xmp=XMP
    ),
    **{
        f"JPEG turned by {n}": encoded(SMOOTH, "JPEG", exif=exif(n))
        for n in range(1, 10)
    },
    "little-endian EXIF": encoded(
        SMOOTH,
        "JPEG",
        exif=b"Exif\0\0II*\0\x08\0\0\0\x01\0\x12\x01\x03\0\x01\0\0\0"
        b"\x06\0\0\0\0\0\0\0",
    ),
    "big-endian EXIF": encoded(
        SMOOTH,
        "JPEG",
        exif=b"Exif\0\0MM\0*\0\0\0\x08\0\x01\x01\x12\0\x03\0\0\0\x01"
        b"\0\x06\0\0\0\0\0\0",
    ),
    "PNG turned by EXIF": encoded(COLOUR, "PNG", exif=exif(6)),
    "WebP": encoded(COLOUR, "WEBP", lossless=True),
    "lossy WebP": encoded(SMOOTH, "WEBP", quality=90),
    "transparent WebP": encoded(
        Image.fromarray(RGBA), "WEBP", lossless=True, exact=True
    ),
}


def riff(kind, data):
    data = data.ljust(40, b"\0")
    body = b"WEBP" + kind + struct.pack("<I", len(data)) + data
    return b"RIFF" + struct.pack("<I", len(body)) + body


REFUSED = {
    "a BMP with a palette of colours": [
        encoded(PALETTE, "BMP"),
        encoded(GREY.convert("1"), "BMP"),
    ],
    "a BMP of other than 24 or 32": [
        edited(encoded(COLOUR, "BMP"), (28, b"\x10")),
        edited(encoded(Image.fromarray(RGBA), "BMP"), (30, b"\x03")),
    ],
    "a GIF whose first frame is smaller than it": [
        edited(encoded(PALETTE, "GIF"), (6, b"\x09")),
    ],
    "a CMYK JPEG without an Adobe marker": [without(CMYK, b"\xff\xee")],
    "a JPEG of more than 100 scans": [
        FILES["progressive JPEG"][:-2]
        + b"\xff\xda\0\x08\1\1\0\0\x3f\0" * 100
        + b"\xff\xd9"
    ],
    "a JPEG without a frame": [b"\xff\xd8\xff\xd9"],
    "its XMP data turn": [
        encoded(SMOOTH, "JPEG", xmp=XMP),
        png(
            RGBA[..., 0],
            8,
            0,
            chunk(b"iTXt", b"XML:com.adobe.xmp\0\0\0\0\0" + XMP),
        ),
    ],
    "a PNG with compressed XMP data": [
        png(
            RGBA[..., 0],
            8,
            0,
            chunk(b"iTXt", b"XML:com.adobe.xmp\0\1\0\0\0" + zlib.compress(XMP)),
        ),
    ],
    "a PNG with EXIF data as text": [
        png(
            RGBA[..., 0],
            8,
            0,
            chunk(b"zTXt", b"Raw profile type exif\0\0" + zlib.compress(b"x")),
        ),
    ],
    "an animated WebP": [animated("WEBP")],
    "a WebP with EXIF": [encoded(COLOUR, "WEBP", exif=exif(6))],
    "a TIFF": [encoded(COLOUR, "TIFF")],
    "an AVIF or HEIF": [b"\0\0\0\x1cftypavif\0\0\0\0avif"],
    "a picture without pixels": [
        png(RGBA[..., 0], 8, 0, size=(0, 0)),
        edited(JPEG, (JPEG.index(b"\xff\xc0") + 5, b"\0\0")),
        edited(encoded(COLOUR, "BMP"), (18, b"\0\0\0\0")),
    ],
    "no JPEG, PNG, GIF": [
        b"junk",
        b"",
        encoded(COLOUR, "PPM"),
        riff(b"JUNK", b""),
    ],
    "more than 10000 parts": [
        b"\xff\xd8" + b"\xff" * 20_000,
        png(RGBA[..., 0], 8, 0, *[chunk(b"tIME", b"")] * 10_001),
        b"GIF89a\5\0\5\0\0\0\0!\xfe" + b"\1x" * 20_000,
    ],
    f"more than {MAX_PIXELS} pixels": [
        png(RGBA[..., 0], 8, 0, size=(50_000, 50_000)),
        edited(
            encoded(COLOUR, "BMP"), (18, struct.pack("<ii", 2**16, -(2**15)))
        ),
        edited(JPEG, (JPEG.index(b"\xff\xc0") + 5, b"\xff\xff\xff\xff")),
        png(RGBA[..., 0], 8, 0, size=(8001, 5000)),
        # Lossy, lossless and extended WebPs of 16383 x 16383.
        riff(b"VP8 ", b"\x30\1\0\x9d\1\x2a" + b"\xff\x3f" * 2),
        riff(b"VP8L", b"\x2f\xfe\xbf\xff\x0f"),
        riff(b"VP8X", b"\0\0\0\0" + b"\xfe\x3f\0" * 2),
    ],
}


@pytest.fixture(scope="module", params=[1, 3])
def served(request, tmp_path_factory):
    """Returns a function from a file to a served model's logits, its pixels."""
    channels = request.param
    model = keras.Sequential(
        [keras.Input((8, 7, channels)), keras.layers.Flatten()]
    )
    report = exports.save(
        model, tmp_path_factory.mktemp("served"), signatures=["serving_bytes"]
    )
    with exports.SavedModelSession(report.path) as session:

        def pixels(content):
            outputs = session.run("serving_bytes", {"image_bytes": [content]})
            return 255 * outputs["logits"].reshape(8, 7, channels)

        yield pixels


@pytest.mark.parametrize("name", FILES)
def test_served_pixels_are_those_that_predict_reads(tmp_path, served, name):
    path = tmp_path / "picture"
    path.write_bytes(FILES[name])
    pixels = served(FILES[name])
    expected = read_picture(path, pixels.shape)
    np.testing.assert_allclose(pixels, expected, atol=2)


@pytest.mark.parametrize("kind", REFUSED)
def test_other_kinds_are_refused_by_name(served, kind):
    for content in REFUSED[kind]:
        with pytest.raises(tf.errors.InvalidArgumentError, match=kind):
            served(content)


def test_a_truncated_file_is_refused(served):
    for name in ("JPEG", "PNG", "GIF", "BMP", "WebP"):
        with pytest.raises(tf.errors.InvalidArgumentError):
            served(FILES[name][:-30])
    for name in ("JPEG", "progressive JPEG", "PNG", "WebP"):
        with pytest.raises(tf.errors.InvalidArgumentError, match="cut short"):
            served(FILES[name][:-30])
    film = b"\xff\xda" * 200
    whole = FILES["JPEG"] + b"what some cameras write behind" + film
    np.testing.assert_array_equal(served(whole), served(FILES["JPEG"]))


@pytest.mark.parametrize("frames", [1, 2])
def test_of_a_gif_only_the_first_frame_is_decoded(served, frames):
    """What comes after it, junk here, is not even read."""
    noise = Image.fromarray(RNG.integers(0, 256, (40, 50), np.uint8))
    content = encoded(
        noise,
        "GIF",
        save_all=True,
        append_images=[noise.rotate(180)] * (frames - 1),
    )
    first = encoded(noise, "GIF")
    assert len(first) > 1000  # Of several blocks.
    expected = served(first)
    np.testing.assert_array_equal(served(content), expected)
    np.testing.assert_array_equal(served(first[:-1] + b"junk"), expected)


def test_pixels_of_lossless_files_are_equal(tmp_path):
    for channels in (1, 3):
        decode = tf.function(
            lambda contents, channels=channels: decode_picture(
                contents, 0, channels
            ),
            input_signature=[tf.TensorSpec((), tf.string)],
        )
        for name in ("PNG", "transparent palette", "grey BMP", "animated GIF"):
            path = tmp_path / "picture"
            path.write_bytes(FILES[name])
            expected = read_picture(path, (None, None, channels))
            np.testing.assert_array_equal(decode(FILES[name]), expected)


def test_four_channels_keep_alpha():
    np.testing.assert_array_equal(
        decode_picture(FILES["transparent PNG"], 0, 4), RGBA
    )
    opaque = decode_picture(FILES["BMP"], 0, 4)
    np.testing.assert_array_equal(opaque[..., :3], RGBA[..., :3])
    assert np.all(opaque[..., 3] == 255)


def test_a_photograph_is_turned_as_it_was_held():
    halves = np.zeros((16, 32), np.uint8)
    halves[:, :16] = 255
    content = encoded(Image.fromarray(halves), "JPEG", exif=exif(6))
    pixels = decode_picture(content, 0, 1)
    assert pixels.shape == (32, 16, 1)
    assert np.min(pixels[:15]) > 240 and np.max(pixels[17:]) < 15
