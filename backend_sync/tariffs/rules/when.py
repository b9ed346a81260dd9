"""Rules about days and times. Source: tariff-model.md section 6."""

import difflib
from collections.abc import Iterator

from backend_sync.tariffs import model as m
from backend_sync.tariffs.forms import minutes
from backend_sync.tariffs.rules.case import Case, Problem, minutes_of
from backend_sync.tariffs.when import date, day
from card_layouts.fares.rights import DAY_MAX

GAP_MINUTES_MAX = 120


def dates(case: Case) -> Iterator[Problem]:
    book = case.book
    if book.valid_to < book.valid_from:
        said = f"valid from {date(book.valid_from)} to {date(book.valid_to)}"
        yield Problem(("valid_to",), said, "an end after the beginning")
    if book.valid_from < 0 or book.valid_to > DAY_MAX:
        said = f"{date(book.valid_from)} to {date(book.valid_to)}"
        wanted = f"days from {date(0)} to {date(DAY_MAX)}, which have 14 bits on the card"
        yield Problem(("valid_from",), said, wanted)
    if case.values["zones"].get("feed_days_later", 0) % 7:
        said = "the feed's days are moved to other days of the week"
        yield Problem(("zones", "feed_days_later"), said, "a multiple of 7")
    yield from _versions(case)
    if case.feed is None:
        return
    days = [d for service in case.feed.services.values() for d in service]
    if not days:
        return
    first, last = day(min(days)), day(max(days))
    if first > book.valid_from:
        said = f"the feed's calendars begin {date(first)}, the tariff {date(book.valid_from)}"
        yield Problem(("valid_from",), said, "calendars that cover the validity")
    if last < book.valid_to:
        said = f"the feed's calendars end {date(last)}, the tariff {date(book.valid_to)}"
        yield Problem(("valid_to",), said, "calendars that cover the validity")


def _versions(case: Case) -> Iterator[Problem]:
    book = case.book
    for index, other in enumerate(case.archive):
        old, path = other.book, ("archive", index)
        name = other.source.path.name
        if old.valid_from <= book.valid_to and book.valid_from <= old.valid_to:
            first = date(max(old.valid_from, book.valid_from))
            yield Problem(path, f"{name} is valid too from {first}", "one version a day")
    before = [o.book.valid_to for o in case.archive if o.book.valid_to < book.valid_from]
    if before and max(before) + 1 < book.valid_from:
        said = f"no version between {date(max(before))} and {date(book.valid_from)}"
        yield Problem(("valid_from",), said, "versions that follow each other day by day")


def window_order(case: Case) -> Iterator[Problem]:
    for name, value in case.values.get("windows", {}).items():
        for index, row in enumerate(value if isinstance(value, list) else [value]):
            path = ("windows", name, index) if isinstance(value, list) else ("windows", name)
            window = _clock(name, row)
            if window.from_minute == window.to_minute:
                said = f"windows.{name} goes from {row['from']} to {row['to']}"
                yield Problem(path, said, "some minutes; a whole day is 00:00 to 24:00")
            elif len(minutes_of(window)) == 1440 and not {"days", "calendar", "not"} & {*row}:
                yield Problem(path, f"windows.{name} always holds", "days or times it leaves out")
    for table in case.book.tables:
        yield from _overlaps(case, table)


def _clock(name: str, row: dict[str, str]) -> m.Window:
    first, last = minutes(row.get("from", "00:00")), minutes(row.get("to", "24:00"))
    return m.Window(name, from_minute=first, to_minute=last)


def _overlaps(case: Case, table: m.PriceTable) -> Iterator[Problem]:
    for later, second in enumerate(table.when):
        for first in table.when[:later]:
            groups = [
                group
                for group in case.book.groups
                if all(
                    any(group.number in row for row in when.prices.values())
                    for when in (first, second)
                )
            ]
            if groups and _meet(case, first.window, second.window):
                names = [case.book.windows[when.window].name for when in (first, second)]
                yield Problem(
                    ("prices", table.name, "when", later),
                    f"windows {names[0]} and {names[1]} meet, and both price {groups[0].name}",
                    "windows that do not meet",
                )


def _meet(case: Case, first: int, second: int) -> bool:
    return any(
        case.days_of(a) & case.days_of(b) and minutes_of(a) & minutes_of(b)
        for a in case.chain(first)
        for b in case.chain(second)
    )


def calendar_empty(case: Case) -> Iterator[Problem]:
    inside = set(range(case.book.valid_from, case.book.valid_to + 1))
    for window in case.book.windows:
        if window.calendar is None:
            continue
        calendar = case.book.calendars[window.calendar]
        if calendar.services and case.feed is None:
            continue  # nobody knows its days without the feed
        unknown = [name for name in calendar.services if name not in _services(case)]
        if unknown:
            near = difflib.get_close_matches(unknown[0], _services(case), n=1)
            others = near or sorted(_services(case))[:6]
            yield Problem(
                ("calendars", calendar.name, "from_feed"),
                f'the feed has no service "{unknown[0]}"',
                f"a service_id such as {', '.join(others)}",
            )
            continue
        if not case.days_in(calendar) & inside:
            yield Problem(
                ("calendars", calendar.name),
                f"calendars.{calendar.name}, of windows.{window.name}, has no day in the validity",
                "days of this tariff's time",
            )


def _services(case: Case) -> list[str]:
    return list(case.feed.services) if case.feed is not None else []


def service_day_dst(case: Case) -> Iterator[Problem]:
    offsets, shift = case.book.utc_offsets, case.book.shift_minutes
    for (_from, before), (second, after) in zip(offsets, offsets[1:], strict=False):
        walls = sorted((second // 60 + before, second // 60 + after))
        first, last = walls[0] % 1440, walls[0] % 1440 + walls[1] - walls[0]
        if first < shift < last:
            what = "comes twice" if after < before else "does not exist"
            yield Problem(
                ("service_day",),
                f"service_day lies inside the hour that {what} on {date(walls[0] // 1440)}",
                f"{first // 60:02d}:{first % 60:02d} or {last // 60:02d}:{last % 60:02d}",
            )
            return


def late_stop_times(case: Case) -> Iterator[Problem]:
    if case.feed is None:
        return
    shift = case.book.shift_minutes
    ends, gaps, early = [], [], []
    for trip in case.feed.trips:
        times = [trip.start_minute + minute for minute in trip.times]
        if times[-1] > 1440 + shift:
            ends.append(f"{trip.trip_id} ends {_clock_words(times[-1])}")
        for before, after in zip(times, times[1:], strict=False):
            if after - before > GAP_MINUTES_MAX:
                words = f"{_clock_words(before)} to {_clock_words(after)}"
                gaps.append(f"{trip.trip_id} has no call from {words}")
                break
        if times[0] < shift:
            early.append(f"{trip.trip_id} leaves {_clock_words(times[0])}")
    for found, what, want in (
        (ends, "end", f"trips that end by {_clock_words(1440 + shift)}"),
        (gaps, "gap", f"at most {GAP_MINUTES_MAX} minutes between two calls"),
        (early, "early", "trips that leave after the service day began, or as 24:00 and later"),
    ):
        if found:
            more = f" and {len(found) - 1} more" if len(found) > 1 else ""
            yield Problem(("zones", "feed"), found[0] + more, want, {"trips": (what,)})


def _clock_words(minute: int) -> str:
    return f"{minute // 60:02d}:{minute % 60:02d}"
