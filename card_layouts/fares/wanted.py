"""Which zones a tap should cover: picked, else the default ones, else where it is (W-34, W-63).

Zones passed between two taps are not added (`through = "free"`). Source: tariff-model.md 3.2, 5.
"""

from card_layouts.cards.zones import zones_hull
from card_layouts.fares import sections as s
from card_layouts.fares.inputs import T_PICKED

ASK = -1  # `away = "ask"`: the rider has to pick


def wanted_zones(t, tap, defaults, zone):
    """Return the zones to be paid when the tap is in `zone` of its stop, or ASK."""
    here = 1 << (15 - zone)
    picked = tap[T_PICKED] & t.all_zones
    if picked:
        return picked | here
    if not defaults:
        return here
    if defaults & here:
        return defaults
    if defaults & t.ahead:
        return zones_hull(here | defaults & t.ahead)
    away = t.resident[t.book_at + s.BOOK_FLAGS]
    if away & s.BOOK_AWAY_ASK:
        return ASK
    if away & s.BOOK_AWAY_END:
        return zones_hull(here | t.ahead)
    return here
