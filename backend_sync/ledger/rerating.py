"""Prices every charge again from its own entry (O-17): what the ledger believes of a fare.

`card_layouts.fares.rerate` decides; this module finds the tariff version and remembers answers.
A price depends on times by the minute only, and on the card not at all, so those are left out of
the key an answer is remembered under. Source: decisions.md D14, D26.
"""

from collections.abc import Mapping

from card_layouts.cards.card_layout import KIND_DEBIT, KIND_PASS, G
from card_layouts.fares.rerate import rerate
from card_layouts.fares.tariff import Tariff
from card_layouts.records.entries_tap import INTENT

Tariffs = Mapping[tuple[int, int], Tariff]  # (authority, version) -> package
REMEMBERED_MAX = 200_000
RATEABLE = (KIND_DEBIT, KIND_PASS)
VERDICT_NAMES = ("same", "differences", "price_only", "unrated")

# Who tapped where and when exactly, and on which device: no part of a price.
_IDENTITY = (
    "uid",
    "h",
    "was_time",
    "was_line",
    "terminal",
    "operator",
    "trip",
    "stop",
    "call",
    "shift",
    "mode",
)
_BODY_IDENTITY = ("clock", "n", "b", "a", "time", "D", "L", "line")


def _mask(layout_bits: int) -> int:
    mask = (1 << layout_bits) - 1
    places = [INTENT.find(name) for name in _IDENTITY] + [G.find(name) for name in _BODY_IDENTITY]
    for bit, width in places:
        mask &= ~(((1 << width) - 1) << (layout_bits - bit - width))
    return mask


_BITS = INTENT.size * 8
_KEPT = _mask(_BITS)
_TIME = _BITS - sum(G.find("time"))
_WAS_TIME = _BITS - sum(INTENT.find("was_time"))
_WAS_ZONE = _BITS - sum(INTENT.find("was_start_zone"))
_TARIFF = _BITS - sum(INTENT.find("tariff"))
_SECONDS = (1 << 30) - 1


class Rerater:
    """Re-rates INTENT payloads with the tariffs it was given; remembers what it found."""

    def __init__(self, tariffs: Tariffs) -> None:
        self.tariffs = tariffs
        self.remembered: dict[tuple[int, int, int], int] = {}

    def verdict(self, payload: bytes, kind: int, authority: int) -> int | None:
        """Return SAME, DIFFERENT, PRICE_ONLY or UNRATED; None for what has no price."""
        if kind not in RATEABLE:
            return None
        whole = int.from_bytes(payload, "big")
        # Without an open journey the time of the record found says nothing.
        was = (whole >> _WAS_TIME & _SECONDS) // 60 if whole >> _WAS_ZONE & 63 else 0
        key = (whole & _KEPT, (whole >> _TIME & _SECONDS) // 60, was)
        found = self.remembered.get(key)
        if found is None:
            tariff = self.tariffs.get((authority, whole >> _TARIFF & 0xFFFF))
            found = rerate(tariff, INTENT.unpack(payload))[0]
            if tariff is None:
                return found  # it may be archived later
            if len(self.remembered) >= REMEMBERED_MAX:
                self.remembered.clear()
            self.remembered[key] = found
        return found
