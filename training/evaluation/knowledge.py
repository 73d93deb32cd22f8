"""Signs that the attacks don't know the defense."""

from collections.abc import Sequence

import keras

from training.evaluation.adaptive import hidden_gradients
from training.evaluation.flag import Flag
from training.evaluation.phase import Phase
from training.evaluation.randomness import is_stochastic
from training.evaluation.twin import is_twin


def knowledge(
    attacked: keras.Model,
    phases: Sequence[Phase],
    *,
    victim: keras.Model,
    adaptive: bool,
) -> tuple[Flag, ...]:
    """Judges whether the attacks know the defense.

    Args:
        attacked: What the attacks are run on, before its adaptive view.
        phases: The attacks.
        victim: The model that scores the images.
        adaptive: Whether the attacks see through hidden gradients.
    """
    rules = (
        _hidden_gradient(attacked, adaptive),
        _no_white_box(attacked, phases, victim),
        _few_draws(phases) if is_stochastic(attacked) else (),
        _another_boundary(attacked, phases, victim),
    )
    return tuple(flag for rule in rules for flag in rule)


def _hidden_gradient(attacked, adaptive):
    hidden = hidden_gradients(attacked)
    if hidden and not adaptive:
        names = ", ".join(layer.name for layer in hidden)
        yield Flag("hidden gradient", f"attacks stop at {names}")


def _no_white_box(attacked, phases, victim):
    if phases and all(phase.black_box for phase in phases):
        yield Flag(
            "no white box",
            f"no attack saw the model's gradient: {_names(phases)}",
        )
    elif phases and not is_twin(victim, attacked):
        yield Flag(
            "no white box",
            f"the attacks were run on {attacked.name}, which has other "
            f"weights or layers than {victim.name}",
        )


def _few_draws(phases):
    single = [p for p in phases if p.options.get("draws") == 1]
    hasty = [phase for phase in single if phase.early_stop]
    if hasty:
        yield Flag(
            "lucky draws",
            f"{_names(hasty)} stopped at the first draw of a randomised model "
            "that was fooled; give draws=2 or more",
        )
    followed = [phase for phase in single if phase not in hasty]
    if followed:
        yield Flag(
            "single draws",
            f"{_names(followed)} followed single draws of a randomised model, "
            "not their mean; give draws=2 or more",
        )


def _another_boundary(attacked, phases, victim):
    nearest = [phase for phase in phases if phase.minimized]
    policy = attacked.dtype_policy.name
    if nearest and policy != victim.dtype_policy.name:
        yield Flag(
            "another boundary",
            f"{_names(nearest)} stopped at the boundary of a twin in "
            f"{policy}; attack the model itself",
        )


def _names(phases):
    return ", ".join(dict.fromkeys(phase.name for phase in phases))
