"""Attacks by name, for command lines and reports."""

import inspect

from zoo.threat import ThreatModel
from zoo.training.attack_names import attack_name
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
from zoo.training.attacks.noise import noise
from zoo.training.attacks.option_text import read_options
from zoo.training.attacks.parts.checks import checked_norm
from zoo.training.attacks.pgd import pgd
from zoo.training.attacks.square import square

by_name = {
    "fgsm": fgsm,
    "bim": bim,
    "pgd": pgd,
    "mim": mim,
    "ddn": ddn,
    "gradient": gradient,
    "deepfool": deepfool,
    "cw": cw,
    "lbfgs": lbfgs,
    "jsma": jsma,
    "apgd": apgd,
    "apgdt": apgdt,
    "fab": fab,
    "square": square,
    "noise": noise,
}
"""The factory of each attack; the names are `attack_names.ATTACKS`."""

_REQUIRED = inspect.Parameter.empty


def parse(
    spec: str, threat: ThreatModel | None = None, **defaults: int | None
) -> Attack:
    """Builds an attack from text such as `"pgd:norm=l2,eps=1.0,steps=40"`.

    Args:
        spec: A name of `by_name`, then perhaps a colon and options. Numbers
            may be fractions, such as `8/255`.
        threat: Gives the `norm` and `eps` that the text leaves open, to
            attacks that have them; `eps` only where the norm is the same.
        defaults: Such as `seed=0, draws=2`: given to attacks that have such
            an option, if the text leaves it open. `None` leaves the attack's
            own default.

    Raises:
        ValueError: If the name or an option is unknown, a value is wrong or
            the radius is missing.

    Example:

    >>> parse("pgd:steps=40", ThreatModel("l2", 0.5)).eps
    0.5
    """
    name = attack_name(spec)
    if name not in by_name:
        raise ValueError(
            "A suite holds several attacks; give it by its name to "
            "attacks.suite or evaluation.evaluate. "
            f"Received: {spec!r}"
        )
    accepted = inspect.signature(by_name[name]).parameters
    options = read_options(name, spec.partition(":")[2], accepted)
    if "norm" in accepted and threat is not None:
        options.setdefault("norm", threat.norm)
        if "eps" in accepted and options["norm"] == threat.norm:
            options.setdefault("eps", threat.eps)
    if "norm" in options:
        checked_norm(options["norm"])
    required = "eps" in accepted and accepted["eps"].default is _REQUIRED
    if required and "eps" not in options:
        raise ValueError(
            f"{name} needs a radius, as in '{name}:eps=0.1'. Received: {spec!r}"
        )
    for option, value in defaults.items():
        if option in accepted and value is not None:
            options.setdefault(option, value)
    return by_name[name](**options)
