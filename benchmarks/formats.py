"""Converts presets to other runtimes' formats and tabulates what came of it.

    python -m benchmarks.formats --output docs/results/formats.json
    python -m benchmarks.formats_table docs/formats.md

The first converts each preset and compares it with its SavedModel. All
formats run in one process on one processor with one thread, calls take turns,
and times are medians. Each row has the machine's load before them: one is this
process, more is others. Each row is written as soon as it is measured. With
`--models`, rows of other models that the file has are kept. With `--resume`,
so are those of the commit at hand. The second writes the page's table.

PyTorch, whose CPU build is enough, is one of the runtimes. It is loaded first:
after TensorFlow, it ends the process.
"""

import torch._dynamo  # isort: skip
import argparse
import json
import os
import pathlib
import subprocess
import sys
import tempfile

import keras
import numpy as np
import tensorflow as tf

import zoo
from benchmarks import provenance
from benchmarks.formats_table import presets
from zoo import exports
from zoo.exports.formats.runtimes import FORMATS
from zoo.training.reproduction.timing import interleaved_medians

_LARGE = 128
"""Height from which a batch is smaller."""


def measure(name: str, *, rounds: int) -> dict:
    """Returns a preset's row: for each format numbers, or a reason."""
    trained = zoo.info(name).trained
    keras.utils.set_random_seed(0)
    model = zoo.load(name, weights="default" if trained else None)
    batch = 4 if model.input_shape[1] >= _LARGE else 16
    shape = (batch, *model.input_shape[1:])
    images = np.random.default_rng(0).random(shape, "float32")
    with tempfile.TemporaryDirectory() as folder:
        folder = pathlib.Path(folder)
        report = exports.save(
            model, folder / "saved_model", signatures=["serving_default"]
        )
        one = tf.compat.v1.ConfigProto(
            intra_op_parallelism_threads=1, inter_op_parallelism_threads=1
        )
        with exports.SavedModelSession(report.path, config=one) as session:

            def predict(images):
                outputs = session.run("serving_default", {"image": images})
                return outputs["logits"]

            cells, calls = {}, {"saved_model": predict}
            for kind in FORMATS:
                cells[kind], calls[kind] = _convert(model, folder, kind)
            cells["torch"], calls["torch"] = _convert_to_torch(
                model, folder, images, predict, report.stochastic
            )
            runners = {
                kind: lambda call=call: call(images)
                for kind, call in calls.items()
                if call is not None
            }
            load = os.getloadavg()[0]
            seconds = interleaved_medians(runners, rounds=rounds)
    milliseconds = {kind: 1e3 * value for kind, value in seconds.items()}
    for kind, cell in cells.items():
        if kind in milliseconds:
            cell["ms"] = milliseconds[kind]
            cell["ratio"] = milliseconds[kind] / milliseconds["saved_model"]
    return {
        "model": name,
        "trained": trained,
        "stochastic": report.stochastic,
        "size_bytes": report.size_bytes,
        "batch": batch,
        "rounds": rounds,
        "threads": 1,
        "load_average": load,
        "ms": milliseconds["saved_model"],
        "formats": cells,
    }


def _convert(model, folder, kind):
    """Returns a cell and a function from images to logits, if there is one."""
    try:
        converted = exports.convert(model, folder / kind, kind)
    except ValueError as error:
        return {"reason": str(error)}, None
    cell = {
        "max_abs_difference": converted.max_abs_difference,
        "size_bytes": converted.size_bytes,
    }
    return cell, exports.load_converted(converted.path, kind, threads=1)


def _convert_to_torch(model, folder, images, reference, stochastic):
    """Exports in a process of another backend; PyTorch alone runs the program.

    Args:
        model: Whose weights it takes.
        reference: The SavedModel, which gives the logits to compare with.
        stochastic: Whether the preset draws, so that no two calls may agree.
    """
    weights, file = folder / "model.weights.h5", folder / "model.pt2"
    model.save_weights(weights)
    command = [sys.executable, "-m", "benchmarks.torch_export"]
    done = subprocess.run(
        [*command, model.name, weights, file],
        check=True,
        env={**os.environ, "KERAS_BACKEND": "torch"},
        stdout=subprocess.PIPE,
        text=True,
    )
    refused = json.loads(done.stdout.splitlines()[-1])
    if refused:
        return refused, None
    torch.set_num_threads(1)
    program = torch.export.load(file).module()

    @torch.inference_mode()
    def predict(images):
        return program(torch.from_numpy(images)).numpy()

    logits = predict(images)
    if stochastic:
        repeats = np.array_equal(logits, predict(images))
        what = "repeats its noise in every call" if repeats else "draws anew"
        return {"reason": f"The program {what}; not compared."}, None
    difference = float(np.max(np.abs(logits - reference(images))))
    size = file.stat().st_size
    return {"max_abs_difference": difference, "size_bytes": size}, predict


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--models", nargs="+", default=presets())
    parser.add_argument("--rounds", type=int, default=20)
    parser.add_argument("--output", type=pathlib.Path)
    parser.add_argument("--resume", action="store_true")
    arguments = parser.parse_args()
    # Threads that start later stay on this processor, too.
    os.sched_setaffinity(0, {max(os.sched_getaffinity(0))})
    tf.config.threading.set_intra_op_parallelism_threads(1)
    tf.config.threading.set_inter_op_parallelism_threads(1)
    rows = _read_rows(arguments.output)
    run = provenance.collect()
    for name in arguments.models:
        known = name in rows and rows[name]["commit"] == run["commit"]
        if arguments.resume and known:
            continue
        rows[name] = {
            **measure(name, rounds=arguments.rounds),
            "commit": run["commit"],
            "date": run["date"],
        }
        print(json.dumps(rows[name]), flush=True)
        if arguments.output:
            order = dict.fromkeys([*presets(), *rows])
            ordered = [rows[other] for other in order if other in rows]
            provenance.write(arguments.output, ordered)


def _read_rows(path: pathlib.Path | None) -> dict[str, dict]:
    """Returns the rows of an earlier run, by model."""
    if path is None or not path.exists():
        return {}
    rows = json.loads(path.read_text("utf-8"))["rows"]
    return {row["model"]: row for row in rows}


if __name__ == "__main__":
    main()
