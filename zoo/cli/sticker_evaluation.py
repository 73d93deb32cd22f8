"""`zoo evaluate --attack rp2`: the success of stickers on signs."""

import argparse
import dataclasses
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING
from typing import Any

from zoo.cli.arguments import at_least
from zoo.cli.models import NamedModel
from zoo.cli.stickers import check_classes
from zoo.cli.stickers import check_lisa
from zoo.cli.stickers import check_mask
from zoo.cli.stickers import read_sticker_options

if TYPE_CHECKING:
    import keras

    from zoo.cards import StickerSuccess

_OPTIONS = ("sign", "target", "mask", "views", "sign_seeds")


@dataclasses.dataclass(frozen=True, kw_only=True)
class NamedStickers:
    """Stickers of the command line: what is known before they are made.

    Args:
        variants: Options of each RP2 that was asked for.
        signs: Classes of the signs.
        targets: Classes imitated; `None` for all others.
        mask: Name of the mask.
        views: Views to make a sticker on, and to test it on.
        seeds: Signs of each class.
        seed: Of the first.
        resume: Folder that keeps them.
    """

    variants: Sequence[dict[str, Any]]
    signs: Sequence[str]
    targets: Sequence[str] | None
    mask: str
    views: int
    seeds: int
    seed: int
    resume: Path | None

    @classmethod
    def parse(
        cls, options: argparse.Namespace, specs: Sequence[str]
    ) -> "NamedStickers | None":
        """Reads and checks what was asked for; TensorFlow stays out.

        Args:
            options: Of the command line.
            specs: Attacks that are RP2.

        Returns:
            The stickers; `None` if there is no RP2.

        Raises:
            ValueError: If RP2's arguments are given without it, there is no
                such sign or mask, or an option is wrong.
        """
        if not specs:
            given = [
                f"--{name}".replace("_", "-")
                for name in _OPTIONS
                if getattr(options, name) is not None
            ]
            if given:
                raise ValueError(
                    f"Only --attack rp2 takes {', '.join(given)}. "
                    f"Received: --attack={', '.join(options.attacks or ())}"
                )
            return None
        if options.transfer_from is not None:
            raise ValueError(
                "--attack rp2 makes its stickers on the model itself. "
                f"Received: --transfer-from={options.transfer_from}"
            )
        signs, targets = options.sign or ["stop"], options.target
        for option, names in (("sign", signs), ("target", targets or [])):
            for name in names:
                check_lisa(option, name)
            if len(set(names)) < len(names):
                raise ValueError(
                    f"--{option} must name each sign once. "
                    f"Received: {', '.join(names)}"
                )
        if targets and any({sign} == set(targets) for sign in signs):
            raise ValueError(
                "--target must name another sign than --sign. "
                f"Received: --target={', '.join(targets)}"
            )
        mask = options.mask or "stickers"
        check_mask(mask, pictures=False)
        variants = [read_sticker_options(spec) for spec in specs]
        for spec, variant in zip(specs, variants, strict=True):
            if "seed" in variant:
                raise ValueError(
                    "The seeds of signs and stickers are --seed and those "
                    f"after it. Received: --attack={spec}"
                )
            if variants.count(variant) > 1:
                raise ValueError(
                    "--attack must name each variant of rp2 once. "
                    f"Received: --attack={spec}"
                )
        return cls(
            variants=variants,
            signs=signs,
            targets=targets,
            mask=mask,
            views=options.views or 40,
            seeds=options.sign_seeds or 3,
            seed=options.seed,
            resume=options.resume and options.resume / "stickers",
        )

    def check(self, named: NamedModel, classes: Sequence[str]) -> None:
        """Raises a `ValueError` if the classes lack a sign or a target."""
        from zoo.training.datasets.lisa_classes import LISA_CLASSES

        wanted = (*self.signs, *(self.targets or LISA_CLASSES))
        check_classes(named, classes, wanted)

    def measure(
        self,
        model: "keras.Model",
        classes: Sequence[str],
        *,
        size: int,
        progress: bool,
    ) -> "tuple[StickerSuccess, ...]":
        """Makes and tests the stickers of each variant.

        Args:
            model: What they are made on.
            classes: Names of its classes in order.
            size: Pixels on a side of the views.
            progress: Whether to draw progress bars.
        """
        from zoo.training import evaluation

        return tuple(
            evaluation.evaluate_stickers(
                model,
                classes,
                signs=self.signs,
                seeds=self.seeds,
                targets=self.targets,
                mask=self.mask,
                views=self.views,
                seed=self.seed,
                size=size,
                resume=self.resume,
                progress=progress,
                **variant,
            )
            for variant in self.variants
        )


def add_sign_arguments(parser: argparse.ArgumentParser) -> None:
    """Adds what RP2 needs besides its own options."""
    group = parser.add_argument_group(
        "stickers",
        "--attack rp2 makes a sticker for each target on views of each sign, "
        "and tests it on as many held-out views; its success is the share of "
        "these whose prediction changes. Adaptive variants are "
        "rp2:frequencies=8, which keeps to low frequencies, and "
        "rp2:defense_weight=X, which adds X times the model's penalty on its "
        "feature maps to the attack's loss",
    )
    group.add_argument(
        "--sign",
        action="append",
        metavar="CLASS",
        help="sign that stickers are put on; may be given several times "
        "(default: stop)",
    )
    group.add_argument(
        "--sign-seeds",
        type=at_least(1),
        metavar="N",
        help="signs of each class, of other wear, views and starts of the "
        "stickers each, from --seed on (default: 3)",
    )
    group.add_argument(
        "--target",
        action="append",
        metavar="CLASS",
        help="sign that a sticker imitates; may be given several times "
        "(default: all others)",
    )
    group.add_argument(
        "--mask",
        metavar="MASK",
        help="where on the sign: stickers or octagon (default: stickers)",
    )
    group.add_argument(
        "--views",
        type=at_least(1),
        metavar="N",
        help="views to make a sticker on, and views to test it on "
        "(default: 40)",
    )
