"""Flipped images of small networks, whose steps are known or repeated."""

import dataclasses

import keras
import numpy as np
import pytest
import tensorflow as tf

from zoo.layers import Threshold
from zoo.training.reproduction import minds_eye
from zoo.training.reproduction.exhibit import PAGE
from zoo.training.reproduction.minds_eye import networks as module
from zoo.training.reproduction.minds_eye import paper
from zoo.training.reproduction.minds_eye.figures_4_6 import median_ratio
from zoo.training.reproduction.minds_eye.networks import Flips
from zoo.training.reproduction.minds_eye.networks import Networks

SHAPE = (4, 4, 1)
COUNT = 16


def _direct(rng):
    """Linear; class 3, none, where the others are weak."""
    model = keras.Sequential(
        [keras.Input(SHAPE), keras.layers.Flatten(), keras.layers.Dense(4)]
    )
    kernel = rng.normal(size=(16, 4))
    kernel[:, 3] = 0
    model.set_weights([kernel, -0.5 * kernel.sum(0)])
    return model


def _triple(rng):
    """Scores that are sigmoids of the direct network's logits."""
    images = keras.Input(SHAPE)
    scores = keras.layers.Dense(3, activation="sigmoid")
    logits = Threshold(0.45)(scores(keras.layers.Flatten()(images)))
    model = keras.Model(images, logits)
    kernel = rng.normal(size=(16, 3))
    model.set_weights([kernel, -0.5 * kernel.sum(0)])
    return model


@pytest.fixture(scope="module")
def models():
    rng = np.random.default_rng(0)
    return {paper.DIRECT: _direct(rng), paper.TRIPLE: _triple(rng)}


@pytest.fixture
def settings(tmp_path):
    return minds_eye.Settings(
        workdir=tmp_path / "work",
        limit=COUNT,
        flips=6,
        triple_flips=6,
        max_steps=200,
        batch_size=2,
        progress=False,
    )


@pytest.fixture
def small(models, monkeypatch):
    """The networks above, and images that they mostly classify right."""
    rng = np.random.default_rng(1)
    images = rng.integers(0, 256, (COUNT, *SHAPE)).astype("float32") / 255
    logits = models[paper.DIRECT].predict(images, verbose=0)
    labels = logits.argmax(axis=1)
    labels[0] = 0
    data = tf.data.Dataset.from_tensor_slices((images, labels))
    monkeypatch.setattr(module.datasets, "load", lambda *a, **k: data)
    monkeypatch.setattr(Networks, "_load", lambda self, name: models.get(name))


@pytest.fixture
def networks(small, settings):
    return Networks(settings)


def test_flips_reach_their_targets(networks):
    """Each object is made each of the other two, or none."""
    (found,) = networks.false_positives(paper.DIRECT, (None,)).values()
    assert len(found.steps) == 12
    turns = (found.targets - found.labels) % 3
    np.testing.assert_array_equal(turns, [1, 2] * 6)
    assert found.flipped.all()
    verdicts = networks.verdicts(paper.DIRECT, None, found.images / 255)
    np.testing.assert_array_equal(verdicts, found.targets)
    (none,) = networks.false_negatives(paper.DIRECT, (None,)).values()
    assert set(none.targets) == {3} and len(none.steps) == 6


@pytest.mark.parametrize("kind", ["false_positives", "false_negatives"])
def test_going_on_to_the_next_threshold_is_starting_there(networks, kind):
    """The steps add up to those of a run of its own."""
    thresholds = sorted(paper.THRESHOLDS, reverse=kind == "false_negatives")
    attack = getattr(networks, kind)
    together = attack(paper.TRIPLE, thresholds)
    for threshold, flips in together.items():
        (alone,) = attack(paper.TRIPLE, (threshold,)).values()
        np.testing.assert_array_equal(flips.steps, alone.steps)
        np.testing.assert_array_equal(flips.images, alone.images)
        np.testing.assert_array_equal(flips.flipped, alone.flipped)
    assert all(flips.flipped.any() for flips in together.values())
    steps = [flips.steps.sum() for flips in together.values()]
    assert steps == sorted(steps) and steps[0] < steps[-1]


def test_thresholds_decide_the_verdicts(networks, models):
    logits = models[paper.TRIPLE].predict(networks.test[0], verbose=0)
    scores = 1 / (1 + np.exp(-logits[:, :3]))
    for threshold in paper.THRESHOLDS:
        expected = np.where(
            scores.max(axis=1) < threshold, 3, scores.argmax(axis=1)
        )
        verdicts = networks.verdicts(paper.TRIPLE, threshold)
        np.testing.assert_array_equal(verdicts, expected)


def test_finished_images_are_read(networks, settings, monkeypatch):
    first = networks.false_positives(paper.DIRECT, (None,))

    def attack(*args):
        raise AssertionError("It should be read.")

    monkeypatch.setattr(Networks, "_attack", attack)
    again = Networks(settings).false_positives(paper.DIRECT, (None,))
    np.testing.assert_array_equal(first[None].steps, again[None].steps)
    shorter = dataclasses.replace(settings, max_steps=3)
    with pytest.raises(AssertionError, match="should be read"):
        Networks(shorter).false_positives(paper.DIRECT, (None,))


def test_distortion_is_the_papers_formula():
    rng = np.random.default_rng(0)
    originals, images = rng.integers(0, 256, (2, 3, *SHAPE)).astype("uint8")
    nothing = np.zeros(3)
    flips = Flips(originals, images, *[nothing] * 5)
    expected = [
        np.sqrt(((a.astype(int) - b.astype(int)) ** 2).sum() / a.size) / 255
        for a, b in zip(images, originals, strict=True)
    ]
    np.testing.assert_allclose(flips.distortion, expected)


def test_median_ratio():
    rng = np.random.default_rng(0)
    others = rng.normal(10, 1, 400)
    ratio, low, high = median_ratio(3 * others, others)
    assert ratio == pytest.approx(3)
    assert 2.8 < low < 3 < high < 3.2
    assert median_ratio(others, others) == median_ratio(others, others)


def test_the_page_has_table_and_figures(small, settings, tmp_path):
    output = tmp_path / "out"
    only = ("tab1", "fig4", "fig6")
    exhibits = minds_eye.reproduce(settings, output, only=only)
    assert [exhibit.name for exhibit in exhibits] == list(only)
    page = (output / PAGE).read_text("utf-8")
    for exhibit in exhibits:
        assert f"## {exhibit.title}" in page
    assert (output / "fig4.png").stat().st_size > 10_000
    table, figure, _ = exhibits
    assert {row["preset"] for row in table.data["rows"]} == {
        paper.DIRECT,
        paper.TRIPLE,
    }
    for row in table.data["rows"]:
        if row["preset"] == paper.DIRECT:
            assert row["error"] <= 1 / COUNT  # One label was changed.
    rows = figure.data["rows"]
    assert list(rows)[1:] == [
        f"{paper.TRIPLE}, Θ = {threshold:g}" for threshold in paper.THRESHOLDS
    ]
    assert any("times the steps" in note for note in figure.notes)


def test_a_direct_network_is_needed(settings, monkeypatch):
    monkeypatch.setattr(Networks, "_load", lambda self, name: None)
    with pytest.raises(ValueError, match="Received: weights=None"):
        Networks(settings)


def test_bad_settings_are_named(tmp_path):
    with pytest.raises(ValueError, match="Received: flips=0"):
        minds_eye.Settings(workdir=tmp_path, flips=0)
    with pytest.raises(ValueError, match="Received: weights="):
        minds_eye.Settings(workdir=tmp_path, weights=tmp_path / "none")
