"""The attacks that commands run unless they are told which."""

import zoo
from zoo.cli.models import is_preset


def default_threat(name: str) -> zoo.ThreatModel:
    """Returns the ball of a preset's card; L2 1.0 if there is none."""
    threat = zoo.info(name).threat if is_preset(name) else None
    return threat or zoo.ThreatModel("l2", 1.0)


def default_spec(model, threat: zoo.ThreatModel) -> str:
    """Returns PGD of 40 steps; against a randomised model, of two draws."""
    from zoo.training.evaluation.engine.randomness import attack_draws

    spec = f"pgd:norm={threat.norm},eps={threat.eps!r},steps=40"
    draws = attack_draws(model)
    return f"{spec},draws={draws}" if draws > 1 else spec


def training_spec(threat: zoo.ThreatModel) -> str:
    """Returns the attack of five steps that training samples come from."""
    if threat.norm == "l2":
        radius = f"{threat.eps!r}"
        return f"ddn:steps=5,init_norm={radius},max_norm={radius}"
    return f"pgd:norm={threat.norm},eps={threat.eps!r},steps=5"
