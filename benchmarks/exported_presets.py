"""Compares exported presets with Keras: the C++ loader, and a fresh process.

    python -m benchmarks.exported_presets --output exported_presets.json

Deterministic presets are compared as they are, randomised ones with their
noise seeded. The fresh process is `saved_model_cli`. Of a randomised preset
two calls, two loads and two threads must differ, and a Kolmogorov-Smirnov test
compares its draws, one a call, with those of Keras.
"""

import argparse
import concurrent.futures
import json
import pathlib
import subprocess
import sys
import tempfile

import numpy as np
from scipy import stats

import zoo
from benchmarks import provenance
from zoo import exports
from zoo.exports.saved_model.entropy import SeedSource
from zoo.exports.saved_model.entropy import seeds_from

_IMAGES = 4
_COPIES = 16
_SEED = 7
_CLI = "tensorflow.python.tools.saved_model_cli"


def trained_presets() -> list[str]:
    """Returns the names of the presets with weights."""
    return [n for n in zoo.list_models() if zoo.info(n).trained]


def measure(name: str, *, draws: int) -> dict:
    """Returns how far a preset's export is from the preset.

    Args:
        draws: Of a randomised preset, calls of Keras and of the export.
    """
    model = zoo.load(name)
    shape = (_IMAGES, *model.input_shape[1:])
    images = np.random.default_rng(0).random(shape, "float32")
    stochastic = zoo.inspection.is_stochastic(model)
    signature = "seeded" if stochastic else "serving_default"
    inputs = {"image": images}
    if stochastic:
        inputs["seed"] = np.full(_IMAGES, _SEED)
    with tempfile.TemporaryDirectory() as folder:
        names = ("serving_default", "serving_bytes", signature)
        report = exports.save(
            model,
            pathlib.Path(folder, "model"),
            signatures=list(dict.fromkeys(names)),
        )
        expected = _keras_logits(model, images, stochastic)
        with exports.SavedModelSession(report.path) as session:
            loaded = session.run(signature, inputs)["logits"]
        fresh = _run_cli(report.path, signature, inputs, folder)
        row = {
            "model": name,
            "stochastic": stochastic,
            "folded": report.folded,
            "cpp_loader": float(np.max(np.abs(loaded - expected))),
            "saved_model_cli": float(np.max(np.abs(fresh - expected))),
            "loader_against_cli": float(np.max(np.abs(loaded - fresh))),
            "cpu_only_ops": {
                name: ops
                for name, ops in report.cpu_only_ops.items()
                if name != "serving_bytes"
            },
            "ingest_ops": report.cpu_only_ops["serving_bytes"],
        }
        if stochastic:
            row |= _compare_noise(model, report.path, images[:1], draws)
    return row


def _keras_logits(model, images, stochastic) -> np.ndarray:
    if not stochastic:
        return model.predict(images, verbose=0)
    rows = []
    for image in images:
        with seeds_from(SeedSource(_SEED)):
            rows.append(np.asarray(model(image[None])))
    return np.concatenate(rows)


def _run_cli(path, signature, inputs, folder) -> np.ndarray:
    files = []
    for name, value in inputs.items():
        file = pathlib.Path(folder, f"{name}.npy")
        np.save(file, value)
        files.append(f"{name}={file}")
    command = [sys.executable, "-m", _CLI, "run", "--dir", str(path)]
    command += ["--tag_set", "serve", "--signature_def", signature]
    command += ["--inputs", ";".join(files), "--outdir", folder]
    subprocess.run(command, check=True, capture_output=True)
    return np.load(pathlib.Path(folder, "logits.npy"))


def _compare_noise(model, path, image, draws) -> dict:
    """Compares the logit of one class over draws of Keras and of the export.

    A draw is a call of its own: whether the images of one call share noise is
    the model's to say, and is told apart.
    """
    several = np.repeat(image, _COPIES, axis=0)

    def call(session, images=several):
        return session.run("serving_default", {"image": images})["logits"]

    with (
        exports.SavedModelSession(path) as first,
        exports.SavedModelSession(path) as second,
        concurrent.futures.ThreadPoolExecutor(2) as threads,
    ):
        calls = [call(first), call(first), call(second)]
        calls += threads.map(lambda _: call(first), range(2))
        exported = np.concatenate([call(first, image) for _ in range(draws)])
    differ = all(
        np.any(one != other)
        for index, one in enumerate(calls)
        for other in calls[:index]
    )
    own = model.predict(
        np.repeat(image, draws, axis=0), verbose=0, batch_size=1
    )
    top = int(np.argmax(own.mean(axis=0)))
    test = stats.ks_2samp(own[:, top], exported[:, top])
    return {
        "draws_differ": differ,
        "images_of_a_call_differ": len(np.unique(calls[0], axis=0)) > 1,
        "draws": draws,
        "ks_p_value": float(test.pvalue),
    }


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--models", nargs="+", default=trained_presets())
    parser.add_argument("--draws", type=int, default=500)
    parser.add_argument("--output", type=pathlib.Path)
    arguments = parser.parse_args()
    rows = []
    for name in arguments.models:
        rows.append(measure(name, draws=arguments.draws))
        print(json.dumps(rows[-1]), flush=True)
    if arguments.output:
        provenance.write(arguments.output, {"rows": rows})


if __name__ == "__main__":
    main()
