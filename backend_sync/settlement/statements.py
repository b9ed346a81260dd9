"""What each party gets of a closed batch: a statement to read, one for programs, and tables.

A statement tells its party what concerns it, and nothing of anybody's card. Tables are CSV with
every text made harmless for spreadsheets: a cell that would begin a formula begins with '.
Source: requirements W-23, W-41, W-59; R-27.
"""

import csv
import io
import json
from collections.abc import Iterator, Sequence
from typing import Any, NamedTuple

from backend_sync.ledger.show import money, table
from backend_sync.settlement.close import Closed
from backend_sync.settlement.references import reference_of
from backend_sync.settlement.words import date_of, dated
from card_layouts.settlement.batch import COLUMNS

FORMULA = ("=", "+", "-", "@", "\t", "\r", "\n")
TABLES = (
    *("operators", "payers", "products", "days", "tax", "clearing", "channels", "passes"),
    *("uses", "shared", "loads", "takings"),
)
CENTS = {"charged", "billed", "moved", "gross", "tax", "net", "cents", "borne by nobody"}


class Statement(NamedTuple):
    """One party's part of a batch. `due` above 0: it is paid, below 0: it pays; cents."""

    party: str  # "operator-1-10", "payer-1-town", "authority-1"
    batch: int
    day: str
    currency: str
    due: int
    tables: dict[str, list[list[Any]]]

    @property
    def reference(self) -> str:
        """Return what a payer writes into his payment; "" for who pays nothing by himself."""
        is_payer = self.party.startswith("payer-") and self.due < 0
        return reference_of(self.batch, self.party) if is_payer else ""

    def as_json(self) -> bytes:
        tables = {
            name: [dict(zip(COLUMNS[name], row, strict=True)) for row in rows]
            for name, rows in self.tables.items()
        }
        found = {**self._asdict(), "tables": tables}
        if self.reference:
            found["reference"] = self.reference
        return (json.dumps(found, indent=1, ensure_ascii=False) + "\n").encode()

    def as_text(self) -> bytes:
        side = "to receive" if self.due >= 0 else "to pay"
        lines = [
            f"Statement of {self.party}: batch {self.batch}, service day {self.day}",
            f"{side}: {money(abs(self.due))} {self.currency}",
        ]
        lines += [f"reference: {self.reference}"] if self.reference else []
        for name, rows in self.tables.items():
            shown = [
                [money(cell) if column in CENTS else cell
                 for column, cell in zip(COLUMNS[name], dated(name, row), strict=True)]
                for row in rows
            ]  # fmt: skip
            lines += ["", f"{name} ({self.currency})", *table(COLUMNS[name], shown)]
        return ("\n".join(lines) + "\n").encode()


def statements(closed: Closed) -> Iterator[Statement]:
    """Yield the statement of every operator, payer and authority of a batch."""
    values = closed.values
    head = (closed.number, date_of(values["day"]), values["currency"])
    for row in values["operators"]:
        area, operator = row[:2]
        mine = {
            "operators": [row],
            "products": [r for r in values["products"] if r[:2] == [area, operator]],
            "payers": [r for r in values["payers"] if (r[0], r[2]) == (area, operator)],
            "uses": [r for r in values["uses"] if r[3:5] == [area, operator]],
            "shared": [r for r in values["shared"] if r[1:3] == [area, operator]],
        }
        mine = {name: rows for name, rows in mine.items() if rows}
        yield Statement(f"operator-{area}-{operator}", *head, row[6], mine)
    for area, payer in sorted({(row[0], row[1]) for row in values["payers"]}):
        rows = [row for row in values["payers"] if row[:2] == [area, payer]]
        due = -sum(row[-1] for row in rows)
        yield Statement(f"payer-{area}-{payer}", *head, due, {"payers": rows})
    for area in _areas(values):
        yield _of_authority(values, area, head)


def _of_authority(values: dict[str, Any], area: int, head: tuple[int, str, str]) -> Statement:
    debts = [*values["clearing"], *values["loads"]]
    due = sum(row[2] for row in debts if row[1] == area)
    due -= sum(row[2] for row in debts if row[0] == area)
    mine = {
        name: [row for row in values[name] if row[0] == area]
        for name in ("operators", "payers", "channels", "takings", "tax", "days")
    }
    mine["passes"] = [row for row in values["passes"] if row[0] == area]
    for name in ("clearing", "loads", "shared"):
        mine[name] = [row for row in values[name] if area in row[:2]]
    return Statement(f"authority-{area}", *head, due, {n: rows for n, rows in mine.items() if rows})


def _areas(values: dict[str, Any]) -> list[int]:
    found = {row[0] for row in values["operators"]}
    return sorted(found.union(*(row[:2] for row in [*values["clearing"], *values["loads"]])))


def tables_as_csv(closed: Closed) -> dict[str, bytes]:
    """Return {name: CSV of UTF-8 with a head line} of every table; cents are integers."""
    values = closed.values
    return {
        f"{name}.csv": as_csv(
            ("batch", "service day", "currency", *COLUMNS[name]),
            [
                [closed.number, date_of(values["day"]), values["currency"],
                 *dated(name, row)]
                for row in values[name]
            ],
        )
        for name in TABLES
    }  # fmt: skip


def as_csv(names: Sequence[str], rows: Sequence[Sequence[Any]]) -> bytes:
    """Return rows as CSV (RFC 4180) that no spreadsheet takes for formulas."""
    out = io.StringIO()
    writer = csv.writer(out, lineterminator="\r\n")
    for row in (names, *rows):
        writer.writerow([harmless(cell) if isinstance(cell, str) else cell for cell in row])
    return out.getvalue().encode()


def harmless(text: str) -> str:
    """Return text that is shown and never reckoned: numbers stay numbers, they are no text."""
    return f"'{text}" if text.startswith(FORMULA) else text
