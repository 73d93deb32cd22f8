"""Attacks of cards, bound again from what the cards say."""

import dataclasses

import pytest

import zoo
from benchmarks import harder_attacks
from zoo.threat import ThreatModel

L2 = ThreatModel("l2", 1.0)


def test_randomised_presets_are_those_behind_random_jpeg():
    names = harder_attacks.randomised_presets()
    assert {"irm_wrn16_2", "jpeg_ddn_wrn16_2"} <= set(names)
    assert not {"wrn16_2", "ddn_wrn16_2", "lisa_cnn"} & set(names)


def test_attacks_are_the_cards():
    card = zoo.info("irm_wrn16_2.tricks")
    assert L2 in harder_attacks.balls(card)
    (attack,) = harder_attacks.card_attacks(card, L2)
    measured = card.find("pgd", L2)
    assert (attack.name, attack.threat) == ("pgd", L2)
    for option in ("steps", "restarts", "draws"):
        assert attack.options[option] == getattr(measured, option)


def test_unbounded_attacks_and_options_are_among_them():
    card = zoo.info("irm_wrn16_2")
    pgd = card.find("pgd", L2)
    early = dataclasses.replace(pgd, options={"early_stop": True})
    ddn = dataclasses.replace(
        pgd, attack="ddn", threat=None, restarts=None, draws=None
    )
    card = dataclasses.replace(card, measurements=(early, ddn))
    first, second = harder_attacks.card_attacks(card, L2)
    assert first.options["early_stop"]
    assert (second.name, second.options["steps"]) == ("ddn", pgd.steps)
    other = dataclasses.replace(pgd, options={"colour": "red"})
    card = dataclasses.replace(card, measurements=(other,))
    with pytest.raises(ValueError, match="Received: colour"):
        harder_attacks.card_attacks(card, L2)


def test_harder_ones_average_over_their_draws():
    pgd, apgdt = harder_attacks.harder_attacks(
        L2, steps=100, draws=10, targets=9
    )
    assert (pgd.name, apgdt.name) == ("pgd", "apgdt")
    for attack in (pgd, apgdt):
        assert attack.threat == L2
        assert attack.options["steps"] == 100
        assert attack.options["draws"] == 10
