"""What a server does to an export, and what may end one before it is whole."""

import concurrent.futures
import os
import pathlib
import signal
import subprocess
import sys
import time

import keras
import numpy as np
import pytest

from zoo import exports
from zoo.layers import RandomPatchJPEG

PAGES = pathlib.Path("/proc/self/statm")
IMAGE = np.random.default_rng(1).random((1, 16, 16, 3), "float32")
SLOW_EXPORT = """
import sys, time
import keras
from zoo import exports
from zoo.exports.saved_model import save

written = save.write_request

def wait(*arguments):
    written(*arguments)
    print("written", flush=True)
    time.sleep(600)

save.write_request = wait
model = keras.Sequential([keras.Input((4, 4, 1)), keras.layers.Flatten()])
exports.save(model, sys.argv[1])
"""


@pytest.mark.large
@pytest.mark.skipif(not PAGES.exists(), reason="reads /proc/self/statm")
def test_64_threads_share_a_model(tmp_path):
    """No errors, no growth of memory, no noise that two callers share."""
    images = keras.Input((16, 16, 3))
    x = RandomPatchJPEG((20, 40, 60, 80))(images)
    x = keras.layers.Flatten()(keras.layers.Conv2D(4, 3)(x))
    report = exports.save(
        keras.Model(images, x), tmp_path / "model", warmup=False
    )

    def resident():
        return int(PAGES.read_text().split()[1]) * os.sysconf("SC_PAGESIZE")

    with (
        exports.SavedModelSession(report.path) as session,
        concurrent.futures.ThreadPoolExecutor(64) as threads,
    ):

        def call(_):
            outputs = session.run("serving_default", {"image": IMAGE})
            return outputs["logits"]

        def rounds(seconds):
            end, draws = time.monotonic() + seconds, []
            while time.monotonic() < end:
                draws += threads.map(call, range(64))
            return np.concatenate(draws)

        rounds(5)
        before = resident()
        draws = rounds(float(os.environ.get("ZOO_LOAD_SECONDS", "20")))
        assert resident() - before < 32 * 2**20
    # 4 parts of 4 qualities: 256 draws, each as often as the others.
    _, counts = np.unique(draws, axis=0, return_counts=True)
    expected = len(draws) / 256
    assert np.all(np.abs(counts - expected) < 6 * np.sqrt(expected) + 6)
    # Callers of one moment would agree far more often if they shared noise.
    same = np.mean(np.all(draws[::2] == draws[1::2], axis=1))
    assert same < 1 / 256 + 6 * np.sqrt(1 / 256 / (len(draws) / 2))


@pytest.mark.large
def test_a_killed_export_leaves_no_version(tmp_path):
    folder = tmp_path / "model"
    with subprocess.Popen(
        [sys.executable, "-c", SLOW_EXPORT, str(folder)],
        stdout=subprocess.PIPE,
        text=True,
    ) as process:
        assert process.stdout.readline() == "written\n"
        process.send_signal(signal.SIGKILL)
    left = [path.name for path in folder.iterdir()]
    # Hidden, and no number: no server takes it for a version.
    assert len(left) == 1 and left[0].startswith(".1-")
    model = keras.Sequential([keras.Input((4, 4, 1)), keras.layers.Flatten()])
    exports.save(model, folder)
    assert (folder / "1" / "saved_model.pb").is_file()
