"""Each rule of the sanity checks, on results that break or keep it."""

import dataclasses

import keras
import numpy as np
import pytest

from tests.helpers import LinearModel
from training import attacks
from training.evaluation import evaluate
from training.evaluation import sanity
from training.evaluation.phase import Phase
from zoo.dtype_policy import dtype_policy
from zoo.layers import JPEG
from zoo.threat import ThreatModel

SHAPE = (4, 4, 1)
BALL = ThreatModel("l2", 0.5)


@dataclasses.dataclass
class Result:
    """What the rules read of an `AttackResult`."""

    attack: str
    robust_accuracy: float
    threat: ThreatModel = BALL
    options: dict = dataclasses.field(default_factory=dict)
    black_box: bool = False

    @property
    def label(self):
        return self.attack


def pgd(robust, *, steps=10, eps=0.5, **options):
    options = {"steps": steps, "eps": eps, "norm": "l2", **options}
    return Result("pgd", robust, ThreatModel("l2", eps), options)


def black_box(name, robust):
    return Result(name, robust, black_box=True)


def rules(*results, clean=0.9):
    flags = sanity.compared(results, clean=clean, image_shape=SHAPE)
    return [flag.rule for flag in flags]


@pytest.mark.parametrize(
    ("results", "broken"),
    [
        ([pgd(0.5), pgd(0.3, steps=50)], []),
        ([pgd(0.3), pgd(0.31, steps=50)], []),
        ([pgd(0.3), pgd(0.5, steps=50)], ["more steps are weaker"]),
        ([pgd(0.3), pgd(0.5, steps=50, restarts=2)], []),
        ([pgd(0.5), pgd(0.1, eps=1.0)], []),
        ([pgd(0.3), pgd(0.5, eps=1.0)], ["a bigger ball is weaker"]),
        ([pgd(0.0, eps=4.0)], []),
        ([pgd(0.3, eps=4.0)], ["an unlimited attack fails"]),
        ([pgd(0.3, eps=3.9)], []),
        ([pgd(0.5), black_box("square", 0.6)], []),
        ([pgd(0.5), black_box("square", 0.4)], ["black box beats white box"]),
        ([black_box("square", 0.4)], []),
        ([pgd(0.5), black_box("noise", 0.85)], []),
        ([pgd(0.9), black_box("noise", 0.9)], []),
        (
            [pgd(0.5), black_box("noise", 0.5)],
            ["random noise is as strong as a gradient"],
        ),
    ],
)
def test_rules(results, broken):
    assert rules(*results) == broken


def test_findings_give_the_numbers():
    (flag,) = sanity.compared(
        [pgd(0.3), pgd(0.5, steps=50)], clean=1.0, image_shape=SHAPE
    )
    assert "30.0%" in flag.finding
    assert "50.0%" in flag.finding


def linear(activation=None, layer=None):
    return keras.Sequential(
        [
            keras.Input((16, 16, 1)),
            *([layer] if layer else []),
            keras.layers.Flatten(),
            keras.layers.Dense(3, activation=activation),
        ]
    )


IMAGES = np.random.default_rng(0).uniform(size=(8, 16, 16, 1)).astype("float32")
LABELS = np.arange(8) % 3


@pytest.mark.parametrize(
    ("model", "broken"),
    [
        (linear(), []),
        (linear(layer=JPEG()), []),
        (linear(layer=JPEG(gradient="none")), ["no gradient"]),
        (linear(activation="softmax"), ["not logits"]),
    ],
)
def test_gradients_and_outputs(model, broken):
    flags = sanity.gradients(model, IMAGES, LABELS)
    assert [flag.rule for flag in flags] == broken


def test_what_the_attacks_know():
    model = linear(layer=JPEG(gradient="none", name="hides"))
    seen = attacks.pgd(eps=0.1)
    options = {"adaptive": False, "stochastic": False, "policy": "float32"}
    (flag,) = sanity.knowledge(model, [Phase(seen)], **options)
    assert flag.rule == "hidden gradient"
    assert "hides" in flag.finding
    options["adaptive"] = True
    assert sanity.knowledge(model, [Phase(seen)], **options) == ()
    blind = attacks.noise(eps=0.1)
    (flag,) = sanity.knowledge(model, [Phase(blind)], **options)
    assert flag.rule == "no white box"
    assert sanity.knowledge(model, [Phase(blind), Phase(seen)], **options) == ()
    assert sanity.knowledge(model, [], **options) == ()
    hasty = [Phase(attacks.pgd(eps=0.1, early_stop=True))]
    assert sanity.knowledge(model, hasty, **options) == ()
    options["stochastic"] = True
    (flag,) = sanity.knowledge(model, hasty, **options)
    assert flag.rule == "lucky draws"


def test_nearest_images_of_a_twin_in_another_precision():
    with dtype_policy("mixed_bfloat16"):
        twin = linear()
    options = {"adaptive": True, "stochastic": False, "policy": "float32"}
    nearest = [Phase(attacks.ddn()), Phase(attacks.pgd(eps=0.1))]
    (flag,) = sanity.knowledge(twin, nearest, **options)
    assert flag.rule == "another boundary"
    assert flag.finding.startswith("ddn stopped")
    assert sanity.knowledge(twin, nearest[1:], **options) == ()
    assert sanity.knowledge(linear(), nearest, **options) == ()


def test_an_honest_model_is_not_flagged():
    model = LinearModel((6, 6, 1), num_classes=3)
    images = model.rng.uniform(0.3, 0.7, size=(32, 6, 6, 1)).astype("float32")
    labels = np.argmax(model.keras(images), axis=-1)
    report = evaluate(
        model.keras,
        (images, labels),
        [attacks.pgd(norm="l2", eps=0.1)],
        threat=ThreatModel("l2", 0.1),
        sanity=32,
        progress=False,
    )
    assert report.flags == ()
    assert report.adaptive
    assert report.to_markdown().startswith("# Robustness")


def test_jpeg_that_hides_its_gradient():
    """The blind number is high, the adaptive one falls; only it has a card."""
    model = linear(layer=JPEG(90, gradient="none"))
    labels = np.argmax(model(IMAGES), axis=-1)

    def report(adaptive):
        return evaluate(
            model,
            (IMAGES, labels),
            # A random start could fool a model by itself, without a gradient.
            [attacks.pgd(norm="l2", eps=4.0, steps=10, random_start=False)],
            threat=ThreatModel("l2", 4.0),
            adaptive=adaptive,
            progress=False,
        )

    blind, seeing = report(False), report(True)
    assert blind.attacks[0].robust_accuracy == 1.0
    assert seeing.attacks[0].robust_accuracy == 0.0
    assert not blind.adaptive
    assert blind.to_markdown().startswith("**Flagged**: hidden gradient")
    with pytest.raises(ValueError, match="attacks that know the defense"):
        blind.measurements()
    assert seeing.adaptive
    assert seeing.measurements()
