"""What Square draws, against the paper's algorithms and equation 2."""

import numpy as np
import pytest
import tensorflow as tf

from tests.helpers import lengths
from zoo.training.attacks.parts.square_moves import L2Windows
from zoo.training.attacks.parts.square_moves import LinfWindows
from zoo.training.attacks.parts.square_moves import l2_update


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

    def one_half(height, width):
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
    both = np.concatenate([one_half(half, side), -one_half(side - half, side)])
    return both / np.linalg.norm(both)


@pytest.mark.parametrize("side", [1, 2, 3, 4, 7, 12])
def test_updates_are_equation_2(side):
    np.testing.assert_allclose(l2_update(side), equation_2(side), atol=1e-6)


def test_l2_starts_from_tiles_on_the_surface():
    images = np.full((4, 11, 12, 2), 0.5, "float32")
    windows = L2Windows((11, 12, 2), [0.8], eps=0.3)
    changes = windows.start(images, seeds(1)[0]).numpy() - images
    np.testing.assert_allclose(lengths(changes), 0.3, rtol=1e-5)
    assert (changes[:, 10] == 0).all()
    tile = np.abs(changes[:, :2, :2])
    shape = np.abs(l2_update(2))
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
            l2_update(3)[..., None] * signs
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


def test_l2_adds_updates_of_either_sign_and_orientation():
    """From the image itself the whole radius goes into the update."""
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
        for name, shape in (
            ("upright", l2_update(3)),
            ("flat", l2_update(3).T),
        ):
            for sign in (-1, 1):
                if np.allclose(window, sign * shape, atol=1e-5):
                    shapes.add((name, sign))
    assert len(shapes) == 4
