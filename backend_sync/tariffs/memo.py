"""Answers remembered: the same question of the same tariff is decided once.

For whoever prices many taps again: the ledger, an auditor, `whatif`. CPython's memory, not a
device's. A price depends on the second of a tap only by its minute, unless pass-back is asked, so
equal taps meet more often than equal seconds do.
"""

from card_layouts.fares import inputs as i
from card_layouts.fares.engine import rate
from card_layouts.fares.mounted import Tariff

REMEMBERED_MAX = 100_000


class Memo:
    """Decides under one mounted Tariff; remembers what it said. Full, it starts anew."""

    def __init__(self, tariff: Tariff, most: int = REMEMBERED_MAX) -> None:
        self.tariff = tariff
        self.most = most
        self.known: dict[tuple[int, ...], tuple[int, ...]] = {}
        self.asked = 0
        self.decided = 0

    def rate(self, card: list[int], tap: list[int]) -> tuple[int, ...]:
        """Return the decision for CARD and TAP as a tuple in the order of DECISION."""
        self.asked += 1
        if tap[i.T_FLAGS] & i.FLAG_SAME_DEVICE:
            key = (*card, *tap)
        else:
            # Times only by the minute; the second and line of the record before say nothing.
            key = (*card[: i.C_J_TIME], tap[0] // 60, *tap[1:])
        found = self.known.get(key)
        if found is None:
            decision = i.new_decision()
            rate(self.tariff, card, tap, decision)
            found = tuple(decision)
            if len(self.known) >= self.most:
                self.known.clear()
            self.known[key] = found
            self.decided += 1
        return found
