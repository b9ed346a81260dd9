"""A tariff's windows as GTFS timeframes: intervals of civil dates on which the same windows hold.

A window of ours may belong to service days and run past midnight; a timeframe is part of one date.
Every date is cut at every border, and dates cut alike share a service. Nothing is approximated.
Source: the GTFS reference, timeframes.txt; README.md "Windows".
"""

import datetime
from collections.abc import Sequence
from typing import NamedTuple

from backend_sync.tariffs.feed import Feed
from backend_sync.tariffs.model import Book, Window

DAY_MINUTES = 1440
EPOCH = datetime.date(2020, 1, 1)

State = tuple[bool, ...]  # for each window asked about: whether it holds
Cuts = tuple[tuple[int, int, State], ...]  # (from minute, to minute, state), a whole date


class Frames(NamedTuple):
    services: dict[Cuts, list[datetime.date]]  # dates that are cut alike, in order

    def states(self) -> list[State]:
        """Return every state that ever holds."""
        return sorted({state for cuts in self.services for _from, _to, state in cuts})


def frames(book: Book, feed: Feed, windows: Sequence[int]) -> Frames:
    """Return how `windows` (indices of Book.windows) cut each date of the book's validity."""
    days = [_days(book, feed, window) for window in range(len(book.windows))]
    services: dict[Cuts, list[datetime.date]] = {}
    for number in range(book.valid_from, book.valid_to + 1):
        spans = [_spans(book, window, number, days) for window in windows]
        borders = sorted({0, DAY_MINUTES} | {b for parts in spans for part in parts for b in part})
        cuts: list[tuple[int, int, State]] = []
        for first, last in zip(borders, borders[1:], strict=False):
            state = tuple(any(a <= first < b for a, b in parts) for parts in spans)
            if cuts and cuts[-1][2] == state:
                cuts[-1] = (cuts[-1][0], last, state)
            else:
                cuts.append((first, last, state))
        services.setdefault(tuple(cuts), []).append(EPOCH + datetime.timedelta(number))
    return Frames(services)


def _days(book: Book, feed: Feed, index: int) -> set[int] | None:
    """Return the days of a window's calendar, None if it has none."""
    window = book.windows[index]
    if window.calendar is None:
        return None
    calendar = book.calendars[window.calendar]
    dates = (date for service in calendar.services for date in feed.services.get(service, ()))
    return set(calendar.days) | {(date - EPOCH).days for date in dates}


def _spans(book: Book, index: int, day: int, days: list[set[int] | None]) -> list[tuple[int, int]]:
    """Return the minutes of civil date `day` in which a window, or one it is joined to, holds."""
    window = book.windows[index]
    found = [
        (first, last)
        for first, last, of_day in _parts(window, day, book.shift_minutes)
        if first < last and _on(window, of_day, days[index])
    ]
    if window.or_window is not None:
        found += _spans(book, window.or_window, day, days)
    return found


def _parts(window: Window, day: int, shift: int) -> list[tuple[int, int, int]]:
    """Return (from, to, day it belongs to) of the parts that fall on civil date `day`."""
    first, last = window.from_minute, window.to_minute
    before, tail = day - 1, []
    if last <= first:  # past midnight: the rest belongs to the day it began on
        tail, last = [(0, last, before)], DAY_MINUTES
    if window.civil:
        return [(first, last, day), *tail]
    return [(first, min(last, shift), before), (max(first, shift), last, day), *tail]


def _on(window: Window, day: int, days: set[int] | None) -> bool:
    weekday = (EPOCH + datetime.timedelta(day)).weekday()
    listed = days is None or (day in days) != window.calendar_negated
    return bool(window.weekdays >> weekday & 1) and listed
