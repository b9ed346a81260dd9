"""Cash-up of a clerk's shift: counted blind, compared only on complete evidence, decided by two.

    count (blind) -> pay in -> difference, only when nothing is doubtful -> loss, repaid or surplus

The figure is reckoned from the device's own journal (`shift_journal.py`); this module can write no
journal, and there is no command that could. Source: trust.md T18; requirements W-17, W-21, R-23.
"""

from typing import Any, NamedTuple

from backend_sync.ledger.ledger import Ledger
from backend_sync.ports import Keyring
from backend_sync.sales.cash_tables import NAME_LENGTH, cash_counts, cash_decisions
from backend_sync.sales.complete_evidence import Doubt, doubts
from backend_sync.sales.evidence import digest, evidence_of
from backend_sync.sales.shift_journal import Shift, ShiftName, read_shift
from backend_sync.storage.database import Database

PAID_IN, LOSS, REPAID, SURPLUS = "paid_in", "loss", "repaid", "surplus"
DECIDED, WAITING, DOUBTFUL, UNCOUNTED = "decided", "waiting", "for a person", "not counted"
OFFICE = "CASH:office"
CENTS_MAX = (1 << 30) - 2
DAY_S = 86_400
NUMBERED, NUMBER_BITS = ("device", "epoch", "shift", "clerk"), (20, 6, 12, 20)
ENTRIES_NAMED_MAX = 8  # doubts said in one sentence; --json and the evidence have all


class CashUpRefused(ValueError):
    """What was asked for is not done; nothing was written. The message says why."""


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
    shift = read_shift(database, keyring, name)
    counts = counts_of(database, name, clerk, shift)
    journalled = shift.counted if shift and shift.clerks() == {clerk} else None
    counted = counts[-1].cents if counts else journalled
    found = doubts(database, shift, name)
    if not found and shift is not None and clerk not in shift.clerks():
        found = [Doubt(False, f"clerk {clerk} is not of {name}: it has {_numbers(shift.clerks())}")]
    if found or counted is None or shift is None:
        state = UNCOUNTED if counted is None else WAITING
        if counted is not None and any(not doubt.waits for doubt in found):
            state = DOUBTFUL
        return Finding(state, found, counted, None, None, None, None, shift)
    sales = shift.sales_of(clerk)
    expected = sum(sale.cents for sale in sales)
    voids = [sale for sale in sales if sale.void_of]
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


class CashUp:
    """What people do at cash-up; every word of theirs is a row of a book."""

    def __init__(self, ledger: Ledger) -> None:
        self.ledger = ledger
        self.database = ledger.database

    def judge(self, name: ShiftName, clerk: int) -> Finding:
        return judge(self.database, self.ledger.keyring, name, clerk)

    def count(self, name: ShiftName, clerk: int, cents: int, by: str, second: str = "") -> bool:
        """Enter what was counted; False when the very same was entered before.

        The first count is blind. Counting again takes a witness, and ends when it is decided.
        Raises: CashUpRefused.
        """
        _check_people(by, second)
        _check_number("cents", cents, CENTS_MAX)
        for what, value, bits in zip(NUMBERED, (*name, clerk), NUMBER_BITS, strict=True):
            _check_number(what, value, (1 << bits) - 1)
        with self.ledger.books() as books:
            shift = read_shift(self.database, self.ledger.keyring, name)
            before = counts_of(self.database, name, clerk, shift)
            if before and (before[-1].cents, before[-1].by) == (cents, by):
                return False
            if before and not second:
                raise CashUpRefused(
                    f"clerk {clerk}, {name}: counted before; counting again needs a witness"
                    " (--second), and both counts stay in the evidence"
                )
            if decided := self._decided(before):
                raise CashUpRefused(f"clerk {clerk}, {name}: decided as {decided}; it stands")
            every = counts_of(self.database, name, clerk)
            turn = every[-1].turn + 1 if every else 1
            row = (self.database.next_id(cash_counts), *name, clerk, turn, cents, by, second,
                   books.now)  # fmt: skip
            self.database.insert(cash_counts, [row])
        return True

    def pay_in(self, name: ShiftName, clerk: int, by: str) -> int:
        """Book what was counted from the clerk's cash to the office's; return the cents moved.

        Needs no journal: the money lies on the table. Raises: CashUpRefused.
        """
        _check_people(by, "")
        with self.ledger.books() as books:
            counts = self._counted(name, clerk)
            paid = self._decisions(counts)
            if (counts[-1].id, PAID_IN) in {row[:2] for row in paid}:
                return 0
            cents = counts[-1].cents - sum(row[2] for row in paid if row[1] == PAID_IN)
            area = self.ledger.authority
            lines = [(cash_of(clerk), area, cents), (OFFICE, area, -cents)]
            books.transfer(f"cash_up:paid_in:{counts[-1].id}", "PAIDIN", lines)
            self._decide(counts[-1].id, PAID_IN, cents, by, "", b"", books.now)
        return cents

    def decide(self, name: ShiftName, clerk: int, decision: str, by: str, second: str) -> int:
        """Book a difference, by two people who are not the clerk; return the cents booked.

        loss: the area bears the shortage; repaid: the clerk has brought it; surplus: the area
        keeps what was too much. Raises: CashUpRefused without complete evidence.
        """
        _check_people(by, second)
        if not second or str(clerk) in (by, second):
            raise CashUpRefused(
                f"clerk {clerk}: a difference is decided by two people, neither of them the clerk"
            )
        with self.ledger.books() as books:
            counts = self._counted(name, clerk)
            finding = self.judge(name, clerk)
            if finding.state != DECIDED or finding.difference is None:
                raise CashUpRefused(sentence(finding, name, clerk) + "; nothing is booked")
            known = {row[1]: row[2] for row in self._decisions(counts)}
            if decision in known:
                return 0
            self._refuse_wrong(decision, finding.difference, known, name, clerk)
            evidence = evidence_of(self.database, self.ledger.keyring, finding, name, clerk, counts)
            books.transfer(
                f"cash_up:{decision}:{counts[-1].id}", decision.upper(),
                self._lines(decision, clerk, finding.difference),
            )  # fmt: skip
            self._decide(counts[-1].id, decision, abs(finding.difference), by, second,
                         digest(evidence), books.now)  # fmt: skip
        return abs(finding.difference)

    def evidence(self, name: ShiftName, clerk: int) -> dict[str, Any]:
        """Return all that makes up the figure, for the clerk to keep. Raises: CashUpRefused."""
        finding = self.judge(name, clerk)
        if finding.state == UNCOUNTED:
            raise CashUpRefused(sentence(finding, name, clerk))
        counts = counts_of(self.database, name, clerk, finding.shift)
        return evidence_of(self.database, self.ledger.keyring, finding, name, clerk, counts)

    def _counted(self, name: ShiftName, clerk: int) -> list[Count]:
        counts = counts_of(
            self.database, name, clerk, read_shift(self.database, self.ledger.keyring, name)
        )
        if not counts:
            raise CashUpRefused(f"clerk {clerk}, {name}: the cash is counted first, blind")
        return counts

    def _decisions(self, counts: list[Count]) -> list[Any]:
        """Return (count, decision, cents) of these countings."""
        return [
            tuple(row)
            for row in self.database.rows_in(
                "SELECT count, decision, cents FROM cash_decisions WHERE count IN {}",
                [count.id for count in counts],
            )
        ]

    def _decided(self, counts: list[Count]) -> str:
        return next((row[1] for row in self._decisions(counts) if row[1] != PAID_IN), "")

    def _refuse_wrong(
        self, decision: str, difference: int, known: dict[str, int], name: ShiftName, clerk: int
    ) -> None:
        if PAID_IN not in known:
            raise CashUpRefused(f"clerk {clerk}, {name}: what was counted is not paid in yet")
        if other := next((d for d in known if d != PAID_IN), ""):
            raise CashUpRefused(f"clerk {clerk}, {name}: decided as {other} before; it stands")
        if (difference < 0) != (decision in (LOSS, REPAID)) or not difference:
            raise CashUpRefused(
                f"clerk {clerk}, {name}: the difference is {difference} cents, which is no"
                f" {'surplus' if decision == SURPLUS else 'shortage'}"
            )

    def _lines(self, decision: str, clerk: int, difference: int) -> list[tuple[str, int, int]]:
        area = self.ledger.authority
        other = OFFICE if decision == REPAID else f"LOSS:{area}:cash"
        return [(cash_of(clerk), area, -difference), (other, area, difference)]

    def _decide(
        self, count: int, decision: str, cents: int, by: str, second: str, evidence: bytes, now: int
    ) -> None:
        number = self.database.next_id(cash_decisions)
        self.database.insert(
            cash_decisions, [(number, count, decision, cents, by, second, evidence, now)]
        )


def cash_of(clerk: int) -> str:
    return f"CASH:vehicle:{clerk}"


def _check_people(by: str, second: str) -> None:
    for who in (by, second):
        if who != who.strip() or len(who) > NAME_LENGTH:
            raise CashUpRefused(f"{who!r}: wanted a name of 1 to {NAME_LENGTH} characters")
    if not by or by == second:
        raise CashUpRefused(f"by {by!r}, second {second!r}: wanted two different names")


def _check_number(what: str, value: int, top: int) -> None:
    if type(value) is not int or not 0 <= value <= top:
        raise CashUpRefused(f"{what} {value!r}: wanted a number from 0 to {top}")


def _numbers(clerks: set[int]) -> str:
    return ", ".join(map(str, sorted(clerks))) or "none"
