"""RP2: stickers that fool a classifier of signs from every view."""

from training.attacks.rp2 import masks
from training.attacks.rp2.printability import PALETTE
from training.attacks.rp2.printability import non_printability_score
from training.attacks.rp2.rp2 import RP2
from training.attacks.rp2.rp2 import rp2
from training.attacks.rp2.sticker import Sticker
from training.attacks.rp2.transformations import Transformations

__all__ = [
    "PALETTE",
    "RP2",
    "Sticker",
    "Transformations",
    "masks",
    "non_printability_score",
    "rp2",
]
