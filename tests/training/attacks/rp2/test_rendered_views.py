"""Stickers on rendered signs: where they land in the views."""

import numpy as np
import pytest

from zoo.training.attacks.rp2 import Sticker
from zoo.training.datasets.rendered_signs import views
from zoo.training.datasets.rendered_signs.rendering import render_crop
from zoo.training.datasets.rendered_signs.sign import Sign
from zoo.training.datasets.rendering.geometry import transform
from zoo.training.datasets.rendering.random_streams import stream

COUNT, SIZE, LABEL, SEED = 6, 64, 13, 2


@pytest.fixture(scope="module")
def seen():
    return views(LABEL, COUNT, SEED, size=SIZE, front_size=128)


def placed(seen, mask):
    """Which share of each view's pixels a sticker over the mask covers."""
    delta = np.repeat(mask[..., None], 3, -1).astype("float32")
    sticker = Sticker(delta=delta, mask=mask, target=0, history={})
    black = np.zeros_like(seen.images)
    return sticker.apply(black, seen.to_pixels(*mask.shape))[..., 0]


def centroid(weights):
    """x and y, in pixels whose centres are whole numbers."""
    rows, columns = np.mgrid[: len(weights), : len(weights)]
    return np.array([(columns * weights).sum(), (rows * weights).sum()]) / (
        weights.sum()
    )


def test_a_sticker_over_the_sign_covers_its_pixels_alone(seen):
    """The renderer's own mask says where the sign is."""
    sign = Sign.random(LABEL, stream("views", SEED, LABEL))
    for number, cover in enumerate(placed(seen, seen.mask)):
        rng = stream("views", SEED, LABEL, number)
        rendering = render_crop(sign, SIZE, rng, occluded=False)
        np.testing.assert_array_equal(
            np.float32(rendering.image) / 255, seen.images[number]
        )
        expected = rendering.mask[..., 0] == 255
        covered = cover >= 0.5
        differing = (covered ^ expected).sum()
        assert differing < 0.02 * expected.sum()
        # Half a pixel aside would move it by 0.5.
        np.testing.assert_allclose(
            centroid(covered), centroid(expected), atol=0.1
        )


@pytest.mark.parametrize("height, width", [(32, 32), (48, 96)])
def test_each_part_of_the_mask_lands_where_the_homography_says(
    seen, height, width
):
    """Small stickers at the corners and the middle, in masks of any size."""
    for down, across in ((0.25, 0.25), (0.25, 0.75), (0.75, 0.5), (0.5, 0.5)):
        mask = np.zeros((height, width), bool)
        top, left = int(down * height), int(across * width)
        mask[top - 2 : top + 2, left - 2 : left + 2] = True
        middle = np.array([[left / width, top / height]])
        for homography, cover in zip(
            seen.homographies, placed(seen, mask), strict=True
        ):
            expected = transform(homography.astype(float), middle)[0] - 0.5
            np.testing.assert_allclose(centroid(cover), expected, atol=0.2)
