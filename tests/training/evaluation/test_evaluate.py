"""Evaluation of models whose robustness is known exactly."""

import io

import keras
import numpy as np
import pytest
import rich.console
import tensorflow as tf

from tests.helpers import LinearModel
from tests.training.evaluation.toys import SHAPE
from tests.training.evaluation.toys import Shift
from tests.training.evaluation.toys import brightness
from tests.training.evaluation.toys import coin_model
from tests.training.evaluation.toys import levels
from tests.training.evaluation.toys import run
from zoo.layers import JPEG
from zoo.loading import dtype_policy
from zoo.threat import ThreatModel
from zoo.training import attacks
from zoo.training.attacks import suites
from zoo.training.evaluation import evaluate


@pytest.mark.parametrize("batch_size", [7, 100, 1000])
def test_fgsm_on_a_linear_model_is_exact(batch_size):
    """FGSM moves a linear margin by eps times the L1 norm of its normal."""
    linear = LinearModel(SHAPE)
    images, labels = linear.batch(100, closest=0.02, farthest=0.6)
    labels[:10] = 1 - labels[:10]  # Misclassified without an attack.
    distances = linear.distances(images, labels, "linf")
    eps = float(np.median(distances[10:]))
    expected = (distances > eps).mean()
    report = run(
        linear.keras,
        (images, labels),
        [attacks.fgsm(eps=eps)],
        batch_size=batch_size,
    )
    (result,) = report.attacks
    assert report.clean_accuracy == pytest.approx(0.9)
    assert 0.4 < expected < 0.5
    assert result.robust_accuracy == pytest.approx(expected)
    assert result.success_rate == pytest.approx(1 - expected / 0.9)
    assert result.median_linf == pytest.approx(eps, rel=1e-5)
    assert result.median_l2 == pytest.approx(eps * 4, rel=1e-5)
    assert result.threat == ThreatModel("linf", eps)
    assert report.worst_cases[0].robust.mean == result.robust_accuracy


def test_ddn_counts_in_the_balls_that_its_results_lie_in():
    """An unbounded attack measures robustness at any radius asked for."""
    linear = LinearModel(SHAPE)
    images, labels = linear.batch(60, closest=0.1, farthest=0.8)
    distances = linear.distances(images, labels, "l2")
    radius = float(np.median(distances)) * 1.02
    report = run(
        linear.keras,
        (images, labels),
        attacks.ddn(steps=100, levels=None),
        threat=ThreatModel("l2", radius),
    )
    assert report.attacks[0].threat is None
    assert report.attacks[0].robust_accuracy == 0.0
    assert report.attacks[0].median_l2 == pytest.approx(
        np.median(distances), rel=0.02
    )
    (worst,) = report.worst_cases
    assert worst.threat == ThreatModel("l2", radius)
    assert worst.robust.mean == pytest.approx(
        (distances > radius).mean(), abs=0.05
    )


def test_attack_limit_attacks_the_first_images_alone():
    """Clean accuracy on all four, the attack's on the first two."""
    images, labels = levels(0.1, 0.4, 0.7, 0.6)
    labels[3] = 0
    attack = Shift(0.2)
    report = run(brightness(), (images, labels), [attack], attack_limit=2)
    assert attack.batches == [2]
    assert (report.images, report.attacked) == (4, 2)
    assert report.clean_accuracy == 0.75
    assert report.attacks[0].robust_accuracy == 0.5
    clean, shifted = report.measurements()
    assert (clean["images"], shifted["images"]) == (4, 2)
    assert "4 images, the first 2 attacked" in report.to_markdown()


def test_hand_computed_report():
    """Four grey levels, one misclassified; a shift by 0.2 flips one."""
    images, labels = levels(0.1, 0.4, 0.7, 0.6)
    labels[3] = 0
    report = run(
        brightness(),
        (images, labels),
        [Shift(0.2)],
        name="toy",
        dataset_name="levels",
        batch_size=3,
    )
    (result,) = report.attacks
    assert (report.model, report.dataset) == ("toy", "levels")
    assert (report.images, report.draws) == (4, 1)
    assert not report.stochastic
    assert report.clean_accuracy == 0.75
    assert result.robust_accuracy == 0.5
    assert result.robust.interval == pytest.approx((0.1500, 0.8500), abs=1e-4)
    assert result.success_rate == pytest.approx(1 / 3)
    assert result.median_l2 == result.mean_l2 == pytest.approx(0.8)
    assert result.median_linf == result.mean_linf == pytest.approx(0.2)
    expected = np.mean([0.2 / 0.3, 0.2 / 0.6, 0.2 / 0.9, 0.2 / 0.8])
    assert result.dissimilarity == pytest.approx(expected)
    # Two of four remain right, each of its pixels 51 levels away.
    assert result.aaac_score == pytest.approx(2 * 51 / 4)
    assert result.options == {"by": 0.2}
    assert report.worst_cases == ()


def test_images_that_were_wrong_stay_wrong():
    """Even if the attack happens to correct them."""
    images, labels = levels(0.4, 0.1)
    labels[0] = 1
    report = run(brightness(), (images, labels), [Shift(0.2)])
    assert report.clean_accuracy == 0.5
    assert report.attacks[0].robust_accuracy == 0.5
    assert report.attacks[0].success_rate == 0.0


def test_no_success_has_no_norms():
    report = run(brightness(), levels(0.1, 0.9), [Shift(0.01)])
    (result,) = report.attacks
    assert result.median_l2 is result.mean_l2 is None
    assert result.median_linf is result.mean_linf is None
    assert result.success_rate == 0.0


def test_the_worst_case_meets_every_attack():
    ball, wider = ThreatModel("linf", 0.1), ThreatModel("linf", 0.5)
    report = run(
        brightness(),
        levels(0.2, 0.45, 0.55),
        [Shift(-0.1, ball), Shift(0.06, wider), Shift(0.35, wider)],
    )
    robust = [result.robust_accuracy for result in report.attacks]
    assert robust == pytest.approx([2 / 3, 2 / 3, 1 / 3])
    assert [worst.threat for worst in report.worst_cases] == [ball, wider]
    # In the smaller ball the first two count, in the larger one all three.
    remaining = [worst.robust.mean for worst in report.worst_cases]
    assert remaining == pytest.approx([1 / 3, 0])


def test_attacks_run_on_the_surrogate_and_are_scored_on_the_model():
    model, surrogate = brightness(), brightness()
    seen = []

    def watching(attacked, images, labels):
        seen.append(attacked)
        return images + 0.2

    report = run(model, levels(0.4), [watching], surrogate=surrogate)
    assert seen == [surrogate]
    assert report.attack_policy == surrogate.dtype_policy.name
    assert report.attacks[0].robust_accuracy == 0.0


def test_both_models_of_one_preset_draw_afresh():
    """Twins' variables have the same paths."""
    model, surrogate = coin_model(), coin_model()
    states = [
        [v for v in m.variables if v.name == "seed_generator_state"][0]
        for m in (model, surrogate)
    ]
    seen = []

    def watching(attacked, images, labels):
        seen.append([state.numpy()[0] for state in states])
        return images

    run(model, levels(0.4), [watching], surrogate=surrogate)
    assert seen[0][0] != seen[0][1]


def test_a_hidden_gradient_is_seen_through_unless_told_otherwise():
    images = np.random.default_rng(0).uniform(size=(4, 16, 16, 1))
    images = images.astype("float32")
    model = keras.Sequential(
        [
            keras.Input((16, 16, 1)),
            JPEG(90, gradient="none"),
            keras.layers.Flatten(),
            keras.layers.Dense(3),
        ]
    )
    labels = np.argmax(model(images), axis=-1)
    attack = attacks.pgd(norm="l2", eps=4.0, steps=10)
    robust = [
        run(model, (images, labels), [attack], adaptive=adaptive)
        .attacks[0]
        .robust_accuracy
        for adaptive in (True, False)
    ]
    assert robust == [0.0, 1.0]


def test_batches_and_a_smaller_last_one():
    attack = Shift(0.0)
    run(brightness(), levels(*np.linspace(0, 1, 10)), [attack], batch_size=4)
    assert attack.batches == [4, 4, 2]


def test_datasets_arrays_and_limits_agree():
    images, labels = levels(*np.linspace(0.05, 0.95, 9))
    dataset = tf.data.Dataset.from_tensor_slices((images, labels))
    reports = [
        run(brightness(), data, [attacks.fgsm(eps=0.2)], limit=8)
        for data in ((images, labels), dataset, dataset.batch(5))
    ]
    accuracies = {report.attacks[0].robust_accuracy for report in reports}
    assert [report.images for report in reports] == [8, 8, 8]
    assert len(accuracies) == 1


def test_weights_and_mode_are_untouched():
    model = keras.Sequential(
        [
            keras.Input(SHAPE),
            keras.layers.BatchNormalization(),
            keras.layers.Dropout(0.9),
            keras.layers.Flatten(),
            keras.layers.Dense(3),
        ]
    )
    before = model.get_weights()
    run(model, levels(0.1, 0.9), [attacks.fgsm(eps=0.1)])
    for old, new in zip(before, model.get_weights(), strict=True):
        np.testing.assert_array_equal(old, new)


def test_attacks_by_name_take_the_threat():
    threat = ThreatModel("l2", 0.5)
    report = run(
        brightness(), levels(0.1, 0.45), ["fgsm", "pgd:steps=3"], threat=threat
    )
    assert [r.threat for r in report.attacks] == [threat, threat]
    assert [r.label for r in report.attacks] == ["fgsm", "pgd-3"]
    assert report.attacks[1].robust_accuracy == 0.5


def test_what_the_threat_fills_in_is_recorded_and_printed():
    report = run(
        coin_model(),
        levels(0.1, 0.45),
        ["fgsm", "pgd:steps=2,eps=0.25"],
        threat=ThreatModel("l2", 0.5),
    )
    fgsm, pgd = report.attacks
    told = [
        tuple(result.options[name] for name in ("norm", "eps", "draws"))
        for result in (fgsm, pgd)
    ]
    assert told == [("l2", 0.5, 2), ("l2", 0.25, 2)]
    page = report.to_markdown()
    assert "norm='l2', eps=0.5" in page and "draws=2" in page
    console = rich.console.Console(file=io.StringIO(), width=200)
    console.print(report.table())
    printed = console.file.getvalue()
    assert "L2 0.5 " in printed and "L2 0.25 " in printed
    assert "attacks average over 2 draws" in printed


def test_a_ball_that_no_attack_entered_has_no_worst_case():
    """It would be the clean accuracy, and read as robustness."""
    data = levels(0.1, 0.45, 0.6)
    near, far = Shift(0.1), Shift(0.3)
    ball = ThreatModel("linf", 0.2)

    def balls(suite):
        report = run(brightness(), data, suite, threat=ball)
        return [worst.threat for worst in report.worst_cases]

    assert balls([]) == []
    assert balls([far]) == []
    assert balls([Shift(0.0)]) == []
    assert balls([attacks.noise(eps=0.1)]) == []
    assert balls(["noise"]) == []
    assert balls([near]) == balls([far, near]) == [ball]
    # An attack in its own ball counts, even one that moves nothing.
    assert balls([Shift(0.0, ball)]) == [ball]
    # One bound to a smaller ball says nothing of the larger.
    small = ThreatModel("linf", 0.1)
    assert balls([Shift(0.1, small)]) == [small]


@pytest.mark.parametrize("norm", ["l2", "linf"])
def test_an_attack_in_another_norm_founds_no_worst_case(norm):
    """It comes into the ball by chance; it lowers one that is there."""
    ball = ThreatModel(norm, 0.99)
    data = levels(0.1, 0.45, 0.6)
    l0 = attacks.jsma()
    alone = run(brightness(), data, [l0], threat=ball)
    assert alone.attacks[0].robust_accuracy < 1.0
    assert alone.worst_cases == ()
    bound = attacks.fgsm(norm=norm, eps=0.99)
    assert run(brightness(), data, [l0, bound], threat=ball).worst_cases


def test_an_image_left_as_it_was_is_no_success():
    """The model's own randomness fools it."""
    report = run(
        coin_model(),
        levels(*np.linspace(0.0, 1.0, 64)),
        [attacks.noise(eps=0.0)],
        draws=1,
    )
    assert report.attacks[0].robust_accuracy < 1.0
    assert report.attacks[0].success_rate == 0.0
    assert report.attacks[0].median_l2 is None


def test_noise_counts_beside_an_attack():
    """In its own ball, which the attack entered too."""
    ball = ThreatModel("linf", 0.1)
    report = run(
        brightness(), levels(0.1), [attacks.noise(eps=0.1), Shift(0.05)]
    )
    assert [worst.threat for worst in report.worst_cases] == [ball]


def test_a_suite_may_stand_in_a_list(monkeypatch):
    specs = ("fgsm", "pgd:steps=3")
    monkeypatch.setitem(suites.by_name, "quick", specs)
    ball = ThreatModel("linf", 0.1)
    data = levels(0.1, 0.45)
    alone = run(brightness(), data, ["quick"], threat=ball)
    assert [r.attack for r in alone.attacks] == ["fgsm", "pgd"]
    assert alone.skip_fooled
    joined = run(brightness(), data, ["quick", "ddn"], threat=ball)
    assert [r.attack for r in joined.attacks] == ["fgsm", "pgd", "ddn"]
    assert not joined.skip_fooled


@pytest.mark.parametrize("suite", ["standard", ["standard"]])
def test_a_suite_without_a_ball_says_what_to_give(suite):
    with pytest.raises(ValueError, match="needs a ball: give threat="):
        run(brightness(), levels(0.1), suite)


def test_one_attack_needs_no_list():
    for attack in ("fgsm:eps=0.1", attacks.fgsm(eps=0.1)):
        assert len(run(brightness(), levels(0.1), attack).attacks) == 1


def test_mixed_precision_and_subclassed_models():
    class Subclassed(keras.Model):
        def call(self, images):
            return keras.ops.cast(images[:, 0, 0, :], "bfloat16")

    images = np.zeros((4, 1, 1, 2), "float32")
    images[:2, ..., 0] = images[2:, ..., 1] = 1
    report = run(Subclassed(), (images, np.array([0, 0, 1, 0])), [])
    assert report.clean_accuracy == 0.75


def test_logits_that_are_not_finite_are_wrong():
    inputs = keras.Input(SHAPE)
    outputs = keras.layers.Flatten()(inputs)[:, :2] * np.inf  # 0 * inf is NaN.
    model = keras.Model(inputs, outputs)
    images = np.zeros((3, *SHAPE), "float32")
    assert run(model, (images, np.zeros(3, int)), []).clean_accuracy == 0.0


@pytest.mark.parametrize(
    "policy",
    ["float16", "mixed_float16", "bfloat16", "mixed_bfloat16", "float64"],
)
def test_every_dtype_policy_gives_the_same_report(policy):
    """The levels are far enough from the boundary for each of them."""
    with dtype_policy(policy):
        model = brightness()
    report = run(
        model,
        levels(0.1, 0.44, 0.56, 0.9),
        [attacks.pgd(eps=0.1, steps=3)],
    )
    assert report.clean_accuracy == 1.0
    assert report.attacks[0].robust_accuracy == 0.5
    assert report.attack_policy == policy
    assert report.flags == ()


class Masked(keras.layers.Layer):
    """Sets the logits of a third class."""

    def __init__(self, value, everywhere=False):
        super().__init__()
        self.value = value
        self.everywhere = everywhere

    def call(self, logits):
        third = keras.ops.full_like(logits[:, :1], self.value)
        if self.everywhere:
            logits = keras.ops.full_like(logits, self.value)
        return keras.ops.concatenate([logits, third], axis=-1)


def masked(value, **options):
    plain = brightness()
    outputs = Masked(value, **options)(plain.output)
    return keras.Model(plain.input, outputs)


def test_minus_infinity_rules_a_class_out():
    """Accuracies are those of the model without the class, without a flag."""
    data = levels(*np.linspace(0.05, 0.95, 40))
    ball = ThreatModel("linf", 0.1)
    plain, infinite = (
        run(model, data, "pgd:steps=3", threat=ball)
        for model in (brightness(), masked(-np.inf))
    )
    assert infinite.clean_accuracy == plain.clean_accuracy == 1.0
    robust = [r.robust_accuracy for r in plain.attacks]
    assert 0 < robust[0] < 1
    assert [r.robust_accuracy for r in infinite.attacks] == robust
    assert infinite.flags == plain.flags == ()


@pytest.mark.parametrize(
    "model",
    [masked(np.nan), masked(np.inf), masked(-np.inf, everywhere=True)],
    ids=["NaN", "+inf", "no class left"],
)
def test_logits_without_a_class_are_wrong(model):
    for label in range(3):
        data = levels(0.1)[0], np.array([label])
        assert run(model, data, []).clean_accuracy == 0.0


def test_nothing_is_printed_off_a_terminal(capfd):
    evaluate(brightness(), levels(0.1, 0.9), [Shift(0.0)], progress=True)
    assert capfd.readouterr().out == ""
