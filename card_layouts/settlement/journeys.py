"""Which line is the leg of a journey before another one, by what both say of the journey.

An INTENT repeats the record it found: where and when the journey began, what it covers, what was
paid. So the pointer of a line to the leg before it can be checked without knowing the card.
Left out of the board's image. Source: SPEC_SETTLEMENT.md section 3; decision D14, X-12.
"""

from __future__ import annotations

from card_layouts.cards.card_layout import G
from card_layouts.records.entries_tap import INTENT

# What the record before holds of the journey, and how the INTENT after it repeats that.
_AFTER = ("authority", "start_zone", "zones", "start_minute", "charged", "transfers", "companions")


def leaves(facts: bytes) -> tuple[int, ...]:
    """Return the journey as a tap leaves it, from the facts of its INTENT."""
    return _read(G, _AFTER, facts)


def finds(facts: bytes) -> tuple[int, ...]:
    """Return the journey as the INTENT found it."""
    return _read(INTENT, tuple("was_" + name for name in _AFTER), facts)


def goes_on(before: bytes, facts: bytes) -> bool:
    """Return whether the ride `facts` can have gone on with the journey that `before` left."""
    return G.get(facts, "transfers") > 0 and leaves(before) == finds(facts)


def _read(layout, names, facts: bytes) -> tuple[int, ...]:
    return tuple(layout.get(facts, name) for name in names)
