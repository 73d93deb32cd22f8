"""Fixtures shared by all tests, and one thread for each parallel worker."""

import gc
import os

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "2")
if "PYTEST_XDIST_WORKER" in os.environ:
    for _threads in (
        "OMP_NUM_THREADS",
        "TF_NUM_INTEROP_THREADS",
        "TF_NUM_INTRAOP_THREADS",
    ):
        os.environ.setdefault(_threads, "1")

import keras
import pytest

# Graphs are millions of objects: collecting them often takes an eighth of the
# tests' time.
gc.freeze()
gc.set_threshold(200_000, 50, 50)


@pytest.fixture(autouse=True)
def _seeded():
    """Every test starts from the same seed and the float32 policy."""
    keras.utils.set_random_seed(0)
    policy = keras.config.dtype_policy()
    yield
    keras.config.set_dtype_policy(policy)
