"""Measures what 8 bits cost a preset: accuracy, clean and attacked.

    python -m benchmarks.int8 --output docs/results/int8.json

Ranges are measured on the last packaged images, accuracies on the first. PGD
climbs the loss of the float model, and both models classify what it finds.
Square asks the quantised model itself. Each set has its own radius in L∞.
"""

import argparse
import json
import pathlib
import tempfile

import keras
import numpy as np
import tensorflow as tf

import zoo
from benchmarks import provenance
from zoo import exports
from zoo.training import attacks
from zoo.training.datasets.packaged import load_packaged
from zoo.training.datasets.registry import SAMPLES

_MODELS = ("wrn16_2", "irm_wrn16_2", "lisa_cnn", "blurnet_dw5")
_THREATS = {
    "fashion_mnist": {"norm": "linf", "eps": 0.1},
    "rendered_signs/crops32": {"norm": "linf", "eps": 0.03},
}
_SEED = 0


class Converted(keras.layers.Layer):
    """Classifies in another runtime, in batches of any size."""

    black_box = True

    def __init__(self, predict, classes, stochastic):
        super().__init__()
        self.predict, self.classes = predict, classes
        self.stochastic = stochastic

    def call(self, images):
        logits = tf.numpy_function(self.predict, [images], tf.float32)
        return tf.ensure_shape(logits, (None, self.classes))

    def compute_output_spec(self, images):
        return keras.KerasTensor((images.shape[0], self.classes), "float32")


def measure(name: str, *, count: int, queries: int) -> dict:
    """Returns accuracies of a preset and of its int8 export, in percent."""
    keras.utils.set_random_seed(_SEED)
    model = zoo.load(name)
    dataset = zoo.info(name).dataset
    threat = _THREATS[dataset]
    images, labels = map(
        np.array,
        zip(*load_packaged(SAMPLES[dataset]), strict=True),
    )
    images = images.astype("float32") / 255
    held = images[count:]
    images, labels = images[:count], labels[:count]
    with tempfile.TemporaryDirectory() as folder:
        plain = exports.convert(
            model, pathlib.Path(folder, "float"), "openvino"
        )
        report = exports.convert(
            model,
            pathlib.Path(folder, "int8"),
            "openvino",
            int8_images=held,
        )
        predict = exports.load_converted(report.path, "openvino")
        inputs = keras.Input(model.input_shape[1:])
        layer = Converted(predict, model.output_shape[-1], report.stochastic)
        quantized = keras.Model(inputs, layer(inputs))
        found = attacks.pgd(steps=40, seed=_SEED, **threat)(
            model, images, labels
        )
        asked = attacks.square(queries=queries, seed=_SEED, **threat)(
            quantized, images, labels
        )

        def accuracy(classify, given):
            right = np.argmax(classify(np.asarray(given)), -1) == labels
            return 100 * float(np.mean(right))

        def classify(given):
            return model.predict(given, verbose=0)

        return {
            "model": name,
            "images": len(images),
            "ranges_from": len(held),
            "threat": threat,
            "size_bytes": report.size_bytes,
            "float_size_bytes": plain.size_bytes,
            "clean": accuracy(classify, images),
            "clean_int8": accuracy(predict, images),
            "pgd": accuracy(classify, found),
            "pgd_int8": accuracy(predict, found),
            "square_queries": queries,
            "square_int8": accuracy(predict, asked),
        }


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--models", nargs="+", default=_MODELS)
    parser.add_argument("--images", type=int, default=192)
    parser.add_argument("--queries", type=int, default=100)
    parser.add_argument("--output", type=pathlib.Path)
    arguments = parser.parse_args()
    rows = []
    for name in arguments.models:
        rows.append(
            measure(name, count=arguments.images, queries=arguments.queries)
        )
        print(json.dumps(rows[-1]), flush=True)
    if arguments.output:
        provenance.write(arguments.output, {"rows": rows})


if __name__ == "__main__":
    main()
