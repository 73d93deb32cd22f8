"""What a user writes, for mypy: the public signatures and what they return.

    mypy

It is checked, not run. `zoo` must be installed, not editable, for mypy to find
`zoo.training` and `zoo.exports`.
"""

from pathlib import Path
from typing import assert_type

import keras
import numpy as np

import zoo
from zoo import exports
from zoo.exports import ExportReport
from zoo.training import AdversarialTrainer
from zoo.training import attacks
from zoo.training import evaluation
from zoo.training.attacks.base import Attack
from zoo.training.attacks.pgd import pgd
from zoo.training.attacks.registry import parse
from zoo.training.evaluation import Report
from zoo.weights import Verification


def presets() -> None:
    assert_type(zoo.list_models("irm_*"), list[str])
    assert_type(zoo.info("irm_wrn16_2"), zoo.Card)
    assert_type(
        zoo.info("irm_wrn16_2").measurements, tuple[zoo.Measurement, ...]
    )
    assert_type(zoo.download("irm_wrn16_2"), Path)
    assert_type(zoo.verify("irm_*"), list[Verification])
    assert_type(zoo.publish("mirror", "irm_*"), Path)


def models() -> keras.Model:
    model = zoo.load("irm_wrn16_2", num_classes=5)
    zoo.load(
        "irm_wrn28_10",
        weights=None,
        num_classes=110,
        image_shape=(299, 299, 3),
    )
    return zoo.defend(model, "jpeg", quality=75)


def attacked(model: keras.Model, images: np.ndarray) -> None:
    assert_type(pgd(norm="linf", eps=0.1, steps=20), Attack)
    assert_type(parse("pgd:steps=40", zoo.ThreatModel("l2", 0.5)), Attack)
    attacks.pgd(norm="linf", eps=0.1, steps=20)(model, images, np.zeros(8, int))


def evaluated(model: keras.Model, images: np.ndarray) -> Report:
    report = evaluation.evaluate(
        model,
        (images, np.zeros(len(images), int)),
        ["fgsm:eps=0.1", "standard"],
        threat=zoo.ThreatModel("linf", eps=8 / 255),
    )
    assert_type(report, Report)
    assert_type(report.to_markdown(), str)
    return report


def trained(model: keras.Model) -> AdversarialTrainer:
    return AdversarialTrainer(
        model,
        attack=pgd(eps=0.1),
        clean_weight=0.5,
        logit_pairing=0.5,
    )


def served(model: keras.Model) -> ExportReport:
    report = exports.save(model, "served/irm_wrn16_2", version=1)
    assert_type(report, ExportReport)
    return report
