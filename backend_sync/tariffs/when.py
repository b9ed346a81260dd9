"""When: calendars, windows of time and the offsets of a time zone, as numbers.

Source: tariff-model.md sections 1 (M2) and 3.3 (service day); D2; W-39, W-78, W-79, W-86.
"""

import dataclasses
import datetime
import zoneinfo
from typing import Any

from backend_sync.tariffs import model as m
from backend_sync.tariffs.forms import minutes, name_list, weekdays
from backend_sync.tariffs.reader import Reader
from card_layouts.fares.rights import DAY_MAX

EPOCH = datetime.date(2020, 1, 1)
EPOCH_UTC = datetime.datetime(2020, 1, 1, tzinfo=datetime.UTC)
DAY_SECONDS = 86_400


def time_zone(name: str) -> zoneinfo.ZoneInfo | None:
    """Return the time zone of that name, None if there is none: "Europe" is a folder of them."""
    try:
        return zoneinfo.ZoneInfo(name)
    except (zoneinfo.ZoneInfoNotFoundError, ValueError, OSError):
        return None


class WhenReader(Reader):
    """Reads `[calendars.*]`, `[windows.*]` and `timezone`."""

    def calendar(self, name: str) -> m.Calendar:
        row = self.values["calendars"][name]
        days = {day(date) for date in row.get("dates", [])}
        if "from" in row and "to" in row:
            mask = weekdays(row.get("days", "all"))
            stretch = range(max(day(row["from"]), 0), min(day(row["to"]), DAY_MAX) + 1)
            days |= {d for d in stretch if mask >> date(d).weekday() & 1}
        elif "from" in row or "to" in row:
            self.fault(("calendars", name), f"calendars.{name} has one end", "wanted from and to")
        left_out = frozenset(day(d) for d in row.get("except", []))
        services = tuple(name_list(row.get("from_feed", [])))
        return m.Calendar(name, frozenset(days) - left_out, services, left_out)

    def windows(self, calendars: list[str]) -> tuple[dict[str, int], list[m.Window]]:
        """Return the index of each window, and the rows: further tables of a name are chained."""
        index: dict[str, int] = {}
        rows: list[m.Window] = []
        known = {name: i for i, name in enumerate(calendars)}
        for name, value in self.values.get("windows", {}).items():
            tables = value if isinstance(value, list) else [value]
            index[name] = len(rows)
            for place, table in enumerate(tables):
                path = ("windows", name, place) if isinstance(value, list) else ("windows", name)
                last = place + 1 == len(tables)
                row = self._window(path, name, table, known)
                rows.append(row if last else dataclasses.replace(row, or_window=len(rows) + 1))
        return index, rows

    def _window(
        self, path: tuple[str | int, ...], name: str, row: dict[str, Any], known: dict[str, int]
    ) -> m.Window:
        if "calendar" in row and "not" in row:
            self.fault(path, f"windows.{name} has calendar and not", "wanted one of them")
        key = "not" if "not" in row else "calendar"
        calendar = row.get(key)
        return m.Window(
            name=name,
            weekdays=weekdays(row.get("days", "all")),
            from_minute=minutes(row.get("from", "00:00")),
            to_minute=minutes(row.get("to", "24:00")),
            calendar=None
            if calendar is None
            else self.index((*path, key), "calendar", calendar, known),
            calendar_negated=key == "not",
            civil=row.get("date", "service") == "civil",
        )

    def utc_offsets(self, first: int, last: int) -> tuple[tuple[int, int], ...]:
        """Return (UTC second since 2020, minutes) at each change of the zone's offset."""
        zone = time_zone(self.values["timezone"])
        if zone is None:
            said = f'timezone = "{self.values["timezone"]}"'
            self.fault(("timezone",), said, "wanted a name such as Europe/Helsinki")
            return ()
        last = min(last, DAY_MAX)  # beyond it no card can hold a day: the linter says so
        begin = max(first - 1, 0) * DAY_SECONDS
        rows = [(begin, _offset(zone, begin))]
        for midnight in range(begin, (last + 2) * DAY_SECONDS, DAY_SECONDS):
            if _offset(zone, midnight + DAY_SECONDS) != rows[-1][1]:
                quarters = range(midnight, midnight + DAY_SECONDS + 1, 900)
                changed = (q for q in quarters if _offset(zone, q) != rows[-1][1])
                second = next(changed)
                rows.append((second, _offset(zone, second)))
        return tuple(rows)


def _offset(zone: zoneinfo.ZoneInfo, second: int) -> int:
    """Return the minutes to add to UTC for the wall clock, at a UTC second since 2020."""
    moment = EPOCH_UTC + datetime.timedelta(seconds=second)
    offset = moment.astimezone(zone).utcoffset() or datetime.timedelta()
    return offset // datetime.timedelta(minutes=1)


def day(value: datetime.date) -> int:
    """Return a date as days since 2020-01-01."""
    return (value - EPOCH).days


def date(number: int) -> datetime.date:
    """Return the date of a service day."""
    return EPOCH + datetime.timedelta(days=number)


def utc_second(local: datetime.datetime, timezone: zoneinfo.ZoneInfo) -> int:
    """Return the UTC second since 2020 of a wall-clock time without a zone."""
    moment = local.replace(tzinfo=timezone).astimezone(datetime.UTC)
    return int((moment - EPOCH_UTC).total_seconds())
