"""Attacks from text."""

import inspect

import pytest

from zoo.threat import ThreatModel
from zoo.training import attacks
from zoo.training.attacks import registry
from zoo.training.attacks.registry import ATTACKS


def test_names_are_the_factories_names():
    assert list(attacks.by_name) == list(ATTACKS)
    for name, factory in attacks.by_name.items():
        assert factory.__name__ == name
        assert getattr(attacks, name) is factory


@pytest.mark.parametrize("name", ATTACKS)
def test_parameters_are_read_as_python_has_them(name):
    """From the source alone, for the command line."""
    read = registry.parameters(name)
    signature = inspect.signature(attacks.by_name[name]).parameters
    assert list(read) == list(signature)
    for option, parameter in signature.items():
        assert read[option].default == parameter.default
        assert (read[option].annotation == "bool") == (
            parameter.annotation is bool
        )


def test_parameters_that_no_text_can_give_are_left_out():
    signature = inspect.signature(attacks.rp2).parameters
    objects = {"mask", "palette", "transformations"}
    assert list(registry.parameters("rp2")) == [
        name for name in signature if name not in objects
    ]


def test_options_and_fractions():
    attack = attacks.parse("pgd:norm=l2, eps=8/255,steps=7,early_stop=True")
    assert attack.threat == ThreatModel("l2", 8 / 255)
    assert attack.options["steps"] == 7
    assert attack.options["early_stop"] is True


@pytest.mark.parametrize(
    ("word", "value"), [("true", True), ("False", False), ("FALSE", False)]
)
def test_flags_in_any_case(word, value):
    attack = attacks.parse(f"pgd:eps=0.1,random_start={word}")
    assert attack.options["random_start"] is value


def test_none_and_words():
    attack = attacks.parse("ddn:levels=None,fallback=last,max_norm=1")
    assert attack.options["levels"] is None
    assert attack.options["fallback"] == "last"
    assert attack.options["max_norm"] == 1


def test_threat_fills_what_the_text_leaves_open():
    threat = ThreatModel("l2", 0.5)
    assert attacks.parse("fgsm", threat).threat == threat
    assert attacks.parse("fgsm:eps=1", threat).threat == ThreatModel("l2", 1)
    assert attacks.parse("ddn", threat).threat is None
    assert attacks.parse("deepfool", threat).norm == "l2"
    linf = ThreatModel("linf", 0.1)
    assert attacks.parse("deepfool", linf).norm == "linf"
    assert attacks.parse("fab", linf).threat == linf
    assert attacks.parse("fab:norm=l2", linf).threat is None
    assert attacks.parse("fab").threat is None


@pytest.mark.parametrize("name", ATTACKS)
def test_all_attacks_that_have_a_norm_take_the_threats(name):
    """No attack prefers a norm of its own to the ball that is asked for."""
    accepted = inspect.signature(attacks.by_name[name]).parameters
    for threat in (ThreatModel("l2", 0.5), ThreatModel("linf", 0.1)):
        attack = attacks.parse(name, threat)
        if "norm" in accepted:
            assert attack.norm == threat.norm
        if "eps" in accepted:
            assert attack.threat == threat
            assert attacks.parse(f"{name}:eps=0.2", threat).threat == (
                ThreatModel(threat.norm, 0.2)
            )


@pytest.mark.parametrize(
    ("spec", "message"),
    [
        ("pdg", r"Did you mean 'pgd'\? Attacks: fgsm, bim, pgd"),
        ("standrd", r"Did you mean 'standard'\?.* Suites: standard"),
        ("standard", r"A suite holds several attacks.*Received: 'standard'"),
        ("zzz", r"Unknown attack. Attacks: fgsm, bim, pgd"),
        ("rp2:steps=9", r"zoo attack NAME --attack rp2 .*'rp2:steps=9'"),
        ("pgd", r"needs a radius, as in 'pgd:eps=0.1'. Received: 'pgd'"),
        ("pgd:norm=linf", r"needs a radius"),
        ("pgd:norm=l3", r"`norm` must be one of .*Received: norm='l3'"),
        ("PGD:eps=0.1", r"Did you mean 'pgd'\? .*Received: 'PGD'"),
        ("Standard", r"Did you mean 'standard'\?"),
        ("pgd:EPS=0.1", r"Did you mean 'eps'\? Received: 'EPS=0.1'"),
        ("pgd:eps=0", r"`eps` must be above 0.*Received: 'pgd:eps=0'"),
        ("fab:eps=0.0", r"`eps` must be above 0.*Received: 'fab:eps=0.0'"),
        ("pgd:eps=-0.1", r"0 or more. Received: eps=-0.1"),
        ("pgd:norm=linf,eps=8", r"at most 1 in linf.*Received: eps=8"),
        ("ddn:max_norm=0", r"above 0. Received: max_norm=0"),
        ("ddn:eps=1", r"one of steps, gamma.*Received: 'eps=1'"),
        ("pgd:eps", r"Received: 'eps'"),
        ("pgd:eps=1/0", r"Received: eps='1/0'"),
        ("pgd:eps=0.1,early_stop=no", r"true or false. Received: 'no'"),
        ("pgd:eps=0.1,early_stop=0", r"true or false. Received: '0'"),
        ("pgd:eps=0.1,steps=many", r"Received: steps='many'"),
    ],
)
def test_mistakes_are_named(spec, message):
    threat = ThreatModel("l2", 0.5) if spec == "pgd:norm=linf" else None
    with pytest.raises(ValueError, match=message):
        attacks.parse(spec, threat)


@pytest.mark.parametrize(
    ("spec", "message"),
    [
        ("pgd:epz=0.1", r"Did you mean 'eps'\?"),
        ("pgd:steps=0", r"positive integer. Received: steps=0"),
        ("pgd:eps=0,steps=2", r"`eps` must be above 0"),
        ("fab:restarts=1.5", r"Received: restarts=1.5"),
        ("standard:eps=0", r"`eps` must be above 0"),
        ("standard:norm=l1", r"Received: norm='l1'"),
        ("rand:draws", r"`option=value`.*Received: 'draws'"),
    ],
)
def test_check_spec_refuses_wrong_options(spec, message):
    """Before anything is imported; see `test_lazy_names`."""
    with pytest.raises(ValueError, match=message):
        registry.check_spec(spec)


@pytest.mark.parametrize(
    "spec", ["pgd", "fab:eps=none", "pgd:step_size=none,eps=1", "standard"]
)
def test_check_spec_lets_options_be_left_open(spec):
    assert registry.check_spec(spec) == spec.partition(":")[0]


@pytest.mark.parametrize(
    ("options", "said"),
    [
        ("eps=1e999999999", "`eps` must be a finite number"),
        ("eps=1e400", "`eps` must be a finite number"),
        ("eps=1/0", "`eps` must be a finite number"),
        ("eps=0.1,steps=1e400", "`steps` must be a positive integer"),
        (
            "eps=0.1,steps=" + "9" * 30,
            "steps of pgd must be at most 2147483647",
        ),
        ("eps=0.1,step_size=1e400", "`step_size` must be a finite number"),
    ],
)
def test_numbers_out_of_range_are_told(options, said):
    with pytest.raises(ValueError, match=said):
        attacks.parse(f"pgd:norm=linf,{options}")
