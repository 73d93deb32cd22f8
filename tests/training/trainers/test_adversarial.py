"""The adversarial trainer: its loss, its metrics, its life cycle."""

import keras
import numpy as np
import pytest
import tensorflow as tf
from scipy.special import log_softmax

from zoo import models
from zoo.layers import AntialiasedResizing
from zoo.layers import MultiScaleEnsemble
from zoo.layers import SpatialPyramidPooling
from zoo.models.scale_views import scale_views
from zoo.training import AdversarialTrainer
from zoo.training import attacks


def linear(classes=3):
    inputs = keras.Input((4, 4, 1))
    x = keras.layers.Flatten()(inputs)
    return keras.Model(inputs, keras.layers.Dense(classes)(x))


def ensemble():
    inputs = keras.Input((None, None, 1))
    x = keras.layers.Conv2D(4, 3, padding="same", activation="relu")(inputs)
    x = SpatialPyramidPooling((1, 2))(x)
    classifier = keras.Model(inputs, keras.layers.Dense(3)(x))
    images = keras.Input((4, 4, 1))
    merged = MultiScaleEnsemble(classifier, (4, 6), (1.0, 0.1))(images)
    return keras.Model(images, merged)


def data(count=32, batch_size=16):
    generator = np.random.default_rng(0)
    images = generator.random((count, 4, 4, 1), "float32")
    labels = generator.integers(0, 3, count)
    return tf.data.Dataset.from_tensor_slices((images, labels)).batch(
        batch_size
    )


def darken(model, images, labels):
    """An attack of known result."""
    return images * 0.5


def cross_entropy(logits, labels):
    return -log_softmax(logits, axis=-1)[np.arange(len(labels)), labels].mean()


@pytest.mark.parametrize("clean_weight", [0.0, 0.3, 1.0])
def test_loss_is_equation_2_with_logit_pairing(clean_weight):
    model = linear()
    trainer = AdversarialTrainer(
        model, darken, clean_weight=clean_weight, logit_pairing=0.7
    )
    trainer.compile(keras.optimizers.SGD(0.0))
    images, labels = next(data().as_numpy_iterator())
    clean, adversarial = model(images).numpy(), model(images * 0.5).numpy()
    expected = (
        clean_weight * cross_entropy(clean, labels)
        + (1 - clean_weight) * cross_entropy(adversarial, labels)
        + 0.7 * np.mean((clean - adversarial) ** 2)
    )
    logs = trainer.train_on_batch(images, labels, return_dict=True)
    np.testing.assert_allclose(logs["loss"], expected, rtol=1e-5)


@pytest.mark.parametrize("shape", [(16,), (16, 1)])
def test_sample_weights_reach_logit_pairing(shape):
    model = linear()
    trainer = AdversarialTrainer(
        model, darken, clean_weight=0.5, logit_pairing=0.7
    )
    trainer.compile(keras.optimizers.SGD(0.0))
    images, labels = next(data().as_numpy_iterator())
    weights = np.linspace(0, 2, len(labels), dtype="float32")
    logits = [model(images).numpy(), model(images * 0.5).numpy()]
    rows = np.arange(len(labels))
    expected = 0.7 * weights * ((logits[0] - logits[1]) ** 2).mean(1)
    for one in logits:
        expected -= 0.5 * weights * log_softmax(one, axis=-1)[rows, labels]
    logs = trainer.train_on_batch(
        images, labels, weights.reshape(shape), return_dict=True
    )
    np.testing.assert_allclose(logs["loss"], expected.mean(), rtol=1e-5)


def test_multi_scale_loss_is_the_mean_over_scales():
    model = ensemble()
    trainer = AdversarialTrainer(model, darken, clean_weight=0.0)
    trainer.compile(keras.optimizers.SGD(0.0))
    images, labels = next(data().as_numpy_iterator())
    views = scale_views(model)(images * 0.5).numpy()
    expected = np.mean([cross_entropy(views[:, i], labels) for i in range(2)])
    logs = trainer.train_on_batch(images, labels, return_dict=True)
    np.testing.assert_allclose(logs["loss"], expected, rtol=1e-5)


def test_scale_views_share_weights_and_need_an_ensemble():
    model = ensemble()
    views = scale_views(model)
    assert views.output_shape == (None, 2, 3)
    assert {id(w) for w in views.weights} == {id(w) for w in model.weights}
    assert scale_views(linear()) is None


def test_scale_views_resize_before_casting_under_a_mixed_policy():
    keras.config.set_dtype_policy("mixed_bfloat16")
    model = ensemble()
    images, _ = next(data().as_numpy_iterator())
    resized = AntialiasedResizing(6, 6, dtype="float32")(images)
    expected = tf.cast(model.layers[-1].classifier(resized), "float32")
    views = scale_views(model)(images)
    np.testing.assert_array_equal(views[:, 1], expected)


def test_sample_weights_reach_the_loss():
    model = linear()
    trainer = AdversarialTrainer(model, darken, clean_weight=0.0)
    trainer.compile(keras.optimizers.SGD(0.0))
    images, labels = next(data().as_numpy_iterator())
    weights = np.arange(16.0)
    losses = -log_softmax(model(images * 0.5).numpy(), axis=-1)
    expected = (losses[np.arange(16), labels] * weights).sum() / 16
    logs = trainer.train_on_batch(
        images, labels, sample_weight=weights, return_dict=True
    )
    np.testing.assert_allclose(logs["loss"], expected, rtol=1e-5)


def test_validation_reports_clean_and_adversarial_accuracy():
    model = linear()
    trainer = AdversarialTrainer(model, darken)
    trainer.compile(keras.optimizers.SGD(0.0))
    images, labels = next(data().as_numpy_iterator())
    logs = trainer.evaluate(images, labels, verbose=0, return_dict=True)

    def accuracy(batch):
        return np.mean(model(batch).numpy().argmax(axis=-1) == labels)

    np.testing.assert_allclose(logs["clean_accuracy"], accuracy(images))
    np.testing.assert_allclose(
        logs["adversarial_accuracy"], accuracy(images * 0.5)
    )


def test_attack_sees_the_current_model_in_inference_mode():
    """In a training step too: dropout off, moving averages left alone."""
    model = models.wide_resnet(
        depth=10, width=1, num_classes=3, image_shape=(4, 4, 1), dropout=0.5
    )
    images, labels = next(data().as_numpy_iterator())
    attack = attacks.ddn(steps=2, max_norm=1.0)
    expected = attack(model, images, labels)
    crafted = tf.Variable(tf.zeros_like(expected))

    def recording(attacked, images, labels):
        return crafted.assign(attack(attacked, images, labels))

    trainer = AdversarialTrainer(model, recording, clean_weight=0.0)
    trainer.compile(keras.optimizers.SGD(0.0))
    trainer.train_on_batch(images, labels)
    np.testing.assert_allclose(crafted, expected, atol=1e-5)
    again = attack(model, images, labels)
    assert np.abs(again - crafted).max() > 1e-3, "the averages must have moved"


@pytest.mark.parametrize(
    "labels", [np.eye(3)[[0, 1, 2, 0]], np.zeros((4, 1), "int64"), np.zeros(4)]
)
def test_labels_of_another_kind_are_refused(labels):
    trainer = AdversarialTrainer(linear(), darken)
    trainer.compile(keras.optimizers.SGD(0.0))
    images = np.zeros((4, *linear().input_shape[1:]), "float32")
    with pytest.raises(ValueError, match=r"integers of shape \(batch,\)"):
        trainer.train_on_batch(images, labels)


def test_validation_is_the_ensembles():
    """The scale of the largest weight decides, two others notwithstanding."""
    rng = np.random.default_rng(0)
    model = models.irm(
        depth=10,
        width=1,
        num_classes=3,
        image_shape=(8, 8, 1),
        scales=(16, 20, 24),
        scale_weights=(0.001, 0.001, 1.0),
        qualities=(90,),
    )
    model.set_weights(
        [
            w + np.abs(rng.normal(size=w.shape)).astype(w.dtype)
            for w in model.get_weights()
        ]
    )
    trainer = AdversarialTrainer(model, lambda model, images, labels: images)
    trainer.compile(keras.optimizers.SGD(0.0))
    images = rng.uniform(size=(64, 8, 8, 1)).astype("float32")
    labels = np.argmax(model(images, training=False), axis=-1)
    logs = trainer.evaluate(images, labels, verbose=0, return_dict=True)
    assert logs["clean_accuracy"] == logs["adversarial_accuracy"] == 1.0
    averaged = np.argmax(
        np.mean(keras.ops.log_softmax(scale_views(model)(images)), axis=1),
        axis=-1,
    )
    assert np.mean(averaged == labels) < 1.0, "the test tells them apart"


@pytest.mark.parametrize("policy", ["float32", "mixed_bfloat16"])
def test_fit_learns_and_callbacks_fire_once_an_epoch(policy):
    keras.config.set_dtype_policy(policy)
    epochs = []
    model = linear()
    trainer = AdversarialTrainer(model, attacks.ddn(steps=2, max_norm=0.2))
    trainer.compile(keras.optimizers.SGD(0.3))
    history = trainer.fit(
        data(),
        epochs=15,
        verbose=0,
        validation_data=data(),
        callbacks=[
            keras.callbacks.LambdaCallback(
                on_epoch_end=lambda epoch, logs: epochs.append(epoch)
            )
        ],
    ).history
    assert epochs == list(range(15))
    assert history["loss"][-1] < history["loss"][0]
    assert set(history) == {
        prefix + name
        for prefix in ("", "val_")
        for name in ("loss", "clean_accuracy", "adversarial_accuracy")
    }


def test_compiled_metrics_see_adversarial_predictions():
    trainer = AdversarialTrainer(linear(), darken, clean_weight=0.0)
    trainer.compile(keras.optimizers.SGD(0.0), metrics=["accuracy"])
    images, labels = next(data().as_numpy_iterator())
    logs = trainer.train_on_batch(images, labels, return_dict=True)
    assert logs["accuracy"] == logs["adversarial_accuracy"]
    assert "clean_accuracy" not in logs


def test_surrogate_is_what_the_attack_sees():
    seen = []
    model, surrogate = linear(), linear()

    def attack(attacked, images, labels):
        seen.append(attacked)
        return images

    trainer = AdversarialTrainer(model, attack, surrogate=surrogate)
    trainer.compile("sgd")
    trainer.train_on_batch(*next(data().as_numpy_iterator()))
    assert seen and all(attacked is surrogate for attacked in seen)


def test_what_comes_out_is_the_plain_model(tmp_path):
    model = linear()
    trainer = AdversarialTrainer(model, darken)
    trainer.compile("sgd")
    trainer.fit(data(), verbose=0)
    assert trainer.model is model
    model.save(tmp_path / "model.keras")
    restored = keras.saving.load_model(tmp_path / "model.keras")
    images, _ = next(data().as_numpy_iterator())
    np.testing.assert_allclose(
        restored(images), trainer.predict(images, verbose=0), atol=1e-6
    )


@pytest.mark.parametrize(
    "options",
    [
        {"clean_weight": -0.1},
        {"clean_weight": 1.1},
        {"logit_pairing": -1.0},
    ],
)
def test_weights_must_be_in_range(options):
    (name, value), *_ = options.items()
    with pytest.raises(ValueError, match=f"Received: {name}={value}"):
        AdversarialTrainer(linear(), darken, **options)


@pytest.mark.parametrize(
    "policy",
    [
        *("float16", "bfloat16", "float32", "float64"),
        *("mixed_float16", "mixed_bfloat16"),
    ],
)
def test_every_dtype_policy_trains(policy):
    """Pairing and penalties keep to the loss's type; the loss is right."""
    keras.config.set_dtype_policy(policy)
    inputs = keras.Input((4, 4, 1))
    x = keras.layers.Flatten()(inputs)
    x = keras.layers.Dense(
        3, activity_regularizer="l2", kernel_regularizer="l2"
    )(x)
    model = keras.Model(inputs, x)
    trainer = AdversarialTrainer(model, darken, logit_pairing=0.7)
    trainer.compile(keras.optimizers.SGD(0.0))
    images, labels = next(data().as_numpy_iterator())
    penalty, logits = [], []
    for batch in (images, images * 0.5):
        logits.append(np.asarray(model(batch)).astype("float32"))
        penalty.append(sum(float(loss) for loss in model.losses))
    expected = (
        np.mean([cross_entropy(one, labels) for one in logits])
        + np.mean(penalty)
        + 0.7 * np.mean((logits[0] - logits[1]) ** 2)
    )
    logs = trainer.train_on_batch(images, labels, return_dict=True)
    np.testing.assert_allclose(logs["loss"], expected, rtol=2e-2)


def test_a_half_precision_models_loss_is_scaled():
    """Whatever the policy at the time when the trainer is made."""
    keras.config.set_dtype_policy("mixed_float16")
    model = linear()
    keras.config.set_dtype_policy("float32")
    trainer = AdversarialTrainer(model, darken)
    trainer.compile()
    assert isinstance(trainer.optimizer, keras.optimizers.LossScaleOptimizer)


@pytest.mark.parametrize("shape", [(16,), (16, 1)])
def test_sample_weights_of_zero_leave_no_loss(shape):
    trainer = AdversarialTrainer(linear(), darken, logit_pairing=0.7)
    trainer.compile(keras.optimizers.SGD(1.0))
    images, labels = next(data().as_numpy_iterator())
    before = trainer.model.get_weights()
    weights = np.zeros(shape, "float32")
    logs = trainer.train_on_batch(images, labels, weights, return_dict=True)
    assert logs["loss"] == 0.0
    for one, other in zip(before, trainer.model.get_weights(), strict=True):
        np.testing.assert_array_equal(one, other)


def test_an_attack_may_be_text():
    trainer = AdversarialTrainer(linear(), "pgd:eps=0.1,steps=2")
    assert (trainer.attack.name, trainer.attack.eps) == ("pgd", 0.1)


@pytest.mark.parametrize(
    ("attack", "message"),
    [
        ("pgb:eps=0.1", "pgd"),
        ("pgd", "needs a radius"),
        ("pgd:epz=0.1", "epz"),
        ("standard", "suite"),
        (0.1, "callable.*Received: attack=0.1"),
    ],
)
def test_wrong_attacks_are_refused_at_once(attack, message):
    with pytest.raises(ValueError, match=message):
        AdversarialTrainer(linear(), attack)


@pytest.mark.parametrize("verbose", [0, 2])
def test_tracing_is_said_once(verbose, capsys):
    trainer = AdversarialTrainer(linear(), darken)
    trainer.compile()
    trainer.fit(data(), verbose=verbose)
    said = capsys.readouterr().err
    assert ("tracing the training step" in said) == bool(verbose)
    trainer.fit(data(), verbose=verbose)
    assert "tracing" not in capsys.readouterr().err
