"""What the Triton adapter tells Triton's package, by a double of it."""

import contextlib
import sys
import types
import warnings

import pytest

from zoo.exports.serving.triton import triton


@pytest.fixture
def bound(monkeypatch):
    """Models that were bound: their versions and batchers by name."""
    models = {}

    class Triton(contextlib.nullcontext):
        def __init__(self, config):
            super().__init__(self)

        def bind(self, *, model_name, model_version, config, **_):
            models[model_name] = model_version, config.batcher

        def run(self):
            pass

    modules = {
        "pytriton": {"__spec__": types.SimpleNamespace()},
        "pytriton.triton": {
            "Triton": Triton,
            "TritonConfig": types.SimpleNamespace,
        },
        "pytriton.model_config": {
            "DynamicBatcher": types.SimpleNamespace,
            "ModelConfig": types.SimpleNamespace,
            "Tensor": types.SimpleNamespace,
        },
        "pytriton.decorators": {"batch": lambda function: function},
    }
    for name, values in modules.items():
        module = types.ModuleType(name)
        vars(module).update(values)
        monkeypatch.setitem(sys.modules, name, module)
    return models


def test_name_of_the_model(bound, folder, monkeypatch):
    """The model's folder, however the path to it or a version is written."""
    monkeypatch.chdir(folder)
    for path in (folder, str(folder), folder / "3", f"{folder}/3", ".", "3"):
        with triton(path) as addresses:
            assert addresses["http"].endswith("/v2/models/tiny"), path


def test_shared_draws_are_not_merged(bound, shared_folder, noisy_folder):
    with pytest.warns(UserWarning, match="shared are not merged: images"):
        with triton(shared_folder):
            assert bound == {"shared": (1, None)}
    bound.clear()
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        with triton(shared_folder, merge=False), triton(noisy_folder):
            assert bound["noisy"][1] is not None
            assert bound["shared"][1] is None


def test_the_exports_version_is_served(bound, folder):
    for path, version in ((folder, 3), (folder / "1", 1)):
        with triton(path):
            assert bound["tiny"][0] == bound["tiny_bytes"][0] == version
