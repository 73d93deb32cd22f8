"""Images and labels at the door: what passes, and what each error says."""

import subprocess
import sys

import ml_dtypes
import numpy as np
import pytest

from zoo.validation import check_images
from zoo.validation import check_labels

SHAPE = (28, 28, 1)


def images(value=0.5, shape=(2, *SHAPE), dtype="float32"):
    return np.full(shape, value, dtype)


@pytest.mark.parametrize(
    "dtype", ["float16", "float32", "float64", ml_dtypes.bfloat16]
)
def test_floats_come_back_as_float32(dtype):
    checked = check_images(images(0.25, dtype=dtype), SHAPE)
    assert checked.dtype == np.float32
    np.testing.assert_array_equal(checked, images(0.25))


def test_the_whole_range_passes_and_rounding_is_clipped():
    pixels = images()
    pixels[0, 0, 0], pixels[0, 0, 1] = 0.0, 1.0
    np.testing.assert_array_equal(check_images(pixels, SHAPE), pixels)
    rounded = pixels.copy()
    rounded[0, 0, 0] = -1e-7
    rounded[0, 0, 1] = np.nextafter(np.float32(1), np.float32(2))
    np.testing.assert_array_equal(check_images(rounded, SHAPE), pixels)


@pytest.mark.parametrize(
    "input_shape",
    [None, SHAPE, (None, *SHAPE), [None, None, 1], (None, None, None, None)],
)
def test_input_shapes_that_fit(input_shape):
    check_images(images(), input_shape)


@pytest.mark.parametrize(
    ("wrong", "said"),
    [
        (images(200, dtype="uint8"), "dtype=uint8"),
        (images(1, dtype="int64"), "dtype=int64"),
        (images(True, dtype="bool"), "dtype=bool"),
        (images(254.0), "values from 254 to 254"),
        (images(-0.1), "values from -0.1 to -0.1"),
        (images(1.001), "to 1.001"),
        (images(np.nan), "1568 NaN or infinite of 1568"),
        (images(np.inf), "NaN or infinite"),
        (images(0.5, SHAPE), r"shape=\(28, 28, 1\)"),
        (images(0.5, (1, 2, *SHAPE)), "shape="),
        (images(0.5, (0, *SHAPE)), r"not be empty.*shape=\(0, 28, 28, 1\)"),
        (images(0.5, (2, 28, 28, 3)), r"\(28, 28, 1\).*\(2, 28, 28, 3\)"),
        (images(0.5, (2, 32, 28, 1)), r"\(2, 32, 28, 1\)"),
        (np.array(["a"]), "dtype=<U1"),
        ([images()[0], images()[0, 1:]], "all of one size.*type=list"),
        (iter(images()), "one array.*type=iterator"),
    ],
)
def test_wrong_images_are_named_in_one_line(wrong, said):
    with pytest.raises(ValueError, match=said) as error:
        check_images(wrong, SHAPE)
    assert "\n" not in str(error.value)
    assert "Received: " in str(error.value)


def test_one_bad_value_among_many_is_found():
    pixels = images()
    pixels[1, 27, 27, 0] = np.nan
    with pytest.raises(ValueError, match="1 NaN or infinite of 1568"):
        check_images(pixels, SHAPE)


@pytest.mark.parametrize("dtype", ["uint8", "int32", "int64"])
def test_labels_come_back_as_int64(dtype):
    checked = check_labels(np.array([0, 9], dtype), 2, 10)
    assert checked.dtype == np.int64
    assert checked.tolist() == [0, 9]


@pytest.mark.parametrize(
    ("wrong", "said"),
    [
        ([0, 10], "from 0 to 10"),
        ([-1, 3], "from -1 to 3"),
        ([0.0, 1.0], "dtype=float64"),
        ([[0, 1]], r"shape=\(1, 2\)"),
        ([0, 1, 2], r"shape=\(3,\)"),
        (np.eye(2, 10, dtype=int), r"shape=\(2, 10\)"),
    ],
)
def test_wrong_labels_are_named_in_one_line(wrong, said):
    with pytest.raises(ValueError, match=said) as error:
        check_labels(wrong, 2, 10)
    assert "\n" not in str(error.value)


def test_labels_need_no_number_of_classes():
    assert check_labels([7, 1_000_000], 2).tolist() == [7, 1_000_000]


def test_importing_it_imports_no_framework():
    code = (
        "import sys, zoo.validation;"
        "sys.exit(any(m in sys.modules for m in ('tensorflow', 'keras')))"
    )
    assert subprocess.run([sys.executable, "-c", code]).returncode == 0
