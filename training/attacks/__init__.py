"""Adversarial attacks: bind the options, then call on any model."""

from training.attacks.base import Attack
from training.attacks.bim import bim
from training.attacks.ddn import ddn
from training.attacks.deepfool import deepfool
from training.attacks.fab import fab
from training.attacks.fgsm import fgsm
from training.attacks.mim import mim
from training.attacks.pgd import pgd
from training.attacks.registry import by_name
from training.attacks.registry import parse

__all__ = [
    "Attack",
    "bim",
    "by_name",
    "ddn",
    "deepfool",
    "fab",
    "fgsm",
    "mim",
    "parse",
    "pgd",
]
