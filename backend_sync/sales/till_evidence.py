"""What makes up the figure of a counter's till, for the clerk to keep: his slips in a chain.

Every slip of the till from the shift's first to its last is in it, each with its mark; a mark is
the hash of its slip and of the mark before, so none is left out, added or changed unseen. Needs no
key. Source: trust.md T18; X-15.
"""

from collections.abc import Sequence
from typing import Any

from backend_sync.sales.counter import CASH
from backend_sync.sales.figure_evidence import figure_of, wrong_claim, wrong_figure
from backend_sync.sales.finding import DECIDED, Count, Finding
from backend_sync.sales.fiscal import COLUMNS, FIRST_MARK, FiscalChain, Slip
from backend_sync.sales.shift_journal import ShiftName
from backend_sync.storage.database import Database

FORMAT = "tornello till evidence 1"
WANTED = ("format", "device", "shift", "clerk", "state", "counted", "expected", "difference",
          "mark_before", "slips", "counts")  # fmt: skip


def till_evidence_of(
    database: Database, finding: Finding, name: ShiftName, clerk: int, counts: Sequence[Count]
) -> dict[str, Any]:
    """Return the evidence about a clerk's cash at a till as plain values; no card is named."""
    shift = finding.shift
    first, last = (shift.first_seq, shift.last_seq) if shift else (0, -1)
    before = database.rows(
        "SELECT fiscal FROM slips WHERE device = ? AND place = ?", (name.device, first - 1)
    )
    rows: list[Any] = database.rows(
        f"SELECT {COLUMNS}, fiscal FROM slips WHERE device = ? AND place BETWEEN ? AND ?"
        " ORDER BY place",
        (name.device, first, last),
    )
    return {
        "format": FORMAT,
        "device": name.device,
        "shift": name.shift,
        "clerk": clerk,
        **figure_of(finding, counts),
        "mark_before": before[0][0] if before else FIRST_MARK,
        "slips": [{**Slip(*row[:-1])._asdict(), "mark": row[-1]} for row in rows],
    }


def check_till(evidence: dict[str, Any]) -> list[str]:
    """Return everything that does not hold, in sentences; KeyError, TypeError for what is none."""
    found, mark, place = [], evidence["mark_before"], None
    for row in evidence["slips"]:
        slip = Slip(**{name: row[name] for name in Slip._fields})
        if place is not None and slip.place != place + 1:
            found.append(f"slip {place + 1} is left out")
        if FiscalChain().mark(slip, mark) != row["mark"]:
            found.append(f"slip {slip.place} does not fit the one before")
        mark, place = row["mark"], slip.place
    if evidence["state"] != DECIDED:
        return found + wrong_claim(evidence)
    total = sum(
        row["cents"] + row["rounding"]
        for row in evidence["slips"]
        if (row["shift"], row["clerk"], row["paid"]) == (evidence["shift"], evidence["clerk"], CASH)
    )
    return found + wrong_figure(evidence, total, "slips")
