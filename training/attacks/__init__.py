"""Adversarial attacks: bind the options, then call on any model.

`attacks.pgd(eps=0.1)(model, images, labels)` returns adversarial images. The
attacks and the rest of the public names are imported when first asked for,
so that the names can be checked without TensorFlow.
"""

import importlib
import sys
import types
from typing import TYPE_CHECKING

from zoo.training.attacks.registry import ATTACKS
from zoo.training.attacks.registry import PYTHON_ONLY

if TYPE_CHECKING:  # For mypy and editors; a test compares it with the table.
    from zoo.training.attacks import suites as suites
    from zoo.training.attacks.apgd import apgd as apgd
    from zoo.training.attacks.apgd import apgdt as apgdt
    from zoo.training.attacks.base import Attack as Attack
    from zoo.training.attacks.bim import bim as bim
    from zoo.training.attacks.cw import cw as cw
    from zoo.training.attacks.ddn import ddn as ddn
    from zoo.training.attacks.deepfool import deepfool as deepfool
    from zoo.training.attacks.fab import fab as fab
    from zoo.training.attacks.fgsm import fgsm as fgsm
    from zoo.training.attacks.gradient import gradient as gradient
    from zoo.training.attacks.iterative_fgsm import (
        iterative_fgsm as iterative_fgsm,
    )
    from zoo.training.attacks.jsma import jsma as jsma
    from zoo.training.attacks.lbfgs import lbfgs as lbfgs
    from zoo.training.attacks.mim import mim as mim
    from zoo.training.attacks.mixture import mixture as mixture
    from zoo.training.attacks.noise import noise as noise
    from zoo.training.attacks.pgd import pgd as pgd
    from zoo.training.attacks.registry import by_name as by_name
    from zoo.training.attacks.registry import parse as parse
    from zoo.training.attacks.rp2.rp2 import rp2 as rp2
    from zoo.training.attacks.square import square as square
    from zoo.training.attacks.suites import suite as suite
    from zoo.training.attacks.transfer import transfer as transfer

_FACTORIES = ATTACKS | PYTHON_ONLY
_HOMES = _FACTORIES | {
    "Attack": "zoo.training.attacks.base",
    "by_name": "zoo.training.attacks.registry",
    "parse": "zoo.training.attacks.registry",
    "suite": "zoo.training.attacks.suites",
}
_MODULES = ("suites",)

__all__ = sorted((*_HOMES, *_MODULES))


class _Package(types.ModuleType):
    """Keeps the function `pgd` where the import system puts the module.

    Importing a submodule makes it an attribute of its package, which would
    replace the attack of the same name, or answer in its place when the
    submodule comes first. Here the attribute becomes the module's function.
    """

    def __setattr__(self, name, value):
        if name in _FACTORIES and isinstance(value, types.ModuleType):
            value = getattr(value, name)
        super().__setattr__(name, value)


def __getattr__(name: str):
    if name in _MODULES:
        return importlib.import_module(f"{__name__}.{name}")
    if name not in _HOMES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    found = getattr(importlib.import_module(_HOMES[name]), name)
    globals()[name] = found  # Asked for once; `vars` shows it from now on.
    return found


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})


sys.modules[__name__].__class__ = _Package
