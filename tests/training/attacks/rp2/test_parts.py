"""RP2's parts: printability, low frequencies, masks, transformations."""

import numpy as np
import pytest
import tensorflow as tf
from PIL import Image
from scipy import fft

from zoo.training.attacks.rp2 import PALETTE
from zoo.training.attacks.rp2 import Transformations
from zoo.training.attacks.rp2 import masks
from zoo.training.attacks.rp2 import non_printability_score
from zoo.training.attacks.rp2.objective import low_frequencies


def test_non_printability_by_hand():
    """Two pixels, two colours: 5 * 13 / 100 for the one, 0 for the other."""
    palette = [[0.0, 0.0, 0.0], [0.3, 0.4, 1.2]]
    pixels = tf.constant([[[0.3, 0.4, 0.0], [0.0, 0.0, 0.0]]])
    score = non_printability_score(pixels, palette)
    np.testing.assert_allclose(score, [0.5 * 1.2], rtol=1e-6)


def test_printable_colours_score_nothing_and_have_no_gradient():
    pixels = tf.constant(PALETTE)
    with tf.GradientTape() as tape:
        tape.watch(pixels)
        score = non_printability_score(pixels)
    assert float(score) == 0
    np.testing.assert_array_equal(tape.gradient(score, pixels), 0)


@pytest.mark.parametrize(
    "screen", [(0, 0, 0), (0, 1, 0), (0, 0, 1), (0, 1, 1), (1, 0, 1)]
)
def test_a_screens_purest_colours_are_not_printable(screen):
    distances = np.linalg.norm(PALETTE - screen, axis=1)
    assert distances.min() > 0.2
    one_pixel = tf.constant([screen], "float32")
    expected = np.prod(distances)
    np.testing.assert_allclose(
        non_printability_score(one_pixel), expected, rtol=1e-5
    )
    assert non_printability_score(tf.ones((1, 3))) == 0  # Paper.


@pytest.mark.parametrize("dimension", [1, 3, 6, 100])
def test_low_frequencies_alone_are_kept(dimension):
    x = np.random.default_rng(0).normal(size=(2, 6, 8, 3)).astype("float32")
    kept = low_frequencies(tf.constant(x), dimension)
    wanted = fft.dctn(x, axes=(1, 2), norm="ortho")
    wanted[:, dimension:] = 0
    wanted[:, :, dimension:] = 0
    spectrum = fft.dctn(kept.numpy(), axes=(1, 2), norm="ortho")
    np.testing.assert_allclose(spectrum, wanted, atol=1e-5)


def test_octagon_has_the_share_of_a_regular_one():
    mask = masks.octagon(320, 320)
    assert mask.mean() == pytest.approx(2 * (np.sqrt(2) - 1), abs=2e-3)
    np.testing.assert_array_equal(mask, np.rot90(mask))
    assert masks.octagon(32, 32).sum() == 844  # The authors' poster.
    assert not mask[0, 0]
    assert mask[0, 160]


def test_two_rectangles_are_bars():
    mask = masks.two_rectangles(32, 32)
    np.testing.assert_array_equal(mask, mask[:, ::-1])
    rows = np.flatnonzero(mask.any(1))
    assert (np.diff(rows) > 1).sum() == 1
    assert mask.sum() == len(rows) * mask.any(0).sum()
    one = masks.two_rectangles(4, 4, boxes=((0, 0.5, 0.25, 1),))
    np.testing.assert_array_equal(np.argwhere(one), [[0, 2], [0, 3]])
    with pytest.raises(ValueError, match="Each rectangle must hold a pixel"):
        masks.two_rectangles(2, 2)


def test_masks_from_pictures_ignore_noise(tmp_path):
    pixels = np.zeros((4, 4), "uint8")
    pixels[1:3, 2], pixels[0, 0] = 255, 2
    Image.fromarray(pixels).save(tmp_path / "mask.png")
    mask = masks.from_picture(tmp_path / "mask.png", 4, 4)
    np.testing.assert_array_equal(np.argwhere(mask), [[1, 2], [2, 2]])
    Image.fromarray(np.zeros((4, 4), "uint8")).save(tmp_path / "dark.png")
    with pytest.raises(ValueError, match="must have a light pixel.*dark"):
        masks.from_picture(tmp_path / "dark.png", 4, 4)


def test_light_and_noise_are_the_same_for_all_targets():
    images = np.full((3, 200, 4, 4, 1), 0.5, "float32")
    relit = Transformations(brightness=0.2).relit(images, (0, 1)).numpy()
    np.testing.assert_array_equal(relit[0], relit[2])
    factors = relit[0, :, 0, 0, 0] / 0.5
    np.testing.assert_array_equal(
        relit[0] * 2,
        np.broadcast_to(factors[:, None, None, None], relit[0].shape),
    )
    assert 0.8 <= factors.min() < 0.82
    assert 1.18 < factors.max() <= 1.2
    noisy = Transformations(noise=0.1).relit(images, (0, 1)).numpy()
    np.testing.assert_array_equal(noisy[0], noisy[2])
    assert np.std(noisy[0]) == pytest.approx(0.1, rel=0.1)


@pytest.mark.parametrize(
    "options",
    [
        {"rotation": -1},
        {"perspective": 0.5},
        {"brightness": 1.0},
        {"noise": float("nan")},
    ],
)
def test_transformations_are_checked(options):
    with pytest.raises(ValueError, match=f"Received: {next(iter(options))}="):
        Transformations(**options)
