"""What every benchmark's file says of itself."""

import ast
import datetime
import json
from pathlib import Path

import pytest
import tensorflow as tf

from benchmarks import provenance

BENCHMARKS = Path(provenance.__file__).parent
WRITERS = sorted(
    path
    for path in BENCHMARKS.glob("*.py")
    if "--output" in path.read_text("utf-8")
)


def test_file_says_how_its_numbers_were_measured(tmp_path, monkeypatch):
    monkeypatch.setenv("OMP_NUM_THREADS", "3")
    provenance.write(tmp_path / "new" / "rows.json", [{"speedup": 2.0}])
    written = json.loads((tmp_path / "new" / "rows.json").read_text())
    assert written["rows"] == [{"speedup": 2.0}]
    said = written["provenance"]
    assert said["command"].startswith("python ")
    assert said["versions"]["tensorflow"] == tf.__version__
    assert datetime.datetime.fromisoformat(said["date"]).tzinfo is not None
    assert said["cpu"]
    assert said["cpus"] >= 1
    assert set(said["threads"]) == {"intra_op", "inter_op"}
    assert said["environment"]["OMP_NUM_THREADS"] == "3"
    assert {"commit", "gpus"} < set(said)


def test_results_keep_their_keys(tmp_path):
    provenance.write(tmp_path / "report.json", {"batch": 32})
    written = json.loads((tmp_path / "report.json").read_text())
    assert list(written) == ["provenance", "batch"]
    assert written["batch"] == 32


@pytest.mark.parametrize("path", WRITERS, ids=lambda path: path.stem)
def test_every_benchmark_writes_it(path):
    calls = {
        ast.unparse(node.func)
        for node in ast.walk(ast.parse(path.read_text("utf-8")))
        if isinstance(node, ast.Call)
    }
    assert "provenance.write" in calls
    assert not any(call.endswith(".write_text") for call in calls) or (
        path.stem == "autoattack_parity"  # Its peer's job.
    )
