"""Timeframes of Fares v2 as windows: which hold all day, which share a minute, which cover a day.

Source: the GTFS reference, timeframes.txt (times and dates are civil).
"""

import datetime
import re

from backend_sync.tariffs.draft import DraftWindow
from backend_sync.tariffs.fare_tables import FaresV2, Timeframe
from backend_sync.tariffs.feed import Feed
from backend_sync.tariffs.gtfs_source import GtfsError
from backend_sync.tariffs.losses import Loss

DAY_MINUTES = 1440
WORK_MAX = 2_000_000  # timeframes times dates: some 500 rows over ten years
Span = tuple[frozenset[datetime.date], int, int]


class Frames:
    """The timeframe groups that leg rules use."""

    def __init__(self, feed: Feed, fares: FaresV2, losses: list[Loss]) -> None:
        used = {rule.start_frame for rule in fares.legs} - {""}
        rows: dict[str, list[Timeframe]] = {group: [] for group in sorted(used)}
        for frame in fares.frames:
            if frame.group in rows:
                rows[frame.group].append(frame)
        self.spans: dict[str, list[Span]] = {
            group: [
                (frozenset(feed.services.get(row.service, ())), row.start, row.end)
                for row in of_group
            ]
            for group, of_group in rows.items()
        }
        self.dates = frozenset(
            date for spans in self.spans.values() for s in spans for date in s[0]
        )
        work = sum(map(len, self.spans.values())) * len(self.dates)
        if work > WORK_MAX:
            raise GtfsError(
                f"timeframes.txt: {len(fares.frames):,} rows over {len(self.dates):,} dates; "
                f"wanted at most {WORK_MAX:,} pairs of both; give the services an end"
            )
        self.whole = {group for group in rows if self.covers([group])}
        self.windows = {
            group: DraftWindow(
                re.sub("[^a-z0-9]+", "-", group.lower()).strip("-") or "window",
                f"timeframes.txt:{of_group[0].line}",
                tuple((row.service, row.start, row.end) for row in of_group),
            )
            for group, of_group in rows.items()
            if group not in self.whole
        }
        for of_group in rows.values():
            losses += _overlaps(of_group)

    def of(self, group: str) -> str:
        """Return the timeframe group, "" if it holds at any time the fares hold at all."""
        return "" if group in self.whole else group

    def covers(self, groups: list[str]) -> bool:
        """Return whether at every minute of the fares' dates one of `groups` holds."""
        for date in self.dates:
            reached = 0
            for first, last in sorted(
                (first, last)
                for group in groups
                for days, first, last in self.spans[group]
                if date in days
            ):
                if first > reached:
                    break
                reached = max(reached, last)
            if reached < DAY_MINUTES:
                return False
        return bool(self.dates)

    def meet(self, one: str, other: str) -> bool:
        """Return whether two groups share a minute."""
        return one == other or any(
            days & more and first < end and start < last
            for days, first, last in self.spans[one]
            for more, start, end in self.spans[other]
        )


def _overlaps(rows: list[Timeframe]) -> list[Loss]:
    return [
        Loss(
            "L10",
            f"timeframes.txt:{row.line}",
            f"{row.group} overlaps line {other.line} in service {row.service}",
            "the minutes of both",
        )
        for i, row in enumerate(rows)
        for other in rows[:i]
        if row.service == other.service and row.start < other.end and other.start < row.end
    ]
