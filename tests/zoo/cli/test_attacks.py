"""What commands attack with unless they are told."""

import keras
import pytest

import zoo
from tests.command_line import run_json
from zoo.cli.attacks import DEFAULT_ATTACK
from zoo.cli.attacks import bind_attacks
from zoo.cli.attacks import default_threat
from zoo.cli.attacks import title
from zoo.cli.models import NamedModel
from zoo.training import attacks

ODD = zoo.ThreatModel("linf", 8 / 255)


class Noise(keras.layers.Layer):
    stochastic = True


@pytest.mark.parametrize(
    ("layer", "draws"), [(keras.layers.ReLU(), 1), (Noise(), 2)]
)
def test_a_randomised_model_is_attacked_in_expectation(layer, draws):
    model = keras.Sequential([keras.Input((4, 4, 1)), layer])
    (attack,) = bind_attacks([DEFAULT_ATTACK], ODD, model)
    assert attack.threat == ODD
    assert (attack.options["steps"], attack.options["draws"]) == (40, draws)


def test_a_text_means_the_same_everywhere():
    """Named on the command line, in Python, or by nobody."""
    model = keras.Sequential([keras.Input((4, 4, 1)), keras.layers.ReLU()])
    (named,) = bind_attacks(["pgd"], ODD, model)
    (unnamed,) = bind_attacks([DEFAULT_ATTACK], ODD, model)
    assert repr(named) == repr(unnamed) == repr(attacks.parse("pgd", ODD))
    built = attacks.pgd(norm="linf", eps=ODD.eps)
    assert named.options["steps"] == built.options["steps"] == 40


@pytest.mark.parametrize(
    ("spec", "shown"),
    [
        ("pgd", "pgd:norm=linf,eps=0.0313725,steps=40"),
        ("fgsm:eps=0.5,norm=l2", "fgsm:eps=0.5,norm=l2"),
        ("pgd:steps=3,draws=2", "pgd:steps=3,draws=2,norm=linf,eps=0.0313725"),
        ("deepfool", "deepfool:norm=linf,steps=50"),
    ],
)
def test_pictures_tell_what_the_card_filled_in(spec, shown):
    assert title(spec, attacks.parse(spec, ODD)) == shown


def test_ball_is_the_cards(published):
    for model, eps in (
        (NamedModel.parse("irm_wrn16_2"), 0.5),
        (NamedModel.parse("wrn16_2"), 1.0),
        (NamedModel(name="any.keras", kind="keras_file"), 1.0),
    ):
        assert default_threat(model) == zoo.ThreatModel("l2", eps)


def test_commands_run_it(capsys, published, tmp_path):
    result = run_json(
        capsys,
        *("attack", "irm_wrn16_2", "--limit", "2"),
        *("--output", str(tmp_path / "attack.png")),
    )
    expected = "pgd(norm='l2', eps=0.5, steps=40,"
    assert result["attack"].startswith(expected)
    assert "draws=2" in result["attack"]
    report = run_json(capsys, "evaluate", "irm_wrn16_2", "--limit", "2")
    (measured,) = report["attacks"]
    assert measured["options"]["draws"] == 2
    assert measured["threat"] == {"norm": "l2", "eps": 0.5}
    assert len(report["worst_cases"]) == 1


@pytest.mark.parametrize(
    ("source", "draws"),
    [((), [2, 3]), (("--transfer-from", "wrn16_2"), [1, 3])],
)
def test_so_is_it_by_attacks_that_are_named(capsys, published, source, draws):
    """Those made on a model that isn't take one draw of it."""
    report = run_json(
        capsys,
        *("evaluate", "irm_wrn16_2", "--limit", "2", *source),
        *("--attack", "fgsm", "--attack", "fgsm:draws=3"),
    )
    for attack, count in zip(report["attacks"], draws, strict=True):
        options = attack["options"]
        # A transferred attack is an option of the transfer, as text.
        said = options.get("attack", f"draws={options.get('draws')}")
        assert f"draws={count}" in said
    assert "single draws" not in [flag["rule"] for flag in report["flags"]]
