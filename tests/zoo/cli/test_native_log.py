"""Standard error holds what a command says, not what C++ code logs."""

import os
import subprocess
import sys

import keras
import numpy as np
import pytest
from PIL import Image

from tests.paths import ROOT
from zoo.cli.native_log import is_noise


@pytest.mark.parametrize(
    "line",
    [
        "WARNING: All log messages before absl::InitializeLog() is called are "
        "written to STDERR",
        "I0000 00:00:1796066352.235480   22648 cudart_stub.cc:31] Could not "
        "find cuda drivers on your machine, GPU will not be used.",
        "To enable the following instructions: AVX2 FMA, in other operations",
        "E0000 00:00:1796066352.2   2264 cuda_platform.cc:51] failed call to "
        "cuInit: INTERNAL: CUDA error",
        "E0000 00:00:1796066352.2   2264 cuda_dnn.cc:8579] Unable to register "
        "cuDNN factory: Attempting to register factory twice",
        "2026-01-02 03:04:05.678901: I tensorflow/cc/saved_model/loader.cc:1] "
        "Restoring SavedModel bundle.",
        "2026-01-02 03:04:05.678901: W tensorflow/core/x.cc:8] Allocation",
    ],
)
def test_what_reports_no_error_is_noise(line):
    assert is_noise(line.encode())


@pytest.mark.parametrize(
    "line",
    [
        "error: The file must exist. Received: x.keras",
        "Traceback (most recent call last):",
        "",
        "F0000 00:00:1796066352.235480   22648 device.cc:31] Check failed",
        "E0000 00:00:1796066352.2   2264 cuda_dnn.cc:456] Could not create "
        "cudnn handle: CUDNN_STATUS_NOT_INITIALIZED",
        "2026-01-02 03:04:05.678901: E tensorflow/core/x.cc:8] Out of memory",
        "2026-01-02 03:04:05.678901: F tensorflow/core/x.cc:8] Check failed",
        "terminate called after throwing an instance of 'std::bad_alloc'",
        "INFO of mine] stays",
    ],
)
def test_errors_are_none(line):
    assert not is_noise(line.encode())


ENVIRONMENT = os.environ | {
    "PYTHONPATH": str(ROOT),
    "TF_CPP_MIN_LOG_LEVEL": "0",
}
"""In which C++ code logs all that it has."""


def zoo(*arguments, cwd, before=""):
    """Runs the command as a user does, after other code."""
    code = f"import sys\nfrom zoo.cli import main\n{before}\nsys.exit(main())"
    return subprocess.run(
        [sys.executable, "-c", code, *map(str, arguments)],
        cwd=cwd,
        env=os.environ | {"PYTHONPATH": str(ROOT), "TF_CPP_MIN_LOG_LEVEL": "0"},
        capture_output=True,
        text=True,
        timeout=120,
    )


@pytest.fixture(scope="module")
def place(tmp_path_factory):
    """A folder with a tiny model, a picture and scripts of the user's own."""
    place = tmp_path_factory.mktemp("place")
    model = keras.Sequential(
        [
            keras.Input((28, 28, 1)),
            keras.layers.GlobalAveragePooling2D(),
            keras.layers.Dense(10),
        ]
    )
    model.set_weights([np.linspace(-1, 1, 10)[None], np.zeros(10)])
    model.save(place / "model.keras")
    Image.new("L", (28, 28), 99).save(place / "picture.png")
    for name in ("training", "data", "exports", "zoo_demo"):
        (place / f"{name}.py").write_text("raise RuntimeError('not mine')\n")
    return place


def test_commands_leave_standard_error_empty(place):
    command = ("attack", "model.keras", "--attack", "fgsm", "--limit", "1")
    for arguments in (("list",), command):
        finished = zoo(*arguments, cwd=place)
        assert finished.stderr == ""
        assert finished.returncode == 0
        assert finished.stdout


def test_python_m_zoo_runs_beside_scripts_of_these_names(place):
    """Folders of users hold a training.py, a data.py and an exports.py."""
    finished = subprocess.run(
        [sys.executable, "-m", "zoo", "predict", "picture.png"]
        + ["--model", "model.keras", "--json"],
        cwd=place,
        env=ENVIRONMENT,
        capture_output=True,
        text=True,
    )
    assert (finished.returncode, finished.stderr) == (0, "")
    assert '"class": "9"' in finished.stdout


def test_an_error_is_one_line(place):
    (place / "text.png").write_text("no picture")
    finished = zoo("predict", "text.png", "--model", "model.keras", cwd=place)
    assert finished.returncode == 1
    assert finished.stderr == (
        "error: text.png is not a picture Pillow can read.\n"
    )


def test_mistakes_of_the_code_and_aborts_are_shown(place):
    finished = zoo(
        "list", cwd=place, before="import zoo\nzoo.list_models = None\n"
    )
    assert "Traceback (most recent call last):" in finished.stderr
    assert "TypeError: 'NoneType' object is not callable" in finished.stderr
    dies = (
        "import os, zoo\n"
        "def dies(pattern='*'):\n"
        "    os.write(2, b'I0000 00:00:1.2 3 a.cc:1] hidden\\n')\n"
        "    os.write(2, b'F0000 00:00:1.2 3 a.cc:1] Check failed: x')\n"
        "    os.abort()\n"
        "zoo.list_models = dies\n"
    )
    finished = zoo("list", cwd=place, before=dies)
    assert finished.returncode == -6
    assert finished.stderr == "F0000 00:00:1.2 3 a.cc:1] Check failed: x"


def test_warnings_are_a_line_without_the_place_in_the_code(place):
    warns = (
        "import warnings, zoo\n"
        "names = zoo.list_models()\n"
        "def warned(pattern='*'):\n"
        "    warnings.warn('two\\nlines')\n"
        "    return names\n"
        "zoo.list_models = warned\n"
    )
    finished = zoo("list", cwd=place, before=warns)
    assert set(finished.stderr.splitlines()) == {"warning: two lines"}
    assert finished.returncode == 0
