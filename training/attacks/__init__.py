"""Adversarial attacks: bind the options, then call on any model."""

from zoo.training.attacks.apgd import apgd
from zoo.training.attacks.apgd import apgdt
from zoo.training.attacks.base import Attack
from zoo.training.attacks.bim import bim
from zoo.training.attacks.cw import cw
from zoo.training.attacks.ddn import ddn
from zoo.training.attacks.deepfool import deepfool
from zoo.training.attacks.fab import fab
from zoo.training.attacks.fgsm import fgsm
from zoo.training.attacks.gradient import gradient
from zoo.training.attacks.jsma import jsma
from zoo.training.attacks.lbfgs import lbfgs
from zoo.training.attacks.mim import mim
from zoo.training.attacks.mixture import mixture
from zoo.training.attacks.noise import noise
from zoo.training.attacks.pgd import pgd
from zoo.training.attacks.registry import by_name
from zoo.training.attacks.registry import parse
from zoo.training.attacks.rp2 import rp2
from zoo.training.attacks.square import square
from zoo.training.attacks.suites import suite
from zoo.training.attacks.transfer import transfer

__all__ = [
    "Attack",
    "apgd",
    "apgdt",
    "bim",
    "by_name",
    "cw",
    "ddn",
    "deepfool",
    "fab",
    "fgsm",
    "gradient",
    "jsma",
    "lbfgs",
    "mim",
    "mixture",
    "noise",
    "parse",
    "pgd",
    "rp2",
    "square",
    "suite",
    "transfer",
]
