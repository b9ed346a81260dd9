"""A MIFARE DESFire EV1 card, byte by byte, written from public facts only.

It imports nothing of `card_layouts` or `firmware`: the terminal code and this card must agree
because both follow the standard, not because they share a mistake.
Source: shared/design/desfire.md (tags S, T, L, P, ? are repeated in the comments).
"""

from simulator.desfire_card.card import DesfireCard
from simulator.desfire_card.image import Image
from simulator.desfire_card.image_json import (
    ImageError,
    differences,
    image_from_json,
    image_to_json,
)
from simulator.desfire_card.meter import ExchangeCount, Totals, Transcript
from simulator.desfire_card.power import Cut, CutAt, Mains, PowerLost
from simulator.desfire_card.storage import FileStorage, MemoryStorage

__all__ = [
    "Cut",
    "CutAt",
    "DesfireCard",
    "ExchangeCount",
    "FileStorage",
    "Image",
    "ImageError",
    "Mains",
    "MemoryStorage",
    "PowerLost",
    "Totals",
    "Transcript",
    "differences",
    "image_from_json",
    "image_to_json",
]
