"""What numbers are called: products and groups by the tariff, the rest by the register, by day.

The one place that looks names up, for reports and pages. A product has the name that the tariff in
force on the day gave it; an operator, device or authority the one that its authority said for that
day (`registers/names.py`). Both are looked up by number, nothing is read through. A tariff has its
names in one language. Source: W-5, W-122, W-151; decision D2.
"""

from collections.abc import Iterable, Mapping
from datetime import date

from backend_sync.registers import names as register
from backend_sync.reports.days import Days
from backend_sync.reports.definition import TO
from backend_sync.reports.table import (
    FIRST_DAY,
    MONTH,
    NUMBER,
    Cell,
    Table,
    last_of_month,
)
from backend_sync.sales.offered import Offer, in_force
from backend_sync.storage.database import Database
from card_layouts.settlement.pricing import Tariffs

PRODUCT, GROUP = "product", "group"
OPERATOR, DEVICE, AUTHORITY = register.OPERATOR, register.DEVICE, register.AUTHORITY
# Column of a report or a query: what its numbers are.
KINDS = {
    "product": PRODUCT, "rider": GROUP, "operator": OPERATOR, "device": DEVICE,
    "authority": AUTHORITY, "other": AUTHORITY, "issuer": AUTHORITY,
}  # fmt: skip


class Names:
    """The names of one authority's numbers; without a register, of its products and groups."""

    def __init__(self, tariffs: Tariffs, authority: int, database: Database | None) -> None:
        self.tariffs = tariffs
        self.authority = authority
        self.database = database
        self.days = Days(tariffs, authority)
        self._said: dict[tuple[str, int], list[register.Name]] = {}
        self._offers: dict[int, tuple[dict[int, str], dict[int, str]]] = {}

    def name(self, kind: str, number: int, day: int) -> str | None:
        """Return a number's name on a day, "" when it has none, None when nobody could say one."""
        if kind in (PRODUCT, GROUP):
            return self._of_tariff(day)[kind == GROUP].get(number, "")
        if self.database is None or number == 0:  # 0 stands for nobody
            return None
        self.look_up(kind, (number,))
        return register.holding(self._said[kind, number], day).get(number, "")

    def look_up(self, kind: str, numbers: Iterable[int]) -> None:
        """Read what the register says of many numbers at once, those not read before."""
        assert self.database is not None
        wanted = [number for number in numbers if (kind, number) not in self._said]
        self._said |= {(kind, number): [] for number in wanted}
        for row in register.said(self.database, self.authority, kind, wanted):
            self._said[kind, row.number].append(row)
        if kind == AUTHORITY:  # what oneself does not say of another is as that one calls itself
            for number in [n for n in wanted if not self._said[kind, n]]:
                self._said[kind, number] = register.said(self.database, number, kind, [number])

    def _of_tariff(self, day: int) -> tuple[dict[int, str], dict[int, str]]:
        tariff = in_force(self.tariffs, self.authority, day)
        if tariff is None:
            return {}, {}
        if tariff.version not in self._offers:
            offer = Offer(tariff, day)
            self._offers[tariff.version] = (offer.product_names(), offer.group_names())
        return self._offers[tariff.version]


def named(table: Table, names: Names) -> Table:
    """Return a table whose columns of numbers know what their numbers are called.

    A row's name is that of its day, a chart's and a total's that of the last day asked for.
    """
    last = _last_day(table, names)
    found: dict[str, dict[tuple[int, Cell], str]] = {}
    for at, column in enumerate(table.columns):
        kind = KINDS.get(column.name)
        if kind and column.type == NUMBER:
            cells = {(row[at], cell) for row in table.rows for cell in (table.day_of(row), None)}
            found[column.name] = _names(names, kind, cells, table, last)
    for name, text in table.about:
        if name in KINDS and text.isdecimal():
            more = _names(names, KINDS[name], {(int(text), None)}, table, last)
            found[name] = found.get(name, {}) | more
    return table._replace(names=found)


def _names(
    names: Names, kind: str, cells: set[tuple[Cell, Cell]], table: Table, last: int
) -> dict[tuple[int, Cell], str]:
    if kind not in (PRODUCT, GROUP) and names.database is not None:
        names.look_up(kind, {number for number, _ in cells if isinstance(number, int)})
    found = {}
    for number, cell in cells:
        if isinstance(number, int):
            name = names.name(kind, number, _as_day(table, cell, last))
            # Devices are known by their numbers until somebody names them.
            if name or (name is not None and kind != DEVICE):
                found[number, cell] = name
    return found


def _as_day(table: Table, cell: Cell, last: int) -> int:
    if not isinstance(cell, int):
        return last
    by_month = any(column.type == MONTH for column in table.columns)
    return min(last_of_month(cell), last) if by_month else cell


def _last_day(table: Table, names: Names) -> int:
    asked: Mapping[str, str] = dict(table.about)
    if TO in asked:
        return (date.fromisoformat(asked[TO]) - FIRST_DAY).days
    return names.days.day(table.made_at)
