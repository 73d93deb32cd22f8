"""What every layer of the zoo promises."""

import keras
import numpy as np


def check_layer(layer: keras.layers.Layer, images: np.ndarray, path) -> None:
    """Shape, config round trip, saving, `None` batch and mixed precision.

    Args:
        path: A `.keras` file to write.
    """
    outputs = np.asarray(layer(images))
    assert layer.compute_output_shape(images.shape) == outputs.shape
    clone = type(layer).from_config(layer.get_config())
    assert clone.get_config() == layer.get_config()

    inputs = keras.Input(images.shape[1:])
    model = keras.Model(inputs, layer(inputs))
    assert model.output_shape == (None, *outputs.shape[1:])
    if not getattr(layer, "stochastic", False):
        predicted = model.predict(images, verbose=0)
        np.testing.assert_allclose(predicted, outputs, atol=1e-5)
    # Files hold no state of random generators; the clone's is fresh.
    check_saving(keras.Model(inputs, clone(inputs)), images, path)

    config = {**layer.get_config(), "dtype": "mixed_bfloat16"}
    mixed = type(layer).from_config(config)(images)
    assert keras.backend.standardize_dtype(mixed.dtype) == "bfloat16"
    np.testing.assert_allclose(
        np.asarray(keras.ops.cast(mixed, "float32")), outputs, atol=0.05
    )


def check_saving(model: keras.Model, images: np.ndarray, path) -> None:
    """A `.keras` file brings back the same function.

    A random model must have a seed and not have drawn yet.
    """
    model.save(path)
    restored = keras.saving.load_model(path)
    np.testing.assert_allclose(
        restored.predict(images, verbose=0),
        model.predict(images, verbose=0),
        atol=1e-6,
    )
