"""What can be said of one clerk's cash in one shift: nothing before the count and all evidence.

A vehicle's shift is read from its journal, a counter's from its slips; either way the figure is
reckoned from what was sold, and shown to nobody while anything is doubtful. Source: trust.md T18.
"""

from typing import NamedTuple

from backend_sync.ports import Keyring
from backend_sync.sales.complete_evidence import Doubt, doubts
from backend_sync.sales.shift_journal import Shift, ShiftName, read_shift
from backend_sync.sales.till import is_till, read_till, till_doubts
from backend_sync.storage.database import Database

DECIDED, WAITING, DOUBTFUL, UNCOUNTED = "decided", "waiting", "for a person", "not counted"
DAY_S = 86_400
ENTRIES_NAMED_MAX = 8  # doubts said in one sentence; --json and the evidence have all


class Count(NamedTuple):
    """One counting of a clerk's cash."""

    id: int
    device: int
    epoch: int
    shift: int
    clerk: int
    turn: int
    cents: int
    by: str
    second: str
    received: int

    @property
    def name(self) -> ShiftName:
        return ShiftName(self.device, self.epoch, self.shift)


class Finding(NamedTuple):
    """What is known of one clerk's cash in one shift.

    Units: cents. `expected` and `difference` (counted - expected) are None unless DECIDED: what is
    doubtful is not shown, to nobody.
    """

    state: str  # DECIDED, WAITING, DOUBTFUL, UNCOUNTED
    doubts: list[Doubt]
    counted: int | None
    expected: int | None
    difference: int | None
    voids: int | None
    void_cents: int | None
    shift: Shift | None


def judge(database: Database, keyring: Keyring, name: ShiftName, clerk: int) -> Finding:
    """Return what can be said of `clerk`'s cash now; changes nothing."""
    shift: Shift | None
    if is_till(name):
        shift, found = read_till(database, name), till_doubts(database, name, clerk)
    else:
        shift = read_shift(database, keyring, name)
        found = doubts(database, shift, name)
        if not found and shift is not None and clerk not in shift.clerks():
            words = f"clerk {clerk} is not of {name}: it has {_numbers(shift.clerks())}"
            found = [Doubt(False, words)]
    counts = counts_of(database, name, clerk, shift)
    journalled = shift.counted if shift and shift.clerks() == {clerk} else None
    counted = counts[-1].cents if counts else journalled
    if found or counted is None or shift is None:
        state = UNCOUNTED if counted is None else WAITING
        if counted is not None and any(not doubt.waits for doubt in found):
            state = DOUBTFUL
        return Finding(state, found, counted, None, None, None, None, shift)
    expected = shift.cents_of(clerk)
    voids = [sale for sale in shift.sales_of(clerk) if sale.void_of]
    return Finding(DECIDED, [], counted, expected, counted - expected, len(voids),
                   -sum(sale.cents for sale in voids), shift)  # fmt: skip


def sentence(finding: Finding, name: ShiftName, clerk: int) -> str:
    """Say a finding in one sentence."""
    if finding.state == UNCOUNTED:
        return f"clerk {clerk}, {name}: the cash is counted first, blind; nothing is shown before"
    if finding.state != DECIDED:
        said = [doubt.words for doubt in finding.doubts]
        more = len(said) - ENTRIES_NAMED_MAX
        words = "; ".join(said[:ENTRIES_NAMED_MAX]) + (f"; and {more} more" if more > 0 else "")
        return f"not decided: {words}"
    assert finding.difference is not None
    what = "as expected"
    if finding.difference:
        what = f"{'short' if finding.difference < 0 else 'over'} by {abs(finding.difference)} cents"
    return (f"clerk {clerk}, {name}: counted {finding.counted}, expected {finding.expected} cents:"
            f" {what}")  # fmt: skip


def counts_of(
    database: Database, name: ShiftName, clerk: int, shift: Shift | None = None
) -> list[Count]:
    """Return the countings of a clerk's shift, oldest first; those of a later shift's namesake not.

    Shift numbers come round after 4,095: what was counted before this shift began is another's.
    """
    began = shift.start["time"] - DAY_S if shift and shift.start else 0
    return [
        count
        for count in (
            Count(*row)
            for row in database.rows(
                "SELECT * FROM cash_counts WHERE device = ? AND epoch = ? AND shift = ?"
                " AND clerk = ? ORDER BY turn",
                (*name, clerk),
            )
        )
        if count.received >= began
    ]


def _numbers(clerks: set[int]) -> str:
    return ", ".join(map(str, sorted(clerks))) or "none"
