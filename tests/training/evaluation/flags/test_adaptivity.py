"""Whether attacks know the defense, and what is said if they don't."""

import keras
import numpy as np
import pytest

from tests.training.evaluation.toys import SHAPE
from tests.training.evaluation.toys import brightness
from tests.training.evaluation.toys import coin_model
from tests.training.evaluation.toys import levels
from zoo.layers import JPEG
from zoo.loading import dtype_policy
from zoo.threat import ThreatModel
from zoo.training import attacks
from zoo.training.evaluation import evaluate
from zoo.training.evaluation.engine.model_facts import ModelFacts
from zoo.training.evaluation.engine.same_model import is_same_model
from zoo.training.evaluation.flags.adaptivity import check_adaptivity
from zoo.training.evaluation.planned_attack import PlannedAttack

BALL = ThreatModel("linf", 0.1)


def linear(layer=None, seed=0):
    dense = keras.layers.Dense(
        3, kernel_initializer=keras.initializers.RandomNormal(seed=seed)
    )
    return keras.Sequential(
        [
            keras.Input((16, 16, 1)),
            *([layer] if layer else []),
            keras.layers.Flatten(),
            dense,
        ]
    )


def rules(attacked, *bound, victim=None, adaptive=True):
    victim = victim or attacked
    flags = check_adaptivity(
        ModelFacts.from_model(attacked),
        [PlannedAttack(attack) for attack in bound],
        scored=ModelFacts.from_model(victim),
        same_model=is_same_model(victim, attacked),
        adaptive=adaptive,
    )
    return {flag.rule: flag.finding for flag in flags}


def test_hidden_gradients():
    model = linear(JPEG(gradient="none", name="hides"))
    seen = attacks.pgd(eps=0.1)
    found = rules(model, seen, adaptive=False)
    assert list(found) == ["hidden gradient"]
    assert "hides" in found["hidden gradient"]
    assert rules(model, seen) == {}


def test_black_boxes_alone():
    blind, seen = attacks.noise(eps=0.1), attacks.pgd(eps=0.1)
    assert list(rules(linear(), blind)) == ["no white box"]
    assert rules(linear(), blind, seen) == {}
    assert rules(linear()) == {}


def test_another_models_gradient_is_no_white_box():
    seen, model = attacks.pgd(eps=0.1), linear()
    for other in (linear(seed=1), linear(JPEG())):
        found = rules(other, seen, victim=model)
        assert list(found) == ["no white box"]
        assert "other weights or layers" in found["no white box"]
    assert rules(linear(JPEG(30)), seen, victim=linear(JPEG(90)))


@pytest.mark.parametrize("policy", ["float32", "mixed_bfloat16", "bfloat16"])
def test_a_copy_in_another_precision_is_a_white_box(policy):
    """Even one whose weights are rounded, or that shows a gradient."""
    with dtype_policy(policy):
        copy = linear(JPEG())
    model = linear(JPEG(gradient="none"))
    copy.set_weights(model.get_weights())
    copy.layers[0].trainable = False
    assert rules(copy, attacks.pgd(eps=0.1), victim=model) == {}


def test_an_unrelated_surrogate_gets_no_card():
    victim, other = brightness(), brightness()
    other.set_weights([-weight for weight in other.get_weights()])
    data = levels(0.1, 0.9)

    def report(surrogate):
        return evaluate(
            victim,
            data,
            [attacks.pgd(eps=0.1)],
            surrogate=surrogate,
            progress=False,
        )

    unrelated, copied = report(other), report(brightness())
    with pytest.raises(ValueError, match="no white box: .*other weights"):
        unrelated.measurements()
    assert unrelated.attacked_weights not in (None, unrelated.weights)
    assert unrelated.attacked_weights in unrelated.to_markdown()
    assert (copied.attacked_weights, copied.flags) == (None, ())
    assert copied.measurements()


HASTY = {
    "pgd": attacks.pgd(eps=0.1, early_stop=True),
    "apgd": attacks.apgd(eps=0.1),
    "apgdt": attacks.apgdt(eps=0.1),
    "fab": attacks.fab(eps=0.1),
    "square": attacks.square(eps=0.1),
    "deepfool": attacks.deepfool(),
    "iterative_fgsm": attacks.iterative_fgsm(),
}


@pytest.mark.parametrize("attack", HASTY.values(), ids=HASTY)
def test_a_success_of_one_draw_is_luck(attack):
    steady = brightness()
    found = rules(coin_model(), attack, attacks.pgd(eps=0.1, draws=2))
    assert list(found) == ["lucky draws"]
    assert f"{attack.name} stopped" in found["lucky draws"]
    assert "lucky draws" not in rules(steady, attack)


@pytest.mark.parametrize(
    "attack",
    [attacks.pgd(eps=0.1), attacks.apgd(eps=0.1, early_stop=False)],
)
def test_single_draws_are_told(attack):
    assert list(rules(coin_model(), attack)) == ["single draws"]


def test_a_mixture_is_judged_by_its_attacks():
    def mixture(*draws):
        many = [attacks.apgd(eps=0.1, draws=number) for number in draws]
        slow = attacks.pgd(eps=0.1, draws=2)
        return attacks.mixture(attacks=(slow, *many))

    found = rules(coin_model(), mixture(2, 1))
    assert list(found) == ["lucky draws"]
    assert "mixture stopped" in found["lucky draws"]
    assert rules(coin_model(), mixture(2, 2)) == {}
    followed = attacks.mixture(attacks=(attacks.pgd(eps=0.1),))
    assert list(rules(coin_model(), followed)) == ["single draws"]


def test_nothing_is_said_of_an_attack_of_many_draws():
    many = attacks.apgd(eps=0.1, draws=50)
    assert rules(coin_model(), many, attacks.fab(eps=0.1, draws=2)) == {}


def test_warnings_alone_leave_a_card():
    report = evaluate(
        coin_model(),
        levels(0.1, 0.9),
        [attacks.pgd(eps=0.1, steps=1)],
        progress=False,
    )
    clean, pgd = report.measurements()[:2]
    assert "flags" not in clean
    assert pgd["flags"] == [str(flag) for flag in report.flags]
    assert pgd["flags"][0].startswith("single draws: pgd followed")


def test_text_is_given_two_draws_against_a_randomised_model(monkeypatch):
    specs = ("fgsm", "fgsm:draws=4")
    monkeypatch.setitem(attacks.suites.by_name, "quick", specs)

    def draws(model, *texts):
        report = evaluate(
            model, levels(0.1), texts, threat=BALL, progress=False
        )
        assert "single draws" not in [flag.rule for flag in report.flags]
        return [result.options["draws"] for result in report.attacks]

    texts = ("fgsm", "fgsm:draws=3", "quick", "quick:draws=5")
    assert draws(coin_model(), *texts) == [2, 3, 2, 4, 5, 5]
    assert draws(brightness(), *texts[::2]) == [1, 1, 4]


def test_each_ball_needs_an_attack_that_sees_the_gradient():
    square = attacks.square(eps=0.1)
    smaller, same = attacks.fgsm(eps=1e-6), attacks.fgsm(eps=0.1)
    found = rules(linear(), smaller, square)
    assert list(found) == ["no white box"]
    assert f"no attack in {BALL}" in found["no white box"]
    assert found["no white box"].endswith(": square")
    for seeing in (same, attacks.ddn()):
        ball = attacks.square(eps=0.1, norm=seeing.norm)
        assert rules(linear(), seeing, ball) == {}
    for useless in (attacks.ddn(), attacks.jsma(), attacks.pgd(eps=0.0)):
        assert list(rules(linear(), useless, square)) == ["no white box"]
    # Noise claims nothing.
    assert rules(linear(), smaller, attacks.noise(eps=0.1)) == {}


def test_shapes_of_weights_count():
    """The same kinds of layers; one has no weights to compare."""
    bare = keras.Sequential([keras.Input(SHAPE), keras.layers.Flatten()])
    assert np.prod(SHAPE) == bare.output_shape[-1]
    assert rules(bare, attacks.pgd(eps=0.1), victim=brightness())
