"""Attacks named on the command line, and those run unless one is named."""

import argparse
from collections.abc import Iterable
from collections.abc import Sequence
from typing import TYPE_CHECKING

import zoo
from zoo.cli.models import NamedModel

if TYPE_CHECKING:
    import keras

    from zoo.training.attacks import Attack

ATTACK_HELP = (
    "attack and its options, such as 'pgd:norm=l2,eps=1.0'; if norm or eps is "
    "omitted, the card's threat model applies (L2 1.0 if it has none); eps "
    "alone is measured in the card's norm"
)
_SHOWN = {"norm": None, "eps": None, "steps": None, "draws": 1}
"""Options that a picture's title gives, unless they are these."""

DEFAULT_ATTACK = "pgd"
DEFAULT_HELP = (
    f"{DEFAULT_ATTACK}; against a randomised model every attack takes 2 draws "
    "unless told"
)


def add_transfer_argument(parser: argparse.ArgumentParser) -> None:
    """Adds `--transfer-from`."""
    parser.add_argument(
        "--transfer-from",
        metavar="NAME",
        help="preset or .keras file that the adversarial images are made on, "
        "instead of the model",
    )


def parse_transfer(options: argparse.Namespace) -> NamedModel | None:
    """Returns the model of `--transfer-from`, if it is given.

    Raises:
        FileNotFoundError: If there is no such file or SavedModel.
        ValueError: If `NamedModel.parse` raises it.
    """
    if options.transfer_from is None:
        return None
    return NamedModel.parse(options.transfer_from, trusted=options.trust)


def check_attacks(specs: Iterable[str]) -> None:
    """Raises a `ValueError` if a text names no attack or suite.

    Nothing is loaded, not even TensorFlow.
    """
    from zoo.training.attacks.registry import check_spec

    for spec in specs:
        check_spec(spec)


def split_stickers(specs: Iterable[str]) -> tuple[list[str], list[str]]:
    """Returns the texts of attacks on images, and those of RP2."""
    from zoo.training.attacks.registry import STICKERS

    images, stickers = [], []
    for spec in specs:
        name = spec.partition(":")[0]
        (stickers if name == STICKERS else images).append(spec)
    return images, stickers


def check_single(spec: str | None, option: str = "--attack") -> None:
    """Raises a `ValueError` if an option names no attack, or a suite.

    Args:
        spec: Its text; `None` if it isn't given.
        option: What the option is called.
    """
    if spec is not None and is_suite(spec):
        raise ValueError(
            f"{option} takes one attack, no suite. Received: {option}={spec}"
        )


def is_suite(spec: str) -> bool:
    """Returns whether a text names a suite of attacks.

    Raises:
        ValueError: If it names neither a suite nor an attack.
    """
    from zoo.training.attacks.registry import SUITES
    from zoo.training.attacks.registry import check_spec

    return check_spec(spec) in SUITES


def default_threat(model: NamedModel) -> zoo.ThreatModel:
    """Returns the ball of a preset's card; L2 1.0 if there is none."""
    threat = model.card.threat if model.is_preset else None
    return threat or zoo.ThreatModel("l2", 1.0)


def training_spec(threat: zoo.ThreatModel) -> str:
    """Returns the attack of five steps that training samples come from."""
    if threat.norm == "l2":
        radius = f"{threat.eps!r}"
        return f"ddn:steps=5,init_norm={radius},max_norm={radius}"
    return f"pgd:norm={threat.norm},eps={threat.eps!r},steps=5"


def bind_attacks(
    specs: Sequence[str],
    threat: zoo.ThreatModel,
    model: "keras.Model",
    *,
    source: NamedModel | None = None,
    image_size: tuple[int, int] | None = None,
    seed: int | None = None,
) -> "list[Attack]":
    """Builds attacks from text.

    Args:
        specs: Attacks and suites.
        threat: Ball of those whose text leaves it open.
        model: What they are for. Those run on a randomised model average
            over two draws, unless their text says how many.
        source: Model to make the images on, in the place of `model`.
        image_size: Height and width that `source` may leave open.
        seed: Of the attacks that have one, unless their text gives it.

    Raises:
        ValueError: If a text is wrong, or `source` has no gradient and an
            attack needs it.
    """
    from zoo.inspection import is_stochastic
    from zoo.training import attacks
    from zoo.training.evaluation.engine.randomness import attack_draws

    if source is not None:
        model = source.load(image_size=image_size)
    bound = [
        attack
        for spec in specs
        for attack in attacks.suites.parse_all(
            spec, threat, draws=attack_draws(is_stochastic(model)), seed=seed
        )
    ]
    if source is None:
        return bound
    for attack in bound:
        attack.check_model(model)
    return [attacks.transfer(attack=a, source=model) for a in bound]


def title(spec: str, attack: "Attack") -> str:
    """Returns an attack's text with what it left open, for a picture.

    Args:
        spec: Text, such as `"fgsm"`.
        attack: What it was bound to.

    Returns:
        Such as `"fgsm:norm=l2,eps=0.5"`.
    """
    name, _, given = spec.partition(":")
    stated = {pair.partition("=")[0].strip() for pair in given.split(",")}
    filled = [
        f"{option}={value:g}"
        if isinstance(value, float)
        else f"{option}={value}"
        for option, value in attack.options.items()
        if option in _SHOWN and option not in stated and value != _SHOWN[option]
    ]
    return f"{name}:{','.join(filter(None, [given, *filled]))}".rstrip(":")
