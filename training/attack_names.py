"""Names of attacks and suites, known without importing TensorFlow."""

from zoo.suggestions import did_you_mean

ATTACKS = (
    "fgsm",
    "bim",
    "pgd",
    "mim",
    "ddn",
    "gradient",
    "deepfool",
    "cw",
    "lbfgs",
    "jsma",
    "apgd",
    "apgdt",
    "fab",
    "square",
    "noise",
)
"""The keys of `zoo.training.attacks.by_name`."""

STICKERS = "rp2"
"""The attack that makes no image of one image: `zoo attack` alone has it."""

SUITES = {
    "standard": ("apgd:loss=ce", "apgdt", "fab", "square"),
    "rand": ("apgd:loss=ce,draws=20", "apgd:loss=dlr,draws=20"),
}
"""The attacks of each suite, the cheapest first, without their ball.

`standard` is AutoAttack (Croce & Hein, 2020,
https://arxiv.org/abs/2003.01690), `rand` its version for randomised models,
but that `apgd`'s cross-entropy weights all draws alike.
"""

SUITE_OPTIONS = ("norm", "eps", "steps", "queries", "draws", "seed")
"""What a suite takes; each attack is given those that it has."""


def attack_name(spec: str) -> str:
    """Returns the name in a text such as `"pgd:norm=l2,eps=1.0"`.

    Args:
        spec: A name of `ATTACKS`, then perhaps a colon and options, which
            are not looked at; or a name of `SUITES`, then perhaps some of
            `SUITE_OPTIONS`, as in `"standard:norm=linf,eps=0.1"`.

    Raises:
        ValueError: If there is no such attack or suite, it makes stickers,
            or a suite is given other options.
    """
    name, _, options = spec.partition(":")
    given = {pair.partition("=")[0].strip() for pair in options.split(",")}
    if name in SUITES and options and not given <= set(SUITE_OPTIONS):
        raise ValueError(
            f"The suite {name!r} takes no options but "
            f"{', '.join(SUITE_OPTIONS)}, as in '{name}:norm=linf,eps=0.1'. "
            f"Received: {spec!r}"
        )
    if name == STICKERS:
        raise ValueError(
            "rp2 makes a sticker for many views of one sign, no image: zoo "
            "attack NAME --attack rp2 --target CLASS, or attacks.rp2. "
            f"Received: {spec!r}"
        )
    if name not in ATTACKS and name not in SUITES:
        hint = did_you_mean(name, [*ATTACKS, *SUITES])
        raise ValueError(
            f"Unknown attack.{hint} Attacks: {', '.join(ATTACKS)}. "
            f"Suites: {', '.join(SUITES)}. Received: {name!r}"
        )
    return name
