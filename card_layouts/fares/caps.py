"""Caps: own charges in a span never sum above the price of another table (M5).

A cap of a slot counts down in its T row from a threshold frozen at first use; a cap of the purse
product counts up in the card's counters. Only charges wholly inside the own zones count, only the
holder's own part, never a surcharge. Source: tariff-model.md 3.2, step 9, and 3.3; W-74 to W-76.
"""

from card_layouts.fares import sections as s
from card_layouts.fares.inputs import (
    C_CAP_DAY,
    C_CAP_START,
    C_DAY_SUM,
    C_PERIOD_SUM,
    C_SLOT0,
    C_SLOT_SIZE,
    S_CENTS,
    S_LAST,
    S_LENGTH,
    S_START,
)
from card_layouts.fares.package import u16
from card_layouts.fares.prices import quote, set_party
from card_layouts.fares.sources import zones_of


def begin_cap(t, card, source, product):
    """Set `cap_left`, the cents left to the cap of a source, and `cap_zones`; -1 = no cap."""
    t.cap_left = -1
    t.capped = t.cap_clips = 0
    table = product[s.P_CAP_TABLE]
    if table == s.NONE or not t.own:
        return
    zones = zones_of(t, card, source) & t.all_zones
    t.cap_zones = zones or t.all_zones
    t.cap_clips = product[s.P_FLAGS] & s.PRODUCT_CLIP
    if source:
        at = C_SLOT0 + (source - 1) * C_SLOT_SIZE
        t.cap_left = _threshold(t, table) if t.starts else card[at + S_CENTS]
        return
    if u16(product, s.P_CAP_DAYS) == 1:
        spent = card[C_DAY_SUM] if day_counts(t, card) else 0
    else:
        spent = t.period_before = card[C_PERIOD_SUM] if period_counts(t, card, product) else 0
    threshold = _threshold(t, table)
    if threshold >= 0:
        t.cap_left = max(threshold - spent, 0)


def weigh_span(t, card, at, product):
    """Return whether a purse product in the slot at `at` holds on the day of any reading.

    A cap's span runs from first use; when it is over, the next use begins another until the last
    day to start. Sets `starts` if this use would begin one, and `day_bits`.
    """
    start = card[at + S_START]
    t.starts = t.day_bits = 0
    for i in range(t.readings):
        if start and start <= t.days[i] < start + card[at + S_LENGTH]:
            t.day_bits |= 1 << i
    if t.day_bits:
        return True
    for i in range(t.readings):
        if not card[at + S_LAST] or t.days[i] <= card[at + S_LAST]:
            t.day_bits |= 1 << i
    t.starts = 1  # counts for a product with a cap only
    return t.day_bits != 0


def _threshold(t, table):
    """Return the price of the own zones in the cap's table, -1 if it has none: then no cap."""
    set_party(t, 1, 0, 0, 0)
    return quote(t, table, t.cap_zones)


def cut(t, own, zones):
    """Return the own part of a charge for `zones` under the cap; sets `capped` if it counts."""
    t.capped = 0
    if t.cap_left < 0 or zones & ~t.cap_zones:
        return own
    t.capped = 1
    return min(own, t.cap_left) if t.cap_clips or not t.cap_left else own


def day_counts(t, card):
    """Return whether the card's day sum is of a day that any reading of the clock is on."""
    for i in range(t.readings):
        if t.days[i] == card[C_CAP_DAY]:
            return True
    return False


def period_counts(t, card, product):
    """Return whether the card's period sum is of a period that any reading is in."""
    start = card[C_CAP_START]
    for i in range(t.readings):
        if start and start <= t.days[i] < start + u16(product, s.P_CAP_DAYS):
            return True
    return False
