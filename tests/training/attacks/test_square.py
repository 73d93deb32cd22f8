"""Square against closed forms, and its draws against the paper's."""

import keras
import numpy as np
import pytest
import tensorflow as tf
from hypothesis import given
from hypothesis import settings
from hypothesis import strategies as st

from tests.helpers import LinearModel
from tests.helpers import check_attack
from tests.helpers import lengths
from tests.probes import Meter
from training import attacks
from training.attacks.square_windows import L2Windows
from training.attacks.square_windows import LinfWindows
from training.attacks.square_windows import bumps

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


def seeds(count):
    return [tf.constant([7, index]) for index in range(count)]


def test_linf_starts_from_vertical_stripes():
    images = np.full((3, 5, 6, 2), 0.5, "float32")
    windows = LinfWindows((5, 6, 2), [0.8], eps=0.1)
    changes = windows.start(images, seeds(1)[0]).numpy() - images
    np.testing.assert_allclose(np.abs(changes), 0.1, rtol=1e-5)
    np.testing.assert_array_equal(changes, changes[:, :1].repeat(5, 1))
    assert len(np.unique(np.sign(changes))) == 2


def test_linf_changes_one_square_to_the_ends_of_the_ball():
    """Uniformly placed, one sign a channel, never without effect."""
    images = np.full((50, 4, 5, 2), 0.5, "float32")
    windows = LinfWindows((4, 5, 2), [0.45, 0.05], eps=0.1)
    current = windows.start(images, seeds(1)[0])
    corners, signs = [], []
    for stage, side in ((0, 3), (1, 1)):
        for seed in seeds(10):
            changed = windows.propose(current, images, stage, seed) - images
            moved = (changed != current - images).numpy()
            assert moved.any((1, 2, 3)).all()
            rows, columns = moved.any((2, 3)), moved.any((1, 3))
            assert (rows.sum(1) <= side).all()
            assert (columns.sum(1) <= side).all()
            np.testing.assert_allclose(np.abs(changed), 0.1, rtol=1e-5)
            if stage == 1:
                corners += [*np.stack([rows.argmax(1), columns.argmax(1)], 1)]
                signs.append(np.sign(changed)[moved].mean())
    _, counts = np.unique(corners, axis=0, return_counts=True)
    assert len(counts) == 4 * 5  # The last row and column included.
    assert counts.min() > 10  # Of 25 expected.
    assert abs(np.mean(signs)) < 0.2


def equation_2(side):
    """The paper's sum, pixel by pixel; its indices start at 1."""

    def bump(height, width):
        ring = width // 2
        total = np.zeros((height, width))
        for row in range(height):
            for column in range(width):
                last = ring - max(
                    abs(row - height // 2), abs(column - width // 2)
                )
                for k in range(last + 1):
                    total[row, column] += 1 / (ring + 1 - k) ** 2
        return total / max(np.linalg.norm(total), 1e-9)

    half = side // 2
    both = np.concatenate([bump(half, side), -bump(side - half, side)])
    return both / np.linalg.norm(both)


@pytest.mark.parametrize("side", [1, 2, 3, 4, 7, 12])
def test_bumps_are_equation_2(side):
    np.testing.assert_allclose(bumps(side), equation_2(side), atol=1e-6)


def test_l2_starts_from_tiles_on_the_surface():
    images = np.full((4, 11, 12, 2), 0.5, "float32")
    windows = L2Windows((11, 12, 2), [0.8], eps=0.3)
    changes = windows.start(images, seeds(1)[0]).numpy() - images
    np.testing.assert_allclose(lengths(changes), 0.3, rtol=1e-5)
    assert (changes[:, 10] == 0).all()
    tile = np.abs(changes[:, :2, :2])
    shape = np.abs(bumps(2))
    for image in tile[..., 0]:
        image = image / np.linalg.norm(image)
        assert np.allclose(image, shape) or np.allclose(image, shape.T)


def algorithm_3(iterate, image, first, second, added, eps):
    """Lines 4 to 11 in NumPy, for one image; windows are masks."""
    change = (iterate - image).astype("float64")
    unused = max(eps**2 - (change**2).sum(), 0)
    moved = np.where(second[..., None], 0, change)
    for channel in range(change.shape[-1]):
        old = change[..., channel]
        both = old[first | second]
        available = np.sqrt((both**2).sum() + unused / change.shape[-1])
        temporary = added[..., channel][first]
        length = np.linalg.norm(old[first])
        if length > 0:
            temporary = temporary + old[first] / length
        temporary *= available / np.linalg.norm(temporary)
        moved[..., channel][first] = temporary
    return np.clip(image + moved, 0, 1)


def test_l2_moves_norm_as_in_algorithm_3():
    rng = np.random.default_rng(0)
    eps = 0.4
    images = rng.uniform(size=(20, 6, 7, 2)).astype("float32")
    changes = rng.normal(size=images.shape)
    changes *= 0.35 / lengths(changes)[:, None, None, None]
    iterates = np.clip(images + changes, 0, 1).astype("float32")
    iterates[:5] = images[:5]  # Nothing is left of the first window.
    first = np.zeros((20, 6, 7), bool)
    second = np.zeros((20, 6, 7), bool)
    added = np.zeros(images.shape, "float32")
    for index in range(20):
        row, column = rng.integers(0, [4, 5])
        first[index, row : row + 3, column : column + 3] = True
        signs = rng.choice([-1, 1], size=2)
        added[index, row : row + 3, column : column + 3] = (
            bumps(3)[..., None] * signs
        )
        row, column = rng.integers(0, [4, 5])
        second[index, row : row + 3, column : column + 3] = True
    windows = L2Windows((6, 7, 2), [0.2], eps=eps)
    ours = windows.moved(
        iterates, images, first[..., None], second[..., None], added
    )
    for index in range(20):
        expected = algorithm_3(
            iterates[index],
            images[index],
            first[index],
            second[index],
            added[index],
            eps,
        )
        np.testing.assert_allclose(ours[index], expected, atol=1e-5)


def test_l2_adds_bumps_of_either_sign_and_orientation():
    """From the image itself the whole radius goes into the bumps."""
    images = np.full((40, 6, 7, 1), 0.5, "float32")
    windows = L2Windows((6, 7, 1), [0.2], eps=0.3)
    changes = windows.propose(images, images, 0, seeds(1)[0]) - images
    np.testing.assert_allclose(lengths(changes), 0.3, rtol=1e-5)
    shapes = set()
    for change in changes.numpy()[..., 0] / 0.3:
        rows, columns = np.nonzero(change)
        window = change[
            rows.min() : rows.max() + 1, columns.min() : columns.max() + 1
        ]
        for name, shape in (("upright", bumps(3)), ("flat", bumps(3).T)):
            for sign in (-1, 1):
                if np.allclose(window, sign * shape, atol=1e-5):
                    shapes.add((name, sign))
    assert len(shapes) == 4


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
