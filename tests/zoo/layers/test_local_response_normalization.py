"""Local response normalisation, against TensorFlow's."""

import numpy as np
import pytest
import tensorflow as tf

from tests.layer_contract import check_layer
from zoo.layers import LocalResponseNormalization

MAPS = np.random.default_rng(0).normal(size=(2, 3, 4, 12)).astype("float32")


def test_contract(tmp_path):
    layer = LocalResponseNormalization(3, 0.2, 0.6)
    check_layer(layer, MAPS, tmp_path / "x.keras")


@pytest.mark.parametrize("depth", [1, 5, 15])
@pytest.mark.parametrize("beta", [0.75, 0.5])
@pytest.mark.parametrize("size", [1, 300])
def test_is_tensorflows_with_alpha_divided(depth, beta, size):
    maps = tf.constant(size * MAPS)
    with tf.GradientTape(persistent=True) as tape:
        tape.watch(maps)
        ours = LocalResponseNormalization(depth, 1e-2, beta)(maps)
        theirs = tf.nn.local_response_normalization(
            maps, depth // 2, 1.0, 1e-2 / depth, beta
        )
    np.testing.assert_allclose(ours, theirs, rtol=2e-5)
    np.testing.assert_allclose(
        tape.gradient(ours, maps), tape.gradient(theirs, maps), atol=1e-4
    )


@pytest.mark.parametrize(
    "options", [dict(depth=4), dict(depth=-1), dict(alpha=0), dict(beta=-1)]
)
def test_bad_options_are_named(options):
    name, value = next(iter(options.items()))
    with pytest.raises(ValueError, match=f"Received: .*{name}={value}"):
        LocalResponseNormalization(**options)
