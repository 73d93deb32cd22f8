"""Attacks are imported when asked for, and are never hidden by modules."""

import ast
import subprocess
import sys
from pathlib import Path

import pytest

from tests.paths import ROOT
from zoo.training import attacks
from zoo.training.attacks import registry

FUNCTION = "assert callable(attacks.pgd) and attacks.pgd.__name__ == 'pgd'"
ORDERS = {
    "the function": "from zoo.training.attacks import pgd; assert pgd.__name__",
    "the module": "import zoo.training.attacks.pgd",
    "the module, then the function": (
        "import zoo.training.attacks.pgd; attacks.pgd; "
        "from zoo.training.attacks import pgd; assert pgd is attacks.pgd"
    ),
    "another that imports the module": "attacks.apgdt; attacks.suites",
    "a part of a package": (
        "from zoo.training.attacks.rp2 import masks; "
        "assert attacks.rp2.__name__ == 'rp2'; assert callable(attacks.rp2)"
    ),
}


def run(code):
    """Runs code in a new interpreter, in which nothing is imported yet."""
    code = f"import zoo.training.attacks as attacks\n{code}"
    result = subprocess.run(
        [sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True
    )
    assert result.returncode == 0, result.stderr


def test_names_and_options_are_checked_without_tensorflow():
    run(
        "import sys\n"
        "from zoo.training.attacks import registry\n"
        "assert registry.check_spec('pgd:norm=l2,eps=0.5') == 'pgd'\n"
        "assert registry.check_spec('standard:eps=0.1') == 'standard'\n"
        "assert attacks.suites.by_name is registry.SUITES\n"
        "for spec in ('pdg', 'pgd:eps=-1', 'pgd:epz=1', 'rand:steps=0'):\n"
        "    try:\n"
        "        registry.check_spec(spec)\n"
        "    except ValueError:\n"
        "        continue\n"
        "    raise AssertionError(spec)\n"
        "assert {'pgd', 'by_name', 'suites'} <= set(dir(attacks))\n"
        "assert not {'tensorflow', 'keras'} & set(sys.modules)\n"
    )


def test_an_attack_is_the_function_in_every_import_order():
    """The orders share an interpreter, forgetting the attacks in between."""
    forget = (
        "import sys\n"
        "for name in [n for n in sys.modules if n.startswith(\n"
        "    'zoo.training.attacks')]:\n"
        "    del sys.modules[name]\n"
        "import zoo.training; vars(zoo.training).pop('attacks', None)\n"
        "import zoo.training.attacks as attacks\n"
    )
    run("".join(f"{forget}{code}\n{FUNCTION}\n" for code in ORDERS.values()))


@pytest.mark.parametrize("name", attacks.__all__)
def test_every_public_name_is_there(name):
    found = getattr(attacks, name)
    if name in registry.ATTACKS | registry.PYTHON_ONLY:
        assert found.__name__ == name
        assert callable(found)
    assert name in dir(attacks)


def test_type_checkers_see_what_the_table_holds():
    """They take `attacks.pgd` for the module unless it is imported."""
    tree = ast.parse(Path(attacks.__file__).read_text("utf-8"))
    (block,) = (node for node in tree.body if isinstance(node, ast.If))
    seen = {
        alias.asname: f"{node.module}.{alias.name}"
        for node in block.body
        for alias in node.names
    }
    assert set(seen) == set(attacks.__all__)
    for name, module in (registry.ATTACKS | registry.PYTHON_ONLY).items():
        assert seen[name] == f"{module}.{name}"


def test_a_name_that_is_not_there():
    with pytest.raises(AttributeError, match="has no attribute 'pdg'"):
        _ = attacks.pdg
