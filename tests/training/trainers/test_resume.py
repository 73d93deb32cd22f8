"""A training killed in mid-epoch goes on from its last checkpoint.

With all the tricks: logit pairing, label smoothing, a mixture of attacks. What
is random in them goes on too. The images come in one order at every epoch: a
shuffled data set would begin anew with its first epoch's.
"""

import csv
import os
import signal
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from tests.paths import ROOT

SCRIPT = """
import os, signal, sys
import keras
import numpy as np
from zoo.training import AdversarialTrainer, LabelSmoothing, attacks, datasets
from zoo import models

folder, killed = sys.argv[1], sys.argv[2] == "killed"
keras.utils.set_random_seed(0)
model = models.wide_resnet(depth=10, width=1, image_shape=(28, 28, 1))
trainer = AdversarialTrainer(
    model,
    attacks.mixture(
        attacks=(
            attacks.ddn(steps=2, max_norm=1.0),
            attacks.pgd(eps=0.1, steps=2),
            attacks.deepfool(steps=1, classes=2, max_norm=1.0),
        ),
    ),
    logit_pairing=0.5,
)
schedule = keras.optimizers.schedules.CosineDecay(0.05, 16)
trainer.compile(
    keras.optimizers.SGD(schedule, momentum=0.9), LabelSmoothing(0.1)
)

class Kill(keras.callbacks.Callback):
    epoch = 0

    def on_epoch_begin(self, epoch, logs=None):
        self.epoch = epoch

    def on_train_batch_end(self, batch, logs=None):
        if killed and (self.epoch, batch) == (2, 1):
            os.kill(os.getpid(), signal.SIGKILL)

data = datasets.load("fashion_mnist_sample", batch_size=64).take(4)
trainer.fit(
    data,
    epochs=4,
    verbose=0,
    callbacks=[
        keras.callbacks.BackupAndRestore(f"{folder}/backup"),
        keras.callbacks.CSVLogger(f"{folder}/log.csv", append=True),
        Kill(),
    ],
)
np.savez(f"{folder}/weights.npz", *model.get_weights())
"""


def train(folder: Path, *, killed: bool) -> int:
    return subprocess.run(
        [sys.executable, "-c", SCRIPT, folder, "killed" if killed else ""],
        cwd=ROOT,
        env={**os.environ, "TF_DETERMINISTIC_OPS": "1"},
    ).returncode


@pytest.mark.large
def test_killed_training_on_one_order_ends_like_a_straight_one(tmp_path):
    straight, broken = tmp_path / "straight", tmp_path / "broken"
    straight.mkdir()
    broken.mkdir()
    assert train(straight, killed=False) == 0
    assert train(broken, killed=True) == -signal.SIGKILL
    assert not (broken / "weights.npz").exists()
    assert train(broken, killed=False) == 0

    with open(broken / "log.csv", encoding="utf-8") as file:
        epochs = [row["epoch"] for row in csv.DictReader(file)]
    assert epochs == ["0", "1", "2", "3"]
    with (
        np.load(straight / "weights.npz") as expected,
        np.load(broken / "weights.npz") as weights,
    ):
        assert weights.files == expected.files
        for name in weights.files:
            np.testing.assert_allclose(weights[name], expected[name], atol=1e-4)
