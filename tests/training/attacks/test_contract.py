"""What every attack promises, whichever it is."""

import gc
import inspect
import json
import weakref

import keras
import numpy as np
import pytest
import tensorflow as tf
from hypothesis import given
from hypothesis import settings
from hypothesis import strategies as st

from tests.helpers import LinearModel
from tests.helpers import check_attack
from zoo.threat import ThreatModel
from zoo.training import attacks

ATTACKS = {
    "fgsm": attacks.fgsm(eps=0.1),
    "bim": attacks.bim(eps=0.1, steps=3),
    "iterative_fgsm": attacks.iterative_fgsm(steps=40, at_once=3),
    "pgd": attacks.pgd(eps=0.1, steps=3),
    "pgd_l2": attacks.pgd(norm="l2", eps=0.5, steps=3, restarts=2),
    "pgd_early": attacks.pgd(eps=0.1, steps=3, restarts=2, early_stop=True),
    "mim": attacks.mim(eps=0.1, steps=3),
    "apgd": attacks.apgd(eps=0.1, steps=5),
    "apgd_full": attacks.apgd(
        norm="l2",
        eps=0.5,
        steps=5,
        restarts=2,
        loss="dlr",
        early_stop=False,
    ),
    "apgdt": attacks.apgdt(eps=0.1, steps=5),
    "ddn": attacks.ddn(steps=5),
    "ddn_training": attacks.ddn(steps=3, max_norm=0.3, fallback="last"),
    "gradient": attacks.gradient(steps=100),
    "jsma": attacks.jsma(gamma=0.5),
    "noise": attacks.noise(eps=0.1, repeats=3),
    "square": attacks.square(eps=0.1, queries=50),
    "square_l2": attacks.square(norm="l2", eps=0.5, queries=50, restarts=2),
    "cw": attacks.cw(steps=20, binary_search_steps=4, initial_const=0.1),
    "lbfgs": attacks.lbfgs(steps=5, binary_search_steps=1),
    "deepfool": attacks.deepfool(steps=5),
    "deepfool_training": attacks.deepfool(steps=3, max_norm=0.3),
    "fab": attacks.fab(steps=3),
    "fab_l2": attacks.fab(norm="l2", eps=0.5, steps=3),
    "mixture": attacks.mixture(
        attacks=(attacks.fgsm(eps=0.1), attacks.pgd(eps=0.2, steps=2))
    ),
}
every_attack = pytest.mark.parametrize(
    "attack", ATTACKS.values(), ids=ATTACKS.keys()
)


@pytest.fixture(scope="module")
def network():
    """A small convolutional classifier with batch norm and dropout."""
    keras.utils.set_random_seed(0)
    return keras.Sequential(
        [
            keras.Input((6, 6, 3)),
            keras.layers.Conv2D(8, 3),
            keras.layers.BatchNormalization(),
            keras.layers.ReLU(),
            keras.layers.Dropout(0.5),
            keras.layers.Flatten(),
            keras.layers.Dense(4),
        ]
    )


@pytest.fixture(scope="module")
def batch():
    rng = np.random.default_rng(0)
    images = rng.uniform(size=(5, 6, 6, 3)).astype("float32")
    return images, np.array([0, 1, 2, 3, 0])


class Counted(keras.layers.Layer):
    """The identity; counts how often it is traced."""

    def __init__(self):
        super().__init__()
        self.traces = 0

    def call(self, images):
        self.traces += 1
        return images


def counted_model():
    counter = Counted()
    model = keras.Sequential(
        [
            keras.Input((None, None, 3)),
            counter,
            keras.layers.GlobalAveragePooling2D(),
            keras.layers.Dense(4),
        ]
    )
    counter.traces = 0
    return model, counter


@every_attack
def test_obeys_the_contract(attack, network, batch):
    check_attack(attack, network, *batch)


@every_attack
@pytest.mark.parametrize("image_shape", [(4, 4, 1), (5, 7, 3)])
def test_crosses_a_known_boundary(attack, image_shape):
    model = LinearModel(image_shape, num_classes=4)
    images, labels = model.batch(8, closest=0.02, farthest=0.1)
    adversarial = check_attack(attack, model.keras, images, labels)
    if attack.name == "ddn" and attack.eps is None:
        return  # Five steps from norm 1 may well cross elsewhere.
    if attack.name == "noise":
        return  # It seldom crosses.
    # By the model itself: in float64 a nearest image may lie on the other side.
    predictions = np.argmax(model.keras(adversarial, training=False), axis=1)
    assert (predictions != labels).all()


@every_attack
def test_traces_once_for_any_batch(attack, batch):
    model, counter = counted_model()
    images, labels = batch
    attack(model, images, labels)
    traces = counter.traces
    for size in (5, 3, 1):
        attack(model, images[:size], labels[:size])
    attack(model, tf.constant(images, "float64"), labels.astype("int64"))
    assert counter.traces == traces
    assert traces <= 4  # However many steps: the graph has a loop.
    attack(model, np.zeros((2, 8, 8, 3), "float32"), labels[:2])
    assert counter.traces == 2 * traces


@every_attack
def test_runs_inside_a_graph(attack, network, batch):
    """The same result as eagerly, where nothing is random."""
    images, labels = batch
    inside = tf.function(lambda x, y: attack(network, x, y))(images, labels)
    assert inside.shape == images.shape
    if "seed" not in attack.options:
        eager = attack(network, images, labels)
        np.testing.assert_allclose(inside, eager, atol=1e-5)


@every_attack
def test_gives_no_gradient(attack, network, batch):
    images, labels = tf.constant(batch[0]), batch[1]
    with tf.GradientTape() as tape:
        tape.watch(images)
        total = tf.reduce_sum(attack(network, images, labels))
    assert tape.gradient(total, images) is None


@every_attack
def test_survives_a_model_without_gradient(attack, batch):
    """Rounding has a gradient of 0 everywhere."""
    model = keras.Sequential(
        [
            keras.Input((6, 6, 3)),
            keras.layers.Lambda(keras.ops.round),
            keras.layers.Flatten(),
            keras.layers.Dense(4),
        ]
    )
    check_attack(attack, model, *batch)


@every_attack
def test_survives_gradients_that_are_not_finite(attack, batch):
    """The square root's at 0 is infinite."""
    images, labels = batch[0].copy(), batch[1]
    images[:, :2] = 0
    inputs = keras.Input((6, 6, 3))
    outputs = keras.layers.Flatten()(keras.ops.sqrt(inputs))
    model = keras.Model(inputs, keras.layers.Dense(4)(outputs))
    check_attack(attack, model, images, labels)


@every_attack
def test_forgets_models_that_are_gone(attack, batch):
    model, _ = counted_model()
    attack(model, *batch)
    gone = weakref.ref(model)
    del model
    keras.backend.clear_session()
    gc.collect()
    assert gone() is None


@every_attack
def test_repr_builds_the_attack_again(attack):
    again = eval(repr(attack), vars(attacks))
    assert repr(again) == repr(attack)
    assert again.threat == attack.threat


@every_attack
def test_options_are_the_factorys(attack):
    """All of them, and nothing that the factory worked out."""
    factory = getattr(attacks, attack.name)
    assert list(attack.options) == list(inspect.signature(factory).parameters)


def test_threat_is_data():
    assert attacks.fgsm(eps=0.1).threat == ThreatModel("linf", 0.1)
    assert attacks.ddn(max_norm=1.0).threat == ThreatModel("l2", 1.0)
    assert attacks.ddn().threat is None
    assert attacks.ddn().norm == "l2"


@settings(max_examples=8, deadline=None)
@given(
    kind=st.sampled_from(["fgsm", "bim", "pgd", "mim"]),
    norm=st.sampled_from(["linf", "l2"]),
    eps=st.sampled_from([0.0, 0.01, 1.0]),
    shape=st.tuples(
        st.integers(1, 3), *[st.integers(1, 4)] * 2, st.sampled_from([1, 3])
    ),
    dtype=st.sampled_from(["float16", "float32", "float64"]),
    targeted=st.booleans(),
)
def test_stays_in_the_ball(kind, norm, eps, shape, dtype, targeted):
    model = LinearModel(shape[1:], num_classes=3)
    images = model.rng.uniform(size=shape).astype(dtype)
    images.flat[0] = 0
    images.flat[-1] = 1
    labels = model.rng.integers(0, 3, shape[0])
    attack = attacks.by_name[kind](norm=norm, eps=eps, targeted=targeted)
    adversarial = check_attack(attack, model.keras, images, labels)
    if eps == 0:
        np.testing.assert_allclose(adversarial, images, atol=1e-7)


@settings(max_examples=8, deadline=None)
@given(
    max_norm=st.sampled_from([0.003, 0.2, 1.0, 10.0]),
    levels=st.sampled_from([None, 2, 256]),
    fallback=st.sampled_from(["clean", "last"]),
    on_grid=st.booleans(),
    targeted=st.booleans(),
)
def test_ddn_stays_in_the_ball(max_norm, levels, fallback, on_grid, targeted):
    model = LinearModel((3, 4, 3), num_classes=3)
    images = model.rng.uniform(size=(4, 3, 4, 3)).astype("float32")
    if on_grid:
        images = (np.round(images * 255) / 255).astype("float32")
    attack = attacks.ddn(
        steps=4,
        max_norm=max_norm,
        levels=levels,
        fallback=fallback,
        targeted=targeted,
    )
    check_attack(attack, model.keras, images, np.array([0, 1, 2, 0]))


def test_options_may_be_numpy_scalars(network, batch):
    """As in a sweep over `np.linspace`."""
    for attack in (
        attacks.pgd(
            norm="l2",
            eps=np.float64(0.1),
            steps=np.int64(2),
            step_size=np.float32(0.1),
        ),
        attacks.ddn(steps=2, gamma=np.float64(0.1), max_norm=np.float64(1)),
    ):
        check_attack(attack, network, *batch)
        json.dumps(attack.options)


IMAGES = np.full((2, 6, 6, 3), 0.5, "float32")
LABELS = np.array([0, 3])


@pytest.mark.parametrize(
    ("images", "labels", "message"),
    [
        (IMAGES * 255, LABELS, r"Received: values from 127.5 to 127.5"),
        (IMAGES - 1, LABELS, r"Received: values from -0.5 to -0.5"),
        (IMAGES * np.nan, LABELS, r"Received: 216 NaN or infinite of 216"),
        (IMAGES.astype("uint8"), LABELS, r"Received: dtype=uint8"),
        (IMAGES[0], LABELS, r"Received: shape=\(6, 6, 3\)"),
        (IMAGES[:0], LABELS[:0], r"Received: shape=\(0, 6, 6, 3\)"),
        (IMAGES[..., :1], LABELS, r"\(6, 6, 3\). Received: .*\(2, 6, 6, 1\)"),
        (IMAGES, LABELS[:1], r"shape \(2,\). Received: shape=\(1,\)"),
        (IMAGES, np.eye(4)[LABELS], r"Received: shape=\(2, 4\)"),
        (IMAGES, LABELS / 1.0, r"dtype=float64"),
        (IMAGES, LABELS + 1, r"in \[0, 4\). Received: labels from 1 to 4"),
        (IMAGES, LABELS - 1, r"0 or more. Received: labels from -1 to 2"),
    ],
)
def test_bad_batches_are_named(images, labels, message, network):
    with pytest.raises(ValueError, match=message) as error:
        ATTACKS["fgsm"](network, images, labels)
    assert "\n" not in str(error.value)


def test_bad_models_are_named(batch):
    with pytest.raises(ValueError, match="must be a Keras model. Received"):
        ATTACKS["fgsm"](lambda images: images, *batch)
    convolutional = keras.Sequential(
        [keras.Input((6, 6, 3)), keras.layers.Conv2D(4, 3)]
    )
    with pytest.raises(
        ValueError, match=r"Received: .* of shape \(None, 4, 4, 4\)"
    ):
        ATTACKS["fgsm"](convolutional, *batch)
    inputs = keras.Input((6, 6, 3))
    named = keras.Model(inputs, {"features": inputs})
    with pytest.raises(ValueError, match="Received: dict of shape None"):
        ATTACKS["fgsm"](named, *batch)


@pytest.mark.parametrize(
    ("factory", "options"),
    [
        (attacks.fgsm, {"eps": -0.1}),
        (attacks.fgsm, {"eps": float("nan")}),
        (attacks.fgsm, {"eps": "0.1"}),
        (attacks.fgsm, {"eps": 8.0}),
        (attacks.square, {"eps": 1.5}),
        (attacks.fgsm, {"norm": "l1", "eps": 0.1}),
        (attacks.fgsm, {"draws": 0, "eps": 0.1}),
        (attacks.bim, {"steps": 0, "eps": 0.1}),
        (attacks.bim, {"step_size": -1.0, "eps": 0.1}),
        (attacks.pgd, {"step_size": 0.0, "eps": 0.1}),
        (attacks.mim, {"step_size": 0.0, "eps": 0.1}),
        (attacks.pgd, {"steps": 2.5, "eps": 0.1}),
        (attacks.pgd, {"restarts": True, "eps": 0.1}),
        (attacks.pgd, {"restarts": 2, "random_start": False, "eps": 0.1}),
        (attacks.mim, {"decay": -1.0, "eps": 0.1}),
        (attacks.ddn, {"gamma": 1.0}),
        (attacks.ddn, {"gamma": 0.0}),
        (attacks.ddn, {"init_norm": 0.0}),
        (attacks.ddn, {"levels": 1}),
        (attacks.ddn, {"max_norm": 0.0}),
        (attacks.ddn, {"fallback": "image"}),
        (attacks.iterative_fgsm, {"loss": "dlr"}),
        (attacks.iterative_fgsm, {"at_once": 0}),
        (attacks.iterative_fgsm, {"step_size": 0.0}),
        (attacks.deepfool, {"norm": "l1"}),
        (attacks.deepfool, {"steps": 0}),
        (attacks.deepfool, {"classes": 1}),
        (attacks.deepfool, {"overshoot": -0.1}),
        (attacks.deepfool, {"max_norm": 0.0}),
        (attacks.deepfool, {"fallback": "image"}),
        (attacks.fab, {"norm": "l1"}),
        (attacks.fab, {"eps": -0.1}),
        (attacks.fab, {"steps": 0}),
        (attacks.fab, {"restarts": 0}),
        (attacks.fab, {"classes": 1}),
        (attacks.fab, {"draws": 0}),
    ],
)
def test_bad_options_are_named(factory, options):
    name, value = next(iter(options.items()))
    with pytest.raises(ValueError, match=rf"Received: {name}={value!r}"):
        factory(**options)
