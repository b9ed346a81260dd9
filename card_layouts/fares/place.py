"""Where: the tap's zones, those ahead of it, and whose tariff prices it (M10).

trip -> pattern -> segments: nothing is searched but a handful of segments read at once.
Source: tariff-model.md section 3.2, steps 1 and 4; W-33, W-35, W-36, W-37.
"""

from card_layouts.fares import sections as s
from card_layouts.fares.inputs import (
    REFUSED_BOOK,
    REFUSED_PLACE,
    T_BOOK,
    T_CALL,
    T_PICKED,
    T_STOP,
    T_TRIP,
)
from card_layouts.fares.package import u16


def find_trip(t, tap):
    """Read where the tap is. Return 0, or REFUSED_PLACE when trip or stop is none of this package.

    Sets `scheduled`, the minute of the day the vehicle should be here, -1 without a trip.
    """
    t.segment_count = t.at_stop = 0
    t.scheduled = -1
    t.contracting = s.NONE
    trip = tap[T_TRIP]
    call = tap[T_CALL]
    stop = tap[T_STOP]
    if trip >= 0:
        if trip >= t.count(s.TRIPS):
            return REFUSED_PLACE
        t.read(s.TRIPS, trip, t.trip)
        t.read(s.PATTERNS, u16(t.trip, 0), t.pattern)
        t.contracting = t.pattern[8]
        if call >= 0:
            if call >= t.pattern[6]:
                return REFUSED_PLACE
            t.segment_count = t.pattern[7]
            t.call = call
            if t.segment_count:
                t.read(s.SEGMENTS, u16(t.pattern, 2), t.segments)
            t.read(s.PROFILES, u16(t.trip, 2) + call, t.two)
            t.scheduled = u16(t.trip, 4) + u16(t.two, 0)
            return 0
    if stop >= 0:
        if stop >= t.count(s.STOPS):
            return REFUSED_PLACE
        t.read(s.STOPS, stop, t.stop)
        t.at_stop = 1
    return 0


def zones_in(t, book):
    """Return the zones of `book` that this stop lies in, 0 if none; sets `found_ahead` for it."""
    t.found_ahead = 0
    if t.segment_count:
        segments = t.segments
        here = 0
        for i in range(t.segment_count):
            at = 6 * i
            if segments[at + 1] == book and segments[at] <= t.call:
                here = u16(segments, at + 2)
                t.found_ahead = u16(segments, at + 4)
        return here
    if t.at_stop:
        for i in range(2):
            if t.stop[4 + i] == book:
                t.found_ahead = u16(t.stop, 2 * i)
                return t.found_ahead
    return 0


def choose_book(t, tap):
    """Choose the book that prices this stop; return 0, REFUSED_PLACE or REFUSED_BOOK.

    What gate or driver chose, else who contracts the route, else the books' order of precedence.
    """
    if tap[T_BOOK]:
        book = book_of(t, tap[T_BOOK])
        if book < 0:
            return REFUSED_BOOK
        if use_book(t, book):
            return 0
        if t.segment_count or t.at_stop:
            return REFUSED_BOOK
        return 0 if _use_picked(t, tap, book) else REFUSED_PLACE
    if t.contracting != s.NONE and use_book(t, t.contracting):
        return 0
    for book in range(t.book_count):
        if use_book(t, book):
            return 0
    return 0 if _use_picked(t, tap, 0) else REFUSED_PLACE


def book_of(t, authority):
    """Return the index of an authority's book, -1 if the package has none."""
    for book in range(t.book_count):
        if t.resident[t.books_at + 32 * book] == authority:
            return book
    return -1


def use_book(t, book):
    """Price by `book` if this stop lies in it; return whether it does."""
    here = zones_in(t, book)
    if not here:
        return False
    _set_book(t, book)
    t.here = here
    t.ahead = t.found_ahead
    return True


def _use_picked(t, tap, book):
    # Without a stop the picked zones are where the tap is: a conductor's device off its trip.
    _set_book(t, book)
    t.here = t.ahead = tap[T_PICKED] & t.all_zones
    return t.here != 0


def _set_book(t, book):
    t.book = book
    t.book_at = t.books_at + 32 * book
    t.zone_count = t.resident[t.book_at + s.BOOK_ZONES]
    t.all_zones = 0x8000 - (1 << (15 - t.zone_count))
