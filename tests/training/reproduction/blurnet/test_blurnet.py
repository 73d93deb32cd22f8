"""`zoo reproduce blurnet` on random networks, two views and two steps."""

import json
import shutil
from pathlib import Path

import keras
import numpy as np
import pytest
import tensorflow as tf
from PIL import Image

import zoo
from tests.command_line import failed
from tests.command_line import run
from zoo.training.datasets.lisa_classes import LISA_CLASSES
from zoo.training.evaluation import sticker_folder
from zoo.training.reproduction import blurnet
from zoo.training.reproduction.blurnet import figure_fft
from zoo.training.reproduction.blurnet import sticker_cache
from zoo.training.reproduction.blurnet import table_1
from zoo.training.reproduction.blurnet import table_2
from zoo.training.reproduction.blurnet.sticker_cache import StickerCache
from zoo.weights import save_weights

PRESETS = ("lisa_cnn", "blurnet_tv")


@pytest.fixture(scope="module")
def weights(tmp_path_factory):
    folder = tmp_path_factory.mktemp("weights")
    keras.utils.set_random_seed(0)
    for name in PRESETS:
        model = zoo.load(name, weights=None)
        save_weights(model, folder / f"{name}.weights.h5")
    return folder


@pytest.fixture
def settings(weights, tmp_path, monkeypatch):
    test = tf.data.Dataset.from_tensor_slices(
        (np.full((4, 32, 32, 3), 0.5, "float32"), np.arange(4))
    )
    monkeypatch.setattr(sticker_cache.datasets, "load", lambda *_, **__: test)
    return blurnet.Settings(
        workdir=tmp_path / "work",
        weights=weights,
        targets=("speedLimit45", "yield"),
        views=2,
        seeds=1,
        steps=2,
        progress=False,
    )


def test_all_exhibits(settings, tmp_path, monkeypatch):
    monkeypatch.setattr(table_1, "_FIXED", ("blurnet_fixed.input_3x3",))
    output = tmp_path / "out"
    tables = blurnet.EXHIBITS[:-1]  # The sweep trains: test_alpha.py.
    exhibits = blurnet.reproduce(settings, output, only=tables)
    assert tuple(exhibit.name for exhibit in exhibits) == tables
    for exhibit in exhibits:
        assert all(len(row) == len(exhibit.header) for row in exhibit.rows)
        assert json.loads((output / f"{exhibit.name}.json").read_text())
        assert set(exhibit.provenance["weights"]) <= set(PRESETS)
    tab1, tab2, adaptive, fft = exhibits
    rows = tab1.data["rows"]
    assert rows["blurnet_fixed.input_3x3"] is None
    # The inserted filters need no weights of their own.
    assert rows["blurnet_fixed.input_3x3, put into lisa_cnn"] is not None
    own = rows["lisa_cnn"]["success"]
    # Of the target that did best on the views that stickers were made on.
    (by_target,) = tab2.data["rows"]["lisa_cnn"]["success_by_target"]
    assert len(own) == 1
    assert own[0] in by_target.values()
    plain = adaptive.data["rows"]["lisa_cnn"]["plain"]
    assert plain["average"] == tab2.data["rows"]["lisa_cnn"]["average"]
    assert adaptive.data["rows"]["lisa_cnn"]["regularizer"] is None
    assert adaptive.data["rows"]["blurnet_tv"]["regularizer"] is not None
    for places in filter(None, fft.data["shares"].values()):
        for columns in places.values():
            assert all(0 < share < 1 for share in columns.values())
    with Image.open(output / "fft.png") as picture:
        assert picture.width > picture.height
    page = (output / "README.md").read_text("utf-8")
    assert page.count("no weights given") == 16
    variation = adaptive.data["rows"]["blurnet_tv"]["variation"]
    assert len(variation) == 3
    assert all(1 < value < 1e3 for (value,) in variation.values())
    assert "total variation on the held-out views is" in page


def test_stickers_are_made_once_and_by_their_options(settings, monkeypatch):
    made = StickerCache(settings)
    plain = made.stickers("lisa_cnn", 0)
    low = made.stickers("lisa_cnn", 0, frequencies=2)
    targets = [LISA_CLASSES.index(n) for n in settings.targets]
    assert [s.target for s in plain] == targets
    assert not np.array_equal(plain[0].delta, low[0].delta)
    monkeypatch.setattr(sticker_folder, "rp2", None)  # It would be called.
    again = StickerCache(settings)
    for options, stickers in (({}, plain), ({"frequencies": 2}, low)):
        for kept, sticker in zip(
            again.stickers("lisa_cnn", 0, **options), stickers, strict=True
        ):
            np.testing.assert_array_equal(kept.delta, sticker.delta)
            np.testing.assert_array_equal(kept.mask, sticker.mask)
            assert kept.history.keys() == sticker.history.keys()
    with pytest.raises(TypeError):
        again.stickers("blurnet_tv", 0)


def test_learned_filters_have_their_share():
    """Glorot's random ones are white; other networks have none."""
    share = figure_fft._filter_share
    assert share(zoo.models.blurnet(7)) == pytest.approx(0.81, abs=0.05)
    box = zoo.models.blurnet(5, start="box")
    assert share(box) == pytest.approx(0.146, abs=1e-3)
    assert share(zoo.models.blurnet(5, "box")) is None


def test_verdicts_compare_sign_by_sign():
    rows = {
        "lisa_cnn": {"average": [0.5, 0.7]},
        "blurnet_dw7": {"average": [0.6, 0.2]},
        "blurnet_tv": {"average": [0.6, 0.8]},
        "blurnet_dw5": {"average": [0.3, 0.5]},
        "blurnet_dw3": None,
    }
    said = [
        table_2._verdict(name, "average", rows)
        for name in ("blurnet_dw7", "blurnet_tv", "blurnet_dw5", "blurnet_dw3")
    ]
    assert "(on 1 of 2 signs): **no clear difference**" in said[0]
    assert "(on 0 of 2 signs): **does not hold**" in said[1]
    assert "(on 2 of 2 signs): holds (60.0% against 40.0%)" in said[2]
    assert said[3].endswith("not measured.")


def test_table_1_needs_the_baseline(weights, tmp_path):
    others = tmp_path / "others"
    others.mkdir()
    shutil.copy(weights / "blurnet_tv.weights.h5", others)
    line = rf"needs the weights of lisa_cnn.*weights={others}"
    with pytest.raises(ValueError, match=line):
        blurnet.reproduce(
            blurnet.Settings(
                workdir=tmp_path, weights=others, views=1, seeds=1
            ),
            tmp_path / "out",
            only=["tab1"],
        )


def test_folders_without_weights_leave_the_results(tmp_path):
    page = tmp_path / "README.md"
    page.write_text("Earlier results.")
    settings = blurnet.Settings(workdir=tmp_path, weights=tmp_path, views=1)
    with pytest.raises(ValueError, match="must hold a preset's weights"):
        blurnet.reproduce(settings, tmp_path, only=["tab2"])
    assert page.read_text() == "Earlier results."


@pytest.mark.parametrize(
    "options",
    [
        dict(views=0),
        dict(mask="octogon"),
        dict(weights=Path("no-such-folder")),
        dict(sign="halt"),
        dict(targets=()),
        dict(targets=("stop",)),
        dict(targets=("yield", "yield")),
    ],
)
def test_bad_settings(options, tmp_path):
    with pytest.raises(ValueError, match="Received: "):
        blurnet.Settings(workdir=tmp_path, **options)


def test_all_other_signs_are_targets(tmp_path):
    settings = blurnet.Settings(workdir=tmp_path)
    assert len(settings.target_labels) == 16
    assert settings.label not in settings.target_labels


def test_options_of_the_command_line(monkeypatch, capsys, tmp_path):
    called = {}

    def reproduce(settings, output, *, only):
        called.update(settings=settings, output=output, only=only)
        return []

    monkeypatch.setattr(blurnet, "reproduce", reproduce)
    run(
        capsys,
        *("reproduce", "blurnet", "--only", "tab2", "--output", tmp_path),
        *("--workdir", tmp_path / "work", "--seeds", 2, "--steps", 5),
        *("--target", "yield", "--target", "merge", "--weights", tmp_path),
        *("--defense-weight", 20),
    )
    assert called["only"] == ["tab2"]
    assert called["settings"] == blurnet.Settings(
        workdir=tmp_path / "work",
        weights=tmp_path,
        seeds=2,
        steps=5,
        targets=("yield", "merge"),
        defense_weight=20,
    )


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (("blurnt",), "Did you mean 'blurnet'"),
        (("blurnet", "--eps", 0.1), "no such option. Received: eps=0.1"),
        (("irm", "--seeds", 2), "no such option. Received: seeds=2"),
        (("blurnet", "--only", "tab3"), "Received: tab3"),
    ],
)
def test_wrong_options_are_one_line(arguments, said, capsys, tmp_path):
    line = failed(capsys, "reproduce", *arguments, "--workdir", tmp_path)
    assert said in line
