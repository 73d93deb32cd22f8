"""Signs that the attacks don't know the defense."""

from collections.abc import Sequence

from zoo.training.evaluation.engine.model_facts import ModelFacts
from zoo.training.evaluation.planned_attack import PlannedAttack
from zoo.training.evaluation.results.flag import Flag


def check_adaptivity(
    attacked: ModelFacts,
    planned_attacks: Sequence[PlannedAttack],
    *,
    scored: ModelFacts,
    same_model: bool,
    adaptive: bool,
) -> tuple[Flag, ...]:
    """Checks whether the attacks know the defense.

    Args:
        attacked: The model that the attacks are run on.
        planned_attacks: The attacks.
        scored: The model that scores their images.
        same_model: Whether the two are the same but for their precision.
        adaptive: Whether the attacks see through hidden gradients.
    """
    rules = (
        _hidden_gradient(attacked, adaptive),
        _no_white_box(attacked, planned_attacks, scored, same_model),
        _few_draws(planned_attacks) if attacked.stochastic else (),
    )
    return tuple(flag for rule in rules for flag in rule)


def _hidden_gradient(attacked, adaptive):
    if attacked.hidden_gradients and not adaptive:
        names = ", ".join(attacked.hidden_gradients)
        yield Flag("hidden gradient", f"attacks stop at {names}")


def _no_white_box(attacked, planned_attacks, scored, same_model):
    if planned_attacks and all(one.black_box for one in planned_attacks):
        yield Flag(
            "no white box",
            f"no attack saw the model's gradient: {_names(planned_attacks)}",
        )
        return
    if planned_attacks and not same_model:
        yield Flag(
            "no white box",
            f"the attacks were run on {attacked.name}, which has other "
            f"weights or layers than {scored.name}",
        )
    searches = [one for one in planned_attacks if one.searches]
    for ball in dict.fromkeys(one.threat for one in searches):
        if ball is None:
            continue
        inside = [one for one in searches if one.threat == ball]
        seeing = [p for p in searches if p.threat == ball or p.aims_at(ball)]
        if all(one.black_box for one in seeing):
            yield Flag(
                "no white box",
                f"no attack in {ball} saw the model's gradient: "
                f"{_names(inside)}",
            )


def _few_draws(planned_attacks):
    single = [(planned, _single_draws(planned)) for planned in planned_attacks]
    hasty = [p for p, attacks in single if any(a.early_stop for a in attacks)]
    if hasty:
        yield Flag(
            "lucky draws",
            f"{_names(hasty)} stopped at the first draw of a randomised model "
            "that was fooled; give draws=2 or more",
        )
    followed = [p for p, attacks in single if attacks and p not in hasty]
    if followed:
        yield Flag(
            "single draws",
            f"{_names(followed)} followed single draws of a randomised model, "
            "not their mean; give draws=2 or more",
        )


def _single_draws(attack):
    """Returns the attack, or those of a mixture, that follow single draws."""
    mixed = attack.options.get("attacks")
    if mixed is not None:
        return [one for part in mixed for one in _single_draws(part)]
    return [attack] if attack.options.get("draws") == 1 else []


def _names(planned_attacks):
    return ", ".join(dict.fromkeys(planned.name for planned in planned_attacks))
