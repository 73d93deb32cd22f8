"""The attacker's view of the comparator, and the exhibits of real networks."""

import keras
import numpy as np
import pytest
import tensorflow as tf

import zoo
from zoo.training.reproduction import minds_eye
from zoo.training.reproduction.minds_eye.robustness import comparator_alone
from zoo.weights import save_weights


def test_what_is_drawn_has_no_gradient():
    """The same logits, but the image counts only where it is compared."""
    keras.utils.set_random_seed(0)
    model = zoo.models.minds_eye_triple(image_shape=(16, 16, 1))
    alone = comparator_alone(model)
    images = tf.random.uniform((2, 16, 16, 1), seed=0)
    pose = model.get_layer("estimator").get_layer("fc8_params").kernel
    gradients = {}
    for network in (model, alone):
        with tf.GradientTape() as tape:
            outputs = network(images)
        gradients[network] = tape.gradient(outputs, pose)
    np.testing.assert_allclose(alone(images), model(images), atol=1e-6)
    assert gradients[alone] is None
    assert np.abs(gradients[model]).max() > 0


@pytest.mark.large
def test_all_exhibits_of_random_networks(tmp_path):
    for name in ("minds_eye_direct", "minds_eye_pose", "minds_eye_triple"):
        model = zoo.load(name, weights=None)
        save_weights(
            model, tmp_path / f"{name}.weights.h5", max_shard_size=None
        )
    settings = minds_eye.Settings(
        workdir=tmp_path / "work",
        weights=tmp_path,
        data="rendered_objects_sample",
        limit=8,
        flips=2,
        triple_flips=1,
        max_steps=2,
        attack_limit=2,
        steps=2,
        queries=2,
        batch_size=4,
        progress=False,
    )
    exhibits = minds_eye.reproduce(settings, tmp_path / "out")
    assert [one.name for one in exhibits] == list(minds_eye.EXHIBITS)
    rows = exhibits[-1].data["rows"]
    assert rows["minds_eye_direct"]["comparator"] is None
    for row in rows.values():
        assert row["standard"] <= row["clean"]
