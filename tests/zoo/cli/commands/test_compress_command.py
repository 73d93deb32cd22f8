"""`zoo compress` on pictures of all kinds."""

import struct
import subprocess
import sys

import keras
import matplotlib
import numpy as np
import pytest
from keras import ops
from PIL import Image
from PIL import ImageOps

from tests.command_line import failed
from tests.command_line import run
from tests.command_line import run_json
from tests.jpeg import paint
from tests.paths import ROOT
from zoo.cli import main
from zoo.cli.commands import compress_command
from zoo.cli.saliency import DEFAULT_MODEL
from zoo.layers import Explained
from zoo.layers import QualityMap

ORIENTATION = 0x0112


@pytest.fixture
def photo(tmp_path):
    path = tmp_path / "photo.png"
    Image.fromarray(paint(1, 64, 96)[0]).save(path)
    return path


@pytest.fixture
def mask(tmp_path):
    """The left half is salient."""
    pixels = np.zeros((64, 96), "uint8")
    pixels[:, :48] = 255
    path = tmp_path / "mask.png"
    Image.fromarray(pixels).save(path)
    return path


@pytest.fixture
def semantic(mask):
    return ("--semantic", "--saliency", mask, "--rule", "linear")


def read(path):
    with Image.open(path) as picture:
        return np.asarray(picture).astype(int)


def error_in(decoded, photo, columns):
    difference = np.abs(read(decoded) - read(photo))[:, columns]
    return difference.mean()


def test_plain_is_pillows_jpeg(capsys, photo, tmp_path):
    out = tmp_path / "new" / "out.jpg"
    data = run_json(capsys, "compress", photo, out, "--quality", "60")
    (row,) = data["pictures"]
    assert row["bytes"] == out.stat().st_size
    assert row["lowest_quality"] == row["highest_quality"] == 60
    Image.open(photo).save(tmp_path / "pillow.jpg", quality=60)
    difference = read(out) - read(tmp_path / "pillow.jpg")
    assert np.abs(difference).mean() < 1
    shown = run(capsys, "compress", photo, out, "--overwrite")
    assert "75" in shown
    assert {p.name for p in out.parent.iterdir()} == {"out.jpg"}


def test_salient_blocks_keep_more(capsys, photo, semantic, tmp_path):
    out = tmp_path / "out.jpg"
    data = run_json(capsys, "compress", photo, out, *semantic, "--map")
    (row,) = data["pictures"]
    assert (row["lowest_quality"], row["highest_quality"]) == (20, 90)
    left, right = np.s_[:48], np.s_[48:]
    assert error_in(out, photo, left) < 0.5 * error_in(out, photo, right)
    with Image.open(row["map"]) as drawn:
        assert drawn.format == "PNG"
        colours = np.asarray(drawn.convert("RGB"))
    assert row["map"] == str(tmp_path / "out.map.png")
    for scale in ("inferno", "viridis"):  # Of saliency, of the qualities.
        for end in (0.0, 1.0):
            colour = matplotlib.colormaps[scale](end, bytes=True)[:3]
            assert (colours == colour).all(-1).mean() > 0.01


@pytest.mark.parametrize("width", [16, 48, 80])
def test_masks_by_the_default_rule(width, capsys, photo, mask, tmp_path):
    """Two qualities, whatever the object's size: as cut into equal steps."""
    pixels = np.zeros((64, 96), "uint8")
    pixels[:, :width] = 255
    Image.fromarray(pixels).save(mask)
    files = []
    for rule in ((), ("--rule", "linear")):
        out = tmp_path / f"out{len(files)}.jpg"
        data = run_json(
            *(capsys, "compress", photo, out, "--semantic"),
            *("--saliency", mask, "--min-quality", 10, *rule),
        )
        (row,) = data["pictures"]
        assert (row["lowest_quality"], row["highest_quality"]) == (10, 90)
        files.append(out.read_bytes())
    assert files[0] == files[1]
    inside, outside = np.s_[:width], np.s_[width:]
    assert error_in(out, photo, inside) < 0.5 * error_in(out, photo, outside)


def test_matched_files_are_as_large_as_plain_ones(
    capsys, photo, semantic, tmp_path
):
    out, plain = tmp_path / "out.jpg", tmp_path / "plain.jpg"
    run(capsys, "compress", photo, plain, "--quality", "50")
    shown = run(
        capsys, "compress", photo, out, *semantic, "--match-quality", "50"
    )
    size = plain.stat().st_size
    assert abs(out.stat().st_size / size - 1) <= 0.01
    assert f"{size:,} (" in shown
    inside = np.s_[:48]
    assert error_in(out, photo, inside) < error_in(plain, photo, inside)


def test_the_class_maps_of_a_classifier(capsys, photo, tmp_path):
    images = keras.Input((16, 24, 3))
    maps = keras.layers.Conv2D(4, 3, activation="relu")(images)
    maps = keras.layers.Conv2D(4, 3)(maps)
    pooled = keras.layers.GlobalAveragePooling2D()(maps)
    logits = keras.layers.Dense(2)(pooled)
    keras.Model(images, logits).save(tmp_path / "model.keras")
    files = []
    for name in ("a.jpg", "b.jpg"):
        run(
            *(capsys, "compress", photo, tmp_path / name, "--semantic"),
            *("--model", tmp_path / "model.keras", "--seed", 3),
        )
        files.append((tmp_path / name).read_bytes())
    assert files[0] == files[1]


def test_the_presets_maps_by_default(capsys, photo, tmp_path):
    files = []
    for name, model in (("a.jpg", ()), ("b.jpg", ("--model", DEFAULT_MODEL))):
        run(capsys, "compress", photo, tmp_path / name, "--semantic", *model)
        files.append((tmp_path / name).read_bytes())
    assert files[0] == files[1]


def saliency_model(explained):
    """Bright is salient; as a model of maps, or of logits that it explains."""
    images = keras.Input((16, 24, 3))
    found = ops.mean(images, axis=-1)
    if not explained:
        return keras.Model(images, found)
    marked = Explained("saliency")(found)
    features = keras.layers.Flatten()(marked)
    return keras.Model(images, keras.layers.Dense(2)(features))


@pytest.mark.parametrize("explained", [False, True])
def test_saliency_of_a_model(explained, capsys, photo, tmp_path):
    saliency_model(explained).save(tmp_path / "model.keras")
    out = tmp_path / "out.jpg"
    data = run_json(
        *(capsys, "compress", photo, out, "--semantic"),
        *("--model", tmp_path / "model.keras"),
    )
    (row,) = data["pictures"]
    assert (row["lowest_quality"], row["highest_quality"]) == (20, 90)
    # The same by hand: a copy of the model's size, and its map's blocks.
    size = Image.Resampling.BILINEAR
    copy = Image.open(photo).resize((24, 16), size)
    found = np.asarray(copy, "float32").mean(-1) / 255
    found = Image.fromarray(found).resize((96, 64), size)
    quality = np.asarray(QualityMap(20, 90)(np.asarray(found)[None]))[0]
    bright, dark = quality == 90, quality == 20
    difference = np.abs(read(out) - read(photo)).mean(-1)
    blocks = difference.reshape(8, 8, 12, 8).mean((1, 3))
    assert blocks[bright].mean() < 0.5 * blocks[dark].mean()


def test_a_folder(capsys, photo, tmp_path):
    folder, out = tmp_path / "in", tmp_path / "out"
    (folder / "deeper").mkdir(parents=True)
    photo.rename(folder / "a.png")
    Image.new("L", (9, 7), 60).save(folder / "deeper" / "b.webp")
    (folder / "c.jpg").write_bytes(b"no picture")
    (folder / "notes.txt").write_text("no picture either")
    for left_behind in (".ipynb_checkpoints", "__MACOSX"):
        (folder / left_behind).mkdir()
        Image.new("L", (9, 7)).save(folder / left_behind / "b.png")
    assert main(["compress", str(folder), str(out)]) == 1
    streams = capsys.readouterr()
    assert streams.err.startswith("error: 1 of 3 pictures could not be")
    assert "refused: " in streams.out
    assert "c.jpg is not a picture" in streams.out
    written = {p.relative_to(out) for p in out.rglob("*") if p.is_file()}
    assert {str(path) for path in written} == {"a.jpg", "deeper/b.jpg"}
    assert "which exists" in failed(capsys, "compress", folder, out)


def test_maps_of_a_folder(capsys, photo, mask, tmp_path):
    folder, maps = tmp_path / "in", tmp_path / "maps"
    folder.mkdir()
    maps.mkdir()
    photo.rename(folder / "a.png")
    mask.rename(maps / "a.png")
    data = run_json(
        *(capsys, "compress", folder, tmp_path / "out", "--semantic"),
        *("--saliency", maps, "--max-quality", 70, "--levels", 2),
    )
    (row,) = data["pictures"]
    assert row["highest_quality"] == 70
    assert "a folder for a folder" in failed(
        *(capsys, "compress", folder, tmp_path / "b", "--semantic"),
        *("--saliency", maps / "a.png"),
    )


@pytest.mark.parametrize("orientation", range(2, 9))
def test_a_rotated_photograph(orientation, capsys, mask, tmp_path):
    """The map is of the picture as it is seen; the file keeps its turn."""
    upright = Image.fromarray(paint(1, 64, 96)[0])
    turn = Image.Transpose
    laid = upright.transpose(
        {
            2: turn.FLIP_LEFT_RIGHT,
            3: turn.ROTATE_180,
            4: turn.FLIP_TOP_BOTTOM,
            5: turn.TRANSPOSE,
            6: turn.ROTATE_90,
            7: turn.TRANSVERSE,
            8: turn.ROTATE_270,
        }[orientation]
    )
    exif = Image.Exif()
    exif[ORIENTATION] = orientation
    exif[0x010F] = "maker of the camera"
    photo, out = tmp_path / "photo.png", tmp_path / "out.jpg"
    laid.save(photo, exif=exif, icc_profile=profile(b"RGB "))
    run(
        *(capsys, "compress", photo, out, "--semantic", "--rule", "linear"),
        *("--saliency", mask),
    )
    with Image.open(out) as written:
        assert written.size == laid.size
        assert written.getexif() == {ORIENTATION: orientation}
        assert written.info["icc_profile"] == profile(b"RGB ")
        seen = np.asarray(ImageOps.exif_transpose(written)).astype(int)
    difference = np.abs(seen - np.asarray(upright)).mean((0, 2))
    assert difference[:48].mean() < 0.5 * difference[48:].mean()


def profile(colours):
    """The header of an ICC profile, which says its colours."""
    return b"\0" * 16 + colours + b"\0" * 108


def progressive(path):
    Image.fromarray(paint(1, 40, 56)[0]).save(
        path.with_suffix(".jpg"), progressive=True
    )
    return path.with_suffix(".jpg"), "RGB"


def grey(path):
    Image.fromarray(paint(1, 40, 56, 1)[0, ..., 0]).save(path)
    return path, "L"


def deep(path):
    Image.fromarray(np.full((9, 9), 25700, "uint16")).save(path)
    return path, "L"


def transparent(path):
    Image.new("RGBA", (9, 9), (200, 100, 0, 0)).save(path)
    return path, "RGB"


def tiny(path):
    Image.new("RGB", (1, 1), (10, 200, 30)).save(path)
    return path, "RGB"


@pytest.mark.parametrize("make", [progressive, grey, deep, transparent, tiny])
@pytest.mark.parametrize("extra", [(), ("--match-quality", "50")])
def test_kinds_of_pictures(make, extra, capsys, mask, tmp_path):
    path, mode = make(tmp_path / "picture.png")
    out = tmp_path / "out.jpg"
    run(capsys, "compress", path, out, "--semantic", "--saliency", mask, *extra)
    with Image.open(out) as written, Image.open(path) as picture:
        assert written.mode == mode
        assert written.size == picture.size
        assert "progressive" not in written.info
    values = {deep: 100, transparent: 0}
    if make in values:
        np.testing.assert_allclose(read(out), values[make], atol=2)


@pytest.mark.large
def test_a_large_picture(capsys, mask, tmp_path):
    picture = Image.fromarray(paint(1, 300, 500)[0])
    picture.resize((5000, 3000)).save(tmp_path / "large.jpg")
    out = tmp_path / "out.jpg"
    run(
        *(capsys, "compress", tmp_path / "large.jpg", out, "--semantic"),
        *("--saliency", mask, "--match-quality", "50"),
    )
    with Image.open(out) as written:
        assert written.size == (5000, 3000)


def cmyk(path):
    Image.new("CMYK", (9, 9)).save(path.with_suffix(".jpg"))
    return path.with_suffix(".jpg")


def cut_short(path):
    Image.fromarray(paint(1, 64, 64)[0]).save(path)
    path.write_bytes(path.read_bytes()[:2000])
    return path


def huge(path):
    Image.new("1", (70_000, 1)).save(path)
    return path


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (cmyk, "cannot be read: its colours are CMYK; convert it to RGB"),
        (cut_short, "cannot be read"),
        (huge, "at most 65500 pixels a side. Received: 70000x1"),
    ],
)
def test_refused_pictures_leave_nothing(make, message, capsys, tmp_path):
    path = make(tmp_path / "picture.png")
    out = tmp_path / "out" / "out.jpg"
    assert message in failed(capsys, "compress", path, out)
    assert not out.parent.exists()


def test_nothing_half_written_stays(capsys, monkeypatch, photo, tmp_path):
    out = tmp_path / "out" / "out.jpg"

    def fail(self, _):
        self.touch()
        raise OSError("No space left on device")

    monkeypatch.setattr("pathlib.Path.write_bytes", fail)
    assert "No space left" in failed(capsys, "compress", photo, out)
    assert not list(out.parent.iterdir())


def test_a_map_that_cannot_be_drawn_leaves_nothing(
    capsys, monkeypatch, photo, semantic, tmp_path
):
    out = tmp_path / "out" / "out.jpg"

    def fail(self, path):
        path.touch()
        raise OSError("No space left on device")

    canvas = "matplotlib.backends.backend_agg.FigureCanvasAgg"
    monkeypatch.setattr(f"{canvas}.print_png", fail)
    command = ("compress", photo, out, *semantic)
    assert "No space left" in failed(capsys, *command, "--map")
    assert not list(out.parent.iterdir())
    run(capsys, *command)
    before = out.read_bytes()
    assert "No space left" in failed(
        capsys, *command, "--map", "--overwrite", "--max-quality", "50"
    )
    assert list(out.parent.iterdir()) == [out]
    assert out.read_bytes() == before


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (("missing.png", "out.jpg"), "picture must exist"),
        (("photo.png", "out.png"), "OUT must end in .jpeg or .jpg"),
        (("photo.png", "out.jpg", "--map"), "--map needs --semantic"),
        (("photo.png", "o.jpg", "--levels=3"), "--levels needs --semantic"),
        (
            ("photo.png", "o.jpg", "--semantic", "--quality=3"),
            "Received: --quality=3",
        ),
        (
            ("photo.png", "o.jpg", "--semantic", "--model=a", "--saliency=b"),
            "Received: both",
        ),
        (
            ("photo.png", "o.jpg", "--semantic", "--model", "wrn16_3"),
            "near names: wrn16_2",
        ),
        (
            ("photo.png", "o.jpg", "--semantic", "--saliency", "none.png"),
            "must exist",
        ),
        (
            ("photo.png", "o.jpg", "--semantic", "--min-quality=95"),
            "95 and 90",
        ),
        (
            (
                *("photo.png", "o.jpg", "--semantic", "--match-quality=40"),
                "--max-quality=60",
            ),
            "Received: --max-quality=60",
        ),
    ],
)
def test_arguments_are_checked_first(
    arguments, message, capsys, monkeypatch, photo, tmp_path
):
    monkeypatch.chdir(tmp_path)
    monkeypatch.delattr(compress_command, "_compress")
    assert message in failed(capsys, "compress", *arguments)


def test_a_map_is_never_replaced_by_its_drawing(capsys, photo, tmp_path):
    mask = tmp_path / "out.map.png"
    Image.new("L", (9, 9)).save(mask)
    before = mask.read_bytes()
    line = failed(
        *(capsys, "compress", photo, tmp_path / "out.jpg", "--semantic"),
        *("--saliency", mask, "--map", "--overwrite"),
    )
    assert "A picture that is read is not replaced" in line
    assert mask.read_bytes() == before


def test_orientation_may_be_of_any_number_type(capsys, tmp_path):
    head = b"Exif\x00\x00MM\x00\x2a\x00\x00\x00\x08\x00\x01"
    entry = b"\x01\x12\x00\x0b\x00\x00\x00\x01" + struct.pack(">f", 6)
    path = tmp_path / "photo.jpg"
    Image.new("RGB", (16, 8)).save(path, exif=head + entry + bytes(4))
    run(capsys, "compress", path, tmp_path / "out.jpg")
    with Image.open(tmp_path / "out.jpg") as written:
        assert written.getexif() == {ORIENTATION: 6}


def test_channels_of_a_saliency_model(capsys, photo, tmp_path):
    images = keras.Input((16, 24, 4))
    path = tmp_path / "model.keras"
    keras.Model(images, ops.mean(images, axis=-1)).save(path)
    line = failed(
        *(capsys, "compress", photo, tmp_path / "out.jpg", "--semantic"),
        *("--model", path),
    )
    assert "1 channel, grey, or 3, RGB" in line


def test_pictures_are_never_replaced(capsys, tmp_path):
    path = tmp_path / "photo.jpg"
    Image.new("RGB", (9, 9)).save(path)
    before = path.read_bytes()
    line = failed(capsys, "compress", path, path, "--overwrite")
    assert "A picture that is read is not replaced" in line
    assert "outside IN" in failed(
        capsys, "compress", tmp_path, tmp_path / "out"
    )
    Image.new("RGB", (9, 9)).save(path.with_suffix(".png"))
    out = tmp_path.parent / f"{tmp_path.name}_out"
    assert "a file of its own" in failed(capsys, "compress", tmp_path, out)
    assert path.read_bytes() == before


def test_models_without_saliency(capsys, photo, tmp_path):
    images = keras.Input((16, 24, 3))
    logits = keras.layers.Dense(2)(keras.layers.Flatten()(images))
    keras.Model(images, logits).save(tmp_path / "model.keras")
    model = tmp_path / "model.keras"
    for source, out in ((photo, "out.jpg"), (tmp_path, "../out")):
        assert "saliency model must be" in failed(
            *(capsys, "compress", source, tmp_path / out, "--semantic"),
            *("--model", model),
        )


def test_errors_come_before_tensorflow(tmp_path):
    script = (
        "import sys\n"
        "from zoo.cli import main\n"
        "assert main(sys.argv[1:]) == 1\n"
        "assert 'keras' not in sys.modules\n"
    )
    subprocess.run(
        [sys.executable, "-c", script, "compress", ".", str(tmp_path / "o")]
        + ["--semantic", "--model", "irm_wrn16_3"],
        cwd=ROOT / "docs",
        check=True,
        timeout=60,
    )
