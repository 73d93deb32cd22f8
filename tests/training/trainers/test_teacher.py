"""Soft labels of a teacher (RSLAD), against the formula."""

import keras
import numpy as np
import pytest
from scipy.special import log_softmax
from scipy.special import softmax

from zoo.layers import MultiScaleEnsemble
from zoo.training import AdversarialTrainer

RNG = np.random.default_rng(0)
IMAGES = RNG.random((16, 4, 4, 1), "float32")
LABELS = RNG.integers(0, 3, 16)
ONE_HOT = np.eye(3)[LABELS]


def linear(classes=3, **options):
    inputs = keras.Input((4, 4, 1))
    x = keras.layers.Flatten()(inputs)
    return keras.Model(inputs, keras.layers.Dense(classes, **options)(x))


def darken(model, images, labels):
    return images * 0.5


def cross_entropy(targets, logits):
    return -(targets * log_softmax(logits, axis=-1)).sum(-1).mean()


def trained_loss(trainer, **kwargs):
    trainer.compile(keras.optimizers.SGD(0.0))
    logs = trainer.train_on_batch(IMAGES, LABELS, return_dict=True, **kwargs)
    return logs["loss"]


@pytest.mark.parametrize("share", [0.3, 1.0])
@pytest.mark.parametrize("clean_weight", [0.0, 0.4])
def test_labels_are_blended_with_the_teachers(share, clean_weight):
    """Both terms of equation 2 take the teacher's view of the clean image."""
    model, teacher = linear(), linear()
    loss = trained_loss(
        AdversarialTrainer(
            model,
            darken,
            clean_weight=clean_weight,
            teacher=teacher,
            teacher_share=share,
        )
    )
    targets = share * softmax(teacher(IMAGES).numpy(), axis=-1)
    targets += (1 - share) * ONE_HOT
    expected = clean_weight * cross_entropy(targets, model(IMAGES).numpy())
    expected += (1 - clean_weight) * cross_entropy(
        targets, model(IMAGES * 0.5).numpy()
    )
    np.testing.assert_allclose(loss, expected, rtol=1e-5)


def test_sample_weights_scale_the_teachers_part():
    model, teacher = linear(), linear()
    weights = np.linspace(0, 2, 16).astype("float32")
    loss = trained_loss(
        AdversarialTrainer(model, darken, clean_weight=0.0, teacher=teacher),
        sample_weight=weights,
    )
    each = -softmax(teacher(IMAGES).numpy(), axis=-1) * log_softmax(
        model(IMAGES * 0.5).numpy(), axis=-1
    )
    np.testing.assert_allclose(loss, (weights * each.sum(-1)).mean(), rtol=1e-5)


def test_penalties_stay_whole():
    model = linear(kernel_regularizer=keras.regularizers.L2(0.1))
    teacher = linear()
    loss = trained_loss(
        AdversarialTrainer(model, darken, clean_weight=0.5, teacher=teacher)
    )
    targets = softmax(teacher(IMAGES).numpy(), axis=-1)
    expected = 0.5 * cross_entropy(targets, model(IMAGES).numpy())
    expected += 0.5 * cross_entropy(targets, model(IMAGES * 0.5).numpy())
    expected += 0.1 * np.sum(model.layers[-1].kernel.numpy() ** 2)
    np.testing.assert_allclose(loss, expected, rtol=1e-5)


def test_an_ensemble_learns_at_each_scale():
    inputs = keras.Input((None, None, 1))
    x = keras.layers.GlobalAveragePooling2D()(inputs)
    classifier = keras.Model(inputs, keras.layers.Dense(3)(x))
    images = keras.Input((4, 4, 1))
    ensemble = MultiScaleEnsemble(classifier, (4, 6), (1.0, 0.1))
    model, teacher = keras.Model(images, ensemble(images)), linear()
    loss = trained_loss(
        AdversarialTrainer(model, darken, clean_weight=0.0, teacher=teacher)
    )
    logits = ensemble.scale_logits(IMAGES * 0.5).numpy()
    targets = softmax(teacher(IMAGES).numpy(), axis=-1)[:, None]
    np.testing.assert_allclose(loss, cross_entropy(targets, logits), rtol=1e-5)


def test_the_teacher_stays_as_it_is(tmp_path):
    model, teacher = linear(), linear()
    before = [weight.copy() for weight in teacher.get_weights()]
    trainer = AdversarialTrainer(model, darken, teacher=teacher)
    trainer.compile(keras.optimizers.SGD(1.0))
    trainer.fit(IMAGES, LABELS, verbose=0)
    for weight, old in zip(teacher.get_weights(), before, strict=True):
        np.testing.assert_array_equal(weight, old)
    assert len(trainer.trainable_variables) == 2
    trainer.save_weights(tmp_path / "x.weights.h5")
    linear().load_weights(tmp_path / "x.weights.h5")


def test_refusals():
    model = linear()
    with pytest.raises(ValueError, match="the model's 3 classes"):
        AdversarialTrainer(model, darken, teacher=linear(4))
    with pytest.raises(ValueError, match="give logits"):
        AdversarialTrainer(model, darken, teacher=linear(activation="softmax"))
    for share in (0.0, 1.1, np.nan):
        with pytest.raises(ValueError, match="teacher_share="):
            AdversarialTrainer(
                model, darken, teacher=linear(), teacher_share=share
            )
