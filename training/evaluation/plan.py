"""What an evaluation runs on which model, fixed before it begins."""

import dataclasses
from collections.abc import Callable
from collections.abc import Sequence

import keras

from zoo.threat import ThreatModel
from zoo.training.attacks.adaptive_view import adaptive_view
from zoo.training.evaluation.engine.model_facts import ModelFacts
from zoo.training.evaluation.engine.randomness import attack_draws
from zoo.training.evaluation.engine.same_model import is_same_model
from zoo.training.evaluation.flags import sanity as sanity_checks
from zoo.training.evaluation.planned_attack import PlannedAttack


@dataclasses.dataclass(frozen=True, kw_only=True)
class Plan:
    """What is run on which model.

    The models are asked once, here.

    Args:
        model: Scores the images.
        surrogate: Model that the attacks are run on; `model` or another.
        facts: Of `model`.
        surrogate_facts: Of `surrogate`.
        same_model: Whether the two are the same but for their precision.
        attacks: In the order they are run.
        balls: The threat's, then those of the attacks, each once.
        draws: Forward passes that score each image.
        runs: Times that each attack is run.
        skip_fooled: As `evaluate` takes it.
        adaptive: As `evaluate` takes it.
        sanity: Images for the attacks that test the numbers.
    """

    model: keras.Model
    surrogate: keras.Model
    facts: ModelFacts
    surrogate_facts: ModelFacts
    same_model: bool
    attacks: Sequence[PlannedAttack]
    balls: Sequence[ThreatModel]
    draws: int
    runs: int
    skip_fooled: bool
    adaptive: bool
    sanity: int

    @classmethod
    def make(
        cls,
        model: keras.Model,
        surrogate: keras.Model,
        attacks: Sequence[Callable | str],
        *,
        threat: ThreatModel | None,
        draws: int,
        runs: int,
        skip_fooled: bool,
        adaptive: bool,
        sanity: int,
    ) -> "Plan":
        """Asks the models, and plans the attacks by their answers.

        Args:
            attacks: As `evaluate` takes them, in a sequence.
            threat: Ball of attacks whose text has none.

        Raises:
            ValueError: If an attack is unknown, or needs a gradient or a ball
                that is missing.
        """
        facts = surrogate_facts = ModelFacts.from_model(model)
        if surrogate is not model:
            surrogate_facts = ModelFacts.from_model(surrogate)
        told = attack_draws(surrogate_facts.stochastic)
        planned_attacks = [
            planned
            for attack in attacks
            for planned in PlannedAttack.from_spec(attack, threat, draws=told)
        ]
        for planned in planned_attacks:
            if planned.in_graph:
                planned.attack.check_model(surrogate)
        balls = filter(None, (threat, *(one.threat for one in planned_attacks)))
        balls = tuple(dict.fromkeys(balls))
        if sanity:
            ball = balls[0] if balls else None
            sanity_checks.check_sanity_model(surrogate_facts, ball)
        return cls(
            model=model,
            surrogate=surrogate,
            facts=facts,
            surrogate_facts=surrogate_facts,
            same_model=is_same_model(model, surrogate),
            attacks=planned_attacks,
            balls=balls,
            draws=draws if facts.stochastic else 1,
            runs=runs,
            skip_fooled=skip_fooled,
            adaptive=adaptive,
            sanity=sanity,
        )

    @property
    def low_precision_copy(self) -> bool:
        """Whether the surrogate is the model in another precision."""
        return self.same_model and self.surrogate is not self.model

    def view(self, model: keras.Model) -> keras.layers.Layer:
        """Returns a model as the attacks see it."""
        return adaptive_view(model) if self.adaptive else model

    def sanity_attacks(self, image_shape: Sequence[int]) -> list[PlannedAttack]:
        """Returns the attacks that test whether the numbers can be trusted."""
        if not self.sanity:
            return []
        attacks = sanity_checks.sanity_attacks(
            self.balls[0],
            image_shape,
            draws=attack_draws(self.surrogate_facts.stochastic),
        )
        return list(map(PlannedAttack, attacks))
