"""Each rule of the sanity checks, on results that break or keep it."""

import dataclasses

import keras
import numpy as np
import pytest

from tests.helpers import LinearModel
from zoo.layers import JPEG
from zoo.threat import ThreatModel
from zoo.training import attacks
from zoo.training.evaluation import evaluate
from zoo.training.evaluation.engine.scoring import input_gradients
from zoo.training.evaluation.flags import sanity
from zoo.training.evaluation.results.image_results import ImageResults

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
    flags = sanity.compare_attacks(results, clean=clean, image_shape=SHAPE)
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
    (flag,) = sanity.compare_attacks(
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
    flags = sanity.check_gradients(*input_gradients(model, IMAGES, LABELS))
    assert [flag.rule for flag in flags] == broken


class Dead(keras.layers.Layer):
    """Passes no gradient at dark images."""

    def call(self, images):
        dark = keras.ops.mean(images, axis=(1, 2, 3), keepdims=True) < 0.5
        return keras.ops.where(
            dark, keras.ops.stop_gradient(images), images * 1.0
        )


@pytest.mark.parametrize(
    ("dark", "broken"),
    [(0, []), (2, []), (3, ["few gradients"]), (6, ["no gradient"])],
)
def test_a_few_images_may_have_no_gradient(dark, broken):
    """Of 128, up to 2 are too few to mean anything, up to 5 may be chance."""
    images = np.full((128, 16, 16, 1), 0.75, "float32")
    images[:dark] = 0.25
    model = linear(layer=Dead())
    flags = sanity.check_gradients(
        *input_gradients(model, images, np.zeros(128, "int64"))
    )
    assert [flag.rule for flag in flags] == broken


def turn(result, indices, correct):
    """One attack of a suite, and the image results of its only run."""
    norms = np.zeros(len(indices))
    correct = np.array(correct, bool)[None]
    return result, ImageResults(
        np.array(indices), correct, norms, norms, norms, norms, 0.0
    )


@pytest.mark.parametrize(
    ("turns", "broken"),
    [
        (
            [
                turn(pgd(0.75), [0, 1, 2, 3], [1, 1, 1, 0]),
                turn(black_box("square", 0.5), [0, 1, 2], [1, 1, 0]),
            ],
            ["black box beats white box"],
        ),
        (
            [
                turn(pgd(0.75), [0, 1, 2, 3], [1, 1, 1, 0]),
                turn(black_box("square", 0.75), [0, 1, 2], [1, 1, 1]),
            ],
            [],
        ),
        # Nothing that sees the gradient came before it, in its ball.
        (
            [
                turn(black_box("square", 0.5), [0, 1, 2, 3], [1, 1, 0, 0]),
                turn(pgd(0.5), [0, 1], [1, 1]),
            ],
            [],
        ),
        (
            [
                turn(pgd(1.0, eps=0.1), [0, 1, 2, 3], [1, 1, 1, 1]),
                turn(black_box("square", 0.5), [0, 1, 2, 3], [1, 1, 0, 0]),
            ],
            [],
        ),
    ],
)
def test_attacks_on_what_others_left(turns, broken):
    attack_results, image_results = zip(*turns, strict=True)
    flags = sanity.compare_sequence(
        attack_results, image_results, clean=np.full((1, 4), True)
    )
    assert [flag.rule for flag in flags] == broken
    if broken:
        assert "fooled 25.0% of all images, which pgd had" in flags[0].finding


def test_two_equal_attacks_on_a_coin_are_equal():
    """Their worse draws are lower than either, but neither beats the other."""
    clean, norms = np.full((10, 2), True), np.zeros(2)
    draw = np.arange(10)[:, None]
    equal = [
        ImageResults(
            np.arange(2), draw < right, norms, norms, norms, norms, 0.0
        )
        for right in ([6, 8], [8, 6])
    ]
    results = [pgd(0.7), black_box("square", 0.6)]
    assert sanity.compare_sequence(results, equal, clean=clean) == ()


class Predictions(keras.layers.Layer):
    """Gives no gradient, and says so."""

    black_box = True

    def call(self, images):
        return keras.ops.stop_gradient(images)


def test_a_model_of_predictions_alone_is_refused_before_the_work():
    model = linear(layer=Predictions())
    with pytest.raises(ValueError, match="sanity compares attacks that see"):
        evaluate(
            model,
            (IMAGES, np.zeros(len(IMAGES), int)),
            [lambda *_: pytest.fail("an attack was run")],
            threat=BALL,
            sanity=4,
            progress=False,
        )


class Rounds(keras.layers.Layer):
    """Has no gradient, and no attribute that says so."""

    def call(self, images):
        return keras.ops.round(images * 4) / 4


def test_a_number_without_a_gradient_gets_no_card():
    model = linear(layer=Rounds())
    labels = np.argmax(model(IMAGES), axis=-1)
    report = evaluate(
        model,
        (IMAGES, labels),
        [attacks.pgd(eps=0.3, random_start=False)],
        progress=False,
    )
    assert report.attacks[0].robust_accuracy == 1.0
    assert [flag.rule for flag in report.flags] == ["no gradient"]
    assert not report.adaptive
    with pytest.raises(ValueError, match="no gradient: it is zero"):
        report.measurements()


def test_the_attacks_average_over_a_randomised_models_draws():
    for attack in sanity.sanity_attacks(BALL, SHAPE, draws=3):
        assert attack.options["draws"] == 3


@pytest.mark.parametrize(
    "attack",
    [
        attacks.noise(eps=0.0),
        attacks.transfer(attack=attacks.fgsm(eps=0.0), source=linear()),
        attacks.mixture(attacks=[attacks.fgsm(eps=0.0)]),
    ],
    ids=lambda attack: attack.name,
)
def test_an_attack_of_no_radius_is_flagged(attack):
    """Its number is the clean accuracy and reads as a robust one."""
    report = evaluate(linear(), (IMAGES, LABELS), attack, progress=False)
    assert "zero radius" in [flag.rule for flag in report.flags]


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


@pytest.mark.parametrize(
    ("right", "images", "classes", "said"),
    [
        (3, 30, 10, "10.0% of 30 images are right, as by guessing one of 10"),
        (0, 30, 2, "0.0% of 30 images"),
        (60, 100, 2, "60.0% of 100 images"),  # Two standard deviations.
        (61, 100, 2, None),
        (3, 29, 10, None),  # Too few to tell.
        (30, 30, 10, None),
    ],
)
def test_guessing(right, images, classes, said):
    flags = sanity.check_chance(np.arange(images)[None] < right, classes)
    assert [flag.rule for flag in flags] == ["no better than chance"] * bool(
        said
    )
    assert all(said in flag.finding for flag in flags)


def test_a_model_of_other_pixels_is_flagged():
    """Its classes are told by pixels of which all are 0 in [0, 1]."""
    linear = LinearModel(SHAPE)
    images, labels = linear.batch(40)
    inputs = keras.Input(SHAPE)
    wrong = keras.Model(inputs, linear.keras(inputs / 255))
    for model, flagged in ((linear.keras, False), (wrong, True)):
        report = evaluate(model, (images, labels), progress=False)
        rules = [flag.rule for flag in report.flags]
        assert ("no better than chance" in rules) == flagged
