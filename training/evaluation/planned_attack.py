"""An attack as an evaluation sees it."""

import dataclasses
from collections.abc import Callable
from collections.abc import Mapping
from collections.abc import Sequence
from typing import Any

import keras

from zoo.cards.measurement import attack_label
from zoo.threat import NORMS
from zoo.threat import ThreatModel
from zoo.training import attacks


@dataclasses.dataclass(frozen=True)
class PlannedAttack:
    """One pass over the images: an attack, or none.

    Args:
        attack: `(model, images, labels) -> images`; `None` leaves the images
            as they are. Name, options, ball and generators are its attributes,
            if it has them, as an `Attack` does.
    """

    attack: Callable | None = None

    @classmethod
    def from_spec(
        cls,
        attack: Callable | str,
        threat: ThreatModel | None,
        *,
        draws: int | None = None,
    ) -> "list[PlannedAttack]":
        """Plans an attack, or those of a suite.

        Args:
            attack: An attack, or the text of one or of a suite.
            threat: Ball of an attack whose text has none.
            draws: Draws of an attack whose text has none.

        Raises:
            ValueError: If it is no attack or a targeted one.
        """
        bound = [attack]
        if isinstance(attack, str):
            bound = attacks.suites.parse_all(attack, threat, draws=draws)
        if not all(map(callable, bound)):
            raise ValueError(
                "attacks must be attacks, such as attacks.pgd(eps=0.1), or "
                f"their text. Received: {attack!r}"
            )
        planned = [cls(one) for one in bound]
        if any(one.options.get("targeted") for one in planned):
            raise ValueError(
                "attacks must be untargeted: they are given the true classes. "
                f"Received: {attack!r}"
            )
        return planned

    @property
    def name(self) -> str:
        """The attack's name, or `"clean"`."""
        if self.attack is None:
            return "clean"
        return getattr(self.attack, "name", None) or getattr(
            self.attack, "__name__", type(self.attack).__name__
        )

    @property
    def label(self) -> str:
        """Name with loss, steps and restarts: `pgd-40x5`, `apgd-dlr-100`."""
        return attack_label(self.name, self.options)

    @property
    def text(self) -> str:
        """Name and options; the same in every process."""
        # Objects' text can hold an address, a model's its number in a process.
        kinds = (bool, int, float, str)
        if self.in_graph:
            kinds += (tuple, list, type(None), attacks.Attack)
        options = ", ".join(
            f"{option}={value!r}"
            for option, value in self.options.items()
            if isinstance(value, kinds)
        )
        return f"{self.name}({options})"

    @property
    def options(self) -> Mapping[str, Any]:
        """The attack's options, empty if it names none."""
        return getattr(self.attack, "options", {})

    @property
    def threat(self) -> ThreatModel | None:
        """Ball that the attack stays in, if any."""
        return getattr(self.attack, "threat", None)

    @property
    def in_graph(self) -> bool:
        """Whether it is an `Attack`, which a graph may hold."""
        return isinstance(self.attack, attacks.Attack)

    @property
    def searches(self) -> bool:
        """Whether it looks for a misclassified image. Noise doesn't."""
        return self.attack is not None and self.name != "noise"

    @property
    def sources(self) -> Sequence[keras.Model]:
        """Models other than the victim that the attack runs."""
        return getattr(self.attack, "sources", ())

    @property
    def black_box(self) -> bool:
        """Whether the attack takes no gradient of the model."""
        return getattr(self.attack, "black_box", False)

    @property
    def early_stop(self) -> bool:
        """Whether an image's search ends at its first success."""
        return getattr(self.attack, "early_stop", False)

    @property
    def minimized(self) -> str | None:
        """Norm that the attack makes small, if it has no ball."""
        norm = getattr(self.attack, "norm", None)
        return norm if norm in NORMS and not self._has_radius else None

    def aims_at(self, ball: ThreatModel) -> bool:
        """Whether the attack has no ball of its own and may search this one.

        An attack that makes another norm small comes here by chance alone.
        """
        bound = self.threat is not None or self._has_radius
        norm = getattr(self.attack, "norm", None)
        return not bound and norm in (None, ball.norm)

    @property
    def idle(self) -> bool:
        """Whether its radius is 0, so that it cannot change an image."""
        return self._has_radius and self.attack.eps == 0

    @property
    def _has_radius(self) -> bool:
        """Whether the attack has a radius; also one of 0, which is no ball."""
        return getattr(self.attack, "eps", None) is not None

    @property
    def generators(self) -> tuple[keras.random.SeedGenerator, ...]:
        """Sources of the attack's own randomness."""
        return getattr(self.attack, "generators", ())
