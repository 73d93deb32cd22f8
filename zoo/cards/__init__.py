"""Model cards: what is known and measured of each preset."""

from zoo.cards.card import Card
from zoo.cards.card import info
from zoo.cards.card import write_card
from zoo.cards.measurement import Measurement

__all__ = ["Card", "Measurement", "info", "write_card"]
