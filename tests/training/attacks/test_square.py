"""Square against closed forms."""

import keras
import numpy as np
import pytest
import tensorflow as tf
from hypothesis import given
from hypothesis import settings
from hypothesis import strategies as st

from tests.helpers import LinearModel
from tests.helpers import check_attack
from tests.probes import Meter
from zoo.training import attacks

norms = pytest.mark.parametrize("norm", ["linf", "l2"])


@pytest.mark.parametrize("targeted", [False, True])
def test_robust_accuracy_is_the_closed_form_in_linf(targeted):
    """Images at many distances from a hyperplane: half are in reach."""
    model = LinearModel((4, 4, 3))
    images, labels = model.batch(24)
    distances = model.distances(images, labels, "linf")
    eps = np.median(distances)
    attack = attacks.square(eps=eps, queries=1500, targeted=targeted, seed=0)
    adversarial = check_attack(
        attack, model.keras, images, 1 - labels if targeted else labels
    )
    robust = model.logits(adversarial).argmax(1) == labels
    clear = np.abs(distances / eps - 1) > 0.02
    np.testing.assert_array_equal(robust[clear], (distances > eps)[clear])


def test_reaches_every_sign_where_it_cannot_succeed():
    """The margin left is that of the worst corner of the ball."""
    model = LinearModel((4, 4, 1))
    images, labels = model.batch_at(8, 0.4)
    eps = 0.5 * model.distances(images, labels, "linf")[0]
    attack = attacks.square(eps=eps, queries=1000, seed=0)
    adversarial = check_attack(attack, model.keras, images, labels)
    np.testing.assert_allclose(model.distances(adversarial, labels), 0.2, 1e-3)


def test_crosses_a_smooth_hyperplane_in_l2():
    """Its bumps of 3 by 3 pixels and more cannot follow a rough one."""
    model = LinearModel((6, 6, 1))
    ramp = np.linspace(-1, 1, 6)
    model.kernel = np.stack([np.add.outer(ramp, ramp).ravel()] * 2, -1)
    model.kernel *= [1, -1]
    model.bias = -0.5 * model.kernel.sum(0)
    model.keras.set_weights([model.kernel, model.bias])
    images, labels = model.batch_at(8, 0.4)
    for eps, crosses in ((0.38, False), (0.65, True)):
        attack = attacks.square(norm="l2", eps=eps, queries=1500, seed=0)
        adversarial = check_attack(attack, model.keras, images, labels)
        crossed = model.logits(adversarial).argmax(1) != labels
        assert (crossed == crosses).all()


def test_a_misclassified_image_is_returned():
    model = LinearModel((4, 4, 1))
    images, labels = model.batch(4)
    attack = attacks.square(eps=0.1, restarts=2)
    adversarial = check_attack(attack, model.keras, images, 1 - labels)
    np.testing.assert_array_equal(adversarial, images)


@pytest.mark.parametrize("restarts", [1, 3])
def test_spends_the_queries_on_images_not_yet_fooled(restarts):
    """Two of five are misclassified, which takes one query to see."""
    linear = LinearModel((4, 4, 1))
    images, labels = linear.batch_at(5, 0.5)
    labels[:2] = 1 - labels[:2]
    meter = Meter()
    model = keras.Sequential([keras.Input((4, 4, 1)), meter, linear.keras])
    meter.passed.assign(0)
    attack = attacks.square(eps=0.01, queries=7, restarts=restarts)
    attack(model, images, labels)
    each = 1 if restarts == 1 else 2  # Restarts are judged by a query.
    spent = restarts * 7 + (restarts * each)
    assert meter.passed == 3 * spent + 2 * each


def test_asks_for_no_gradient():
    """Rounding to 4 levels has none; plain steps cannot move."""
    linear = LinearModel((4, 4, 1))
    images, labels = linear.batch_at(6, 0.1)
    inputs = keras.Input((4, 4, 1))
    rounded = keras.layers.Lambda(lambda x: keras.ops.round(16 * x) / 16)
    model = keras.Model(inputs, linear.keras(rounded(inputs)))
    labels = model.predict(images, verbose=0).argmax(1)
    for attack, crosses in (
        (attacks.bim(eps=0.2), False),
        (attacks.square(eps=0.2, queries=300), True),
    ):
        adversarial = check_attack(attack, model, images, labels)
        fooled = model.predict(adversarial, verbose=0).argmax(1) != labels
        assert (fooled == crosses).all()


@norms
def test_seed_fixes_the_squares(norm):
    model = LinearModel((4, 4, 1))
    images, labels = model.batch_at(3, 0.5)

    one, same, other = (
        attacks.square(norm=norm, eps=0.01, queries=3, seed=seed)
        for seed in (3, 3, 4)
    )
    first = one(model.keras, images, labels)
    np.testing.assert_array_equal(same(model.keras, images, labels), first)
    assert not np.allclose(one(model.keras, images, labels), first)
    assert not np.allclose(other(model.keras, images, labels), first)


def test_draws_are_averaged_in_each_query():
    linear = LinearModel((4, 4, 1))
    images, labels = linear.batch_at(2, 0.5)
    meter = Meter()
    model = keras.Sequential([keras.Input((4, 4, 1)), meter, linear.keras])
    meter.passed.assign(0)
    attacks.square(eps=0.01, queries=4, draws=3)(model, images, labels)
    assert meter.passed == 2 * 3 * (1 + 4)


@settings(max_examples=6, deadline=None)
@given(
    norm=st.sampled_from(["linf", "l2"]),
    eps=st.sampled_from([0.0, 0.01, 1.0]),
    shape=st.sampled_from([(1, 1, 1), (2, 7, 3), (9, 4, 1), (11, 11, 2)]),
    p_init=st.sampled_from([0.01, 1.0]),
    targeted=st.booleans(),
    dtype=st.sampled_from(["float16", "float64"]),
)
def test_stays_in_the_ball(norm, eps, shape, p_init, targeted, dtype):
    model = LinearModel(shape, num_classes=3)
    images = model.rng.uniform(size=(3, *shape)).astype(dtype)
    images[0] = np.round(images[0])
    attack = attacks.square(
        norm=norm, eps=eps, queries=15, p_init=p_init, targeted=targeted
    )
    adversarial = check_attack(attack, model.keras, images, [0, 1, 2])
    if eps == 0:
        np.testing.assert_allclose(adversarial, images, atol=1e-7)


@pytest.mark.parametrize(
    "options",
    [
        {"queries": 0},
        {"p_init": 0.0},
        {"p_init": 1.5},
        {"restarts": 0},
        {"norm": "l0"},
        {"draws": 0},
    ],
)
def test_bad_options_are_named(options):
    name, value = next(iter(options.items()))
    with pytest.raises(ValueError, match=f"Received: {name}={value!r}"):
        attacks.square(eps=0.1, **options)


@pytest.mark.large
@pytest.mark.parametrize("norm, eps", [("linf", 0.18), ("l2", 2.0)])
def test_leaves_no_more_robust_than_torchattacks(norm, eps):
    """The same small network, asked for logits alone."""
    torch = pytest.importorskip("torch")
    torchattacks = pytest.importorskip("torchattacks")
    rng = np.random.default_rng(0)
    templates = rng.uniform(size=(5, 10, 10, 1))
    labels = rng.integers(0, 5, 600)
    images = templates[labels] + rng.normal(0, 0.35, (600, 10, 10, 1))
    images = np.clip(images, 0, 1).astype("float32")
    keras.utils.set_random_seed(0)
    model = keras.Sequential(
        [
            keras.Input((10, 10, 1)),
            keras.layers.Conv2D(16, 3, activation="relu"),
            keras.layers.Flatten(),
            keras.layers.Dense(5),
        ]
    )
    loss = keras.losses.SparseCategoricalCrossentropy(from_logits=True)
    model.compile("adam", loss)
    model.fit(images, labels, epochs=15, verbose=0)
    right = model.predict(images, verbose=0).argmax(1) == labels
    images, labels = images[right][:150], labels[right][:150]
    logits = tf.function(lambda x: model(x, training=False))

    class BlackBox(torch.nn.Module):
        def __init__(self):
            super().__init__()
            self.device = torch.nn.Parameter(torch.zeros(1))

        def forward(self, x):
            channels_last = x.permute(0, 2, 3, 1).numpy()
            return torch.tensor(logits(channels_last).numpy())

    peer = torchattacks.Square(
        BlackBox(),
        norm={"linf": "Linf", "l2": "L2"}[norm],
        eps=eps,
        n_queries=800,
        p_init=0.8,
    )
    theirs = peer(
        torch.tensor(images).permute(0, 3, 1, 2), torch.tensor(labels)
    )
    attack = attacks.square(norm=norm, eps=eps, queries=800, seed=0)
    ours = check_attack(attack, model, images, labels)
    theirs = theirs.permute(0, 2, 3, 1).numpy()
    our_accuracy, their_accuracy = (
        np.mean(model.predict(made, verbose=0).argmax(1) == labels)
        for made in (ours, theirs)
    )
    assert 0.05 < their_accuracy < 0.95
    assert our_accuracy <= their_accuracy + 0.02
