"""Adversarial attacks: bind the options, then call on any model."""

from training.attacks.apgd import apgd
from training.attacks.apgdt import apgdt
from training.attacks.base import Attack
from training.attacks.bim import bim
from training.attacks.cw import cw
from training.attacks.ddn import ddn
from training.attacks.deepfool import deepfool
from training.attacks.fab import fab
from training.attacks.fgsm import fgsm
from training.attacks.gradient import gradient
from training.attacks.jsma import jsma
from training.attacks.lbfgs import lbfgs
from training.attacks.mim import mim
from training.attacks.mixture import mixture
from training.attacks.noise import noise
from training.attacks.pgd import pgd
from training.attacks.registry import by_name
from training.attacks.registry import parse
from training.attacks.rp2 import rp2
from training.attacks.square import square
from training.attacks.suites import suite
from training.attacks.transfer import transfer

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
