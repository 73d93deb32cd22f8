"""`zoo train`: results on standard output, progress on standard error."""

import json

import pytest

from tests.command_line import run
from zoo.cli import main
from zoo.training import datasets
from zoo.training.recipes import fashion_mnist
from zoo.training.recipes.irm_stages import Recipe

ONE_BATCH = Recipe(
    epochs=dict.fromkeys(fashion_mnist.STAGES, 1),
    batch_size=8,
    dtype_policy="float32",
)


@pytest.fixture(autouse=True)
def one_batch(monkeypatch):
    """The published recipe on a narrow network and one batch."""
    sample = datasets.load("fashion_mnist_sample").take(8)
    monkeypatch.setattr(fashion_mnist.datasets, "load", lambda *a, **k: sample)
    monkeypatch.setattr(fashion_mnist, "Recipe", lambda: ONE_BATCH)
    monkeypatch.setitem(fashion_mnist.ARCHITECTURE, "depth", 10)
    monkeypatch.setitem(fashion_mnist.ARCHITECTURE, "width", 1)


def test_prints_the_weight_files_alone(capfd, tmp_path):
    workdir = tmp_path / "[run] of a recipe"
    path = workdir / "undefended.weights.h5"
    command = (
        *("train", "fashion_mnist", "--stage", "undefended"),
        *("--workdir", str(workdir)),
    )
    assert main([*command, "--json"]) == 0
    streams = capfd.readouterr()
    assert json.loads(streams.out) == {"undefended": str(path)}
    assert "val_accuracy" in streams.err
    assert path.is_file()
    assert run(capfd, *command) == f"undefended: {path}\n"
