"""Adversarial attacks: bind the options, then call on any model."""

from training.attacks.apgd import apgd
from training.attacks.apgdt import apgdt
from training.attacks.base import Attack
from training.attacks.bim import bim
from training.attacks.ddn import ddn
from training.attacks.fgsm import fgsm
from training.attacks.mim import mim
from training.attacks.pgd import pgd
from training.attacks.registry import by_name
from training.attacks.registry import parse

__all__ = [
    "Attack",
    "apgd",
    "apgdt",
    "bim",
    "by_name",
    "ddn",
    "fgsm",
    "mim",
    "parse",
    "pgd",
]
