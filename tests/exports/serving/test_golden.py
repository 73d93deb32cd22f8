import functools
import json
import os
import shutil
import subprocess
import sys

import keras
import numpy as np
import pytest

from tests.paths import ROOT
from zoo import exports
from zoo.exports.serving import golden
from zoo.exports.serving import write_bundle


def test_smoke_test(bundle, server):
    """The script itself, by both protocols, then with a wrong golden."""
    _, hosts = server
    environment = {
        **os.environ,
        "PYTHON": sys.executable,
        "HTTP_PORT": hosts["http"].rpartition(":")[2],
        "GRPC_PORT": hosts["grpc"].rpartition(":")[2],
    }

    def run():
        return subprocess.run(
            [bundle.path / "smoke_test.sh", "127.0.0.1"],
            env=environment,
            cwd=ROOT,
            capture_output=True,
            text=True,
        )

    done = run()
    assert done.returncode == 0, done.stderr
    assert done.stdout.count("ok ") == 2
    assert done.stdout.count("/versions/3") == 2
    path = bundle.path / "golden" / "3.json"
    kept = path.read_text()
    wrong = json.loads(kept)
    wrong["response"]["logits"]["highest"][0][0] += 2
    wrong["response"]["logits"]["lowest"][0][0] += 2
    path.write_text(json.dumps(wrong))
    try:
        done = run()
    finally:
        path.write_text(kept)
    assert done.returncode == 1
    assert done.stdout.count("FAILED") == 2
    path.write_text("{}")
    try:
        done = run()
    finally:
        path.write_text(kept)
    assert done.returncode == 2
    assert "must hold a golden request" in done.stderr
    assert "Traceback" not in done.stderr


def smoke(path, *, http, grpc, **environment):
    return subprocess.run(
        [path / "smoke_test.sh", "127.0.0.1"],
        env={
            "PATH": os.environ["PATH"],
            "PYTHON": sys.executable,
            "HTTP_PORT": http.rpartition(":")[2],
            "GRPC_PORT": grpc.rpartition(":")[2],
        }
        | environment,
        cwd=ROOT,
        capture_output=True,
        text=True,
    )


def test_smoke_test_in_a_folder_with_spaces(bundle, server, tmp_path):
    path = tmp_path / "-my $models' 'and bundles"
    shutil.copytree(bundle.path, path)
    done = smoke(path, **server[1])
    assert done.returncode == 0, done.stderr
    assert done.stdout.count("ok ") == 2


def test_a_wrong_answer_counts_for_more_than_none(
    bundle, server, tmp_path, monkeypatch, capsys
):
    """And the output says where it is."""
    wrong = json.loads((bundle.path / "golden" / "3.json").read_text())
    for side in wrong["response"]["logits"].values():
        side[0][1] += 2
    file = tmp_path / "3.json"
    file.write_text(json.dumps(wrong))
    urls = [
        f"http://{host}/v1/models/tiny"
        for host in (server[1]["http"], "127.0.0.1:9")
    ]
    impatient = functools.partial(golden.Client, retries=0)
    monkeypatch.setattr(golden, "Client", impatient)
    for asked, status in ((urls, 1), (urls[::-1], 1), (urls[1:], 2)):
        monkeypatch.setattr(sys, "argv", ["golden", str(file), *asked])
        assert golden.main() == status
        told = capsys.readouterr().out
        assert told.count("FAILED") == len(asked)
        if status == 1:
            assert "1 of 3 logits differ; image 0, class 1: " in told


def test_smoke_test_without_zoo(bundle, server, tmp_path):
    """curl finds whether the version is served, and no status says equal."""
    if not shutil.which("curl"):
        pytest.skip("needs curl")
    nothing = {"PYTHON": str(tmp_path / "python")}
    done = smoke(bundle.path, **server[1], **nothing)
    assert done.returncode == 3, done.stderr
    assert "aren't checked, which needs zoo" in done.stderr
    assert "served" in done.stdout
    done = smoke(bundle.path, http=":9", grpc=":9", **nothing)
    assert done.returncode == 2
    path = tmp_path / "serving"
    shutil.copytree(bundle.path, path)
    script = path / "smoke_test.sh"
    script.write_text(script.read_text().replace("versions/3", "versions/7"))
    done = smoke(path, **server[1], **nothing)
    assert done.returncode == 1
    assert "FAILED" in done.stdout


def test_smoke_test_without_a_server(bundle):
    """Its status says that no answer was compared."""
    done = subprocess.run(
        [
            *(sys.executable, "-m", "zoo.exports.serving.golden"),
            bundle.path / "golden" / "3.json",
            *("http://127.0.0.1:9/v1/models/tiny", "--timeout", "0.3"),
        ],
        cwd=ROOT,
        capture_output=True,
        text=True,
    )
    assert done.returncode == 2
    assert done.stdout.startswith("FAILED")


def predictions(logits):
    return [
        exports.serving.Prediction(0, "", 0.0, np.zeros(2), np.array(row))
        for row in logits
    ]


@pytest.mark.parametrize(
    ("logits", "good", "outside"),
    [
        ([[1.0, 2.0]], True, 0.0),
        ([[1.0, 2.015]], True, 0.015),  # 1 % of the largest is allowed.
        ([[1.0, 2.03]], False, 0.03),
        ([[3.9, 2.0]], True, 0.9),  # It has been 1 to 3, and may be -1 to 5.
        ([[5.5, 2.0]], False, 2.5),
        ([[np.nan, 2.0]], False, np.nan),
        ([[1.0, 2.0], [1.0, 2.0]], False, np.inf),
    ],
)
def test_golden_range(logits, good, outside):
    runs = np.array([[[1.0, 2.0]], [[3.0, 2.0]]])
    recorded = golden.record({}, runs, version=1)
    found = golden.compare(recorded, predictions(logits))
    assert found[0] == good
    assert found[1] == pytest.approx(outside, abs=1e-5, nan_ok=True)


def test_differences_are_told():
    runs = np.array([[[1.0, 2.0]], [[3.0, 2.0]]])
    recorded = golden.record({}, runs, version=1)

    def told(logits):
        return golden.describe_difference(recorded, predictions(logits))

    assert told([[5.5, 2.0]]) == (
        "1 of 2 logits differ; image 0, class 0: 5.5, golden 1 to 3"
    )
    assert told([[9.0, 2.5]]).startswith("2 of 2 logits differ; image 0, cl")
    assert "class 1: nan, golden 2" in told([[9.0, np.nan]])
    assert told([[1.0]]) == "logits of shape (1, 1), golden (1, 2)"


@pytest.mark.parametrize(
    ("key", "value"),
    [("tolerance", None), ("version", "x"), ("request", {"instances": []})]
    + [("response", {"logits": {"lowest": [[1.0]], "highest": [1.0]}})],
)
def test_a_golden_file_is_checked_whole(tmp_path, key, value):
    request = {"instances": [{"image": [[[0.0]]]}]}
    recorded = golden.record(request, np.ones((1, 1, 2)), version=1)
    file = tmp_path / "1.json"
    file.write_text(json.dumps(recorded))
    assert golden.read_golden(file) == recorded
    file.write_text(json.dumps(recorded | {key: value}))
    with pytest.raises(ValueError, match="must hold a golden request"):
        golden.read_golden(file)


def test_golden_of_masked_classes():
    recorded = golden.record({}, np.array([[[-np.inf, 1.0]]]), version=1)
    recorded = json.loads(json.dumps(recorded))
    assert golden.compare(recorded, predictions([[-np.inf, 1.0]]))[0]
    assert not golden.compare(recorded, predictions([[0.0, 1.0]]))[0]
    assert not golden.compare(recorded, predictions([[-np.inf, -np.inf]]))[0]


def test_randomised_model(tmp_path):
    """The golden answer is a range, wide enough for other draws."""
    model = keras.Sequential(
        [
            keras.Input((4, 4, 1)),
            Noise(),
            keras.layers.Flatten(),
            keras.layers.Dense(2),
        ]
    )
    path = exports.save(
        model, tmp_path / "noisy", signatures=["serving_default"]
    ).path
    bundle = write_bundle(tmp_path / "noisy", most=1)
    assert bundle.stochastic
    recorded = golden.read_golden(bundle.path / "golden" / "1.json")
    logits = recorded["response"]["logits"]
    assert np.all(np.less(logits["lowest"], logits["highest"]))
    batch = golden.images(recorded["request"])
    with exports.SavedModelSession(path) as session:
        for _ in range(20):
            outputs = session.run("serving_default", {"image": batch})
            assert golden.compare(recorded, predictions(outputs["logits"]))[0]


@keras.saving.register_keras_serializable(package="tests_bundle")
class Noise(keras.layers.Layer):
    stochastic = True

    def build(self, _):
        self.seed_generator = keras.random.SeedGenerator(0)

    def call(self, images):
        return images + keras.random.uniform(
            keras.ops.shape(images), -0.1, 0.1, seed=self.seed_generator
        )
