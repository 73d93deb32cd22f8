"""RP2: its objective in NumPy, its bounds, its repeatability."""

from functools import partial

import keras
import numpy as np
import pytest
import tensorflow as tf
from PIL import Image
from scipy.special import log_softmax

from tests.helpers import LinearModel
from zoo.regularizers import TotalVariation
from zoo.training.attacks.rp2 import PALETTE
from zoo.training.attacks.rp2 import Transformations
from zoo.training.attacks.rp2 import masks
from zoo.training.attacks.rp2 import rp2
from zoo.training.attacks.rp2.objective import Objective
from zoo.training.attacks.rp2.placing import place

SHAPE = (6, 6, 3)
MASK = np.zeros((6, 6), bool)
MASK[1:3, 1:5] = True
MOVING = Transformations(
    rotation=20, perspective=0.1, brightness=0.3, noise=0.1
)


def views(count=4, seed=0):
    return np.random.default_rng(seed).random((count, *SHAPE), "float32")


def shifted(distance):
    """Homographies that move the plane right, out of all four views."""
    moves = np.tile(np.eye(3), (4, 1, 1))
    moves[:, 0, 2] = distance
    return moves


@pytest.fixture
def linear():
    return LinearModel(SHAPE, 4)


def objective(model, **options):
    defaults = {
        "lambda_": 0.0,
        "p": 2,
        "nps_weight": 0.0,
        "palette": PALETTE,
        "transformations": Transformations(),
        "views_per_step": None,
        "defense_weight": 0.0,
        "frequencies": None,
    }
    return Objective(
        model=model,
        mask=MASK,
        views=tf.constant(views()),
        to_plane=None,
        targets=tf.constant([2, 0]),
        **{**defaults, **options},
    )


@pytest.mark.parametrize("p", [1, 2])
def test_objective_is_equation_3(linear, p):
    variables = np.random.default_rng(1).normal(size=(2, *SHAPE)) * 0.7
    deltas = np.clip(variables, -1, 1) * MASK[..., None]
    expected = []
    for delta, target in zip(deltas, (2, 0), strict=True):
        logits = linear.logits(np.clip(views() + delta, 0, 1))
        distances = np.linalg.norm(
            delta[MASK][:, None] - PALETTE[None], axis=-1
        )
        expected.append(
            0.3 * np.linalg.norm(delta.ravel(), ord=p)
            - log_softmax(logits, axis=1)[:, target].mean()
            + 0.2 * distances.prod(axis=1).sum()
        )
    _, losses, successes = objective(
        linear.keras, lambda_=0.3, p=p, nps_weight=0.2
    ).gradient(tf.constant(variables, "float32"), tf.constant([0, 0]))
    np.testing.assert_allclose(losses, expected, rtol=1e-4)
    assert successes.shape == (2,)


@pytest.mark.parametrize(
    "options", [{"lambda_": 0.3, "p": 1, "nps_weight": 0.2}, {"frequencies": 2}]
)
def test_gradient_matches_finite_differences(linear, options):
    variables = np.random.default_rng(1).uniform(-0.4, 0.4, (2, *SHAPE))
    variables = variables.astype("float32")
    measured = objective(linear.keras, **options)
    seed = tf.constant([0, 0])
    gradient = measured.gradient(tf.constant(variables), seed)[0].numpy()
    assert np.abs(gradient[:, [1, 2], [1, 4], 1]).min() > 0.01
    for row, column in ((1, 1), (2, 4), (0, 0)):
        shifts = np.zeros_like(variables)
        shifts[:, row, column, 1] = 1e-3
        above, below = (
            np.array(measured.gradient(tf.constant(v), seed)[1])
            for v in (variables + shifts, variables - shifts)
        )
        np.testing.assert_allclose(
            gradient[:, row, column, 1],
            (above - below) / 2e-3,
            rtol=1e-3,
            atol=1e-3,
        )


def test_on_a_linear_model_every_pixel_goes_to_its_end(linear):
    """Without a norm the loss falls along the weights' difference."""
    two = LinearModel(SHAPE, 2)
    images = np.full((3, *SHAPE), 0.5, "float32")
    sticker = rp2(mask=MASK, lambda_=0, steps=60, start=0)(two.keras, images, 1)
    direction = (two.kernel[:, 1] - two.kernel[:, 0]).reshape(SHAPE)
    clear = MASK[..., None] & (np.abs(direction) > 0.3)
    pixels = np.clip(0.5 + sticker.delta, 0, 1)
    np.testing.assert_allclose(pixels[clear], direction[clear] > 0, atol=1e-3)
    loss = sticker.history["loss"]
    assert loss.shape == (60,)
    assert loss[0] == pytest.approx(np.log(2))
    assert loss[-1] < 0.01


def test_a_heavy_norm_leaves_nothing(linear):
    sticker = rp2(mask=MASK, lambda_=1e3, steps=100, step_size=0.02)(
        linear.keras, views(), 1
    )
    assert np.abs(sticker.delta).max() < 0.1


@pytest.mark.parametrize(
    "options",
    [
        {},
        {"p": 1, "nps_weight": 1.0},
        {"transformations": MOVING, "views_per_step": 2},
        {"frequencies": 3, "step_size": 1.0},
    ],
    ids=str,
)
def test_nothing_outside_the_mask_and_all_in_range(linear, options):
    attack = rp2(mask=MASK, steps=12, **options)
    before = linear.keras.get_weights()
    for sticker in attack(linear.keras, views(), [1, 3]):
        assert sticker.delta.shape == SHAPE
        assert np.isfinite(sticker.delta).all()
        np.testing.assert_array_equal(sticker.delta[~MASK], 0)
        assert np.abs(sticker.delta[MASK]).max() <= 1
        assert np.abs(sticker.delta[MASK]).max() > 0.05
        placed = sticker.apply(views())
        assert placed.min() >= 0
        assert placed.max() <= 1
        np.testing.assert_array_equal(placed[:, ~MASK], views()[:, ~MASK])
    for old, new in zip(before, linear.keras.get_weights(), strict=True):
        np.testing.assert_array_equal(old, new)


def test_same_seed_same_sticker_whatever_the_batch_and_the_progress(linear):
    def make(target, seed=3, **options):
        attack = rp2(
            mask=MASK,
            steps=25,
            transformations=MOVING,
            views_per_step=3,
            seed=seed,
        )
        return attack(linear.keras, views(), target, **options)

    reports = []
    first = make(1)
    with_progress = make(1, progress=lambda *steps: reports.append(steps))
    np.testing.assert_array_equal(first.delta, with_progress.delta)
    np.testing.assert_array_equal(
        first.history["loss"], with_progress.history["loss"]
    )
    assert reports == [(10, 25), (20, 25), (25, 25)]
    together = make([2, 1])
    assert [sticker.target for sticker in together] == [2, 1]
    np.testing.assert_allclose(together[1].delta, first.delta, atol=1e-3)
    assert np.abs(make(1, seed=4).delta - first.delta).max() > 0.05


@pytest.mark.parametrize("seed", [-(2**31), np.int64(2**31 - 1)])
def test_seeds_of_32_bits_are_taken(linear, seed):
    sticker = rp2(mask=MASK, steps=1, seed=seed)(linear.keras, views(), 1)
    assert np.isfinite(sticker.delta).all()


def test_views_through_homographies_share_one_sticker(linear):
    """Shifted views, whole pixels: the sticker is found where it is seen."""
    shifts = np.tile(np.eye(3), (2, 1, 1))
    shifts[1, :2, 2] = [1, 2]  # Right, down.
    sticker = rp2(mask=MASK, steps=5)(
        linear.keras, views(2), 1, homographies=shifts
    )
    grey = np.full((2, *SHAPE), 0.5, "float32")
    placed = sticker.apply(grey, shifts)
    seen = np.clip(0.5 + sticker.delta, 0, 1)
    np.testing.assert_allclose(placed[0], seen, atol=1e-5)
    np.testing.assert_allclose(placed[1, 2:, 1:], seen[:-2, :-1], atol=1e-5)
    small = np.kron(MASK, np.ones((2, 2), bool))
    larger = rp2(mask=small, steps=2)(
        linear.keras,
        views(2),
        1,
        homographies=np.tile(np.diag([0.5, 0.5, 1]), (2, 1, 1)),
    )
    assert larger.delta.shape == (12, 12, 3)


def test_turning_views_leave_what_a_turned_sticker_shows(linear):
    """A grey world: only the sticker is there to turn."""
    grey = tf.fill((2, *SHAPE), 0.5)
    delta = tf.constant(0.3 * MASK[None, ..., None] * np.ones(3), "float32")
    turned = place(
        delta, grey, None, Transformations(rotation=30), tf.constant([0, 1])
    )
    assert turned.shape == (1, 2, *SHAPE)
    np.testing.assert_array_less(turned, 0.8 + 1e-5)
    np.testing.assert_array_less(0.5 - 1e-5, turned)
    assert np.abs(turned[0, 0] - turned[0, 1]).max() > 0.05


def test_the_defenders_penalty_joins_the_loss():
    inputs = keras.Input(SHAPE)
    x = keras.layers.Conv2D(
        2, 3, activity_regularizer=TotalVariation(1.0), name="conv"
    )(inputs)
    outputs = keras.layers.Dense(3)(keras.layers.Flatten()(x))
    model = keras.Model(inputs, outputs)

    def penalty(weight):
        attack = rp2(mask=MASK, lambda_=0, steps=40, defense_weight=weight)
        model(attack(model, views(), 1).apply(views()))
        return float(model.losses[0])

    assert penalty(10.0) < 0.8 * penalty(0.0)


def test_defense_weight_is_per_target():
    """The gradient is the paper's alone plus each target's own penalty."""
    inputs = keras.Input(SHAPE)
    x = keras.layers.Conv2D(2, 3, activity_regularizer=TotalVariation(1.0))(
        inputs
    )
    outputs = keras.layers.Dense(3)(keras.layers.Flatten()(x))
    model = keras.Model(inputs, outputs)
    variables = np.random.default_rng(1).uniform(-0.4, 0.4, (2, *SHAPE))
    variables = tf.constant(variables, "float32")
    seed = tf.constant([0, 0])
    plain, _, _ = objective(model).gradient(variables, seed)
    adaptive, losses, _ = objective(model, defense_weight=0.5).gradient(
        variables, seed
    )
    with tf.GradientTape() as tape:
        tape.watch(variables)
        total = 0.0
        for target in range(2):
            delta = variables[target] * MASK[..., None].astype("float32")
            model(tf.clip_by_value(views() + delta, 0.0, 1.0))
            total += 0.5 * model.losses[0]
    expected = plain + tape.gradient(total, variables)
    np.testing.assert_allclose(adaptive, expected, atol=1e-4)


def test_picture_shows_the_sticker_alone(linear, tmp_path):
    sticker = rp2(mask=MASK, steps=2)(linear.keras, views(), 1)
    sign = views().mean(0)
    picture = sticker.picture(sign, pixels=3)
    assert picture.shape == (18, 18, 4)
    np.testing.assert_array_equal(picture[::3, ::3, 3], 255 * MASK)
    np.testing.assert_array_equal(picture[..., :3][picture[..., 3] == 0], 0)
    colours = np.round(255 * np.clip(sign + sticker.delta, 0, 1))
    np.testing.assert_array_equal(picture[1::3, 2::3][MASK, :3], colours[MASK])


@pytest.mark.parametrize(
    ("mask", "pixels", "width"),
    [(MASK, 32, 2), (MASK, 1, 1), (np.ones((6, 6)), 48, 3)],
)
def test_what_is_written_has_a_line_to_cut_along(
    linear, tmp_path, mask, pixels, width
):
    """Outside the mask, also where that touches the picture's border."""
    sticker = rp2(mask=mask, steps=1)(linear.keras, views(), 1)
    sign = np.ones(SHAPE, "float32")
    sticker.write(tmp_path / "sticker.png", sign, pixels)
    with Image.open(tmp_path / "sticker.png") as picture:
        written = np.array(picture)
    bare = sticker.picture(sign, pixels)
    assert written.shape == (6 * pixels + 2 * width,) * 2 + (4,)
    inner = written[width:-width, width:-width]
    painted = bare[..., 3] > 0
    np.testing.assert_array_equal(inner[painted], bare[painted])
    rows, columns = np.nonzero(np.kron(mask, np.ones((pixels, pixels))))
    expected = np.zeros(written.shape[:2], bool)
    box = slice(rows.min(), rows.max() + 2 * width + 1)
    expected[box, columns.min() : columns.max() + 2 * width + 1] = True
    np.testing.assert_array_equal(written[..., 3], 255 * expected)
    expected[rows + width, columns + width] = False
    assert expected.any()
    np.testing.assert_array_equal(written[expected, :3], 0)


def test_a_sign_of_another_size_is_refused(linear, tmp_path):
    sticker = rp2(mask=MASK, steps=1)(linear.keras, views(), 1)
    for show in (sticker.picture, partial(sticker.write, tmp_path / "a.png")):
        with pytest.raises(ValueError, match=r"`sign` must.*shape=\(7, 6, 3\)"):
            show(np.ones((7, 6, 3), "float32"))


def test_a_sticker_is_told_in_a_line(linear):
    sticker = rp2(mask=MASK, steps=1)(linear.keras, views(), 1)
    expected = "Sticker(shape=(6, 6, 3), mask=<8 of 36 pixels>, target=1)"
    assert repr(sticker) == expected


@pytest.mark.parametrize("kind", [int, float, "float32"])
@pytest.mark.parametrize("mask", [MASK, masks.octagon(6, 6)])
def test_a_mask_is_the_same_in_any_type(linear, mask, kind):
    expected, sticker = (
        rp2(mask=m, steps=2)(linear.keras, views(), 1)
        for m in (mask, mask.astype(kind))
    )
    np.testing.assert_array_equal(sticker.delta, expected.delta)
    np.testing.assert_array_equal(sticker.delta.any(-1), mask)


@pytest.mark.parametrize(
    "options, message",
    [
        ({"p": 3}, "`p` must be 1 or 2.*p=3"),
        ({"mask": MASK * 0.5}, "`mask` must be 1"),
        ({"mask": ~MASK & MASK}, "`mask` must be 1"),
        ({"mask": np.ones(3)}, "`mask` must be an array"),
        ({"steps": 0}, "steps=0"),
        ({"step_size": 0}, "step_size=0"),
        ({"lambda_": -1}, "lambda_=-1"),
        ({"start": 1.5}, "start=1.5"),
        ({"palette": [[2.0, 0, 0]]}, "colours in"),
        ({"palette": [1.0]}, "shape .colours, channels"),
        ({"transformations": 3}, "must be `Transformations`"),
        ({"frequencies": 0}, "frequencies=0"),
        ({"views_per_step": 0}, "views_per_step=0"),
        ({"seed": 1.5}, "`seed` must be a whole number.*seed=1.5"),
        ({"seed": True}, "seed=True"),
        ({"seed": None}, "seed=None"),
        ({"seed": 2**31}, f"seed={2**31}"),
        ({"seed": -(2**31) - 1}, f"seed={-(2**31) - 1}"),
    ],
    ids=str,
)
def test_options_are_checked(options, message):
    with pytest.raises(ValueError, match=message):
        rp2(**{"mask": MASK, **options})


@pytest.mark.parametrize(
    "options, call, message",
    [
        ({}, {"target": 4}, r"in \[0, 4\).*target=4"),
        ({}, {"target": []}, "`target` must be a class"),
        ({}, {"target": 1.0}, "`target` must be a class"),
        ({}, {"target": [1, 3, 1]}, r"each class once.*target=\[1, 3, 1\]"),
        ({"mask": np.ones((3, 3))}, {}, "crops of the mask's size"),
        ({"views_per_step": 9}, {}, "views_per_step=9, views=4"),
        ({"nps_weight": 1, "palette": [[0.5]]}, {}, "palette of 1"),
        ({"defense_weight": 1}, {}, "needs a model with a penalty"),
        ({}, {"homographies": np.eye(3)}, r"\(4, 3, 3\)"),
        ({}, {"homographies": np.zeros((4, 3, 3))}, "invertible.*view 0"),
        ({}, {"homographies": shifted(6)}, "no pixel.*in any view of 6x6"),
        ({}, {"homographies": shifted(-6)}, "no pixel.*in any view of 6x6"),
    ],
    ids=str,
)
def test_calls_are_checked(linear, options, call, message):
    attack = rp2(**{"mask": MASK, "steps": 1, **options})
    arguments = {"views": views(), "target": 1, **call}
    with pytest.raises(ValueError, match=message):
        attack(linear.keras, **arguments)


def test_models_without_a_gradient_are_refused(linear):
    linear.keras.layers[-1].black_box = True
    with pytest.raises(ValueError, match="needs the model's gradient"):
        rp2(mask=MASK)(linear.keras, views(), 1)
    with pytest.raises(ValueError, match="must be a Keras model"):
        rp2(mask=MASK)(linear.logits, views(), 1)
