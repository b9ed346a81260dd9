"""What came since the last closed day, added up as a closing would: the newest end of the books.

Rides by the numbers of their postings, sales of vehicles by those of their entries, revenue that no
slot tells of by those of its postings: ranges of primary keys, never a scan. It costs what came
since the last closing, so days that nobody closes make reports slow.
Source: settlement/gather.py; D25; W-155.
"""

from collections import defaultdict
from collections.abc import Iterator
from typing import NamedTuple

from backend_sync.reports.definition import OPERATOR as OPERATOR_FILTER
from backend_sync.reports.definition import Asked
from backend_sync.settlement.counter_sales import counter_lines
from backend_sync.settlement.told import Told
from backend_sync.storage.database import Database
from card_layouts.records.entries import CASH_SALE
from card_layouts.settlement.totals import other_facts

CLOSED, OPEN = "closed", "open"
BEFORE_ALL = -1  # day of the last closing before there was any

ALIKE = "r.operator, r.product, r.payer, r.concession, r.rider"
# A sale counts unless the device wrote two under one number, or another has its number now.
# No NOT EXISTS over postings: PostgreSQL would read all of them into a hash table first.
SALE_STANDS = (
    "(SELECT 1 FROM postings x WHERE x.entry = r.id AND x.pending IS NULL"
    " AND x.rule = 'EQ' LIMIT 1) IS NULL"
    " AND NOT EXISTS (SELECT 1 FROM displaced d WHERE d.entry = r.id)"
)


COUNTED_AT = 5  # the cells of an OpenLine from here on are added up


class Window(NamedTuple):
    """The last closed day, and the last row of each book that it took."""

    day: int
    entries: int
    ride_postings: int
    postings: int


class OpenLine(NamedTuple):
    """Lines that are alike, added up. Units: cents."""

    operator: int
    product: int
    payer: str
    concession: int
    rider: int
    lines: int
    charged: int
    billed: int
    full: int


def window(database: Database) -> Window:
    """Return where the last closing ended."""
    rows = database.rows(
        "SELECT day, entries_last, ride_postings_last, postings_last FROM settlement_batches"
        " ORDER BY id DESC LIMIT 1"
    )
    return Window._make(map(int, rows[0])) if rows else Window(BEFORE_ALL, 0, 0, 0)


class OpenLines:
    """`asked` says whose; `since` where they begin."""

    def __init__(self, asked: Asked, since: Window) -> None:
        self.asked = asked
        self.since = since
        self.told = Told(asked.database, asked.days.terms)

    def lines(self) -> Iterator[OpenLine]:
        """Yield what a closing would add up now, as far as it can be said before it."""
        if not self.told.bodies:
            yield from self._lines()
            return
        sums: dict[tuple[int | str, ...], list[int]] = defaultdict(lambda: [0, 0, 0, 0])
        for line in [*self._lines(), *self._told()]:
            cells = sums[line[:COUNTED_AT]]
            for place, cents in enumerate(line[COUNTED_AT:]):
                cells[place] += int(cents)
        for alike, cells in sums.items():
            if any(cells):
                yield OpenLine._make((*alike, *cells))

    def _lines(self) -> Iterator[OpenLine]:
        own, values = self.asked.own("r")
        yield from self._rows(
            f"SELECT {ALIKE}, {_sums('p.sign')} FROM ride_postings p JOIN rides r ON r.id = p.ride"
            f" WHERE p.id > ? AND {own} GROUP BY {ALIKE}", self.since.ride_postings, *values,
        )  # fmt: skip
        yield from self._rows(
            f"SELECT {ALIKE}, {_sums('1')} FROM rides r WHERE r.id > ? AND r.type = {CASH_SALE}"
            f" AND {own} AND {SALE_STANDS} GROUP BY {ALIKE}", self.since.entries, *values,
        )  # fmt: skip
        yield from self._rows(
            f"SELECT {ALIKE}, {_sums('-1')} FROM rides r WHERE r.id IN (SELECT x.entry"
            " FROM postings x WHERE x.id > ? AND x.rule = 'EQ' AND x.pending IS NULL)"
            f" AND r.id <= ? AND r.type = {CASH_SALE} AND {own} GROUP BY {ALIKE}",
            self.since.postings, self.since.entries, *values,
        )  # fmt: skip
        yield from self._sold()

    def takings(self) -> list[tuple[str, int]]:
        """Return (channel, cents) of what the authority's channels took."""
        rows = self.asked.database.rows(
            "SELECT a.name, -sum(p.cents) FROM postings p JOIN accounts a ON a.id = p.account"
            " WHERE p.id > ? AND a.kind = 'CASH' AND a.authority = ? GROUP BY a.name",
            (self.since.postings, self.asked.scope.authority),
        )
        taken: dict[str, int] = defaultdict(int)
        for name, cents in rows:
            taken[name.split(":")[1]] += int(cents)
        for body in self.told.bodies:
            for area, channel, cents in body["takings"]:
                taken[channel] -= cents if area == self.asked.scope.authority else 0
        return [(channel, cents) for channel, cents in taken.items() if cents]

    def _rows(self, sql: str, *values: int) -> Iterator[OpenLine]:
        for row in self.asked.database.rows(sql, values):
            yield OpenLine(int(row[0]), int(row[1]), row[2], *map(int, row[3:]))

    def _sold(self) -> Iterator[OpenLine]:
        """Yield revenue no slot tells of: tickets and passes of counters, what modules book."""
        database = self.asked.database
        last = int(database.value("SELECT coalesce(max(id), 0) FROM postings"))
        for sold in counter_lines(database, (self.since.postings + 1, last), self.asked.days.terms):
            facts = other_facts(sold.line.facts)
            if self._is_asked(facts.authority, facts.operator):
                owed = sold.billed if sold.payer else 0
                yield OpenLine(facts.operator, facts.product, sold.payer, 0, 0, 1, sold.cents,
                               owed, facts.full)  # fmt: skip

    def _told(self) -> Iterator[OpenLine]:
        """Yield, taken off, what adopted batches told of these rows: it is closed."""
        for line in self.told.since():
            if line.sign:
                key, *cents = self.told.worths.of(line)
                if self._is_asked(key.authority, key.operator):
                    off = [-line.sign * cell for cell in (1, *cents)]
                    yield OpenLine(key.operator, key.product, key.payer, key.concession, key.group,
                                   *off)  # fmt: skip

    def _is_asked(self, authority: int, operator: int) -> bool:
        scope = self.asked.scope
        wanted = scope.operator or int(self.asked.values.get(OPERATOR_FILTER, 0))
        return authority == scope.authority and wanted in (0, operator)


def _sums(sign: str) -> str:
    cells = ("r.charged_cents", "r.billed_cents", "r.full_cents")
    return f"sum({sign}), " + ", ".join(f"sum({sign} * {cell})" for cell in cells)
