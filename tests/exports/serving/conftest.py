import keras
import numpy as np
import pytest

from zoo import exports
from zoo.layers import Explained

CLASSES = ("cat", "dog", "zebrä")


@pytest.fixture(scope="package")
def folder(tmp_path_factory):
    """Versions 1 and 3 of a model of 8x6 colour images; 3 names classes."""
    keras.utils.set_random_seed(3)
    model = keras.Sequential(
        [
            keras.Input((8, 6, 3)),
            keras.layers.Flatten(),
            keras.layers.Dense(3),
        ]
    )
    path = tmp_path_factory.mktemp("served") / "tiny"
    exports.save(model, path, version=1)
    exports.save(model, path, version=3, classes=CLASSES, check_pixels=True)
    return path


@pytest.fixture(scope="package")
def bundle(folder):
    return exports.serving.write_bundle(folder, most=4, roll_out=True)


class Noise(keras.layers.Layer):
    """Adds noise of its own to each image."""

    stochastic = True

    def __init__(self, **kwargs):
        super().__init__(**kwargs)
        self.seed_generator = keras.random.SeedGenerator(7)

    def call(self, images):
        shape = keras.ops.shape(images)
        return images + keras.random.normal(shape, seed=self.seed_generator)


@pytest.fixture(scope="package")
def noisy_folder(tmp_path_factory):
    """A model that explains itself, with noise that a seed may pin."""
    keras.utils.set_random_seed(4)
    images = keras.Input((8, 6, 3))
    mean = Explained("mean")(keras.layers.GlobalAveragePooling2D()(images))
    x = keras.layers.Flatten()(Explained("seen")(Noise()(images)))
    logits = keras.layers.Dense(3)(keras.layers.Concatenate()([x, mean]))
    path = tmp_path_factory.mktemp("served") / "noisy"
    exports.save(
        keras.Model(images, logits),
        path,
        signatures=["serving_default", "serving_bytes", "explain", "seeded"],
    )
    return path


class SharedNoise(Noise):
    """Adds the same noise to all images of a batch."""

    def call(self, images):
        shape = (1, *images.shape[1:])
        return images + keras.random.normal(shape, seed=self.seed_generator)


@pytest.fixture(scope="package")
def shared_folder(tmp_path_factory):
    """A model whose images of one batch share its noise."""
    layers = [keras.Input((4, 4, 1)), SharedNoise(), keras.layers.Flatten()]
    path = tmp_path_factory.mktemp("served") / "shared"
    model = keras.Sequential([*layers, keras.layers.Dense(2)])
    exports.save(model, path, signatures=["serving_default"])
    return path


@pytest.fixture(scope="package")
def running(folder):
    """A server of the model: its double, and its hosts."""
    pytest.importorskip("tensorflow_serving")
    from tests.exports.serving.double import Served
    from tests.exports.serving.double import serving

    served = Served("tiny", folder, labels={"stable": 3})
    with serving(served) as hosts:
        yield served, hosts


@pytest.fixture
def server(running):
    """The running server, without faults."""
    served, hosts = running
    served.faults, served.delay, served.calls = [], 0.0, 0
    return served, hosts


@pytest.fixture(params=["http", "grpc"])
def url(request, server):
    """The model's address by each protocol."""
    return f"{request.param}://{server[1][request.param]}/v1/models/tiny"


@pytest.fixture
def images():
    return np.random.default_rng(5).random((2, 8, 6, 3), "float32")
