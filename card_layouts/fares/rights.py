"""Rights on the card: which pass lets the holder ride, and why the others do not.

Free before consuming: of all that hold, the one smallest in (consumes, surcharge, rank, last day,
slot) is used. Every limit holds if any reading of the clock holds (X-13).
Source: tariff-model.md section 3.2, step 8; W-54 to W-57, W-68 to W-90.
"""

from card_layouts.fares import sections as s
from card_layouts.fares.clock import DAY_MINUTES, end_minute, first_bit, window
from card_layouts.fares.inputs import (
    C_SLOT0,
    C_SLOT_SIZE,
    S_CENTS,
    S_DAY,
    S_LAST,
    S_LEFT,
    S_LENGTH,
    S_START,
    S_TODAY,
    S_USAGE,
    T_PICKED,
    WHY_CALENDAR,
    WHY_DAYS,
    WHY_EARLY,
    WHY_ENDED,
    WHY_GROUP,
    WHY_OTHER,
    WHY_TRIPS,
    WHY_WINDOW,
    WHY_ZONE,
)
from card_layouts.fares.package import u16
from card_layouts.fares.place import zones_in
from card_layouts.fares.sources import PASS_KINDS, load, why_not, zones_of
from card_layouts.fares.surcharges import kind_of, no_surcharge, surcharge

CONSUMES_NOTHING, CONSUMES_TRIP, CONSUMES_DAY, CONSUMES_ACTIVATION = 0, 1, 2, 3
DAY_MAX = 16383


def weigh_rights(t, card, tap):
    """Set `right` to the slot (1..4) whose pass is used, 0 for none, and every slot's reason."""
    t.right = 0
    for source in range(1, 5):
        t.extended[source - 1] = 0
        t.why[source] = _weigh(t, card, tap, source)


def _weigh(t, card, tap, source):
    book = load(t, card, tap, source)
    if book < 0:
        return why_not(book)
    product = t.products[source]
    if product[s.P_KIND] not in PASS_KINDS:
        return WHY_OTHER
    if not u16(product, s.P_GROUPS) >> t.group & 1:
        return WHY_GROUP
    at = C_SLOT0 + (source - 1) * C_SLOT_SIZE
    why = weigh_days(t, card, at, product)
    if why:
        return why
    zones = zones_of(t, card, source)
    here = t.here if book == t.book else zones_in(t, book)
    # Picked zones are numbers of the book that prices the stop: another book cannot judge them.
    covered = not tap[T_PICKED] & ~zones if book == t.book else not tap[T_PICKED]
    outside = not here & zones or not covered
    if outside and book != t.book:
        return WHY_ZONE
    fair = first_bit(t.day_bits)
    if product[s.P_WINDOW] != s.NONE:
        bits = window(t, product[s.P_WINDOW])
        if not bits:
            if outside:
                return WHY_ZONE
            return WHY_WINDOW if t.window_days[product[s.P_WINDOW]] else WHY_CALENDAR
        fair = first_bit(bits) or fair
    why = _weigh_uses(t, card, at, product)
    if outside:
        if not why and t.uses == CONSUMES_NOTHING:
            t.extended[source - 1] = zones
        return WHY_ZONE
    if why:
        return why
    if source == t.left_out:
        return WHY_OTHER
    asked = 0
    if product[s.P_FLAGS] & s.PRODUCT_SURCHARGE:
        asked = surcharge(t, book, kind_of(product), 1, 1, 0)
    else:
        no_surcharge(t)
    if not t.right or _is_better(t, asked, product[s.P_RANK]):
        t.right = source
        t.consumes = t.uses
        t.right_surcharge = asked
        t.right_surcharge_number = t.surcharge_number
        t.right_night = t.surcharge_once
        t.right_rank = product[s.P_RANK]
        t.right_last = t.last_day
        t.right_fair = fair or t.uses_fair or t.surcharge_fair
        t.right_day = t.count_day
    return WHY_OTHER


def _is_better(t, asked, rank):
    if t.uses != t.consumes:
        return t.uses < t.consumes
    if asked != t.right_surcharge:
        return asked < t.right_surcharge
    if rank != t.right_rank:
        return rank < t.right_rank
    return t.last_day < t.right_last


def weigh_days(t, card, at, product):
    """Return 0, WHY_EARLY or WHY_ENDED for the pass in the slot at `at`.

    Sets `last_day`, `day_bits` (the readings inside) and `starts`: 1 if the use now is the first.
    """
    t.starts = 0
    last = card[at + S_LAST] or DAY_MAX
    first = u16(product, s.P_FIRST_DAY)
    if card[at + S_USAGE]:
        if card[at + S_START]:
            first = card[at + S_START]
            if u16(product, s.P_MINUTES):
                return _weigh_minutes(t, first, end_minute(first, card[at + S_CENTS]))
            if card[at + S_LENGTH]:
                last = first + card[at + S_LENGTH] - 1
        elif needs_activation(product):
            t.starts = 1
    product_last = u16(product, s.P_LAST_DAY)
    if product_last and product_last < last:
        last = product_last
    t.last_day = last
    t.day_bits = 0
    early = 1
    for i in range(t.readings):
        if t.days[i] >= first:
            early = 0
            if t.days[i] <= last:
                t.day_bits |= 1 << i
    if t.day_bits:
        return 0
    return WHY_EARLY if early else WHY_ENDED


def _weigh_minutes(t, first, last):
    """Return 0, WHY_EARLY or WHY_ENDED for a right by the minute, begun on service day `first`.

    It holds while a reading of the clock is at most minute `last`, as a journey stays open.
    """
    # Wall clock of now: only which of two rights ends first is asked of it.
    t.last_day = (last + t.reading[0] - t.minute - t.shift) // DAY_MINUTES
    t.day_bits = 0
    early = 1
    for i in range(t.readings):
        if t.days[i] >= first:
            early = 0
            if t.minute + t.reading[i] - t.reading[0] <= last:
                t.day_bits |= 1 << i
    if t.day_bits:
        return 0
    return WHY_EARLY if early else WHY_ENDED


def needs_activation(product):
    """Return whether the first use of a product writes what later taps count from."""
    span = product[s.P_SPAN]
    if span == s.SPAN_FIRST_USE or span == s.SPAN_FIRST_USE_OR_DATE:
        return True
    return product[s.P_TRAVEL_DAYS] or product[s.P_KIND] == s.PRODUCT_PACK


def _weigh_uses(t, card, at, product):
    """Return 0, WHY_DAYS or WHY_TRIPS; sets `uses` and `count_day`, the day that is counted."""
    t.uses = CONSUMES_ACTIVATION if t.starts else CONSUMES_NOTHING
    t.count_day = t.day
    t.uses_fair = 0
    counted = card[at + S_DAY]
    today = False
    if counted and not t.starts:
        for i in range(t.readings):
            if t.days[i] == counted and not today:
                today = True
                t.uses_fair = i
    if not t.starts:
        if product[s.P_KIND] == s.PRODUCT_PACK:
            if not card[at + S_LEFT]:
                return WHY_DAYS
            t.uses = CONSUMES_DAY
        elif product[s.P_TRAVEL_DAYS] and not today:
            if not card[at + S_LEFT]:
                return WHY_DAYS
            t.uses = CONSUMES_DAY
    trips = product[s.P_TRIPS_DAY]
    if not trips:
        return 0
    if t.uses < CONSUMES_TRIP:
        t.uses = CONSUMES_TRIP
    if today:
        if card[at + S_TODAY] < trips:
            t.count_day = counted
            return 0
        for i in range(t.readings):
            if t.days[i] != counted:
                t.count_day = t.days[i]
                t.uses_fair = i
                return 0
        return WHY_TRIPS
    return 0
