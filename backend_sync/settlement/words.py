"""A closed batch in words and plain values: for the terminal and for other programs."""

from datetime import date, timedelta
from typing import Any

from backend_sync.ledger.show import money, table
from backend_sync.settlement.close import Closed
from card_layouts.settlement.batch import COLUMNS, body_hash

FIRST_DAY = date(2020, 1, 1)
TABLES = ("operators", "payers", "channels", "tax", "clearing", "passes", "uses", "shared",
          "loads", "takings", "days")  # fmt: skip


def date_of(day: int) -> str:
    """Return a day since 2020-01-01 as 2026-06-05; "" for day 0, which stands for none."""
    return (FIRST_DAY + timedelta(days=day)).isoformat() if day else ""


def equality(values: dict[str, Any]) -> str:
    """Return the sentence about the money of a batch."""
    lines, operators, moved, left = values["sums"]
    sign = "=" if lines == operators == moved else "/"
    return (
        f"lines sum {money(lines)} {sign} batch sum {money(operators)} {sign}"
        f" REV movement {money(moved)}; unassigned {left}"
    )


def batch_lines(values: dict[str, Any]) -> list[str]:
    """Return a batch as lines for people: cents, and what they are about."""
    lines = [
        f"batch {values['number']}, service day {date_of(values['day'])}:"
        f" {values['lines']} lines, root {values['root'].hex()}",
        equality(values),
    ]
    for name in TABLES:
        if values[name]:
            rows = [dated(name, row) for row in values[name]]
            lines += ["", f"{name} (cents, {values['currency']})", *table(COLUMNS[name], rows)]
    return lines


def batch_values(closed: Closed) -> dict[str, Any]:
    """Return a batch as plain values, rows by column, bytes as hex."""
    values = closed.values
    found = {
        name: [dict(zip(COLUMNS[name], row, strict=True)) for row in value]
        if name in COLUMNS
        else _hexed(value)
        for name, value in values.items()
    }
    found["body_sha256"] = body_hash(closed.body).hex()
    found["signature"] = closed.signature.hex()
    return found


def dated(name: str, row: list[Any]) -> list[Any]:
    """Return a row of table `name` with its service day as a date."""
    return [row[0], date_of(row[1]), *row[2:]] if name == "days" else row


def _hexed(value: Any) -> Any:
    if isinstance(value, list):
        return [_hexed(item) for item in value]
    return value.hex() if isinstance(value, bytes) else value
