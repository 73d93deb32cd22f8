"""The sweep of alpha: its arithmetic by hand, and two tiny networks."""

import json
import math

import numpy as np
import pytest
import tensorflow as tf
from PIL import Image

from zoo import models
from zoo.training import datasets
from zoo.training.datasets.lisa_classes import LISA_CLASSES
from zoo.training.reproduction import blurnet
from zoo.training.reproduction.blurnet import alpha_points
from zoo.training.reproduction.blurnet.alpha_penalties import PENALTIES
from zoo.training.reproduction.blurnet.alpha_penalties import matching_alpha
from zoo.training.reproduction.blurnet.alpha_picture import draw_trade_off
from zoo.training.reproduction.blurnet.alpha_sweep import operating_point
from zoo.training.reproduction.blurnet.alpha_sweep import summary
from zoo.weights import load_weights


def training(accuracy, plain, low):
    """A training whose stickers have these successes on two signs."""
    return {
        "accuracy": accuracy,
        "sign_accuracy": 1.0,
        "success": {
            kind: {"average": average, "worst": worst}
            for kind, (average, worst) in {
                "RP2": plain,
                "low frequencies": low,
            }.items()
        },
    }


def point(accuracy, worst, average=0.1):
    return {
        "accuracy": [accuracy],
        "attacks": {"RP2": {"average": [average], "worst": [worst]}},
        "strongest": {"average": average, "worst": worst},
    }


def test_trainings_are_joined():
    joined = summary(
        [
            training(0.9, ([0.1, 0.3], [0.5, 0.5]), ([0.2, 0.2], [0.4, 0.4])),
            training(0.8, ([0.2, 0.4], [0.5, 0.3]), ([0.4, 0.6], [0.6, 0.2])),
        ]
    )
    assert joined["accuracy"] == [0.9, 0.8]
    assert joined["attacks"]["RP2"]["average"] == [0.1, 0.3, 0.2, 0.4]
    assert joined["strongest"]["average"] == pytest.approx(0.35)  # Low ones.
    assert joined["strongest"]["worst"] == pytest.approx(0.45)  # RP2's.


def test_the_best_of_those_that_cost_little():
    sweep = {
        0.1: point(0.95, 0.8),
        1.0: point(0.90, 0.4, average=0.2),
        10.0: point(0.86, 0.4),
        100.0: point(0.85, 0.0),
    }
    assert operating_point(sweep, 0.86) == 10.0
    assert operating_point(sweep, 0.9) == 1.0
    assert operating_point(sweep, 0.96) is None


def test_the_alpha_of_a_loss_lies_between_two():
    """Half of the way in the logarithm."""
    alphas, losses = (0.01, 0.1, 1.0), (0.0, 0.02, 0.1)
    assert matching_alpha(alphas, losses, 0.06) == pytest.approx(math.sqrt(0.1))
    assert matching_alpha(alphas, losses, 0.02) == pytest.approx(0.1)
    assert matching_alpha(alphas, losses, 0.11) is None
    assert matching_alpha(alphas, (0.05, 0.06, 0.1), 0.04) is None
    assert matching_alpha((1.0,), (0.1,), 0.1) is None


@pytest.mark.parametrize("name", PENALTIES)
def test_each_penalty_is_in_its_networks_loss(name):
    model = models.blurnet(**PENALTIES[name].build_options(0.5))
    model(np.full((1, 32, 32, 3), 0.5, "float32"))
    (penalty,) = model.losses
    assert float(penalty) > 0


def test_a_collapsed_network_and_a_lonely_penalty_are_drawn(tmp_path):
    sweep = {
        "dw3": {1.0: point(0.9, 0.5), 10.0: point(0.9, 0.5)},
        "tv_maps": {1.0: point(0.06, 0.0)},
    }
    path = tmp_path / "alpha.png"
    draw_trade_off(sweep, point(0.95, 0.9), path, least_accuracy=0.86)
    with Image.open(path) as picture:
        assert picture.width > picture.height > 300


@pytest.fixture
def settings(tmp_path, monkeypatch):
    rng = np.random.default_rng(0)
    pictures = rng.random((32, 32, 32, 3), "float32")
    signs = tf.data.Dataset.from_tensor_slices((pictures, np.arange(32) % 17))
    monkeypatch.setattr(datasets, "load", lambda *_, **__: signs)
    return blurnet.Settings(
        workdir=tmp_path / "work",
        seeds=1,
        limit=8,
        alpha_penalties=("tv_maps",),
        alpha_values=("0.1",),
        alpha_epochs=1,
        alpha_seeds=1,
        alpha_targets=("yield",),
        alpha_views=2,
        alpha_steps=1,
        progress=False,
    )


def test_exhibit(settings, tmp_path, monkeypatch, capsys):
    """Of networks that are left as they start, and stickers not made."""
    asked = []

    def success(cache, name, **adaptive):
        asked.append((name, adaptive))
        assert cache.settings.target_labels == [LISA_CLASSES.index("yield")]
        return {"average": [0.25], "worst": [0.5 + 0.1 * len(adaptive)]}

    monkeypatch.setattr(alpha_points, "sticker_success", success)
    monkeypatch.setattr(alpha_points.rendered_signs, "fit", lambda *_, **__: 0)
    output = tmp_path / "out"
    (exhibit,) = blurnet.reproduce(settings, output, only=["alpha"])
    assert [row[0] for row in exhibit.rows] == ["`none`", "`tv_maps`"]
    assert all(len(row) == len(exhibit.header) for row in exhibit.rows)
    data = json.loads((output / "alpha.json").read_text())["data"]
    assert set(data["points"]) == {"tv_maps"}
    measured = data["points"]["tv_maps"]["0.1"]["attacks"]
    assert set(measured) == {"RP2", "low frequencies", "defender's penalty"}
    assert set(data["baseline"]["attacks"]) == {"RP2", "low frequencies"}
    baseline, network = "baseline, training 0", "tv_maps-0.1, training 0"
    assert asked == [
        (baseline, {}),
        (baseline, {"frequencies": 8}),
        (network, {}),
        (network, {"frequencies": 8}),
        (network, {"defense_weight": 10.0}),  # So that alpha drops out.
    ]
    assert data["points"]["tv_maps"]["0.1"]["strongest"]["worst"] == 0.6
    assert (output / "alpha.png").exists()
    assert "**reached by no penalty**" in (output / "README.md").read_text()
    assert capsys.readouterr().out == ""
    # Nothing is trained or attacked again.
    monkeypatch.setattr(alpha_points, "models", None)
    (again,) = blurnet.reproduce(settings, output, only=["alpha"])
    assert again.data == exhibit.data


@pytest.mark.large
def test_networks_are_trained_under_their_penalty(settings):
    """A strong total variation flattens the maps that it is of."""
    points = alpha_points.AlphaPoints(settings)
    recipe = dict(penalty="tv_maps", alpha=1e3, seed=0, name="tv_maps-1000")
    path = points._trained(**recipe)
    written = path.stat().st_mtime_ns
    assert points._trained(**recipe) == path
    assert path.stat().st_mtime_ns == written
    start = alpha_points._build("tv_maps", 1e3)
    trained = alpha_points._build("tv_maps", 1e3)
    load_weights(trained, path)
    image = np.random.default_rng(1).random((1, 32, 32, 3), "float32")
    start(image), trained(image)
    assert float(trained.losses[0]) < float(start.losses[0])
    attacked = points.point("tv_maps", 1e3, 0)
    for kind in ("RP2", "low frequencies", "defender's penalty"):
        (average,) = attacked["success"][kind]["average"]
        assert attacked["success"][kind]["worst"] == [average]  # One target.
        assert average in (0, 0.5, 1)


@pytest.mark.parametrize(
    "options",
    [
        dict(alpha_penalties=("dw9",)),
        dict(alpha_penalties=()),
        dict(alpha_penalties=("dw3", "dw3")),
        dict(alpha_values=("a",)),
        dict(alpha_values=("0",)),
        dict(alpha_values=("nan",)),
        dict(alpha_values=("1", "1.0")),
        dict(alpha_targets=("halt",)),
        dict(alpha_targets=("stop",)),
        dict(alpha_epochs=0),
        dict(alpha_accuracy=1.5),
    ],
)
def test_bad_settings(options, tmp_path):
    with pytest.raises(ValueError, match="Received: "):
        blurnet.Settings(workdir=tmp_path, **options)


def test_strengths_are_the_penaltys_or_those_given(tmp_path):
    default = blurnet.Settings(workdir=tmp_path)
    assert default.sweep_alphas("dw3") == PENALTIES["dw3"].alphas
    assert default.sweep_penalties == tuple(PENALTIES)
    given = blurnet.Settings(workdir=tmp_path, alpha_values=("1", "1e-2"))
    assert given.sweep_alphas("dw3") == (0.01, 1.0)
    other = blurnet.Settings(workdir=tmp_path, sign="yield")
    assert "yield" not in other.sweep_targets
