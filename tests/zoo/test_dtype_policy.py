"""A dtype policy for a while."""

import keras
import pytest

from zoo.loading import dtype_policy


def test_policy_is_given_back_even_after_an_error():
    before = keras.config.dtype_policy().name
    with pytest.raises(RuntimeError), dtype_policy("mixed_bfloat16"):
        assert keras.config.dtype_policy().name == "mixed_bfloat16"
        raise RuntimeError
    assert keras.config.dtype_policy().name == before


def test_unknown_policy_changes_nothing():
    before = keras.config.dtype_policy().name
    with pytest.raises(ValueError), dtype_policy("float31"):
        pass
    assert keras.config.dtype_policy().name == before
