"""What a rule looks at: a tariff with its places, its feed, and the versions published before.

A rule is a function from a Case to Problems; the table in `__init__` gives it an id, a severity
and a remedy. Source: tariff-model.md section 6.
"""

from collections.abc import Callable, Iterator
from typing import Any, NamedTuple

from backend_sync.tariffs import model as m
from backend_sync.tariffs.book import Authored
from backend_sync.tariffs.feed import Feed
from backend_sync.tariffs.forms import money
from backend_sync.tariffs.when import day


class Problem(NamedTuple):
    path: tuple[str | int, ...]  # the key it is about
    found: str
    wanted: str
    about: dict[str, tuple[Any, ...]] = {}  # what [accept] may narrow a waiver to
    severity: str = ""  # where it differs from the rule's


class Case(NamedTuple):
    authored: Authored
    feed: Feed | None  # None where there is none
    archive: tuple[Authored, ...] = ()

    @property
    def book(self) -> m.Book:
        return self.authored.book

    @property
    def values(self) -> dict[str, Any]:
        return self.authored.source.values

    def words(self, mask: int) -> str:
        return self.authored.zones.words(mask)

    def money(self, cents: int) -> str:
        """Return an amount as the tariff's readers write it: 251 is 2.51."""
        return money(cents, self.book.decimals)

    def products(self) -> Iterator[tuple[str, m.Product]]:
        """Yield (key, product) in the order they are written."""
        return zip(self.values["products"], self.book.products, strict=True)

    def table(self, index: int | None) -> m.PriceTable | None:
        return None if index is None else self.book.tables[index]

    def used_tables(self) -> dict[str, int]:
        """Return {table name: mask of the groups that some product prices by it}."""
        used: dict[str, int] = {}
        for _key, product in self.products():
            threshold = product.cap.table if product.cap is not None else None
            for index in (product.prices, product.shadow, threshold):
                table = self.table(index)
                if table is not None:
                    used[table.name] = used.get(table.name, 0) | product.groups
        return used

    def named_table(self, name: str) -> m.PriceTable:
        return next(table for table in self.book.tables if table.name == name)

    def groups(self, mask: int = 0xFFFF) -> list[m.Group]:
        return [group for group in self.book.groups if mask >> group.number & 1]

    def runs(self) -> list[int]:
        return self.authored.zones.runs()

    def days_of(self, window: m.Window) -> set[int]:
        """Return the days of the validity on which a window may hold, its chain left out."""
        first, last = self.book.valid_from, self.book.valid_to
        # 2020-01-01, day 0, was a Wednesday.
        days = {d for d in range(first, last + 1) if window.weekdays >> (d + 2) % 7 & 1}
        if window.calendar is None:
            return days
        listed = self.days_in(self.book.calendars[window.calendar])
        return days - listed if window.calendar_negated else days & listed

    def days_in(self, calendar: m.Calendar) -> set[int]:
        days = set(calendar.days)
        if self.feed is not None:
            for service in calendar.services:
                days |= {day(d) for d in self.feed.services.get(service, ())}
        return days

    def chain(self, index: int) -> list[m.Window]:
        """Return a window and those joined to it by "or"."""
        rows = [self.book.windows[index]]
        while (at := rows[-1].or_window) is not None and len(rows) < len(self.book.windows):
            rows.append(self.book.windows[at])
        return rows


def fare(prices: dict[int, dict[int, int]], mask: int, group: int) -> int | None:
    """Return the price of the cheapest sold superset of `mask`, None where there is none."""
    fits = [row[group] for sold, row in prices.items() if not mask & ~sold and group in row]
    return min(fits, default=None)


def minutes_of(window: m.Window) -> set[int]:
    """Return the minutes of the wall clock in which a window holds."""
    first, last = window.from_minute, window.to_minute
    if first < last:
        return set(range(first, last))
    return set(range(first, 1440)) | set(range(last))


RuleFunction = Callable[[Case], Iterator[Problem]]
