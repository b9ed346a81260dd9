"""On which dates each GTFS service runs.

A service is the sorted tuple of its dates: weekdays within a range, then dates added and removed.
Source: the GTFS reference, calendar.txt and calendar_dates.txt.
"""

import datetime

from backend_sync.tariffs.gtfs_source import GtfsError, Source, shown

WEEKDAYS = ("monday", "tuesday", "wednesday", "thursday", "friday", "saturday", "sunday")
ADDED, REMOVED = "1", "2"


def read_services(source: Source) -> dict[str, tuple[datetime.date, ...]]:
    """Return the dates of each service_id. Raises: GtfsError naming file and line."""
    days: dict[str, set[datetime.date]] = {}
    for line, (service, first, last, *marks) in source.rows(
        "calendar.txt", ("service_id", "start_date", "end_date", *WEEKDAYS)
    ):
        at = f"calendar.txt:{line}"
        if service in days:
            raise GtfsError(f"{at}: service_id {shown(service)} stands twice; wanted it once")
        days[service] = set(
            _weekly(
                at,
                day(at, "start_date", first),
                day(at, "end_date", last),
                _marks(at, marks),
                source.bounds.service_days,
            )
        )
        _bound(at, days, source.bounds.service_days)
    for line, (service, date, kind) in source.rows(
        "calendar_dates.txt", ("service_id", "date", "exception_type")
    ):
        at = f"calendar_dates.txt:{line}"
        dates = days.setdefault(service, set())
        when = day(at, "date", date)
        if kind == ADDED:
            dates.add(when)
        elif kind == REMOVED:
            dates.discard(when)
        else:
            raise GtfsError(f"{at}: exception_type {shown(kind)}; wanted 1 (added) or 2 (removed)")
    return {service: tuple(sorted(days[service])) for service in sorted(days)}


def day(at: str, column: str, text: str) -> datetime.date:
    """Return the date written YYYYMMDD. Raises: GtfsError."""
    if len(text) == 8 and text.isascii() and text.isdigit():
        try:
            return datetime.date(int(text[:4]), int(text[4:6]), int(text[6:]))
        except ValueError:
            pass
    raise GtfsError(f"{at}: {column} {shown(text)}; wanted a date such as 20260131")


def _marks(at: str, marks: list[str]) -> list[bool]:
    for name, mark in zip(WEEKDAYS, marks, strict=True):
        if mark not in ("0", "1"):
            raise GtfsError(f"{at}: {name} {shown(mark)}; wanted 0 or 1")
    return [mark == "1" for mark in marks]


def _weekly(
    at: str, first: datetime.date, last: datetime.date, marks: list[bool], days_max: int
) -> list[datetime.date]:
    if last < first:
        raise GtfsError(f"{at}: ends {last}, before it starts {first}; wanted start_date first")
    start, end = first.toordinal(), last.toordinal()
    if end - start > days_max:
        raise GtfsError(f"{at}: {first} to {last}; wanted at most {days_max:,} days")
    return [datetime.date.fromordinal(n) for n in range(start, end + 1) if marks[(n - 1) % 7]]


def _bound(at: str, days: dict[str, set[datetime.date]], days_max: int) -> None:
    if sum(len(dates) for dates in days.values()) > days_max:
        raise GtfsError(
            f"{at}: the services run on more than {days_max:,} dates together; wanted the feed of "
            "one authority; end_date is often far too late"
        )
