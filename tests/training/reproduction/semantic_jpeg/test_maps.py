"""What maps and pictures are compared by, against known answers."""

import io

import numpy as np
import pytest
from PIL import Image

from zoo.training.reproduction.semantic_jpeg.file_sizes import FileSizes
from zoo.training.reproduction.semantic_jpeg.file_sizes import nearest_quality
from zoo.training.reproduction.semantic_jpeg.image_quality import compare
from zoo.training.reproduction.semantic_jpeg.maps import auc
from zoo.training.reproduction.semantic_jpeg.maps import correlation
from zoo.training.reproduction.semantic_jpeg.maps import mean_and_error
from zoo.training.reproduction.semantic_jpeg.maps import shown


def test_auc_counts_the_pairs_in_order():
    rng = np.random.default_rng(0)
    scores = rng.integers(0, 6, (7, 9)).astype("float32")
    mask = rng.random((7, 9)) < 0.3
    pairs = scores[mask][:, None] - scores[~mask][None]
    expected = np.mean((pairs > 0) + 0.5 * (pairs == 0))
    assert auc(scores, mask) == pytest.approx(expected, abs=1e-9)
    assert auc(mask.astype("float32"), mask) == 1
    assert auc(np.zeros((7, 9)), mask) == 0.5


def test_correlation_is_pearsons():
    rng = np.random.default_rng(0)
    one, other = rng.random((2, 5, 8))
    expected = np.corrcoef(one.ravel(), other.ravel())[0, 1]
    assert correlation(one, other) == pytest.approx(expected)
    assert correlation(one, 1 - one) == pytest.approx(-1)
    assert correlation(one, np.zeros((5, 8))) == 0


def test_mean_and_error():
    values = [1.0, 2.0, 3.0, 6.0]
    mean, error = mean_and_error(values)
    assert mean == 3
    assert error == pytest.approx(1.96 * np.std(values) / 2)
    assert shown([0.5, 0.25], scale=100, digits=1) == "50.0 ± 25.0"
    assert mean_and_error([]) is None
    assert shown(None) == "–"


def test_image_quality_inside_and_outside():
    """Noise on the background alone leaves the object's SSIM at 1."""
    rng = np.random.default_rng(0)
    images = rng.random((2, 40, 40, 3)).astype("float32")
    masks = np.zeros((2, 40, 40), bool)
    masks[:, 16:24, 16:24] = True
    compressed = images.copy()
    compressed[:, :8] += 0.1
    found = compare(images, compressed, masks)
    # A fifth of the pixels are off by 0.1.
    assert found["psnr"] == pytest.approx(-10 * np.log10(0.01 / 5), abs=1e-3)
    assert found["psnr_object"] == pytest.approx(120)
    compressed[:, :8] = 1 - images[:, :8]
    found = compare(images, compressed, masks)
    assert found["ssim_object"] == pytest.approx(1, abs=1e-5)
    assert found["ssim"] < 0.9
    shifted = images + np.where(masks[..., None], 0.1, 0).astype("float32")
    assert compare(images, shifted, masks)["psnr_object"] == pytest.approx(
        20, abs=1e-3
    )


def test_sizes_are_those_of_optimised_files():
    rows, columns = np.indices((64, 48)) / 64
    image = np.stack([rows, columns, rows * columns], -1)
    sizes = FileSizes(image[None])
    file = io.BytesIO()
    Image.fromarray(np.round(255 * image).astype("uint8")).save(
        file, "JPEG", quality=60, optimize=True, subsampling="4:2:0"
    )
    size = sizes.plain(60)[0]
    assert size == pytest.approx(len(file.getvalue()), rel=0.05)
    assert nearest_quality(
        lambda q: sizes.plain(q).mean(), sizes.plain(37)[0]
    ) in range(35, 40)
    coarse = np.full((1, 8, 6), 20)
    coarse[:, 2:4, 2:4] = 60
    assert sizes.of_maps(coarse)[0] < size


def test_the_nearest_quality():
    assert nearest_quality(lambda quality: 10 * quality, 374) == 37
    assert nearest_quality(lambda quality: 10 * quality, 376) == 38
    assert nearest_quality(lambda quality: quality, 3, lowest=20) == 20
    assert nearest_quality(lambda quality: quality, 300) == 100
