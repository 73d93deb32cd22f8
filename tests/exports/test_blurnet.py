"""What BlurNets are trained with goes through a new head and an export."""

import keras
import numpy as np
import pytest

import zoo
from zoo import exports

VIEWS = np.random.default_rng(0).random((8, 32, 32, 3), "float32")
LABELS = np.arange(8) % 5


@pytest.mark.parametrize("name", ["blurnet_tv.1e-4", "blurnet_dw7"])
def test_penalties_survive_fine_tuning_and_export(name, tmp_path, predict):
    model = zoo.load(name, num_classes=5)
    entropy = keras.losses.SparseCategoricalCrossentropy(from_logits=True)
    expected = float(entropy(LABELS, model(VIEWS)))
    (before,) = map(float, model.losses)
    assert before == pytest.approx(published_penalty(name), rel=1e-5)
    model.compile(keras.optimizers.SGD(1e-3), entropy)
    history = model.fit(VIEWS, LABELS, batch_size=8, verbose=0).history
    assert history["loss"] == [pytest.approx(expected + before, abs=1e-4)]
    assert before > 1e-3
    report = exports.save(model, tmp_path / "served")
    np.testing.assert_allclose(
        predict(report, VIEWS)["logits"],
        model.predict(VIEWS, verbose=0),
        rtol=1e-4,
        atol=1e-5,
    )


def published_penalty(name):
    model = zoo.load(name)
    model(VIEWS)
    return float(sum(model.losses))
