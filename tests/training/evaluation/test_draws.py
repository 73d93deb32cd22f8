"""Draws of randomised models, runs of randomised attacks, and seeds."""

import numpy as np
import pytest

from tests.helpers import LinearModel
from tests.training.evaluation.toys import SHAPE
from tests.training.evaluation.toys import Shift
from tests.training.evaluation.toys import brightness
from tests.training.evaluation.toys import coin_model
from tests.training.evaluation.toys import levels
from tests.training.evaluation.toys import numbers
from tests.training.evaluation.toys import run
from zoo.training import attacks


def test_randomised_models_are_scored_by_fresh_draws():
    """A coin that lies in a quarter of cases is right in three of four."""
    images, labels = levels(*np.full(200, 0.1), *np.full(200, 0.9))
    report = run(
        coin_model(), (images, labels), [Shift(0.05)], draws=25, batch_size=128
    )
    (result,) = report.attacks
    assert report.stochastic
    assert report.draws == 25
    assert report.clean_accuracy == pytest.approx(0.75, abs=0.02)
    # One image in a hundred or so loses the vote of the clean draws.
    assert result.robust_accuracy == pytest.approx(0.75, abs=0.03)
    assert result.success_rate == pytest.approx(0.25, abs=0.02)
    assert result.robust.worst_draw < result.robust.mean - 0.01
    assert result.robust.every_draw == pytest.approx(0.75**25, abs=0.01)
    assert report.clean.worst_draw < report.clean.mean


def test_the_worst_of_several_runs():
    """One random step from each of five starts is PGD's own restarts."""
    linear = LinearModel(SHAPE)
    data = linear.batch(40, closest=0.1, farthest=0.8)
    attack = attacks.pgd(norm="l2", eps=0.4, steps=1, step_size=0.1)
    once = run(linear.keras, data, [attack]).attacks[0]
    often = run(linear.keras, data, [attack], runs=5)
    (several,) = often.attacks
    assert once.runs == (once.robust_accuracy,)
    assert several.runs[0] == once.robust_accuracy
    assert len(set(several.runs)) > 1
    assert several.robust_accuracy <= min(several.runs)
    assert several.runs_std == pytest.approx(np.std(several.runs, ddof=1))
    (worst,) = often.worst_cases
    assert worst.robust == several.robust
    skipping = run(linear.keras, data, [attack], runs=5, skip_fooled=True)
    assert skipping.attacks[0].runs == several.runs
    assert skipping.attacks[0].robust == several.robust


def test_a_randomised_defense_that_falls():
    """Shifted over the edge, the coin is right in a quarter of cases."""
    images, labels = levels(*np.full(300, 0.4))
    report = run(coin_model(), (images, labels), [Shift(0.3)], draws=9)
    result = report.attacks[0]
    assert result.robust_accuracy == pytest.approx(0.25, abs=0.03)
    assert result.success_rate == pytest.approx(0.75, abs=0.03)
    assert result.median_linf == pytest.approx(0.3)


def test_deterministic_models_take_one_draw():
    assert run(brightness(), levels(0.1), [], draws=50).draws == 1


def test_the_same_seed_gives_the_same_report_and_leaves_no_trace():
    model = coin_model()
    states = [v.numpy() for v in model.variables]
    data = levels(*np.linspace(0.2, 0.8, 40))
    attack = attacks.pgd(eps=0.1, steps=2)
    attack(model, *data)  # Moves the attack's own generator on.
    for variable, state in zip(model.variables, states, strict=True):
        variable.assign(state)

    def measured(seed):
        suite = [attack, "pgd:eps=0.1,steps=2,draws=1"]
        return numbers(run(model, data, suite, seed=seed, draws=3))

    first = measured(0)
    for variable, state in zip(model.variables, states, strict=True):
        np.testing.assert_array_equal(variable.numpy(), state)
    assert measured(0) == first
    assert measured(1)["clean"] != first["clean"]
    assert first["attacks"][0] == first["attacks"][1]


def test_an_attack_draws_the_same_whatever_ran_before_it():
    """And its generator is given back as it was."""
    linear = LinearModel(SHAPE)
    data = linear.batch(40, closest=0.1, farthest=0.8)
    ball = {"norm": "l2", "eps": 0.4, "steps": 1, "step_size": 0.1}
    attack = attacks.pgd(**ball)
    state = np.array(attack.generators[0].state)

    def measured(*suite, **options):
        report = run(linear.keras, data, suite, batch_size=16, **options)
        return numbers(report)["attacks"][-1]

    first = measured(attack)
    assert 0 < first["robust"]["mean"] < 1
    assert measured(attacks.pgd(**ball, restarts=2), attack) == first
    np.testing.assert_array_equal(attack.generators[0].state, state)
    attack(linear.keras, *data)
    assert measured(attack) == first
    assert measured(attack, seed=1) != first
