"""The one table of attacks, and attacks from text.

What an attack or a suite is called, and which options it takes, is known
here without importing TensorFlow: the command line refuses a wrong text
before it loads anything.
"""

import ast
import contextlib
import functools
import importlib
import inspect
import math
from collections.abc import Iterator
from collections.abc import Mapping
from types import MappingProxyType
from typing import TYPE_CHECKING
from typing import Any

from zoo.module_source import parse_source
from zoo.suggestions import did_you_mean
from zoo.threat import ThreatModel
from zoo.training.attacks.parts.checks import checked_options

if TYPE_CHECKING:
    from collections.abc import Callable

    from zoo.training.attacks.base import Attack

ATTACKS = {
    "fgsm": "zoo.training.attacks.fgsm",
    "bim": "zoo.training.attacks.bim",
    "pgd": "zoo.training.attacks.pgd",
    "mim": "zoo.training.attacks.mim",
    "iterative_fgsm": "zoo.training.attacks.iterative_fgsm",
    "ddn": "zoo.training.attacks.ddn",
    "gradient": "zoo.training.attacks.gradient",
    "deepfool": "zoo.training.attacks.deepfool",
    "cw": "zoo.training.attacks.cw",
    "lbfgs": "zoo.training.attacks.lbfgs",
    "jsma": "zoo.training.attacks.jsma",
    "apgd": "zoo.training.attacks.apgd",
    "apgdt": "zoo.training.attacks.apgd",
    "fab": "zoo.training.attacks.fab",
    "square": "zoo.training.attacks.square",
    "noise": "zoo.training.attacks.noise",
}
"""The module of each attack; its factory there has the attack's name."""

STICKERS = "rp2"
"""Makes one sticker for many views of a sign, no image.

`zoo attack` and `zoo evaluate` run it, each by its own path.
"""

PYTHON_ONLY = {
    "mixture": "zoo.training.attacks.mixture",
    "transfer": "zoo.training.attacks.transfer",
    STICKERS: "zoo.training.attacks.rp2.rp2",
}
"""Modules of what no text can name: their options are objects."""

SUITES = {
    "standard": ("apgd:loss=ce", "apgdt", "fab", "square"),
    "rand": ("apgd:loss=ce,draws=20", "apgd:loss=dlr,draws=20"),
}
"""The attacks of each suite, the cheapest first, without their ball.

`standard` is AutoAttack (Croce & Hein, 2020,
https://arxiv.org/abs/2003.01690). `rand` is its version for randomised
models, except that `apgd`'s cross-entropy weights all draws alike.
"""

SUITE_OPTIONS = ("norm", "eps", "steps", "queries", "draws", "seed")
"""What a suite takes; each attack is given those that it has."""

_REQUIRED = inspect.Parameter.empty
_WRITABLE = {"bool", "int", "float", "str", "None"}
"""Types of the options that text can give."""

_MOST = 2**31 - 1
"""The largest int32, which is what TensorFlow counts steps in."""

_WORDS = {"true": True, "false": False, "none": None}


class _Factories(Mapping):
    """Imports the module of an attack when its factory is asked for."""

    def __getitem__(self, name: str) -> "Callable[..., Attack]":
        return getattr(importlib.import_module(ATTACKS[name]), name)

    def __iter__(self) -> Iterator[str]:
        return iter(ATTACKS)

    def __len__(self) -> int:
        return len(ATTACKS)

    def __contains__(self, name: object) -> bool:
        return name in ATTACKS


by_name = _Factories()
"""The factory of each attack that text can name."""


def parse(
    spec: str, threat: ThreatModel | None = None, **defaults: int | None
) -> "Attack":
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
            the radius is missing or 0.

    Example:

    >>> parse("pgd:steps=40", ThreatModel("l2", 0.5)).eps
    0.5
    """
    name = check_spec(spec)
    if name in SUITES:
        raise ValueError(
            "A suite holds several attacks; give it by its name to "
            "attacks.suite or evaluation.evaluate. "
            f"Received: {spec!r}"
        )
    accepted = parameters(name)
    options = read_options(name, spec.partition(":")[2], accepted)
    if "norm" in accepted and threat is not None:
        options.setdefault("norm", threat.norm)
        if "eps" in accepted and options["norm"] == threat.norm:
            options.setdefault("eps", threat.eps)
    required = "eps" in accepted and accepted["eps"].default is _REQUIRED
    if required and "eps" not in options:
        raise ValueError(
            f"{name} needs a radius, as in '{name}:eps=0.1'. Received: {spec!r}"
        )
    for option, value in defaults.items():
        if option in accepted and value is not None:
            options.setdefault(option, value)
    return by_name[name](**options)


def check_spec(spec: str) -> str:
    """Checks a text such as `"pgd:norm=l2,eps=1.0"`; TensorFlow stays out.

    It checks the name, the options' names and form, the values of those that
    attacks share, and the ball.

    Args:
        spec: A name of `ATTACKS`, then perhaps a colon and options; or a
            name of `SUITES`, then perhaps some of `SUITE_OPTIONS`, as in
            `"standard:norm=linf,eps=0.1"`.

    Returns:
        The name of the attack or suite.

    Raises:
        ValueError: If there is no such attack or suite, it makes stickers,
            an option is unknown or a value is wrong.
    """
    name, _, text = spec.partition(":")
    if name == STICKERS:
        raise ValueError(
            "rp2 makes a sticker for many views of one sign, no image: zoo "
            "attack NAME --attack rp2 --target CLASS, zoo evaluate NAME "
            "--attack rp2, attacks.rp2 or evaluation.evaluate_stickers. "
            f"Received: {spec!r}"
        )
    if name in SUITES:
        accepted = _suite_parameters(spec)
    elif name in ATTACKS:
        accepted = parameters(name)
    else:
        hint = did_you_mean(name.lower(), [*ATTACKS, *SUITES])
        raise ValueError(
            f"Unknown attack.{hint} Attacks: {', '.join(ATTACKS)}. "
            f"Suites: {', '.join(SUITES)}. Received: {name!r}"
        )
    options = checked_options(
        optional=[n for n, p in accepted.items() if p.default is None],
        **read_options(name, text, accepted),
    )
    if options.get("eps") == 0:
        raise ValueError(
            "`eps` must be above 0: in a ball of radius 0 no image changes. "
            f"Received: {spec!r}"
        )
    if "norm" in options and options.get("eps") is not None:
        ThreatModel(options["norm"], options["eps"])
    return name


@functools.cache
def parameters(name: str) -> Mapping[str, inspect.Parameter]:
    """Returns the parameters of an attack's factory.

    Read from its source: importing the module would import TensorFlow.

    Args:
        name: A name of `ATTACKS` or `PYTHON_ONLY`.

    Returns:
        Those that text can give, by name, in order; annotations are text.
        Arrays and other objects, such as the mask of `rp2`, are left out.
    """
    module = (ATTACKS | PYTHON_ONLY)[name].removeprefix(f"{__package__}.")
    (arguments,) = (
        node.args
        for node in parse_source(__package__, module).body
        if isinstance(node, ast.FunctionDef) and node.name == name
    )
    found = {}
    for argument, default in zip(
        arguments.kwonlyargs, arguments.kw_defaults, strict=True
    ):
        annotation = ast.unparse(argument.annotation)
        if not _WRITABLE.issuperset(annotation.split(" | ")):
            continue
        found[argument.arg] = inspect.Parameter(
            argument.arg,
            inspect.Parameter.KEYWORD_ONLY,
            default=_REQUIRED if default is None else ast.literal_eval(default),
            annotation=annotation,
        )
    return MappingProxyType(found)


def _suite_parameters(spec):
    """Returns what a suite takes, after refusing other options."""
    name, _, text = spec.partition(":")
    given = {pair.partition("=")[0].strip() for pair in text.split(",")}
    if text and not given <= set(SUITE_OPTIONS):
        raise ValueError(
            f"The suite {name!r} takes no options but "
            f"{', '.join(SUITE_OPTIONS)}, as in '{name}:norm=linf,eps=0.1'. "
            f"Received: {spec!r}"
        )
    kind = inspect.Parameter.KEYWORD_ONLY
    return {name: inspect.Parameter(name, kind) for name in SUITE_OPTIONS}


def read_options(
    name: str, text: str, accepted: Mapping[str, inspect.Parameter]
) -> dict[str, Any]:
    """Reads text such as `"eps=8/255,steps=40"`.

    Args:
        name: The attack's, for the message.
        text: Options between commas; numbers may be fractions.
        accepted: Parameters of the attack's factory that text may give.

    Raises:
        ValueError: If an option is unknown or has no value, a flag is neither
            true nor false, or a whole number is no int32.
    """
    options = {}
    for pair in filter(None, text.split(",")):
        option, _, value = (part.strip() for part in pair.partition("="))
        if option not in accepted or not value:
            known = option in accepted
            near = "" if known else did_you_mean(option.lower(), accepted)
            raise ValueError(
                f"Options of {name} are written `option=value` with one of "
                f"{', '.join(accepted)}.{near} Received: {pair.strip()!r}"
            )
        options[option] = _value(value)
        if isinstance(options[option], int) and abs(options[option]) > _MOST:
            raise ValueError(
                f"{option} of {name} must be at most {_MOST}. "
                f"Received: {value!r:.100}"
            )
        is_flag = accepted[option].annotation in (bool, "bool")
        if is_flag and not isinstance(options[option], bool):
            raise ValueError(
                f"{option} of {name} must be true or false. Received: {value!r}"
            )
    return options


def _value(text):
    if text.lower() in _WORDS:
        return _WORDS[text.lower()]
    with contextlib.suppress(ValueError):
        return int(text)
    above, _, below = text.partition("/")
    with contextlib.suppress(ValueError, ZeroDivisionError):
        number = float(above) / (float(below) if below else 1)
        if math.isfinite(number):
            return number
    return text
