"""Images are NHWC whatever Keras' global `image_data_format` says."""

import keras
import numpy as np
import pytest

from zoo.models import blurnet
from zoo.models import irm
from zoo.models import jpeg_wide_resnet
from zoo.models import lisa_cnn
from zoo.models import minds_eye_direct
from zoo.models import minds_eye_triple
from zoo.models import wide_resnet

SMALL = dict(depth=10, width=1, image_shape=(28, 32, 3))


def _triple():
    """Of grey images of 24×32, cut out of the others."""
    images = keras.Input((28, 32, 3))
    model = minds_eye_triple(image_shape=(24, 32, 1))
    return keras.Model(images, model(images[:, :24, :, :1]))


BUILDERS = [
    (wide_resnet, SMALL),
    (wide_resnet, SMALL | {"pooling_bins": (1, 2)}),
    (jpeg_wide_resnet, SMALL | {"qualities": (60,)}),
    (irm, SMALL | {"qualities": (60,), "scales": (16, 20, 24)}),
    (lisa_cnn, dict(image_shape=(28, 32, 3))),
    (blurnet, dict(image_shape=(28, 32, 3))),
    (minds_eye_direct, dict(image_shape=(28, 32, 3))),
    (_triple, {}),
]


@pytest.fixture
def channels_first():
    before = keras.config.image_data_format()
    yield lambda: keras.config.set_image_data_format("channels_first")
    keras.config.set_image_data_format(before)


@pytest.mark.parametrize("builder, options", BUILDERS)
def test_the_global_format_changes_nothing(builder, options, channels_first):
    images = np.random.default_rng(0).random((2, 28, 32, 3), "float32")
    model = builder(**options)
    expected = model(images)
    channels_first()
    other = builder(**options)
    other.set_weights(model.get_weights())
    np.testing.assert_allclose(other(images), expected, atol=1e-6)
