"""RP2: stickers that fool a classifier of signs from every view."""

from zoo.training.attacks.rp2 import masks
from zoo.training.attacks.rp2.objective import PALETTE
from zoo.training.attacks.rp2.objective import non_printability_score
from zoo.training.attacks.rp2.placing import Transformations
from zoo.training.attacks.rp2.rp2 import RP2
from zoo.training.attacks.rp2.rp2 import rp2
from zoo.training.attacks.rp2.sticker import Sticker

__all__ = [
    "PALETTE",
    "RP2",
    "Sticker",
    "Transformations",
    "masks",
    "non_printability_score",
    "rp2",
]
