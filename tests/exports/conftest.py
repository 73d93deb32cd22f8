import keras
import pytest

from zoo import exports


@pytest.fixture
def classifier():
    """Returns a function that builds a small convolutional classifier."""

    def build(*first, policy=None, shape=(10, 12, 3)):
        images = x = keras.Input(shape)
        for layer in first:
            x = layer(x)
        x = keras.layers.Conv2D(8, 3, dtype=policy)(x)
        x = keras.layers.BatchNormalization(dtype=policy)(x)
        x = keras.layers.ReLU(dtype=policy)(x)
        x = keras.layers.Dropout(0.5, dtype=policy)(x)
        x = keras.layers.GlobalAveragePooling2D(dtype=policy)(x)
        # Under a mixed policy these logits are bfloat16.
        return keras.Model(images, keras.layers.Dense(4, dtype=policy)(x))

    return build


@pytest.fixture
def predict():
    """Returns a function that runs a report's export in a C++ session."""

    def run(report, images):
        with exports.SavedModelSession(report.path) as session:
            return session.run("serving_default", {"image": images})

    return run
