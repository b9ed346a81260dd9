"""Cash-up of a clerk's shift: counted blind, compared only on complete evidence, decided by two.

    count (blind) -> pay in -> difference, only when nothing is doubtful -> loss, repaid or surplus

The figure is reckoned from the device's own journal (`shift_journal.py`); this module can write no
journal, and there is no command that could. Source: trust.md T18; requirements W-17, W-21, R-23.
"""

from typing import Any

from backend_sync.ledger import ranges
from backend_sync.ledger.books import Books
from backend_sync.ledger.imports import Sale as Paid
from backend_sync.ledger.ledger import Ledger
from backend_sync.refusal import Refusal
from backend_sync.sales.cash_tables import (
    NAME_LENGTH,
    WORDS_LENGTH,
    cash_counts,
    cash_decisions,
    lost_slots,
    till_closings,
)
from backend_sync.sales.complete_evidence import damaged, lost_ranges, sale_of
from backend_sync.sales.evidence import digest, evidence_of
from backend_sync.sales.finding import (
    DECIDED,
    DOUBTFUL,
    UNCOUNTED,
    Count,
    Finding,
    counts_of,
    judge,
    sentence,
)
from backend_sync.sales.shift_journal import Shift, ShiftName, read_shift
from backend_sync.sales.till import TILL, cash_account, is_till, read_till
from backend_sync.sales.till_evidence import till_evidence_of

PAID_IN, LOSS, REPAID, SURPLUS, UNJUDGED = "paid_in", "loss", "repaid", "surplus", "unjudged"
OFFICE = "CASH:office"
CENTS_MAX = (1 << 30) - 2
NUMBERED = ("device", "epoch", "shift", "clerk")
NUMBER_MAX = ((1 << 20) - 1, TILL, (1 << 12) - 1, (1 << 20) - 1)


class CashUpRefused(Refusal, ValueError):
    """What was asked for is not done; nothing was written. The message says why."""


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
        for what, value, top in zip(NUMBERED, (*name, clerk), NUMBER_MAX, strict=True):
            _check_number(what, value, top)
        with self.ledger.books() as books:
            shift = self._shift(name)
            before = counts_of(self.database, name, clerk, shift)
            if before and (before[-1].cents, before[-1].by) == (cents, by):
                return False
            if before and not second:
                raise CashUpRefused(
                    "clerk {clerk}, {shift}: counted before; counting again needs a witness "
                    "(--second), and both counts stay in the evidence",
                    clerk=clerk,
                    shift=name,
                )
            if decided := self._decided(before):
                raise CashUpRefused(
                    "clerk {clerk}, {shift}: decided as {decision}; it stands",
                    clerk=clerk,
                    shift=name,
                    decision=decided,
                )
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
            cash = cash_account(self.database, name, clerk)
            lines = [(cash, area, cents), (OFFICE, area, -cents)]
            books.transfer(f"cash_up:paid_in:{counts[-1].id}", "PAIDIN", lines)
            self._decide(counts[-1].id, PAID_IN, cents, by, "", b"", books.now)
            finding = self.judge(name, clerk)
            if finding.state == DECIDED:
                self._book_loads(books, finding, name, clerk)
        return cents

    def decide(self, name: ShiftName, clerk: int, decision: str, by: str, second: str) -> int:
        """Book a difference, by two people who are not the clerk; return the cents booked.

        loss: the area bears the shortage; repaid: the clerk has brought it; surplus: the area
        keeps what was too much. unjudged: slots of the shift are lost for ever, nobody says what
        it should have been, and the area bears what the books lack. Raises: CashUpRefused.
        """
        _check_people(by, second)
        if not second or str(clerk) in (by, second):
            raise CashUpRefused(
                f"clerk {clerk}: a difference is decided by two people, neither of them the clerk"
            )
        with self.ledger.books() as books:
            counts = self._counted(name, clerk)
            finding = self.judge(name, clerk)
            known = {row[1]: row[2] for row in self._decisions(counts)}
            if decision in known:
                return 0
            difference = self._difference(finding, decision, name, clerk)
            self._refuse_wrong(decision, difference, known, name, clerk)
            evidence = self._evidence(finding, name, clerk, counts)
            self._book_loads(books, finding, name, clerk)
            books.transfer(
                f"cash_up:{decision}:{counts[-1].id}", decision.upper(),
                self._lines(decision, name, clerk, difference),
            )  # fmt: skip
            self._decide(counts[-1].id, decision, abs(difference), by, second, digest(evidence),
                         books.now)  # fmt: skip
        return abs(difference)

    def give_up(
        self, device: int, epoch: int, first: int, last: int, words: str, by: str, second: str
    ) -> bool:
        """Decide, by two people, that missing slots are lost for ever; False: decided before.

        Later shifts of the device are judged without them; a shift that they lie in is closed by
        `decide` as unjudged. Raises: CashUpRefused for slots that are held.
        """
        _check_people(by, second)
        if not second or not words.strip() or len(words) > WORDS_LENGTH:
            raise CashUpRefused(f"two people give slots up, and say why in 1 to {WORDS_LENGTH}"
                                " characters")  # fmt: skip
        with self.ledger.books() as books:
            if (first, last) in lost_ranges(self.database, ShiftName(device, epoch, 0)):
                return False
            missing = self.missing(device, epoch)
            if not 1 <= first <= last or ranges.less([(first, last)], missing):
                raise CashUpRefused(
                    f"seq {first}..{last} of device {device}: only what is missing between slots"
                    f" that are held is given up: {ranges.text(missing) or 'nothing is'}"
                )
            row = (self.database.next_id(lost_slots), device, epoch, first, last, words, by,
                   second, books.now)  # fmt: skip
            self.database.insert(lost_slots, [row])
        return True

    def close_till(self, name: ShiftName, clerk: int, last_slip: int, by: str) -> bool:
        """Enter what a till says of a clerk's shift: the last slip it printed, 0 for none.

        False when the very same was entered before. Raises: CashUpRefused.
        """
        _check_people(by, "")
        _check_number("last slip", last_slip, (1 << 30) - 1)
        with self.ledger.books() as books:
            key = (name.device, name.shift, clerk)
            sql = "SELECT last_slip FROM till_closings WHERE device = ? AND shift = ? AND clerk = ?"
            before = self.database.rows(sql, key)
            if before and before[0][0] != last_slip:
                raise CashUpRefused(
                    "clerk {clerk}, {shift}: closed at slip {slip} before",
                    clerk=clerk,
                    shift=name,
                    slip=before[0][0],
                )
            if before:
                return False
            row = (self.database.next_id(till_closings), *key, last_slip, by, books.now)
            self.database.insert(till_closings, [row])
        return True

    def book_loads(self, name: ShiftName, clerk: int) -> int:
        """Book the cash of what a driver loaded onto cards, once each; return the cents.

        Raises: CashUpRefused while the shift's cash cannot be judged.
        """
        with self.ledger.books() as books:
            finding = self.judge(name, clerk)
            if finding.state != DECIDED:
                raise CashUpRefused(sentence(finding, name, clerk) + "; nothing is booked")
            return self._book_loads(books, finding, name, clerk)

    def evidence(self, name: ShiftName, clerk: int) -> dict[str, Any]:
        """Return all that makes up the figure, for the clerk to keep. Raises: CashUpRefused."""
        finding = self.judge(name, clerk)
        if finding.state == UNCOUNTED:
            raise CashUpRefused(sentence(finding, name, clerk))
        counts = counts_of(self.database, name, clerk, finding.shift)
        return self._evidence(finding, name, clerk, counts)

    def _evidence(
        self, finding: Finding, name: ShiftName, clerk: int, counts: list[Count]
    ) -> dict[str, Any]:
        if is_till(name):
            return till_evidence_of(self.database, finding, name, clerk, counts)
        return evidence_of(self.database, self.ledger.keyring, finding, name, clerk, counts)

    def _shift(self, name: ShiftName) -> Shift | None:
        if is_till(name):
            return read_till(self.database, name)
        return read_shift(self.database, self.ledger.keyring, name)

    def _difference(self, finding: Finding, decision: str, name: ShiftName, clerk: int) -> int:
        """Return counted - expected; of an unjudged shift, counted - what the books have of it."""
        if decision == UNJUDGED and finding.state == DOUBTFUL and finding.shift is not None:
            inside = range(finding.shift.first_seq, finding.shift.last_seq + 1)
            for first, last in lost_ranges(self.database, name):
                if finding.counted is not None and (first in inside or last in inside):
                    return finding.counted - finding.shift.cents_of(clerk)
        if decision == UNJUDGED or finding.state != DECIDED or finding.difference is None:
            raise CashUpRefused(sentence(finding, name, clerk) + "; nothing is booked")
        return finding.difference

    def _book_loads(self, books: Books, finding: Finding, name: ShiftName, clerk: int) -> int:
        area, cents = self.ledger.authority, 0
        for load in finding.shift.loads_of(clerk) if finding.shift else ():
            key = sale_of(name, load.seq)
            lines = [(cash_account(self.database, name, clerk), area, -load.cents),
                     (f"PREPAID:{load.action}", area, load.cents)]  # fmt: skip
            if books.transfer(f"cash_up:{key}", "LOADED", lines):
                books.sold(Paid(key, load.action, load.cents, "vehicle", books.now, area))
                cents += load.cents
        return cents

    def missing(self, device: int, epoch: int) -> ranges.Ranges:
        """Return what is missing of a journal between slots that are held, or came damaged."""
        rows = self.database.rows(
            "SELECT first_seq, seq, held, head_seq FROM devices WHERE device = ? AND epoch = ?",
            (device, epoch),
        )
        if not rows:
            return []
        first_seq, seq, held, head = rows[0]
        holes = ranges.holes(ranges.parse(held), max(seq + 1, first_seq or 1), head)
        bad = damaged(self.database, ShiftName(device, epoch, 0), first_seq or 1, head)
        return ranges.joined(holes, [(number, number) for number, _ in bad])

    def _counted(self, name: ShiftName, clerk: int) -> list[Count]:
        counts = counts_of(self.database, name, clerk, self._shift(name))
        if not counts:
            raise CashUpRefused(
                "clerk {clerk}, {shift}: the cash is counted first, blind", clerk=clerk, shift=name
            )
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
            raise CashUpRefused(
                "clerk {clerk}, {shift}: what was counted is not paid in yet",
                clerk=clerk,
                shift=name,
            )
        if other := next((d for d in known if d != PAID_IN), ""):
            raise CashUpRefused(
                "clerk {clerk}, {shift}: decided as {decision} before; it stands",
                clerk=clerk,
                shift=name,
                decision=other,
            )
        if decision == UNJUDGED:
            return
        if (difference < 0) != (decision in (LOSS, REPAID)) or not difference:
            raise CashUpRefused(
                "clerk {clerk}, {shift}: the difference is {cents} cents, which is no {what}",
                clerk=clerk,
                shift=name,
                cents=difference,
                what="surplus" if decision == SURPLUS else "shortage",
            )

    def _lines(
        self, decision: str, name: ShiftName, clerk: int, difference: int
    ) -> list[tuple[str, int, int]]:
        area = self.ledger.authority
        other = OFFICE if decision == REPAID else f"LOSS:{area}:cash"
        cash = cash_account(self.database, name, clerk)
        return [(cash, area, -difference), (other, area, difference)]

    def _decide(
        self, count: int, decision: str, cents: int, by: str, second: str, evidence: bytes, now: int
    ) -> None:
        number = self.database.next_id(cash_decisions)
        self.database.insert(
            cash_decisions, [(number, count, decision, cents, by, second, evidence, now)]
        )


def _check_people(by: str, second: str) -> None:
    for who in (by, second):
        if who != who.strip() or len(who) > NAME_LENGTH:
            raise CashUpRefused(f"{who!r}: wanted a name of 1 to {NAME_LENGTH} characters")
    if not by or by == second:
        raise CashUpRefused(f"by {by!r}, second {second!r}: wanted two different names")


def _check_number(what: str, value: int, top: int) -> None:
    if type(value) is not int or not 0 <= value <= top:
        raise CashUpRefused(
            "{what} {value!r}: wanted a number from 0 to {top}", what=what, value=value, top=top
        )
