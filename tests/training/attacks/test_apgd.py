"""Auto-PGD against closed forms, the paper's algorithm and torchattacks."""

import functools

import keras
import numpy as np
import pytest
from hypothesis import given
from hypothesis import settings
from hypothesis import strategies as st

from tests.helpers import LinearModel
from tests.helpers import check_attack
from tests.probes import Jitter
from tests.probes import Meter
from zoo.training import attacks
from zoo.training.attacks.parts.losses import dlr
from zoo.training.attacks.parts.losses import log_odds

norms = pytest.mark.parametrize("norm", ["linf", "l2"])
every_kind = pytest.mark.parametrize(
    "kind",
    [
        functools.partial(attacks.apgd, loss="ce"),
        functools.partial(attacks.apgd, loss="dlr"),
        attacks.apgdt,
    ],
    ids=["ce", "dlr", "t"],
)


@pytest.fixture(scope="module")
def network():
    """A small network whose loss is far from linear."""
    keras.utils.set_random_seed(1)
    return keras.Sequential(
        [
            keras.Input((6, 6, 3)),
            keras.layers.Conv2D(16, 3, activation="tanh"),
            keras.layers.Conv2D(16, 3, activation="tanh"),
            keras.layers.Flatten(),
            keras.layers.Dense(5),
        ]
    )


@pytest.fixture(scope="module")
def batch(network):
    """Images, and the classes that the network sees in them."""
    rng = np.random.default_rng(0)
    images = rng.uniform(size=(32, 6, 6, 3)).astype("float32")
    return images, network.predict(images, verbose=0).argmax(1)


def is_robust(model, images, labels):
    return model.predict(images, verbose=0).argmax(1) == labels


@norms
@pytest.mark.parametrize(
    ("kind", "num_classes"),
    [
        (attacks.apgd, 2),
        (functools.partial(attacks.apgd, early_stop=False), 2),
        (functools.partial(attacks.apgd, loss="dlr", restarts=5), 5),
        (attacks.apgdt, 5),
    ],
    ids=["ce", "ce_full", "dlr", "t"],
)
def test_robust_accuracy_is_the_closed_form(kind, num_classes, norm):
    """Those farther than eps from the nearest other class are robust."""
    model = LinearModel((6, 6, 3), num_classes=num_classes)
    images, labels = model.batch(64)
    distances = model.distances(images, labels, norm)
    eps = float(np.median(distances))
    attack = kind(norm=norm, eps=eps, steps=50, seed=0)
    adversarial = check_attack(attack, model.keras, images, labels)
    robust = model.logits(adversarial).argmax(1) == labels
    sure = np.abs(distances / eps - 1) > 0.005
    assert sure.mean() > 0.9
    np.testing.assert_array_equal(robust[sure], (distances > eps)[sure])


@norms
def test_finds_the_highest_loss_of_a_linear_model(norm):
    """The worst perturbation follows the difference of the kernels."""
    model = LinearModel((6, 6, 3))
    images, labels = model.batch(8)
    attack = attacks.apgd(norm=norm, eps=0.1, early_stop=False, steps=50)
    adversarial = check_attack(attack, model.keras, images, labels)
    found = np.diff(model.logits(adversarial) - model.logits(images))[:, 0]
    slope = np.diff(model.kernel)[:, 0]
    dual = np.linalg.norm(slope, ord=1 if norm == "linf" else 2)
    expected = np.where(labels == 0, 0.1, -0.1) * dual
    np.testing.assert_allclose(found, expected, rtol=1e-3)


@norms
@every_kind
def test_early_stop_returns_what_the_model_mistakes(kind, norm, network, batch):
    """No fewer images than PGD with as many steps."""
    images, labels = batch
    eps = {"linf": 0.012, "l2": 0.1}[norm]
    attack = kind(norm=norm, eps=eps, steps=20, seed=0)
    adversarial = check_attack(attack, network, images, labels)
    pgd = attacks.pgd(norm=norm, eps=eps, steps=20, seed=0)
    robust = is_robust(network, adversarial, labels)
    peers = is_robust(network, pgd(network, images, labels), labels)
    assert 0 < robust.sum() <= peers.sum()


@norms
@pytest.mark.parametrize("loss", ["ce", "dlr"])
def test_full_climb_has_a_higher_loss(loss, norm, network, batch):
    images, labels = batch
    options = {"norm": norm, "eps": 0.1, "loss": loss, "steps": 20}
    early = attacks.apgd(**options)(network, images, labels)
    attack = attacks.apgd(early_stop=False, **options)
    full = check_attack(attack, network, images, labels)
    value = {"ce": log_odds, "dlr": dlr}[loss]
    highest = value(network(full), labels).numpy()
    assert highest.mean() > value(network(early), labels).numpy().mean()
    if loss == "dlr":
        np.testing.assert_array_equal(
            highest > 0, ~is_robust(network, full, labels)
        )


@every_kind
def test_misclassified_images_are_returned_as_they_are(kind, network, batch):
    images, labels = batch
    wrong = (labels + 1) % 5
    attack = kind(eps=0.1, steps=5)
    np.testing.assert_array_equal(attack(network, images, wrong), images)


def spent(attack, images, labels, linear):
    """Returns how many images passed the model."""
    meter = Meter()
    shape = images.shape[1:]
    model = keras.Sequential([keras.Input(shape), meter, linear.keras])
    meter.passed.assign(0)
    attack(model, images, labels)
    return int(meter.passed)


@pytest.mark.parametrize("early_stop", [False, True])
def test_fooled_images_cost_nothing(early_stop):
    """Two of five images are misclassified."""
    linear = LinearModel((6, 6, 3))
    images, labels = linear.batch_at(5, 1.0)
    labels[:2] = 1 - labels[:2]
    attack = attacks.apgd(eps=0.01, steps=4, restarts=3, early_stop=early_stop)
    expected = 5 + 3 * 3 * (4 + 1) if early_stop else 3 * 5 * (4 + 1)
    assert spent(attack, images, labels, linear) == expected


@pytest.mark.parametrize(("classes", "runs"), [(1, 1), (3, 3), (9, 4)])
def test_every_target_is_a_run(classes, runs):
    linear = LinearModel((6, 6, 3), num_classes=5)
    images, labels = linear.batch(6)
    attack = attacks.apgdt(eps=1e-4, steps=3, restarts=2, classes=classes)
    expected = 6 + 6 * 2 * runs * (3 + 1)
    assert spent(attack, images, labels, linear) == expected


def test_targets_are_the_likeliest_others():
    """Along one pixel each, the label can be taken for one class alone."""
    kernel = np.zeros((4, 5))
    kernel[0, 4] = kernel[1, 2] = kernel[2, 1] = kernel[3, 0] = 10
    linear = LinearModel((2, 2, 1), num_classes=5)
    bias = np.array([-3.0, -2.5, -2.0, 0.0, -1.0])  # Label 3, then 4, 2, ...
    linear.keras.set_weights([kernel, bias])
    images = np.zeros((1, 2, 2, 1), "float32")
    labels = np.array([3])

    def taken_for(classes, eps):
        attack = attacks.apgdt(eps=eps, steps=10, classes=classes, seed=0)
        adversarial = attack(linear.keras, images, labels)
        return linear.keras.predict(adversarial, verbose=0).argmax(1)[0]

    assert taken_for(1, 0.09) == 3
    assert taken_for(1, 0.11) == 4
    assert taken_for(4, 0.09) == 3


@norms
def test_targeted_reaches_the_target(norm, network, batch):
    images, labels = batch
    targets = (labels + 1) % 5
    eps = {"linf": 0.3, "l2": 3.0}[norm]
    attack = attacks.apgd(norm=norm, eps=eps, steps=40, targeted=True)
    adversarial = check_attack(attack, network, images, targets)
    reached = network.predict(adversarial, verbose=0).argmax(1) == targets
    assert reached.mean() > 0.95


@norms
@every_kind
def test_a_confident_model_does_not_stop_the_steps(kind, norm):
    """At such logits the float32 gradient of the cross-entropy is 0."""
    model = LinearModel((6, 6, 3), num_classes=4, scale=100.0)
    images, labels = model.batch(8, closest=0.3, farthest=0.5)
    attack = kind(norm=norm, eps=0.9, steps=20)
    adversarial = check_attack(attack, model.keras, images, labels)
    assert (model.logits(adversarial).argmax(1) != labels).all()


@every_kind
def test_starts_follow_the_seed(kind, network, batch):
    def attack(seed):
        return kind(eps=0.01, steps=1, seed=seed)

    first = attack(3)
    one = first(network, *batch)
    assert not np.allclose(first(network, *batch), one)
    np.testing.assert_array_equal(attack(3)(network, *batch), one)
    assert not np.allclose(attack(4)(network, *batch), one)


@pytest.mark.parametrize("early_stop", [True, False])
def test_restarts_fool_more(early_stop):
    """One start may climb towards a class that is out of reach."""
    model = LinearModel((6, 6, 3), num_classes=5)
    images, labels = model.batch(64)
    eps = float(np.median(model.distances(images, labels)))

    def robust(restarts):
        attack = attacks.apgd(
            norm="l2",
            eps=eps,
            steps=30,
            restarts=restarts,
            loss="dlr",
            early_stop=early_stop,
            seed=0,
        )
        adversarial = attack(model.keras, images, labels).numpy()
        return model.logits(adversarial).argmax(1) == labels

    one, several = robust(1), robust(5)
    assert several.sum() < one.sum()
    assert not (several & ~one).any()


@every_kind
def test_draws_see_through_the_noise_of_a_randomised_model(kind):
    """One draw takes a lucky one for a success; many don't."""
    linear = LinearModel((6, 6, 3), num_classes=4)
    images, labels = linear.batch(32, closest=0.1, farthest=0.3)
    model = keras.Sequential(
        [keras.Input((6, 6, 3)), Jitter(0.05), linear.keras]
    )

    def fooled(draws):
        """How often the noiseless model is fooled."""
        attack = kind(norm="l2", eps=0.3, steps=10, draws=draws, seed=0)
        adversarial = check_attack(attack, model, images, labels)
        return np.mean(linear.logits(adversarial).argmax(1) != labels)

    many = fooled(32)
    assert many > fooled(1)
    assert many > 0.95


def test_draws_of_a_fixed_model_change_nothing(network, batch):
    for loss in ("ce", "dlr"):
        one, many = (
            attacks.apgd(
                norm="l2", eps=0.05, steps=3, loss=loss, draws=draws, seed=0
            )(network, *batch)
            for draws in (1, 3)
        )
        np.testing.assert_allclose(many, one, atol=1e-4)


@settings(max_examples=6, deadline=None)
@given(
    kind=st.sampled_from(["ce", "dlr", "t"]),
    norm=st.sampled_from(["linf", "l2"]),
    eps=st.sampled_from([0.0, 0.01, 1.0]),
    shape=st.tuples(
        st.integers(1, 3), *[st.integers(1, 4)] * 2, st.sampled_from([1, 3])
    ),
    dtype=st.sampled_from(["float16", "float32", "float64"]),
    seed=st.integers(0, 100),
)
def test_stays_in_the_ball(kind, norm, eps, shape, dtype, seed):
    model = LinearModel(shape[1:], num_classes=4)
    images = model.rng.uniform(size=shape).astype(dtype)
    images.flat[0] = 0
    images.flat[-1] = 1
    labels = model.rng.integers(0, 4, shape[0])
    options = {"norm": norm, "eps": eps, "steps": 5, "seed": seed}
    if kind == "t":
        attack = attacks.apgdt(**options)
    else:
        attack = attacks.apgd(loss=kind, early_stop=seed % 2 == 0, **options)
    adversarial = check_attack(attack, model.keras, images, labels)
    if eps == 0:
        np.testing.assert_allclose(adversarial, images, atol=1e-7)


@pytest.mark.parametrize(
    ("factory", "options"),
    [
        (attacks.apgd, {"loss": "margin", "eps": 0.1}),
        (attacks.apgd, {"loss": "dlr", "targeted": True, "eps": 0.1}),
        (attacks.apgd, {"norm": "l1", "eps": 0.1}),
        (attacks.apgd, {"eps": -0.1}),
        (attacks.apgd, {"steps": 0, "eps": 0.1}),
        (attacks.apgd, {"restarts": 0, "eps": 0.1}),
        (attacks.apgdt, {"classes": 0, "eps": 0.1}),
        (attacks.apgdt, {"draws": 1.5, "eps": 0.1}),
    ],
)
def test_bad_options_are_named(factory, options):
    name, value = next(iter(options.items()))
    with pytest.raises(ValueError, match=rf"Received: {name}={value!r}"):
        factory(**options)


@pytest.mark.large
@norms
@pytest.mark.parametrize("name", ["APGD", "APGDT"])
def test_fools_as_many_as_torchattacks(name, norm):
    """On the same small network, written again in PyTorch."""
    torch = pytest.importorskip("torch")
    peers = pytest.importorskip("torchattacks")
    rng = np.random.default_rng(0)
    layers = [
        (rng.normal(0, 0.4, (108, 32)), rng.normal(0, 0.4, 32)),
        (rng.normal(0, 0.6, (32, 5)), rng.normal(0, 0.4, 5)),
    ]
    network = keras.Sequential(
        [
            keras.Input((6, 6, 3)),
            keras.layers.Flatten(),
            keras.layers.Dense(32, activation="tanh"),
            keras.layers.Dense(5),
        ]
    )
    network.set_weights([array for layer in layers for array in layer])

    class Peer(torch.nn.Module):
        def __init__(self):
            super().__init__()
            self.hidden = torch.nn.Linear(108, 32)
            self.out = torch.nn.Linear(32, 5)
            for layer, (kernel, bias) in zip(
                (self.hidden, self.out), layers, strict=True
            ):
                layer.weight.data = torch.tensor(kernel.T.copy()).float()
                layer.bias.data = torch.tensor(bias).float()

        def forward(self, images):
            flat = images.permute(0, 2, 3, 1).flatten(1)
            return self.out(torch.tanh(self.hidden(flat)))

    images = rng.uniform(size=(300, 6, 6, 3)).astype("float32")
    labels = network.predict(images, verbose=0).argmax(1)
    eps = {"linf": 0.02, "l2": 0.15}[norm]
    kind = {"APGD": attacks.apgd, "APGDT": attacks.apgdt}[name]
    ours = kind(norm=norm, eps=eps, seed=0)(network, images, labels)
    options = {"n_classes": 5} if name == "APGDT" else {}
    theirs = getattr(peers, name)(
        Peer(),
        norm={"linf": "Linf", "l2": "L2"}[norm],
        eps=eps,
        steps=100,
        **options,
    )(
        torch.tensor(images.transpose(0, 3, 1, 2).copy()),
        torch.tensor(labels),
    )
    theirs = theirs.detach().numpy().transpose(0, 2, 3, 1)
    robust = is_robust(network, ours, labels).mean()
    assert 0.1 < robust < 0.9
    assert robust <= is_robust(network, theirs, labels).mean() + 0.006
