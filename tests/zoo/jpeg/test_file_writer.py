"""Files of variable quality, read by other decoders and by hand."""

import importlib.util
import io
import shutil
import subprocess

import numpy as np
import pytest
import tensorflow as tf
from hypothesis import given
from hypothesis import settings
from hypothesis import strategies as st
from PIL import Image

from tests.jpeg import SUBSAMPLINGS
from tests.jpeg import paint
from zoo.jpeg import file_writer
from zoo.jpeg.file_writer import Metadata
from zoo.jpeg.file_writer import TransformedPicture
from zoo.jpeg.quantization import LUMINANCE
from zoo.jpeg.quantization import quantization_tables
from zoo.layers import JPEG

WRITERS = [
    pytest.param(
        True,
        id="exact",
        marks=pytest.mark.skipif(
            importlib.util.find_spec("jpeglib") is None,
            reason="needs jpeglib",
        ),
    ),
    pytest.param(False, id="pillow"),
]


def photograph(height=93, width=75, channels=3, seed=0):
    """Of half the contrast, so that few samples are saturated."""
    return paint(1, height, width, channels, seed)[0] // 2 + 64


def decode(file):
    with Image.open(io.BytesIO(file)) as picture:
        pixels = np.asarray(picture)
    return pixels.reshape(*pixels.shape[:2], -1).astype(int)


def by_layer(pixels, quality, subsampling):
    images = pixels[None].astype("float32") / 255
    qualities = quality[None].astype("float32")
    layer = JPEG(subsampling=subsampling)
    compressed = np.asarray(layer(images, quality_map=qualities))[0]
    return np.round(255 * compressed).astype(int)


def markers(file):
    """Yields the markers and contents of the segments before the scan."""
    position = 2
    while file[position + 1] != 0xDA:
        length = int.from_bytes(file[position + 2 : position + 4])
        yield file[position + 1], file[position + 4 : position + 2 + length]
        position += 2 + length


@pytest.mark.parametrize("exact", WRITERS)
@pytest.mark.parametrize("channels", [1, 3])
@pytest.mark.parametrize("subsampling", SUBSAMPLINGS)
def test_one_quality_is_libjpegs_file(subsampling, channels, exact):
    pixels = photograph(channels=channels)
    file = io.BytesIO()
    Image.fromarray(pixels.squeeze()).save(
        file, "JPEG", quality=60, subsampling=subsampling, optimize=True
    )
    picture = TransformedPicture(pixels, subsampling)
    written = picture.encode(np.full(picture.blocks, 60), exact=exact)
    assert abs(len(written) / len(file.getvalue()) - 1) < (
        0.01 if exact else 0.02
    )
    with Image.open(io.BytesIO(written)) as mine, Image.open(file) as theirs:
        assert mine.quantization == theirs.quantization
        assert [part[0] for part in mine.layer] == [1, 2, 3][:channels]
        if channels == 3:
            assert mine.layer == theirs.layer
        assert mine.size == theirs.size
    difference = np.abs(decode(written) - decode(file.getvalue()))
    assert difference.mean() < (0.2 if exact else 0.5)


@pytest.mark.parametrize("exact", WRITERS)
def test_the_file_is_baseline_with_tables_of_its_own(exact):
    pixels = photograph()
    picture = TransformedPicture(pixels)
    quality = np.random.default_rng(1).integers(20, 91, picture.blocks)
    written = picture.encode(quality, exact=exact)
    found = [marker for marker, _ in markers(written)]
    assert 0xC0 in found  # SOF0, baseline.
    assert not set(found) & {0xC1, 0xC2, 0xC9}
    codes = [body for marker, body in markers(written) if marker == 0xC4]
    # Annex K's tables, which encoders take by default, have 420 bytes.
    assert sum(map(len, codes)) < 420
    best = quantization_tables(LUMINANCE)[quality.max() - 1]
    with Image.open(io.BytesIO(written)) as opened:
        np.testing.assert_array_equal(opened.quantization[0], best.ravel())


@pytest.mark.parametrize("exact", WRITERS)
@pytest.mark.parametrize("channels", [1, 3])
@pytest.mark.parametrize("subsampling", SUBSAMPLINGS)
def test_files_decode_to_what_the_layer_computes(subsampling, channels, exact):
    pixels = photograph(160, 144, channels)
    picture = TransformedPicture(pixels, subsampling)
    # Smooth, as saliency is, in the levels of the layer.
    down, across = np.mgrid[: picture.blocks[0], : picture.blocks[1]]
    quality = 20 + 10 * ((down + across) * 8 // (down + across).max())
    decoded = decode(picture.encode(quality, exact=exact))
    expected = by_layer(pixels, quality, subsampling)
    # No chroma block is of quality 100, so their steps are not 1.
    assert np.abs(decoded - expected).mean() < (0.3 if exact else 0.5)


@pytest.mark.parametrize("corner, exact", [(2, True), (3, False)])
def test_halved_chroma_needs_four_blocks_at_100(corner, exact, tmp_path):
    """Those that one chroma block covers: then chroma's steps are 1, too."""
    jpeglib = pytest.importorskip("jpeglib")
    pixels = photograph(64, 64)
    picture = TransformedPicture(pixels)
    quality = np.random.default_rng(3).integers(20, 60, picture.blocks)
    quality[corner : corner + 2, corner : corner + 2] = 100
    path = tmp_path / "written.jpg"
    path.write_bytes(picture.encode(quality, exact=True))
    luma, chroma = jpeglib.read_dct(path).qt
    assert (luma == 1).all()
    assert (chroma == 1).all() == exact
    expected = by_layer(pixels, quality, "4:2:0")
    difference = np.abs(decode(path.read_bytes()) - expected)
    assert (difference.mean() < 0.1) == exact


def test_coarse_blocks_are_as_near_as_the_files_table_allows(tmp_path):
    jpeglib = pytest.importorskip("jpeglib")
    picture = TransformedPicture(photograph(64, 64, 1))
    quality = np.random.default_rng(6).integers(10, 81, picture.blocks)
    files = tmp_path / "fine.jpg", tmp_path / "coarse.jpg"
    files[1].write_bytes(picture.encode(quality, exact=True))
    quality[0, 0] = 100  # Now the file's steps are 1.
    files[0].write_bytes(picture.encode(quality, exact=True))
    fine, coarse = (jpeglib.read_dct(file) for file in files)
    (steps,) = coarse.qt
    assert steps.max() > 20
    difference = np.abs(coarse.Y * steps - fine.Y)[1:]
    assert (difference <= steps / 2).all()


def test_coarse_blocks_hold_multiples_of_their_own_steps(tmp_path):
    jpeglib = pytest.importorskip("jpeglib")
    picture = TransformedPicture(photograph(64, 64))
    quality = np.random.default_rng(2).integers(10, 100, picture.blocks)
    quality[0, 0] = 100  # Steps of 1, so that nothing is rounded.
    path = tmp_path / "written.jpg"
    path.write_bytes(picture.encode(quality, exact=True))
    written = jpeglib.read_dct(path)
    steps = quantization_tables(LUMINANCE)[quality - 1]
    assert written.Y.any(axis=(2, 3)).all()
    assert not (written.Y % steps).any()
    assert (written.height, written.width) == (64, 64)


def test_coarse_blocks_save_bytes():
    picture = TransformedPicture(paint(1, 128, 128)[0])
    fine = np.full(picture.blocks, 80)
    half = fine.copy()
    half[:, :8] = 20
    sizes = [
        len(picture.encode(quality, exact=False))
        for quality in (half, fine, np.full_like(fine, 20))
    ]
    assert sizes[2] < sizes[0] < 0.9 * sizes[1]


@pytest.fixture(scope="module", params=SUBSAMPLINGS)
def written(request, tmp_path_factory):
    pixels = photograph(101, 83)
    picture = TransformedPicture(pixels, request.param)
    quality = np.random.default_rng(3).integers(20, 96, picture.blocks)
    path = tmp_path_factory.mktemp("written") / "file.jpg"
    path.write_bytes(picture.encode(quality, exact=False))
    return request.param, path


def test_tensorflow_decodes_the_same(written):
    _, path = written
    file = path.read_bytes()
    decoded = tf.io.decode_jpeg(file, dct_method="INTEGER_ACCURATE")
    assert np.abs(decoded.numpy().astype(int) - decode(file)).max() <= 2


@pytest.mark.parametrize("program", ["djpeg", "convert"])
def test_programs_decode_the_same(program, written, tmp_path):
    if shutil.which(program) is None:
        pytest.skip(f"needs {program}")
    _, path = written
    pnm = tmp_path / "decoded.ppm"
    options = {"djpeg": ["-outfile", pnm, path], "convert": [path, pnm]}
    subprocess.run([program, *options[program]], check=True, timeout=60)
    with Image.open(pnm) as picture:
        decoded = np.asarray(picture).astype(int)
    assert np.abs(decoded - decode(path.read_bytes())).max() <= 2


@pytest.mark.parametrize("build", ["6b", "turbo210", "mozjpeg403", "9f"])
def test_builds_of_libjpeg_decode_the_same(build, written):
    jpeglib = pytest.importorskip("jpeglib")
    subsampling, path = written
    if build == "9f" and subsampling == "4:2:0":
        pytest.skip("libjpeg 7 and later scale the chroma by its DCT")
    before = jpeglib.version.get()
    jpeglib.version.set(build)
    try:
        decoded = jpeglib.read_spatial(str(path)).spatial.astype(int)
    finally:
        jpeglib.version.set(before or "6b")
    assert np.abs(decoded - decode(path.read_bytes())).max() <= 2


@pytest.mark.parametrize("exact", WRITERS)
@pytest.mark.parametrize("lowest", [1, 100])
def test_noise_and_stripes_fit_baselines_range(lowest, exact):
    """Their coefficients are as large as 8-bit samples allow."""
    rng = np.random.default_rng(4)
    for pixels in (
        255 * rng.integers(0, 2, (200, 160, 3), np.uint8),
        np.tile(np.array([0, 255], "uint8"), (64, 32))[..., None],
    ):
        picture = TransformedPicture(pixels, "4:4:4")
        quality = rng.integers(lowest, 101, picture.blocks)
        quality[0, 0] = 100
        decoded = decode(picture.encode(quality, exact=exact))
        assert decoded.shape == pixels.shape
        fine = np.kron(quality, np.ones((8, 8))) == 100
        assert np.abs(decoded - pixels)[fine].mean() < 1


@pytest.mark.parametrize("exact", WRITERS)
@settings(deadline=None, max_examples=15)
@given(
    height=st.integers(1, 40),
    width=st.integers(1, 40),
    channels=st.sampled_from([1, 3]),
    subsampling=st.sampled_from(SUBSAMPLINGS),
)
def test_any_size(exact, height, width, channels, subsampling):
    rng = np.random.default_rng(height * 41 + width)
    grey = int(rng.integers(0, 256))
    pixels = np.full((height, width, channels), grey, "uint8")
    picture = TransformedPicture(pixels, subsampling)
    quality = rng.integers(50, 101, picture.blocks)
    decoded = decode(picture.encode(quality, exact=exact))
    assert decoded.shape == pixels.shape
    assert np.abs(decoded - grey).max() <= 2


def test_stripes_are_the_whole(monkeypatch):
    pixels = photograph(75, 40)
    quality = np.full((10, 5), 70)
    whole = TransformedPicture(pixels).encode(quality, exact=False)
    monkeypatch.setattr(file_writer, "_STRIPE", 16)
    assert TransformedPicture(pixels).encode(quality, exact=False) == whole


@pytest.mark.parametrize("exact", WRITERS)
def test_orientation_and_profile_are_kept(exact):
    profile = np.random.default_rng(5).bytes(150_000)
    picture = TransformedPicture(
        photograph(16, 24), metadata=Metadata(6, profile)
    )
    file = picture.encode(np.full(picture.blocks, 50), exact=exact)
    with Image.open(io.BytesIO(file)) as opened:
        opened.load()
        assert opened.getexif() == {0x0112: 6}
        assert opened.info["icc_profile"] == profile
    assert [m for m, _ in markers(file)].count(0xE2) == 3
    plain = TransformedPicture(photograph(16, 24)).encode(
        np.full((2, 3), 50), exact=exact
    )
    assert not {m for m, _ in markers(plain)} & {0xE1, 0xE2}


@pytest.mark.parametrize("exact", WRITERS)
@pytest.mark.parametrize("object_share", [0.1, 0.5, 1.0])
def test_files_are_as_large_as_plain_ones(object_share, exact):
    picture = TransformedPicture(photograph(160, 160))
    shares = np.zeros(picture.blocks)
    shares[:, : int(object_share * 20)] = 1
    written, quality, plain = picture.match_size(
        shares, min_quality=20, match_quality=50, exact=exact
    )
    expected = picture.encode(np.full(picture.blocks, 50), exact=exact)
    assert plain == len(expected)
    assert abs(len(written) / plain - 1) <= 0.01
    assert picture.encode(quality, exact=exact) == written
    if object_share < 1:
        assert quality[shares == 1].min() > 50 > quality[shares == 0].min()


def test_a_picture_of_one_block_takes_the_nearest_size():
    picture = TransformedPicture(np.full((1, 1, 3), 90, "uint8"))
    written, quality, plain = picture.match_size(
        np.ones((1, 1)), min_quality=20, match_quality=50, exact=False
    )
    assert abs(len(written) - plain) <= 5
    assert quality.shape == (1, 1)


def test_sides_that_libjpeg_refuses():
    with pytest.raises(ValueError, match="65500 pixels a side.*65501x1"):
        TransformedPicture(np.zeros((1, 65501, 1), "uint8"))
