"""What a server does to an export, and what may end one before it is whole."""

import concurrent.futures
import io
import os
import pathlib
import signal
import subprocess
import sys
import time

import keras
import numpy as np
import pytest
from PIL import Image

from zoo import exports
from zoo.layers import RandomPatchJPEG

PEAK = pathlib.Path("/proc/self/clear_refs")
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

EXPORT_ON_A_FULL_DISK = """
import resource, signal, sys
import keras
from zoo import exports

signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
layers = [keras.layers.Flatten(), keras.layers.Dense(10)]
model = keras.Sequential([keras.Input((40, 40, 3)), *layers])
for limit in map(int, sys.argv[2:]):
    resource.setrlimit(resource.RLIMIT_FSIZE, (limit, -1))
    try:
        exports.save(model, sys.argv[1], version=2)
        print("saved", flush=True)
    except OSError as error:
        print(error, flush=True)
"""


INTERRUPTED_COMMAND = """
import signal, sys, time
import keras
from zoo.cli import main
import {module} as module

signal.signal(signal.SIGINT, signal.default_int_handler)

def wait(*arguments, **options):
    print("begun", flush=True)
    time.sleep(60)

module.{name} = wait
sys.exit(main())
"""


@pytest.mark.large
@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
@pytest.mark.parametrize(
    ("module", "name", "left"),
    [
        ("zoo.exports.saved_model.save", "write_request", set()),
        ("zoo.exports.serving.bundle", "plan_batches", {"1"}),
        ("os", "replace", {"1", "serving"}),
    ],
)
def test_an_interrupted_command_leaves_nothing_half_written(
    tmp_path, number, module, name, left
):
    """Nor hidden: while it exports, measures batches and writes the bundle."""
    layers = [keras.Input((4, 4, 1)), keras.layers.Flatten()]
    keras.Sequential(layers).save(tmp_path / "model.keras")
    folder = tmp_path / "served"
    code = INTERRUPTED_COMMAND.format(module=module, name=name)
    arguments = ["export", tmp_path / "model.keras", folder, "--bundle"]
    with subprocess.Popen(
        [sys.executable, "-c", code, *arguments],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    ) as process:
        while "begun" not in process.stdout.readline():
            assert process.poll() is None
        process.send_signal(number)
        _, said = process.communicate(timeout=30)
    assert process.returncode == 128 + number, said
    assert "interrupted" in said
    assert {path.name for path in folder.glob("*")} == left
    assert not list(folder.rglob(".*"))


@pytest.mark.large
def test_64_threads_share_no_noise(tmp_path):
    """All draws come, each as often as the others. (`test_soak` has memory.)"""
    images = keras.Input((16, 16, 3))
    x = RandomPatchJPEG((20, 40, 60, 80))(images)
    x = keras.layers.Flatten()(keras.layers.Conv2D(4, 3)(x))
    report = exports.save(
        keras.Model(images, x), tmp_path / "model", warmup=False
    )

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

        draws = rounds(float(os.environ.get("ZOO_LOAD_SECONDS", "20")))
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


@pytest.mark.large
@pytest.mark.skipif(sys.platform == "win32", reason="limits a process' files")
def test_a_full_disk_leaves_no_version(tmp_path):
    """The system writes no more: of weights, then of graph, then of neither."""
    folder = tmp_path / "model"
    (folder / "1").mkdir(parents=True)
    limits = [2**17, 2**12, 0]
    told = subprocess.run(
        [sys.executable, "-c", EXPORT_ON_A_FULL_DISK, folder]
        + [str(limit) for limit in limits],
        capture_output=True,
        text=True,
        check=True,
    ).stdout.splitlines()
    assert len(told) == len(limits)
    for line in told:
        assert "must be writable" in line and str(folder) in line
    assert [path.name for path in folder.iterdir()] == ["1"]


@pytest.mark.large
@pytest.mark.skipif(not PEAK.exists(), reason="writes /proc/self/clear_refs")
@pytest.mark.parametrize(
    ("kind", "mode", "channels", "bytes_each"),
    [("JPEG", "RGB", 3, 4), ("JPEG", "RGB", 1, 20), ("PNG", "RGBA", 3, 20)],
)
def test_large_pictures_cost_little_memory(
    tmp_path, kind, mode, channels, bytes_each
):
    """Of a batch, four are decoded at once, at these bytes for a pixel."""
    model = keras.Sequential(
        [keras.Input((8, 8, channels)), keras.layers.Flatten()]
    )
    report = exports.save(model, tmp_path / "model", warmup=False)
    file = io.BytesIO()
    Image.new(mode, (3000, 4000), (90, 80, 70, 60)[: len(mode)]).save(
        file, kind
    )

    def kilobytes(name):
        lines = pathlib.Path("/proc/self/status").read_text().splitlines()
        (line,) = (line for line in lines if line.startswith(name))
        return int(line.split()[1])

    with exports.SavedModelSession(report.path) as session:

        def run(count):
            files = np.array([file.getvalue()] * count, object)
            outputs = session.run("serving_bytes", {"image_bytes": files})
            return outputs["logits"]

        expected = run(1)[0]
        before = kilobytes("VmRSS")
        PEAK.write_text("5")  # The peak counts from here.
        for logits in run(12):
            np.testing.assert_array_equal(logits, expected)
        grown = 1024 * (kilobytes("VmHWM") - before)
    assert grown < 4 * bytes_each * 3000 * 4000 + 32 * 2**20
