"""The plain model comes out of Keras' callbacks, and a trainer goes on."""

import warnings

import keras
import numpy as np
import pytest

from zoo import models
from zoo.training import AdversarialTrainer
from zoo.training import attacks

SHAPE = 8, 8, 1


def network():
    """An ensemble: a model within a model, shared by three views."""
    return models.irm(
        depth=10,
        width=1,
        num_classes=3,
        image_shape=SHAPE,
        scales=(4, 8),
        scale_weights=(0.1, 1.0),
        pooling_bins=(1,),
    )


def small():
    inputs = keras.Input(SHAPE)
    x = keras.layers.Dropout(0.5)(keras.layers.Flatten()(inputs))
    return keras.Model(inputs, keras.layers.Dense(3)(x))


def trainer(model):
    trainer = AdversarialTrainer(model, lambda model, images, labels: images)
    trainer.compile(keras.optimizers.SGD(0.1, momentum=0.9))
    return trainer


def batch():
    images = np.random.default_rng(0).random((8, *SHAPE), "float32")
    return images, np.arange(8) % 3


@pytest.fixture(autouse=True)
def silent():
    """Nothing may warn, but of NumPy's own future."""
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        warnings.filterwarnings("ignore", category=DeprecationWarning)
        yield


@pytest.mark.parametrize("build", [network, small])
def test_the_best_epoch_is_a_plain_model_in_both_forms(build, tmp_path):
    epochs = []
    whole, weights = tmp_path / "best.keras", tmp_path / "best.weights.h5"
    one = trainer(build())
    one.fit(
        *batch(),
        epochs=3,
        verbose=0,
        callbacks=[
            keras.callbacks.LambdaCallback(
                on_epoch_end=lambda epoch, logs: (
                    epochs.append(one.model.get_weights()),
                    logs.update(score=[1.0, 3.0, 2.0][epoch]),
                )
            ),
            keras.callbacks.ModelCheckpoint(
                whole, monitor="score", mode="max", save_best_only=True
            ),
            keras.callbacks.ModelCheckpoint(
                weights,
                monitor="score",
                mode="max",
                save_best_only=True,
                save_weights_only=True,
            ),
        ],
    )
    plain = build()
    plain.load_weights(weights)
    for model in (keras.saving.load_model(whole), plain):
        assert type(model) is type(one.model)
        for got, best in zip(model.get_weights(), epochs[1], strict=True):
            np.testing.assert_array_equal(got, best)
    assert not np.array_equal(epochs[1][0], epochs[2][0])


def test_a_trainer_saves_the_plain_model(tmp_path):
    one = trainer(small())
    one.save(tmp_path / "m.keras")
    loaded = keras.saving.load_model(tmp_path / "m.keras")
    np.testing.assert_array_equal(
        loaded.layers[-1].kernel, one.model.layers[-1].kernel
    )


def test_early_stopping_restores_the_best_epoch():
    kept = []
    one = trainer(small())
    one.fit(
        *batch(),
        epochs=3,
        verbose=0,
        callbacks=[
            keras.callbacks.LambdaCallback(
                on_epoch_end=lambda epoch, logs: (
                    kept.append(one.model.get_weights()),
                    logs.update(score=float(epoch)),
                )
            ),
            keras.callbacks.EarlyStopping(
                "score", mode="min", patience=9, restore_best_weights=True
            ),
        ],
    )
    for got, best in zip(one.model.get_weights(), kept[0], strict=True):
        np.testing.assert_array_equal(got, best)


def states(one):
    return [
        np.asarray(variable)
        for variables in one._training_state().values()
        for variable in variables
    ]


@pytest.mark.parametrize("policy", ["float32", "bfloat16"])
def test_the_state_of_the_training_is_restored(policy, tmp_path):
    """Momenta, iterations, the dropout's draws and the attack's."""
    keras.config.set_dtype_policy(policy)

    def build():
        made = AdversarialTrainer(
            small(), attacks.pgd(eps=0.1, steps=1, seed=3)
        )
        made.compile(keras.optimizers.SGD(0.1, momentum=0.9))
        return made

    one, other = build(), build()
    one.train_on_batch(*batch())
    one.save_weights(tmp_path / "s.weights.h5")
    other.load_weights(tmp_path / "s.weights.h5")
    assert int(other.optimizer.iterations) == 1
    assert any(variable.any() for variable in states(one))
    for got, saved in zip(states(other), states(one), strict=True):
        np.testing.assert_array_equal(got, saved)
    assert states(build())[-1].tolist() != states(one)[-1].tolist()


def test_a_plain_models_weights_load_into_a_trainer(tmp_path):
    plain, one = small(), trainer(small())
    plain.save_weights(tmp_path / "p.weights.h5")
    one.load_weights(tmp_path / "p.weights.h5")
    np.testing.assert_array_equal(
        one.model.layers[-1].kernel, plain.layers[-1].kernel
    )


def test_a_checkpoint_of_an_earlier_version_is_read(tmp_path):
    """It held the trainer's layers, the optimiser's state and the seeds'."""
    one, other = trainer(small()), trainer(small())
    one.train_on_batch(*batch())
    keras.Model.save_weights(one, tmp_path / "old.weights.h5")
    other.load_weights(tmp_path / "old.weights.h5")
    for got, saved in zip(
        other.model.get_weights()
        + [v.numpy() for v in other.optimizer.variables],
        one.model.get_weights() + [v.numpy() for v in one.optimizer.variables],
        strict=True,
    ):
        np.testing.assert_array_equal(got, saved)


def test_another_models_weights_are_refused(tmp_path):
    one = trainer(small())
    one.save_weights(tmp_path / "s.weights.h5")
    warnings.simplefilter("ignore")  # Keras says more than the error.
    with pytest.raises(ValueError):
        trainer(network()).load_weights(tmp_path / "s.weights.h5")


def test_an_existing_file_is_kept_if_asked_for(tmp_path):
    path = tmp_path / "s.weights.h5"
    one = trainer(small())
    one.save_weights(path)
    written = path.read_bytes()
    with pytest.raises(FileExistsError, match="Received: filepath="):
        one.save_weights(path, overwrite=False)
    assert path.read_bytes() == written
