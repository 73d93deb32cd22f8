"""Suites: what they hold, and that their names are looked up when asked."""

import pytest

from zoo.threat import ThreatModel
from zoo.training import attacks
from zoo.training.attacks import suites

THREAT = ThreatModel("l2", 0.5)


@pytest.mark.parametrize("norm, eps", [("linf", 8 / 255), ("l2", 0.5)])
def test_the_standard_suite_is_autoattack(norm, eps):
    """Of Croce & Hein, 2020, as its authors' `standard` version runs it."""
    ball = {"norm": norm, "eps": eps}
    everywhere = {"restarts": 1, "draws": 1, "seed": None}
    found = [
        (attack.name, dict(attack.options))
        for attack in attacks.suite("standard", ThreatModel(norm, eps))
    ]
    assert found == [
        (
            "apgd",
            {
                **ball,
                "steps": 100,
                "loss": "ce",
                "early_stop": True,
                "targeted": False,
                **everywhere,
            },
        ),
        # Nine targets; FAB counts the image's own class too.
        ("apgdt", {**ball, "steps": 100, "classes": 9, **everywhere}),
        ("fab", {**ball, "steps": 100, "classes": 10, **everywhere}),
        (
            "square",
            {
                **ball,
                "queries": 5000,
                "p_init": 0.8,
                "targeted": False,
                **everywhere,
            },
        ),
    ]


def test_rand_is_autoattacks_version_for_randomised_models():
    ce, dlr = attacks.suite("rand", THREAT)
    assert (ce.name, dlr.name) == ("apgd", "apgd")
    assert [a.options["loss"] for a in (ce, dlr)] == ["ce", "dlr"]
    assert [a.options["draws"] for a in (ce, dlr)] == [20, 20]


def test_draws_that_a_suite_gives_are_changed_by_the_caller_alone():
    def draws(bound):
        return {attack.options["draws"] for attack in bound}

    assert draws(attacks.suite("rand", THREAT, draws=5)) == {5}
    assert draws(suites.parse_all("rand:draws=5", THREAT)) == {5}
    assert draws(suites.parse_all("rand", THREAT, draws=2)) == {20}
    assert draws(suites.parse_all("standard", THREAT, draws=2)) == {2}
    assert draws(suites.parse_all("standard:draws=3", THREAT, draws=2)) == {3}
    assert draws(suites.parse_all("pgd", THREAT, draws=2)) == {2}


def test_a_suite_takes_the_ball(monkeypatch):
    specs = ("fgsm", "pgd:steps=3,restarts=2")
    monkeypatch.setitem(suites.by_name, "quick", specs)
    first, second = attacks.suite("quick", THREAT)
    assert (first.name, second.name) == ("fgsm", "pgd")
    assert first.threat == second.threat == THREAT
    assert second.options["restarts"] == 2


def test_a_suite_hands_draws_to_its_attacks():
    draws = {
        attack.name: attack.options.get("draws")
        for attack in attacks.suite("standard", THREAT, draws=3)
    }
    assert draws == {"apgd": 3, "apgdt": 3, "fab": 3, "square": 3}


@pytest.mark.parametrize(
    ("name", "threat", "said"),
    [
        ("strong", THREAT, "'standard'.*name='strong'"),
        ("standard", None, "needs a ball.*threat=None"),
    ],
)
def test_bad_suites(name, threat, said):
    with pytest.raises(ValueError, match=said):
        attacks.suite(name, threat)


def test_a_text_is_an_attack_or_a_suite(monkeypatch):
    monkeypatch.setitem(suites.by_name, "quick", ("fgsm", "pgd:steps=3"))
    names = [attack.name for attack in suites.parse_all("quick", THREAT)]
    assert names == ["fgsm", "pgd"]
    (attack,) = suites.parse_all("noise:repeats=2", THREAT, seed=3)
    assert (attack.threat, attack.options["seed"]) == (THREAT, 3)


@pytest.mark.parametrize(
    ("ball", "expected"),
    [
        ("norm=linf,eps=8/255", ThreatModel("linf", 8 / 255)),
        ("eps=0.25", ThreatModel("l2", 0.25)),
        ("norm=l2", THREAT),
        ("", THREAT),
    ],
)
def test_a_suites_text_may_hold_its_ball(ball, expected):
    bound = suites.parse_all(f"standard:{ball}", THREAT)
    assert [attack.threat for attack in bound] == [expected] * 4
    assert [attack.name for attack in bound] == [
        *("apgd", "apgdt", "fab", "square")
    ]
    assert bound[0].options["loss"] == "ce"


def test_a_suites_options_go_to_the_attacks_that_have_them():
    text = "standard:norm=l2,eps=0.5,steps=7,queries=30,draws=2,seed=5"
    for bound in (
        suites.parse_all(text),
        attacks.suite("standard", THREAT, steps=7, queries=30, draws=2, seed=5),
    ):
        *climbers, square = (attack.options for attack in bound)
        assert [options["steps"] for options in climbers] == [7] * 3
        assert "queries" not in climbers[0]
        assert (square["queries"], "steps" in square) == (30, False)
        for options in (*climbers, square):
            assert (options["draws"], options["seed"]) == (2, 5)


@pytest.mark.parametrize("options", ["loss=dlr", "eps=0.1,restarts=2"])
def test_a_suite_takes_no_other_options(options):
    with pytest.raises(ValueError, match="no options but norm, eps, steps"):
        suites.parse_all(f"standard:{options}", THREAT)


def test_an_option_that_no_attack_has_is_refused():
    with pytest.raises(ValueError, match="'rand' has such.*queries=5"):
        suites.parse_all("rand:norm=l2,eps=1,queries=5")


def test_a_radius_of_another_norm_is_not_taken():
    with pytest.raises(ValueError, match="needs a radius"):
        suites.parse_all("standard:norm=linf", THREAT)


def test_an_attack_that_is_not_there_is_named(monkeypatch):
    monkeypatch.setitem(suites.by_name, "broken", ("fgsm", "pdg"))
    with pytest.raises(ValueError, match="Did you mean 'pgd'"):
        attacks.suite("broken", THREAT)
