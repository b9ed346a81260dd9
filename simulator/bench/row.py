"""One measured row of `./tornello bench`, and what makes it good or bad."""

import json
from collections.abc import Iterable
from dataclasses import asdict, dataclass


class BenchError(RuntimeError):
    """A row could not be measured; the message says what is missing."""


@dataclass(frozen=True)
class Row:
    """A figure beside its reference and its limit.

    `reference` says in words what `reference_value` is (None: there is nothing to compare with).
    `limit` is "<= 10", ">= 10000" or "" for a figure that is only told.
    """

    name: str
    value: float
    unit: str
    reference: str = ""
    reference_value: float | None = None
    limit: str = ""

    @property
    def ratio(self) -> float | None:
        """value / reference_value, or None without a reference."""
        return self.value / self.reference_value if self.reference_value else None

    @property
    def ok(self) -> bool:
        """True if the value keeps its limit."""
        if not self.limit:
            return True
        sign, bound = self.limit.split()
        return self.value <= float(bound) if sign == "<=" else self.value >= float(bound)

    def as_dict(self) -> dict[str, object]:
        ratio = None if self.ratio is None else round(self.ratio, 4)
        return {**asdict(self), "ratio": ratio, "ok": self.ok}


def rows_as_json(rows: Iterable[Row]) -> str:
    return json.dumps([row.as_dict() for row in rows], indent=1)


def row_as_text(row: Row) -> str:
    value = f"{row.value:,.0f}" if row.value == int(row.value) else f"{row.value:,.2f}"
    against = ""
    if row.reference_value is not None:
        against = f"{row.reference} {row.reference_value:,.6g}"
        against += f" (x {row.ratio:.2f})" if row.ratio is not None else ""
    verdict = "" if not row.limit else f"{'ok' if row.ok else 'MISSED'}, limit {row.limit}"
    return f"{row.name:<36} {value:>14} {row.unit:<14} {against:<46} {verdict}".rstrip()
