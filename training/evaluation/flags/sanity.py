"""Signs that a measured robustness is not real.

Each rule compares what attacks achieved with what they achieve on a model
whose gradient tells the truth. References: Athalye et al., 2018, *Obfuscated
Gradients Give a False Sense of Security*, section 3.1; Carlini et al., 2019,
*On Evaluating Adversarial Robustness*.
"""

import math
from collections.abc import Iterable
from collections.abc import Iterator
from collections.abc import Sequence

import numpy as np

from zoo.inspection import are_probabilities
from zoo.threat import ThreatModel
from zoo.training import attacks as attack_library
from zoo.training.evaluation.engine.model_facts import ModelFacts
from zoo.training.evaluation.planned_attack import PlannedAttack
from zoo.training.evaluation.results import metrics
from zoo.training.evaluation.results.attack_result import AttackResult
from zoo.training.evaluation.results.flag import Flag
from zoo.training.evaluation.results.image_results import ImageResults

TOLERANCE = 0.02
"""Difference of two accuracies on the same images that means nothing."""
_FEWEST = 30
"""Images that it takes to tell a guess."""


def sanity_attacks(
    threat: ThreatModel, image_shape: Sequence[int], *, draws: int = 1
) -> list[attack_library.Attack]:
    """Returns the attacks whose results `compare_attacks` can judge.

    PGD with few and many steps, in the ball and in one that holds every
    image; random noise; and Square, which needs no gradient.

    Args:
        threat: The ball.
        image_shape: `(height, width, channels)`.
        draws: Forward passes that each averages over; more than 1 for
            randomised models.
    """
    ball = {"norm": threat.norm, "eps": threat.eps, "draws": draws}
    everything = {**ball, "eps": _reach(threat.norm, image_shape)}
    return [
        attack_library.pgd(**ball, steps=5),
        attack_library.pgd(**ball, steps=50),
        attack_library.pgd(**everything, steps=50),
        attack_library.noise(**ball, repeats=20),
        attack_library.square(**ball, queries=500),
    ]


def check_sanity_model(
    attacked: ModelFacts, threat: ThreatModel | None
) -> None:
    """Refuses a model that `sanity_attacks` cannot be run on.

    Raises:
        ValueError: If there is no ball, or the model no gradient.
    """
    if threat is None:
        raise ValueError(
            "sanity needs a ball: give a threat, or an attack in a ball. "
            "Received: threat=None"
        )
    if attacked.black_box:
        raise ValueError(
            "sanity compares attacks that see the model's gradient with others "
            "that don't; leave it out for a model of predictions alone, as "
            f"every SavedModel is. Received: {attacked.name}"
        )


def check_chance(clean: np.ndarray, num_classes: int) -> tuple[Flag, ...]:
    """Checks whether the model does better than guessing.

    If it guesses, its accuracy under attack means nothing. A model that takes
    other pixels than those in [0, 1] guesses too.

    Args:
        clean: Whether each draw got each original right, `(draws, images)`.
        num_classes: The model's number of classes.
    """
    images, chance = clean.shape[1], 1 / num_classes
    deviation = math.sqrt(chance * (1 - chance) / images)
    accuracy = metrics.accuracy(clean)
    if images < _FEWEST or accuracy > chance + 2 * deviation:
        return ()
    finding = (
        f"{accuracy:.1%} of {images} images are right, as by guessing one of "
        f"{num_classes} classes; pixels are in [0, 1]"
    )
    return (Flag("no better than chance", finding),)


def check_radii(planned_attacks: Iterable[PlannedAttack]) -> tuple[Flag, ...]:
    """Checks that the attacks may change the images.

    What is left after an attack of radius 0 reads as robust accuracy and is
    the clean one.
    """
    idle = [planned.label for planned in planned_attacks if planned.idle]
    if not idle:
        return ()
    names = ", ".join(dict.fromkeys(idle))
    return (
        Flag("zero radius", f"with eps=0, {names} cannot change any image"),
    )


def compare_attacks(
    results: Iterable[AttackResult],
    *,
    clean: float,
    image_shape: Sequence[int],
) -> tuple[Flag, ...]:
    """Compares attacks on the same images with one another.

    Args:
        results: Of attacks on the same images.
        clean: Accuracy on them without an attack.
        image_shape: `(height, width, channels)`.
    """
    results = [result for result in results if result.threat is not None]
    rules = (
        _more_steps_weaker(results),
        _bigger_ball_weaker(results),
        _not_all_fooled(results, image_shape),
        _black_box_stronger(results),
        _noise_as_strong(results, clean),
    )
    return tuple(flag for rule in rules for flag in rule)


def compare_sequence(
    attack_results: Sequence[AttackResult],
    image_results: Sequence[ImageResults],
    *,
    clean: np.ndarray,
) -> tuple[Flag, ...]:
    """Compares attacks that each met the images that those before had left.

    After attacks that see the gradient, one that asks for predictions alone
    must find next to nothing.

    Args:
        attack_results: One an attack, in the order they ran.
        image_results: Of all their runs, in turn.
        clean: Whether each draw got each original right,
            `(draws, images)`, for all images to attack.
    """
    runs = len(image_results) // max(1, len(attack_results))
    unfooled, white, flags = {}, {}, []
    for index, result in enumerate(attack_results):
        ball = result.threat
        if ball is None:
            continue
        worst = ImageResults.worst(
            image_results[index * runs : (index + 1) * runs]
        )
        before = unfooled.get(ball, clean & metrics.classified(clean))
        # The attack's own draws, not the worse of these and those before:
        # of two equal attacks on a randomised model, the worse are lower.
        lost = np.sum(before[:, worst.indices]) - np.sum(worst.correct)
        share = lost / clean.size
        if result.black_box and ball in white and share > TOLERANCE:
            flags.append(
                Flag(
                    "black box beats white box",
                    f"{result.label} in {ball} fooled {share:.1%} of all "
                    f"images, which {', '.join(white[ball])} had left",
                )
            )
        if not result.black_box:
            white.setdefault(ball, []).append(result.label)
        unfooled[ball] = worst.lower(before)
    return tuple(flags)


def check_gradients(
    gradients: np.ndarray, outputs: np.ndarray
) -> tuple[Flag, ...]:
    """Checks the gradients and outputs that an attack meets at the images.

    Args:
        gradients: Of each image's loss, `(images, height, width, channels)`.
        outputs: The model's logits, `(images, classes)`.

    Returns:
        `"no gradient"` if so many of the gradients are zero or not finite
        that, by the Wilson interval, more than `TOLERANCE` of the data set's
        are; `"few gradients"` if more than that are, but of these images
        alone; `"not logits"` if the outputs are probabilities.
    """
    largest = np.max(np.abs(gradients), axis=(1, 2, 3))
    useless = float(np.mean(~np.isfinite(largest) | (largest == 0)))
    flags = []
    if useless > TOLERANCE:
        # A few images, such as 3 of 128, may be the model's surest.
        surely, _ = metrics.wilson_interval(useless, len(gradients))
        flags.append(
            Flag(
                "no gradient" if surely > TOLERANCE else "few gradients",
                f"it is zero or not finite at {useless:.1%} of the images",
            )
        )
    if are_probabilities(outputs):
        flags.append(
            Flag(
                "not logits",
                "the outputs are probabilities, whose gradient vanishes where "
                "the model is sure",
            )
        )
    return tuple(flags)


def _more_steps_weaker(results) -> Iterator[Flag]:
    for few, many in _pairs(results, "steps"):
        if few.threat == many.threat and _above(many, few):
            yield Flag("more steps are weaker", _versus(few, many))


def _bigger_ball_weaker(results) -> Iterator[Flag]:
    for small, large in _pairs(results, "eps"):
        if _above(large, small):
            yield Flag("a bigger ball is weaker", _versus(small, large))


def _not_all_fooled(results, image_shape) -> Iterator[Flag]:
    for result in results:
        reach = _reach(result.threat.norm, image_shape)
        holds_all = result.threat.eps >= reach and not result.black_box
        if holds_all and result.robust_accuracy > TOLERANCE:
            yield Flag(
                "an unlimited attack fails",
                f"{_said(result)}, though the ball holds every image",
            )


def _black_box_stronger(results) -> Iterator[Flag]:
    for white, black in _by_ball(results):
        for result in black:
            if result.attack != "noise" and _above(white, result):
                yield Flag("black box beats white box", _versus(result, white))


def _noise_as_strong(results, clean) -> Iterator[Flag]:
    for white, black in _by_ball(results):
        for result in black:
            fools = result.robust_accuracy < clean - TOLERANCE
            if result.attack == "noise" and fools and not _above(result, white):
                yield Flag(
                    "random noise is as strong as a gradient",
                    _versus(result, white),
                )


def _pairs(results, option):
    """Yields results that differ in one option only, the smaller first."""
    for one in results:
        for other in results:
            if one.attack != other.attack:
                continue
            values = one.options.get(option), other.options.get(option)
            same = all(
                one.options.get(name) == other.options.get(name)
                for name in one.options.keys() | other.options.keys()
                if name not in (option, "step_size")
            )
            if same and None not in values and values[0] < values[1]:
                yield one, other


def _by_ball(results):
    """Yields the strongest white box and the black boxes of each ball."""
    for threat in dict.fromkeys(result.threat for result in results):
        inside = [result for result in results if result.threat == threat]
        white = [result for result in inside if not result.black_box]
        if white:
            strongest = min(white, key=lambda result: result.robust_accuracy)
            yield strongest, [r for r in inside if r.black_box]


def _reach(norm, image_shape):
    """Returns the radius of a ball that holds every image."""
    return {"linf": 1.0, "l2": math.sqrt(math.prod(image_shape))}[norm]


def _above(one, other):
    return one.robust_accuracy > other.robust_accuracy + TOLERANCE


def _said(result):
    return (
        f"{result.label} in {result.threat} leaves {result.robust_accuracy:.1%}"
    )


def _versus(one, other):
    return f"{_said(one)}, {_said(other)}"
