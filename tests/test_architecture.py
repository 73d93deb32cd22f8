"""The layout's arrows, read from the sources.

`training -> zoo <- exports`; inside `zoo`,
`layers, regularizers <- models <- presets <- loading`. Only the command line
sees everything.
"""

import ast
from pathlib import Path

import pytest

from tests.paths import ROOT

PACKAGES = ("zoo", "training", "exports")
SOURCES = sorted(p for name in PACKAGES for p in (ROOT / name).rglob("*.py"))

TENSORFLOW_IN_ZOO = {
    "zoo/layers/batch_normalization.py",
    "zoo/jpeg/codec_libjpeg.py",
}
FORBIDDEN = {
    "zoo/layers": ("zoo.models", "zoo.presets", "zoo.loading", "zoo.weights"),
    "zoo/regularizers": (
        "zoo.layers",
        "zoo.models",
        "zoo.presets",
        "zoo.loading",
        "zoo.weights",
    ),
    "zoo/models": ("zoo.presets", "zoo.loading", "zoo.weights"),
    "zoo/defenses": ("zoo.presets", "zoo.loading", "zoo.weights"),
    "zoo/presets": (
        "zoo.loading",
        "zoo.cards.card",
        "zoo.models",
        "zoo.layers",
    ),
    "zoo/weights": ("zoo.presets", "zoo.loading", "zoo.models", "zoo.layers"),
    "training/attacks": (
        "zoo.training.trainers.adversarial",
        "zoo.training.evaluation",
        "zoo.training.recipes",
        "zoo.training.reproduction",
    ),
    "training/datasets": (
        "zoo.training.trainers.adversarial",
        "zoo.training.attacks",
        "zoo.training.evaluation",
        "zoo.training.recipes",
        "zoo.training.reproduction",
    ),
    "training/evaluation": (
        "zoo.training.trainers.adversarial",
        "zoo.training.recipes",
        "zoo.training.reproduction",
    ),
    "training/trainers/adversarial.py": (
        "zoo.training.recipes",
        "zoo.training.evaluation",
        "zoo.training.reproduction",
    ),
    "training/trainers/finetuning.py": (
        "zoo.training.recipes",
        "zoo.training.evaluation",
        "zoo.training.reproduction",
    ),
    "training/trainers/run_folder.py": (
        "zoo.training.recipes",
        "zoo.training.evaluation",
        "zoo.training.reproduction",
    ),
    "training/recipes": ("zoo.training.reproduction",),
}


def imports(path: Path, *, top_level: bool = False):
    """Yields the dotted names a file imports."""
    tree = ast.parse(path.read_text("utf-8"))
    nodes = tree.body if top_level else ast.walk(tree)
    for node in nodes:
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            assert not node.level, f"{path}: relative import"
            yield node.module
            yield from (f"{node.module}.{alias.name}" for alias in node.names)


def within(name: str, package: str) -> bool:
    return name == package or name.startswith(f"{package}.")


def relative(path: Path) -> str:
    return path.relative_to(ROOT).as_posix()


@pytest.mark.parametrize("path", SOURCES, ids=relative)
def test_packages_meet_in_zoo_alone(path):
    package = relative(path).split("/")[0]
    if relative(path).startswith(("zoo/cli/", "zoo/__main__.py")):
        return
    for name in imports(path):
        first, *rest = name.split(".")
        assert first not in ("training", "exports"), f"imports {name}"
        assert first not in ("tests", "benchmarks"), f"imports {name}"
        assert not within(name, "zoo.cli"), f"imports {name}"
        if first == "zoo" and rest and rest[0] in ("training", "exports"):
            assert rest[0] == package, f"imports {name}"


@pytest.mark.parametrize("path", SOURCES, ids=relative)
def test_parts_of_a_package_point_one_way(path):
    for place, forbidden in FORBIDDEN.items():
        if relative(path).startswith(place):
            for name in imports(path):
                assert not any(within(name, f) for f in forbidden), (
                    f"{place} imports {name}"
                )


@pytest.mark.parametrize("path", SOURCES, ids=relative)
def test_tensorflow_in_zoo_stays_behind_two_layers(path):
    place = relative(path)
    if not place.startswith("zoo/"):
        return
    used = any(within(name, "tensorflow") for name in imports(path))
    assert not used or place in TENSORFLOW_IN_ZOO
    assert not any(
        within(name, "tensorflow") for name in imports(path, top_level=True)
    )


@pytest.mark.parametrize("path", SOURCES, ids=relative)
def test_command_line_imports_nothing_heavy_at_the_top(path):
    if relative(path).startswith("zoo/cli/"):
        for name in imports(path, top_level=True):
            assert name.split(".")[0] not in ("keras", "numpy")
            assert not within(name, "zoo.training")
            assert not within(name, "zoo.exports")


def test_sources_hold_no_leftovers():
    for path in SOURCES:
        assert "utils" not in path.name
        lines = path.read_text("utf-8").splitlines()
        assert len(lines) <= 300, f"{relative(path)} has {len(lines)} lines"


def test_presets_name_recipes_that_exist():
    import importlib

    from zoo import presets

    for name in presets.names():
        recipe = presets.get(name).recipe
        if recipe is not None:
            assert importlib.import_module(recipe).train
