"""The layout's arrows, read from the sources: who may import whom.

A room is a folder, or some files of one. `ARROWS` lists all rooms, and what
each may import besides itself and the ground. Every module is in a room, every
arrow is used, and nothing runs in a circle.
"""

import ast
import importlib
from graphlib import CycleError
from graphlib import TopologicalSorter
from pathlib import Path

from tests.paths import ROOT
from zoo import presets

FOLDERS = {"zoo": "zoo", "zoo.training": "training", "zoo.exports": "exports"}

GROUND = "zoo: inspection and other ground"
"""Modules that import nothing but each other; all may import them."""

ROOMS = {
    GROUND: (
        "zoo/atomic_write.py",
        "zoo/class_names.py",
        "zoo/inspection.py",
        "zoo/module_source.py",
        "zoo/pictures.py",
        "zoo/regular_files.py",
        "zoo/saved_model_folder.py",
        "zoo/suggestions.py",
        "zoo/threat.py",
        "zoo/validation.py",
        "zoo/version.py",
    ),
    "evaluation: what is planned": (
        "training/evaluation/planned_attack.py",
        "training/evaluation/provenance.py",
    ),
    "exports: ground": (
        "exports/c_api.py",
        "exports/gpu_kernels.py",
        "exports/placement.py",
    ),
}
"""Rooms that are no folder."""

ARROWS = {
    GROUND: (),
    "zoo/regularizers.py": (),
    "zoo/jpeg": (),
    "zoo/layers": ("zoo/jpeg", "zoo/regularizers.py"),
    "zoo/models": (
        "zoo/defenses/surgery",
        "zoo/layers",
        "zoo/regularizers.py",
    ),
    "zoo/models/minds_eye": ("zoo/layers",),
    "zoo/weights": (),
    "zoo/presets": ("zoo/weights",),
    "zoo/loading.py": ("zoo/models", "zoo/presets", "zoo/weights"),
    "zoo/distribution.py": ("zoo/loading.py", "zoo/presets", "zoo/weights"),
    "zoo/cards": ("zoo/presets", "zoo/loading.py", "zoo/weights"),
    "zoo/defenses/surgery": ("zoo/layers",),
    "zoo/defenses": (
        "zoo/defenses/surgery",
        "zoo/layers",
        "zoo/models",
        "zoo/regularizers.py",
    ),
    "zoo/defending.py": (),
    "training/attacks/parts": (),
    "training/attacks/rp2": ("training/attacks/parts",),
    "training/attacks": ("training/attacks/parts",),
    "training/datasets/rendering": (),
    "training/datasets/composed_photos": (
        "training/datasets/rendering",
        "zoo/presets",
    ),
    "training/datasets/rendered_objects": (
        "training/datasets/rendering",
        "zoo/presets",
    ),
    "training/datasets/rendered_signs": (
        "training/datasets",
        "training/datasets/rendering",
    ),
    "training/datasets": ("zoo/presets",),
    "training/trainers": (
        "training/attacks",
        "zoo/models",
        "zoo/weights",
    ),
    "evaluation: what is planned": ("training/attacks", "zoo/cards"),
    "training/evaluation/results": (
        "evaluation: what is planned",
        "training/attacks",
        "zoo/cards",
    ),
    "training/evaluation/engine": (
        "evaluation: what is planned",
        "training/attacks/parts",
        "training/evaluation/results",
        "zoo/weights",
    ),
    "training/evaluation/flags": (
        "evaluation: what is planned",
        "training/attacks",
        "training/evaluation/engine",
        "training/evaluation/results",
    ),
    "training/evaluation/plots": (
        "evaluation: what is planned",
        "training/attacks",
        "training/evaluation/engine",
        "training/evaluation/results",
    ),
    "training/evaluation": (
        "evaluation: what is planned",
        "training/attacks",
        "training/attacks/rp2",
        "training/datasets",
        "training/datasets/rendered_signs",
        "training/evaluation/engine",
        "training/evaluation/flags",
        "training/evaluation/results",
        "zoo/cards",
        "zoo/models",
        "zoo/weights",
    ),
    "training/recipes": (
        "training/attacks",
        "training/datasets",
        "training/trainers",
        "zoo",
        "zoo/loading.py",
        "zoo/models",
        "zoo/models/minds_eye",
        "zoo/presets",
        "zoo/weights",
    ),
    "training/reproduction": ("evaluation: what is planned", "zoo/weights"),
    "training/reproduction/blurnet": (
        "evaluation: what is planned",
        "training/attacks/rp2",
        "training/datasets",
        "training/evaluation",
        "training/evaluation/plots",
        "training/recipes",
        "training/reproduction",
        "zoo",
        "zoo/layers",
        "zoo/models",
        "zoo/weights",
    ),
    "training/reproduction/irm": (
        "evaluation: what is planned",
        "training/attacks",
        "training/datasets",
        "training/evaluation",
        "training/evaluation/plots",
        "training/reproduction",
        "training/trainers",
        "zoo",
        "zoo/layers",
        "zoo/loading.py",
        "zoo/models",
        "zoo/weights",
    ),
    "training/reproduction/minds_eye": (
        "evaluation: what is planned",
        "training/attacks",
        "training/datasets",
        "training/evaluation",
        "training/evaluation/engine",
        "training/evaluation/plots",
        "training/evaluation/results",
        "training/reproduction",
        "zoo",
        "zoo/layers",
        "zoo/loading.py",
        "zoo/weights",
    ),
    "training/reproduction/semantic_jpeg": (
        "evaluation: what is planned",
        "training/attacks",
        "training/datasets",
        "training/evaluation",
        "training/evaluation/engine",
        "training/evaluation/plots",
        "training/reproduction",
        "zoo",
        "zoo/jpeg",
        "zoo/layers",
        "zoo/models",
        "zoo/weights",
    ),
    "exports: ground": (),
    "exports/serving": ("exports: ground", "exports/saved_model"),
    "exports/saved_model": ("exports: ground", "zoo/layers"),
    "exports/formats": ("exports: ground", "exports/saved_model"),
}
"""All rooms but the command line, and what each may import."""

SMALL = {
    "training/attacks/fgsm.py": "an attack a file",
    "training/datasets/lisa_classes.py": "data",
    "training/datasets/packaged.py": "where packaged images are",
    "training/datasets/rendering/random_streams.py": "its rule stands alone",
    "training/evaluation/results/flag.py": "every room of results has flags",
    "training/reproduction/blurnet/paper.py": "data",
    "training/reproduction/irm/paper.py": "data",
    "training/reproduction/minds_eye/paper.py": "data",
    "training/reproduction/registry.py": "a registry",
    "training/reproduction/semantic_jpeg/paper.py": "data",
    "training/reproduction/timing.py": "benchmarks time by it too",
    "zoo/__main__.py": "python -m zoo",
    "zoo/atomic_write.py": "all packages write by it",
    "zoo/cli/commands/cache_command.py": "a command a file",
    "zoo/cli/commands/download_command.py": "a command a file",
    "zoo/cli/commands/info_command.py": "a command a file",
    "zoo/cli/commands/publish_command.py": "a command a file",
    "zoo/cli/commands/push_command.py": "a command a file",
    "zoo/class_names.py": "five rooms read names of classes",
    "zoo/version.py": "setuptools reads it",
    "zoo/weights/digests.py": "three rooms ask it",
}
"""Modules under 40 lines, and the reason."""

TENSOR_ROOMS = ("zoo/defenses/surgery", "zoo/jpeg", "zoo/layers")
"""Rooms whose functions take tensors of any backend, which no type names."""

TENSORFLOW_IN_ZOO = {
    "zoo/jpeg/codec_libjpeg.py",
    "zoo/layers/batch_normalization.py",
}


def _sources() -> dict[str, str]:
    """Dotted name of each module, and its path in the checkout."""
    found = {}
    for package, folder in FOLDERS.items():
        for path in sorted((ROOT / folder).rglob("*.py")):
            parts = path.relative_to(ROOT / folder).with_suffix("").parts
            name = ".".join((package, *parts)).removesuffix(".__init__")
            found[name] = path.relative_to(ROOT).as_posix()
    return found


MODULES = _sources()
TREES = {
    path: ast.parse((ROOT / path).read_text("utf-8"))
    for path in MODULES.values()
}


def imports(path: str, *, top_level: bool = False):
    """Yields the dotted names that a file imports; modules where it can."""
    tree = TREES[path]
    for node in tree.body if top_level else ast.walk(tree):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            assert not node.level, f"{path}: relative import"
            for alias in node.names:
                name = f"{node.module}.{alias.name}"
                yield name if name in MODULES else node.module


def room(path: str) -> str:
    """Returns the room of a file: its own, or its folder."""
    for name, files in ROOMS.items():
        if path in files:
            return name
    return path if path in ARROWS else str(Path(path).parent)


def is_facade(path: str) -> bool:
    return path.endswith("__init__.py")


def in_command_line(path: str) -> bool:
    return path.startswith("zoo/cli/") or path == "zoo/__main__.py"


def arrows():
    """Yields each import from one room into another: file, room, room."""
    for path in MODULES.values():
        if is_facade(path) or in_command_line(path):
            continue
        for name in imports(path):
            if name in MODULES and room(MODULES[name]) != room(path):
                yield path, room(path), room(MODULES[name])


def test_every_module_is_in_a_room():
    """So nothing but the facade lies at the root of `training` or `exports`."""
    for path in MODULES.values():
        if not is_facade(path) and not in_command_line(path):
            assert room(path) in ARROWS, f"{path} is in no room"


def test_rooms_import_what_their_arrows_say():
    for path, start, end in arrows():
        assert end == GROUND or end in ARROWS[start], f"{path} imports {end}"


def test_every_arrow_is_used():
    used = {(start, end) for _, start, end in arrows()}
    for start, ends in ARROWS.items():
        for end in ends:
            assert (start, end) in used, f"{start} -> {end} is drawn in vain"


def test_rooms_have_no_circle():
    try:
        TopologicalSorter(ARROWS).prepare()
    except CycleError as error:
        raise AssertionError(f"rooms in a circle: {error.args[1]}") from error


def test_modules_have_no_circle():
    graph = {
        path: {MODULES[name] for name in imports(path) if name in MODULES}
        - {path}
        for path in MODULES.values()
        if not is_facade(path)
    }
    try:
        TopologicalSorter(graph).prepare()
    except CycleError as error:
        raise AssertionError(f"modules in a circle: {error.args[1]}") from error


def test_training_and_exports_never_meet():
    for _, start, end in arrows():
        packages = {name.split("/")[0].split(":")[0] for name in (start, end)}
        assert not {"training", "exports"} <= packages
        assert "zoo/cli" not in end


def test_nothing_imports_tests_or_benchmarks():
    for path in MODULES.values():
        for name in imports(path):
            top = name.split(".")[0]
            assert top not in ("tests", "benchmarks"), f"{path} imports {name}"
            assert top not in ("training", "exports"), f"{path} imports {name}"


def test_tensorflow_in_zoo_stays_behind_two_layers():
    for path in MODULES.values():
        if not path.startswith("zoo/"):
            continue
        uses = any(name.split(".")[0] == "tensorflow" for name in imports(path))
        assert not uses or path in TENSORFLOW_IN_ZOO, path
        top = {n.split(".")[0] for n in imports(path, top_level=True)}
        assert "tensorflow" not in top, path


def test_command_line_imports_nothing_heavy_at_the_top():
    for path in filter(in_command_line, MODULES.values()):
        for name in imports(path, top_level=True):
            assert name.split(".")[0] not in ("keras", "numpy"), path
            assert not name.startswith("zoo.exports"), path
            assert not name.startswith("zoo.training"), path


def test_files_named_here_exist():
    for path in (*SMALL, *TENSORFLOW_IN_ZOO, *sum(ROOMS.values(), ())):
        assert path in TREES, f"there is no {path}"


def test_sources_are_of_one_topic():
    for path in MODULES.values():
        assert "utils" not in path
        lines = len((ROOT / path).read_text("utf-8").splitlines())
        assert lines <= 400, f"{path} has {lines} lines"
        small = lines < 40 and not is_facade(path)
        assert small == (path in SMALL), f"{path} has {lines} lines"


def test_public_functions_are_annotated():
    """So that `py.typed` holds what it says."""
    for path, tree in TREES.items():
        if room(path) in TENSOR_ROOMS:
            continue
        for node in tree.body:
            if not isinstance(node, ast.FunctionDef):
                continue
            if node.name.startswith("_"):
                continue
            given = node.args
            named = [*given.posonlyargs, *given.args, *given.kwonlyargs]
            bare = [arg.arg for arg in named if arg.annotation is None]
            assert not bare, f"{path}: {node.name} leaves {bare} open"
            assert node.returns is not None, f"{path}: {node.name} returns?"


def test_presets_name_recipes_that_exist():
    for name in presets.names():
        recipe = presets.get(name).recipe
        if recipe is not None:
            assert importlib.import_module(recipe).train
