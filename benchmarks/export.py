"""Times an exported classifier against its bare `tf.function` forward.

    python -m benchmarks.export --output export.json

Calls take turns, so that other load on the machine falls on all alike; times
are medians. Goal: a SavedModel call takes at most 1.05 times the bare forward,
at batch sizes of 1 and 64; with batch norms folded, 0.95 times. Of JPEG files
it takes at most 1.1 times a bare decoding, resizing and forward.
"""

import argparse
import contextlib
import functools
import json
import pathlib
import tempfile

import keras
import numpy as np
import tensorflow as tf

from benchmarks import provenance
from zoo import exports
from zoo.models.wide_resnet import wide_resnet
from zoo.training.reproduction.timing import interleaved_medians


def measure(
    *, depth: int, width: int, batch: int, rounds: int
) -> dict[str, float]:
    """Returns milliseconds a call, and their ratios to the bare forward."""
    model = wide_resnet(depth=depth, width=width, image_shape=(32, 32, 3))
    images = np.random.default_rng(0).random((batch, 32, 32, 3), "float32")
    tensor = tf.constant(images)
    spec = tf.TensorSpec([None, 32, 32, 3], tf.float32)
    bare = tf.function(
        lambda image: model(image, training=False), input_signature=[spec]
    )
    files = np.array([_photograph()] * batch, object)
    calls = {
        "bare": lambda: bare(tensor).numpy(),
        "bare_bytes": lambda: bare(_decode(tf.constant(files))).numpy(),
    }
    with (
        tempfile.TemporaryDirectory() as directory,
        contextlib.ExitStack() as sessions,
    ):
        for suffix, fold in (("", False), ("_folded", True)):
            report = exports.save(
                model,
                pathlib.Path(directory, f"model{suffix}"),
                fold_batch_norm=fold,
            )
            loaded = tf.saved_model.load(str(report.path))
            session = sessions.enter_context(
                exports.SavedModelSession(report.path)
            )
            calls |= {
                f"cpp_session{suffix}_bytes": functools.partial(
                    session.run, "serving_bytes", {"image_bytes": files}
                ),
                f"saved_model{suffix}": functools.partial(
                    _call_signature, loaded, tensor
                ),
                f"cpp_session{suffix}": functools.partial(
                    session.run, "serving_default", {"image": images}
                ),
            }
        seconds = interleaved_medians(calls, rounds=rounds)
    milliseconds = {name: 1e3 * value for name, value in seconds.items()}
    return {
        "batch": batch,
        **{f"{name}_ms": value for name, value in milliseconds.items()},
        **{
            f"{name}_ratio": value
            / milliseconds["bare_bytes" if "bytes" in name else "bare"]
            for name, value in milliseconds.items()
            if not name.startswith("bare")
        },
    }


def _photograph() -> bytes:
    """Returns a JPEG of 640x480 pixels, as smooth as a photograph."""
    coarse = np.random.default_rng(0).uniform(0, 255, (24, 32, 3))
    pixels = tf.image.resize(coarse, (480, 640), "bicubic")
    pixels = tf.saturate_cast(pixels, tf.uint8)
    return tf.io.encode_jpeg(pixels, quality=90).numpy()


@tf.function(
    input_signature=[tf.TensorSpec([None], tf.string)], autograph=False
)
def _decode(files):
    """Does no more than it must to make the model's images of JPEGs."""
    return tf.map_fn(
        lambda file: (
            tf.image.resize(
                tf.io.decode_jpeg(file, 3, dct_method="INTEGER_ACCURATE"),
                (32, 32),
                antialias=True,
            )
            / 255
        ),
        files,
        fn_output_signature=tf.TensorSpec((32, 32, 3), tf.float32),
    )


def _call_signature(loaded, tensor):
    served = loaded.signatures["serving_default"]
    return served(image=tensor)["logits"].numpy()


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--depth", type=int, default=16)
    parser.add_argument("--width", type=int, default=2)
    parser.add_argument("--batches", type=int, nargs="+", default=[1, 64])
    parser.add_argument("--rounds", type=int, default=100)
    parser.add_argument("--policy", default="float32")
    parser.add_argument("--output", type=pathlib.Path)
    arguments = parser.parse_args()
    keras.config.set_dtype_policy(arguments.policy)
    result = {
        "benchmark": "export",
        "model": f"wrn{arguments.depth}_{arguments.width}",
        "policy": arguments.policy,
        "rows": [
            measure(
                depth=arguments.depth,
                width=arguments.width,
                batch=batch,
                rounds=arguments.rounds,
            )
            for batch in arguments.batches
        ],
    }
    print(json.dumps(result, indent=2))
    if arguments.output:
        provenance.write(arguments.output, result)


if __name__ == "__main__":
    main()
