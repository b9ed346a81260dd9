"""A MIFARE Ultralight C card, byte by byte, written from public facts only.

It imports nothing of `card_layouts` or `firmware` (see desfire_card). From the DESFire card it
shares what belongs to no card: power cuts, meters, block ciphers.
Source: NXP MF0ICU2 data sheet rev 3.3, public; points it leaves open are marked [?].
"""

from simulator.ultralight_c.card import UltralightC
from simulator.ultralight_c.image import Image
from simulator.ultralight_c.image_json import (
    FORMAT,
    FileStorage,
    MemoryStorage,
    differences,
    image_from_json,
    image_to_json,
)

__all__ = [
    "FORMAT",
    "FileStorage",
    "Image",
    "MemoryStorage",
    "UltralightC",
    "differences",
    "image_from_json",
    "image_to_json",
]
