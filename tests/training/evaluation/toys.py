"""Models and attacks whose reports can be computed by hand."""

import dataclasses

import keras
import numpy as np

from zoo.threat import ThreatModel
from zoo.training.evaluation import evaluate

SHAPE = (4, 4, 1)


@dataclasses.dataclass(frozen=True)
class Shift:
    """A fake attack: adds a constant, whatever the model."""

    by: float
    threat: ThreatModel | None = None
    name: str = "shift"
    batches: list = dataclasses.field(default_factory=list)

    @property
    def options(self):
        return {"by": self.by}

    def __call__(self, model, images, labels):
        self.batches.append(len(images))
        return images + np.float32(self.by)


class BrightnessCoin(keras.layers.Layer):
    """Two logits that tell dark from bright, and lie in a quarter of cases."""

    stochastic = True

    def __init__(self, **kwargs):
        super().__init__(**kwargs)
        self.generator = keras.random.SeedGenerator(1)

    def call(self, images):
        bright = keras.ops.mean(images, axis=(1, 2, 3)) - 0.5
        coin = keras.random.uniform(
            keras.ops.shape(bright), seed=self.generator
        )
        bright = keras.ops.where(coin < 0.25, -bright, bright)
        return keras.ops.stack([-bright, bright], axis=-1)


def coin_model():
    return keras.Sequential([keras.Input(SHAPE), BrightnessCoin()])


def brightness():
    """Class 1 if the image is bright, without any randomness by itself."""
    inputs = keras.Input(SHAPE)
    outputs = keras.layers.Flatten()(inputs)
    outputs = keras.layers.Dense(2)(outputs)
    model = keras.Model(inputs, outputs, name="brightness")
    kernel = np.stack([np.full(16, -1.0), np.full(16, 1.0)], axis=-1)
    model.set_weights([kernel, np.array([8.0, -8.0])])
    return model


def levels(*values):
    """One plain image a grey level; its class is whether it is bright."""
    images = np.ones((len(values), *SHAPE), "float32")
    images *= np.array(values, "float32")[:, None, None, None]
    return images, (np.array(values) > 0.5).astype("int64")


def run(model, dataset, suite, **options):
    """Evaluates without a progress bar."""
    return evaluate(model, dataset, suite, progress=False, **options)


def numbers(report):
    """The report without what differs from run to run."""
    data = report.to_dict()
    del data["date"]
    for result in data["attacks"]:
        del result["seconds"]
    return data
