"""Model cards: what is known and measured of each preset."""

from zoo.cards.card import Card
from zoo.cards.card import info
from zoo.cards.card import write_card
from zoo.cards.measurement import Measurement
from zoo.cards.sticker_success import StickerSuccess

__all__ = ["Card", "Measurement", "StickerSuccess", "info", "write_card"]
