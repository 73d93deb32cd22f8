"""Signs that the attacks don't know the defense."""

from collections.abc import Sequence

import keras

from zoo.inspection import hidden_gradients
from zoo.inspection import is_stochastic
from zoo.training.evaluation.engine.same_model import is_twin
from zoo.training.evaluation.planned_attack import PlannedAttack
from zoo.training.evaluation.results.flag import Flag


def check_adaptivity(
    attacked: keras.Model,
    phases: Sequence[PlannedAttack],
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
        return
    if phases and not is_twin(victim, attacked):
        yield Flag(
            "no white box",
            f"the attacks were run on {attacked.name}, which has other "
            f"weights or layers than {victim.name}",
        )
    searches = [phase for phase in phases if phase.searches]
    for ball in dict.fromkeys(phase.threat for phase in searches):
        if ball is None:
            continue
        inside = [phase for phase in searches if phase.threat == ball]
        seeing = [p for p in searches if p.threat == ball or p.aims_at(ball)]
        if all(phase.black_box for phase in seeing):
            yield Flag(
                "no white box",
                f"no attack in {ball} saw the model's gradient: "
                f"{_names(inside)}",
            )


def _few_draws(phases):
    single = [(phase, _single_draws(phase)) for phase in phases]
    hasty = [p for p, parts in single if any(one.early_stop for one in parts)]
    if hasty:
        yield Flag(
            "lucky draws",
            f"{_names(hasty)} stopped at the first draw of a randomised model "
            "that was fooled; give draws=2 or more",
        )
    followed = [p for p, parts in single if parts and p not in hasty]
    if followed:
        yield Flag(
            "single draws",
            f"{_names(followed)} followed single draws of a randomised model, "
            "not their mean; give draws=2 or more",
        )


def _single_draws(attack):
    """Returns what of an attack, or of a mixture, follows single draws."""
    parts = attack.options.get("attacks")
    if parts is not None:
        return [one for part in parts for one in _single_draws(part)]
    return [attack] if attack.options.get("draws") == 1 else []


def _names(phases):
    return ", ".join(dict.fromkeys(phase.name for phase in phases))
