"""Price tables: rows as an author writes them become explicit cents for every sold zone set.

Derived prices are worked out here, once, with a named rounding, and each remembers how it came
about. Source: tariff-model.md sections 1 (M1) and 2; W-29..W-31.
"""

import difflib
from collections.abc import Callable
from typing import Any, NamedTuple

from backend_sync.tariffs.forms import cents, money, percent_tenths, rounded
from backend_sync.tariffs.model import PriceTable, PriceWhen
from backend_sync.tariffs.reader import Reader
from backend_sync.tariffs.source import Finding, KeyPath, Source, dotted
from card_layouts.cards.zones import zones_bitmap, zones_hull, zones_run

Cells = dict[int, int]  # {mask: cents} of one group
Report = Callable[[Finding], None]


class Derived(NamedTuple):
    """How one derived price came about, for `explain` and the linter."""

    table: str
    mask: int
    group: str
    base: str  # table or group it was derived from
    base_cents: int
    percent_tenths: int
    rounding: str
    cents: int
    listed: int | None  # a price listed beside it, which wins

    def words(self, decimals: int) -> str:
        """Return it as a person checks it: "50 % of adult 4.15, half_up: 2.08"."""
        share = f"{self.percent_tenths / 10:g} % of {self.base} {money(self.base_cents, decimals)}"
        return f"{share}, {self.rounding}: {money(self.cents, decimals)}"


class Zones:
    """Zone names of one authority, and the words for sets of them."""

    def __init__(self, order: list[str]) -> None:
        self.order = order
        self.number = {name: i for i, name in enumerate(order, 1)}

    def mask(self, words: Any) -> int:
        """Return the set a person wrote: "A", "AB", "A-C", "A+D", ["A", "D"] or "*".

        Raises: ValueError naming what is no zone.
        """
        if isinstance(words, list):
            return zones_bitmap({n for word in words for n in self._numbers(word)})
        return int(zones_bitmap(self._numbers(words)))

    def _numbers(self, text: str) -> set[int]:
        if text == "*":
            return {*self.number.values()}
        if text in self.number:
            return {self.number[text]}
        if "+" in text:
            return {n for part in text.split("+") for n in self._numbers(part.strip())}
        first, dash, last = (part.strip() for part in text.partition("-"))
        if dash and first in self.number and last in self.number:
            low, high = sorted((self.number[first], self.number[last]))
            return set(range(low, high + 1))
        if text and all(letter in self.number for letter in text):
            return {self.number[letter] for letter in text}
        near = difflib.get_close_matches(text, self.order, n=1)
        hint = f"; did you mean {near[0]}?" if near else ""
        raise ValueError(f"{text!r} names no zones of {', '.join(self.order)}{hint}")

    def runs(self) -> list[int]:
        """Return every run, by first zone, shortest first."""
        count = len(self.order)
        return [zones_run(i, j) for i in range(1, count + 1) for j in range(i, count + 1)]

    def run_of(self, count: int) -> list[int]:
        last = len(self.order) - count + 1
        return [zones_run(i, i + count - 1) for i in range(1, last + 1)]

    def words(self, mask: int) -> str:
        """Return a set in words: "A", "A-C", "A+C", "all"."""
        numbers = [i for i in range(1, len(self.order) + 1) if mask >> (15 - i) & 1]
        names = [self.order[i - 1] for i in numbers]
        if len(names) < 2:
            return "".join(names) or "none"
        if numbers[-1] - numbers[0] == len(numbers) - 1:
            return f"{names[0]}-{names[-1]}"
        return "+".join(names)


class PriceReader(Reader):
    """Reads `[prices.*]` of a source. Faults go to `report`; what is read stays explicit."""

    def __init__(self, source: Source, zones: Zones, groups: dict[str, int], report: Report):
        super().__init__(source, report)
        self.zones, self.groups = zones, groups
        self.tables: dict[str, dict[str, Cells]] = {}  # {table: {group: {mask: cents}}}
        self.derived: list[Derived] = []
        self._open: list[str] = []

    def read(self, windows: dict[str, int]) -> list[PriceTable]:
        """Return every table; `windows` gives the index of each window."""
        written = self.source.get("prices", default={})
        for name in written:
            self._table(name)
        return [
            PriceTable(name, self._by_mask(self.tables[name]), self._when(name, table, windows))
            for name, table in written.items()
        ]

    def _by_mask(self, rows: dict[str, Cells]) -> dict[int, dict[int, int]]:
        prices: dict[int, dict[int, int]] = {}
        for group, cells in rows.items():
            for mask, amount in cells.items():
                prices.setdefault(mask, {})[self.groups[group]] = amount
        return prices

    def _table(self, name: str) -> dict[str, Cells]:
        if name in self.tables:
            return self.tables[name]
        table = self.values["prices"][name]
        rows: dict[str, Cells] = {}
        if "derive" in table:
            rows = self._derived_table(name, table)
        path: KeyPath = ("prices", name)
        written = {k: v for k, v in table.items() if k not in ("by", "derive", "when")}
        rows |= self._rows(path, name, table["by"], written, rows)
        self.tables[name] = rows
        return rows

    def _derived_table(self, name: str, table: dict[str, Any]) -> dict[str, Cells]:
        base, path = table["derive"]["from"], ("prices", name, "derive")
        if base not in self.values["prices"]:
            self.unknown(path, "price table", base, self.values["prices"])
            return {}
        if name in self._open or base == name:
            self.fault(path, f"prices.{name} is derived from itself", "", "list its prices")
            return {}
        self._open.append(name)
        rows = self._table(base)
        self._open.pop()
        listed = {k: v for k, v in table.items() if k in self.groups}
        own = self._rows(("prices", name), name, table["by"], listed, {})
        return {
            group: self._derive(name, group, base, cells, table["derive"], own.get(group, {}))
            for group, cells in rows.items()
        }

    def _derive(
        self, table: str, group: str, base: str, cells: Cells, how: dict[str, Any], listed: Cells
    ) -> Cells:
        percent, rounding, result = percent_tenths(how["percent"]), how["round"], {}
        for mask, amount in cells.items():
            result[mask] = rounded(amount * percent, 1000, rounding)
            self.derived.append(
                Derived(
                    table,
                    mask,
                    group,
                    base,
                    amount,
                    percent,
                    rounding,
                    result[mask],
                    listed.get(mask),
                )
            )
        return result

    def _rows(
        self,
        path: KeyPath,
        table: str,
        by: str,
        written: dict[str, Any],
        known: dict[str, Cells],
    ) -> dict[str, Cells]:
        """Return the rows written in one table; a row may be the same as another, or derived."""
        rows: dict[str, Cells] = {}
        waiting = dict(written)
        while waiting:
            before = len(waiting)
            for group, row in list(waiting.items()):
                base = _base_of(row)
                if base is not None and base not in rows and base in waiting:
                    continue
                del waiting[group]
                if group not in self.groups:
                    self.unknown((*path, group), "group", group, self.groups)
                    continue
                rows[group] = self._row((*path, group), table, by, group, row, {**known, **rows})
            if len(waiting) == before:
                group = next(iter(waiting))
                said = f"{dotted((*path, group))} refers to itself in the end"
                self.fault((*path, group), said, "", "list one of the rows")
                break
        return rows

    def _row(
        self, path: KeyPath, table: str, by: str, group: str, row: Any, rows: dict[str, Cells]
    ) -> Cells:
        base = _base_of(row)
        if base is None:
            return self._cells(path, by, row)
        if base not in rows:
            self.unknown(path, "row", base, rows)
            return {}
        if "same" in row:
            return dict(rows[base])
        listed = self._cells((*path, "listed"), by, row["listed"]) if "listed" in row else {}
        derived = self._derive(table, group, base, rows[base], row["derive"], listed)
        return {**derived, **listed}

    def _cells(self, path: KeyPath, by: str, row: Any) -> Cells:
        readers = {"count": self._by_count, "flat": self._flat, "matrix": self._matrix}
        try:
            return readers.get(by, self._by_set)(path, row, by)
        except ValueError as error:
            self.fault(path, f"{dotted(path)}: {error}", "")
            return {}

    def _by_count(self, path: KeyPath, row: Any, _by: str) -> Cells:
        if not isinstance(row, list):
            raise ValueError("by count a row is a list: the price of 1 zone, of 2 ...")
        if len(row) > len(self.zones.order):
            raise ValueError(f"{len(row)} prices for {len(self.zones.order)} zones")
        return {
            mask: cents(amount, self.decimals)
            for count, amount in enumerate(row, 1)
            for mask in self.zones.run_of(count)
        }

    def _flat(self, path: KeyPath, row: Any, _by: str) -> Cells:
        if isinstance(row, list | dict):
            raise ValueError("a flat row is one amount")
        return {self.zones.mask("*"): cents(row, self.decimals)}

    def _by_set(self, path: KeyPath, row: Any, by: str) -> Cells:
        if not isinstance(row, dict):
            raise ValueError(f"by {by} a row is a table: {{ AB = 295, ABC = 410 }}")
        cells: Cells = {}
        runs = set(self.zones.runs())
        for words, amount in row.items():
            mask = self.zones.mask(words)
            if mask in cells:
                raise ValueError(f"{words} names zones that stand in this row already")
            if by == "run" and mask not in runs:
                raise ValueError(f"{words} is no run of neighbouring zones; by set it may be sold")
            cells[mask] = cents(amount, self.decimals)
        return cells

    def _matrix(self, path: KeyPath, row: Any, _by: str) -> Cells:
        if not isinstance(row, dict) or not all(isinstance(v, dict) for v in row.values()):
            raise ValueError("by matrix a row is a table of tables: { A = { A = 200, B = 300 } }")
        cells: Cells = {}
        for start, ends in row.items():
            for end, amount in ends.items():
                mask = self.zones.mask([start, end])
                price = cents(amount, self.decimals)
                if cells.setdefault(mask, price) != price:
                    raise ValueError(
                        f"{start} to {end} costs {price}, the way back {cells[mask]}; a card"
                        " that is tapped at the start only has one price for both"
                    )
        # Who is charged for a stretch, in an upgrade say, pays the price between its ends.
        return {**{int(zones_hull(mask)): price for mask, price in cells.items()}, **cells}

    def _when(
        self, name: str, table: dict[str, Any], windows: dict[str, int]
    ) -> tuple[PriceWhen, ...]:
        rows = []
        for index, when in enumerate(table.get("when", [])):
            path: KeyPath = ("prices", name, "when", index)
            written = {k: v for k, v in when.items() if k != "window"}
            cells = self._rows(path, name, table["by"], written, self.tables[name])
            if when["window"] in windows:
                rows.append(PriceWhen(windows[when["window"]], self._by_mask(cells)))
            else:
                self.unknown((*path, "window"), "window", when["window"], windows)
        return tuple(rows)


def _base_of(row: Any) -> str | None:
    """Return the group a row refers to, None for a row of its own."""
    if isinstance(row, dict) and isinstance(row.get("same"), str):
        return str(row["same"])
    if isinstance(row, dict) and isinstance(row.get("derive"), dict):
        return str(row["derive"]["from"])
    return None
