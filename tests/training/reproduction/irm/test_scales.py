"""Tables 1 and 2, and figure 7."""

import dataclasses
import warnings
from types import SimpleNamespace

import numpy as np
import pytest

import zoo
from zoo.training.reproduction.irm import figure_7
from zoo.training.reproduction.irm import scale_training
from zoo.training.reproduction.irm import tables_1_2
from zoo.training.reproduction.irm.evaluation_cache import EvaluationCache
from zoo.training.reproduction.irm.scale_training import read_at
from zoo.training.reproduction.irm.scale_training import train_at
from zoo.training.trainers.adversarial import AdversarialTrainer

PAIRS = [(a, b) for a in (12, 16, 20) for b in (12, 16, 20)]


def report(clean, *attacked):
    """What the tables read of a report."""
    return SimpleNamespace(
        clean_accuracy=clean,
        clean=SimpleNamespace(interval=(0.0, 1.0)),
        attacks=[SimpleNamespace(robust_accuracy=value) for value in attacked],
        images=16,
        draws=1,
        weights="0",
        batch_size=8,
        date="2020-01-01",
        commit="abc",
    )


@pytest.fixture
def cache(settings):
    return EvaluationCache(settings)


@pytest.fixture
def reports():
    """Clean accuracies from 0.0 to 0.8, half of them under FGSM."""
    return {
        pair: report(index / 10, index / 20, index / 40)
        for index, pair in enumerate(PAIRS)
    }


def test_rows_of_table_1_are_test_scales(cache, reports):
    exhibit = tables_1_2.table_1(cache, reports)
    assert exhibit.header[1] == "train 12 (32)"
    assert exhibit.rows[0] == (
        *("test 12 (32)", "0.0 (90.0)", "30.0 (69.1)", "60.0 (24.5)"),
    )
    assert exhibit.rows[2][1] == "20.0 (27.6)"
    text = exhibit.to_markdown()
    assert "A larger training scale is more accurate: holds" in text
    assert (
        "Trained at 12, it is better at 12 than at 20: **does not hold** "
        "(0.0% against 20.0%)." in text
    )
    assert "half the clean image's and half its DDN sample's" in text
    assert "Every image starts from 28 pixels" in text
    assert "within a factor of 1.7 of each other" in text
    assert "commit `abc`, seed 0" in text


def test_table_2_is_of_the_transferred_attack(cache, reports):
    exhibit = tables_1_2.table_2(cache, reports)
    assert exhibit.rows[0][1:] == ("0.0 (89.0)", "15.0 (63.1)", "30.0 (17.6)")
    assert "A smaller scale withstands more: **does not hold**" in (
        exhibit.to_markdown()
    )
    assert "12: 0.0%, 16: 10.0%, 20: 20.0%." in exhibit.to_markdown()


def test_figure_7_reads_presets_at_each_scale(
    cache, reports, monkeypatch, tmp_path
):
    read = {
        "ddn_wrn16_2": {scale: report(1, 0.75) for scale in (12, 16, 20)},
        "spp_ddn_wrn16_2": {
            12: report(1, 0.5),
            16: report(1, 0.25),
            20: report(1, 0.125),
        },
    }
    monkeypatch.setattr(figure_7, "_read_at_each", lambda name, _: read[name])
    monkeypatch.setattr(figure_7, "published", lambda name: name in read)
    exhibit = figure_7.figure_7(cache, reports, tmp_path)
    # As the figure's own table: "64: 26.43%, 82.27%, 68.35%".
    assert exhibit.header[1:] == (
        "tested at 12",
        "tested at 16",
        "tested at 20",
    )
    assert exhibit.rows[1] == (
        *("trained at 16", "15.0 (26.4)", "20.0 (82.3)", "25.0 (68.3)"),
    )
    assert exhibit.rows[3] == ("ddn_wrn16_2", "75.0", "75.0", "75.0")
    assert exhibit.rows[4] == (
        *("spp_ddn_wrn16_2", "50.0 (84.5)", "25.0 (81.4)", "12.5 (70.7)"),
    )
    assert (tmp_path / "fig7.png").exists()
    # No scale of these is the images' own, 28 pixels.
    assert "many scales cost accuracy: not measured." in exhibit.to_markdown()
    monkeypatch.setattr(figure_7, "published", lambda name: False)
    exhibit = figure_7.figure_7(cache, reports, tmp_path)
    assert exhibit.rows[3][0] == "ddn_wrn16_2: not published"
    assert exhibit.rows[4] == (
        *("spp_ddn_wrn16_2: not published", "– (84.5)", "– (81.4)"),
        "– (70.7)",
    )
    assert "many scales cost accuracy: not measured." in exhibit.to_markdown()


@pytest.mark.parametrize(
    "many, verdict", [(0.25, "holds"), (0.875, "**does not hold**")]
)
def test_many_scales_are_compared_with_one_trained_alike(
    cache, reports, monkeypatch, tmp_path, many, verdict
):
    def at_each(name, _):
        fooled = {"ddn_wrn16_2": 0.5, "spp_ddn_wrn16_2": many}[name]
        return {scale: report(1, fooled) for scale in (12, 16, 20)}

    monkeypatch.setattr(figure_7, "_read_at_each", at_each)
    monkeypatch.setattr(figure_7, "published", lambda name: True)
    monkeypatch.setattr(EvaluationCache, "image_shape", (20, 20, 1))
    cache.images = range(1000)
    page = figure_7.figure_7(cache, reports, tmp_path).to_markdown()
    assert f"At 20 pixels, many scales cost accuracy: {verdict}" in page


def test_the_transferred_attack_comes_first(cache, monkeypatch):
    """And FGSM on a network itself where it is read at its own scale."""
    asked = {}
    monkeypatch.setattr(tables_1_2, "train_at", lambda *args: None)
    monkeypatch.setattr(tables_1_2, "read_at", lambda *args: None)
    monkeypatch.setattr(
        EvaluationCache,
        "measure",
        lambda self, name, model, against: asked.update({name: against}),
    )
    assert [*tables_1_2.scale_variance(cache)] == PAIRS
    for trained, tested in PAIRS:
        names = [one.name for one in asked[f"trained{trained}-tested{tested}"]]
        own = ["fgsm"] if trained == tested else []
        assert names == ["transfer", *own]


def test_networks_are_trained_once(settings, asked, monkeypatch):
    with warnings.catch_warnings():
        warnings.filterwarnings("error", ".*shuffle")
        network = train_at(12, settings)
    assert asked == [("fashion_mnist", "train[:16]")]
    again = train_at(12, settings)
    assert len(asked) == 1
    assert network.dtype_policy.name == "float32"
    before = zoo.load("wrn16_2").get_weights()
    moved = False
    for one, two, old in zip(
        network.get_weights(), again.get_weights(), before, strict=True
    ):
        np.testing.assert_array_equal(one, two)
        moved |= not np.array_equal(one, old)
    assert moved
    for option in (
        {"data": "mnist"},
        {"batch_size": 4},
        {"training_policy": "mixed_bfloat16"},
    ):
        with pytest.raises(ValueError, match=f"Received: other {[*option][0]}"):
            train_at(12, dataclasses.replace(settings, **option))
    with pytest.raises(ValueError, match="Received: other start"):
        published = zoo.info("wrn16_2")
        monkeypatch.setattr(
            zoo,
            "info",
            lambda name: dataclasses.replace(published, sha256="0"),
        )
        train_at(12, settings)


def test_trained_but_not_written_a_network_is_not_trained_again(
    settings, monkeypatch
):
    """Killed between its last epoch and the writing of its weights."""

    def die(*args, **options):
        raise KeyboardInterrupt

    with monkeypatch.context() as context:
        context.setattr(scale_training, "save_weights", die)
        with pytest.raises(KeyboardInterrupt):
            train_at(12, settings)
    (backup,) = (path for path in settings.workdir.iterdir() if path.is_dir())
    with monkeypatch.context() as context:
        context.setattr(AdversarialTrainer, "train_step", die)
        train_at(12, settings)
    assert not backup.exists()


def test_networks_are_read_at_a_scale():
    """As the network itself reads images of that size."""
    network = zoo.models.wide_resnet(
        depth=10, width=1, image_shape=(None, None, 1)
    )
    images = np.random.default_rng(0).uniform(size=(2, 24, 24, 1))
    images = images.astype("float32")
    confidences = np.exp(read_at(network, 24, (24, 24, 1))(images))
    logits = np.asarray(network(images))
    expected = np.exp(logits) / np.exp(logits).sum(1, keepdims=True)
    np.testing.assert_allclose(confidences, expected, atol=1e-6)
    assert read_at(network, 12, (24, 24, 1))(images).shape == (2, 10)


@pytest.mark.large
def test_all_scales_from_end_to_end(reproduce, asked):
    page, exhibits = reproduce("tab1", "tab2", "fig7")
    assert asked == [
        ("fashion_mnist", "test"),
        *[("fashion_mnist", "train[:16]")] * 3,
    ]
    data = exhibits["tab1"].data["cells"]
    assert [(cell["trained"], cell["tested"]) for cell in data] == PAIRS
    assert [len(cell["fgsm"]) for cell in data] == [2, 1, 1, 1] * 2 + [2]
    assert exhibits["fig7"].rows[4][0] == "spp_ddn_wrn16_2"
    again, _ = reproduce("tab1")
    assert again == page
