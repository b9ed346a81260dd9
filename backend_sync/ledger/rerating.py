"""Prices every charge again from its own entry (O-17), at once when it is posted.

Which product should have paid is asked later, of the whole card (choice.py).

`card_layouts.settlement.pricing` asks the engine; this module remembers answers.
A price depends on times by the minute only, and on who tapped not at all, so those are left out of
the key an answer is remembered under. Source: decisions.md D14, D26.
"""

from card_layouts.cards.card_layout import G
from card_layouts.fares.repeat import RATEABLE
from card_layouts.records.entries_tap import INTENT
from card_layouts.settlement.pricing import Answer, DayTerms, Tariffs, ride_answer

REMEMBERED_MAX = 200_000
VERDICT_NAMES = ("same", "differences", "price_only", "unrated")

# Who tapped where and when exactly, and on which device: no part of a price.
_IDENTITY = (
    "uid",
    "h",
    "was_time",
    "was_line",
    "operator",
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
_PAID_BY = _BITS - sum(G.find("paid_by"))
_SUMS = _BITS - sum(G.find("L"))  # D stands before L
_SECONDS = (1 << 30) - 1


Key = tuple[int, int, int, int]


class Rerater:
    """Re-rates INTENT payloads with the tariffs it was given; remembers what it found."""

    def __init__(self, tariffs: Tariffs) -> None:
        self.tariffs = tariffs
        self.terms = DayTerms(tariffs)
        self.remembered: dict[Key, Answer] = {}

    def answer(self, payload: bytes, kind: int, authority: int) -> Answer | None:
        """Return the verdict and who owes the rest; None for what has no price."""
        if kind not in RATEABLE:
            return None
        whole = int.from_bytes(payload, "big")
        key = _key(whole)
        found = self.remembered.get(key)
        if found is None:
            found = ride_answer(self.tariffs, authority, INTENT.unpack(payload))
            if len(self.remembered) >= REMEMBERED_MAX:
                self.remembered.clear()
            self.remembered[key] = found
        return found


def _key(whole: int) -> Key:
    """Return what a price depends on: the entry without who, times by the minute.

    Seconds count only between the record found and the tap of an open journey (pass-back), the
    purse's sums only beside a right (a surcharge it cannot pay).
    """
    seconds = whole >> _TIME & _SECONDS
    gap = seconds - (whole >> _WAS_TIME & _SECONDS) if whole >> _WAS_ZONE & 63 else -1
    sums = whole >> _SUMS & (1 << 52) - 1 if whole >> _PAID_BY & 7 else 0
    return whole & _KEPT, seconds // 60, gap, sums
