"""A bank's statement comes into the books: each line once, at what it pays, or as a case.

A line pays what its reference names: a line of an order (its end-to-end id), a whole order (its
message id), or a bill (its creditor reference). It must be on the account of who is paid or pays,
to the cent and in the right direction, and what was paid already is not paid again: everything else
is a case that a person decides. What a bank gives back is outstanding again.
Source: requirements W-23, R-8, W-59; trust.md T17.
"""

import re
from collections.abc import Mapping, Sequence
from typing import NamedTuple

from backend_sync.ledger.accounts import BANK
from backend_sync.ledger.books import Books
from backend_sync.ledger.ledger import Ledger
from backend_sync.settlement.bank_targets import Target, Targets, account_of
from backend_sync.settlement.bills import bills
from backend_sync.settlement.camt import BankLine, BankStatement
from backend_sync.settlement.close import every_batch
from backend_sync.settlement.parties import Party
from backend_sync.settlement.references import account_party
from backend_sync.settlement.statements import statements
from backend_sync.settlement.tables import (
    REFERENCE_LENGTH,
    WORDS_LENGTH,
    bank_decisions,
    bank_movements,
    bank_statements,
)
from backend_sync.storage.database import Database

CASE = ""  # a target: a person says what it is
RULE, BACK, BY_HAND = "BANKED", "BANKBACK", "BANKHAND"


class StatementRefused(ValueError):
    """The statement, or a decision, is not taken; nothing was changed. The message says why."""


class Received(NamedTuple):
    """What became of a file; cents are sums of amounts."""

    new: int
    known: int
    matched: int
    cases: int
    waiting: int


class Case(NamedTuple):
    """A line nobody understood; `decided`: to whom, "" while open."""

    line: int
    authority: int
    cents: int
    day: int
    reference: str
    state: str  # open, decided
    party: str
    words: str


def receive(
    ledger: Ledger, digest: str, found: Sequence[BankStatement], parties: Mapping[str, Party]
) -> Received:
    """Enter the statements of one file, once. Raises: StatementRefused."""
    owners = {party.iban: int(name.partition("-")[2]) for name, party in parties.items()
              if re.fullmatch("authority-[0-9]{1,3}", name)}  # fmt: skip
    for statement in found:
        if statement.iban not in owners:
            raise StatementRefused(
                f"statement {statement.name}: account {_masked(statement.iban)} is no authority's"
                " of the parties file; nothing was entered"
            )
    counts = [0, 0, 0, 0]
    with ledger.books() as books:
        database = ledger.database
        if not database.rows("SELECT 1 FROM bank_statements WHERE digest = ?", (digest,)):
            number = database.next_id(bank_statements)
            database.insert(bank_statements, [(number, digest, books.now)])
            targets = Targets(database)
            for statement in found:
                for line in statement.lines:
                    counts[_enter(books, targets, number, owners[statement.iban], line)] += 1
        else:
            counts[0] = sum(len(statement.lines) for statement in found)
    known, matched, cases, _ = counts
    waiting = sum(statement.waiting for statement in found)
    return Received(matched + cases, known, matched, cases, waiting)


def cases(database: Database, every: bool = False) -> list[Case]:
    """Return lines that are cases: those nobody has decided, or all."""
    rows = database.rows(
        "SELECT m.id, m.authority, m.cents, m.day, m.reference, d.id, d.party, d.words"
        " FROM bank_movements m LEFT JOIN bank_decisions d ON d.movement = m.id"
        " WHERE m.target = ? ORDER BY m.id",
        (CASE,),
    )
    found = [
        Case(
            line,
            authority,
            cents,
            day,
            reference,
            "decided" if decided else "open",
            party or "",
            words or "",
        )
        for line, authority, cents, day, reference, decided, party, words in rows
    ]
    return [case for case in found if every or case.state == "open"]


def decide(ledger: Ledger, line: int, party: str, words: str, by: str) -> bool:
    """Say what a case is: a payment from or to `party`, or "" = none of ours; once.

    False: it was decided so before. Raises: StatementRefused.
    """
    if not 1 <= len(words.strip()) <= WORDS_LENGTH or not words.isprintable():
        raise StatementRefused(f"--words: say in 1 to {WORDS_LENGTH} letters why")
    with ledger.books() as books:
        database = ledger.database
        case = next((case for case in cases(database, every=True) if case.line == line), None)
        if case is None:
            raise StatementRefused(f"line {line}: no case; `settlement bank-cases` lists them")
        if case.state == "decided":
            if case.party != party:
                raise StatementRefused(f"line {line}: decided before: {case.party or 'not ours'}")
            return False
        if party:
            account = account_of(party, case.authority)
            if not account or party.startswith("authority-") or not _is_known(database, party):
                raise StatementRefused(
                    f"party {party[:40]!r}: wanted operator-A-N or payer-A-NAME of a statement of"
                    f" authority {case.authority}, or account-A-N of a bill of it"
                )
            _book(books, f"bank:decided:{line}", BY_HAND, case.authority, [(account, case.cents)])
        number = database.next_id(bank_decisions)
        row = (number, line, party, words.strip(), by, books.now)
        database.insert(bank_decisions, [row])
    return True


def settled_beside_orders(database: Database) -> list[tuple[int, str, int]]:
    """Return [(authority, party, cents)] that came in (+) or went out (-) without an order."""
    rows = database.rows("SELECT authority, party, settles FROM bank_movements WHERE settles <> 0")
    rows += database.rows(
        "SELECT m.authority, d.party, m.cents FROM bank_decisions d"
        " JOIN bank_movements m ON m.id = d.movement WHERE d.party <> ''"
    )
    return [(int(area), party, int(cents)) for area, party, cents in rows]


KNOWN, MATCHED, CASES = 0, 1, 2


def _enter(books: Books, targets: Targets, number: int, authority: int, line: BankLine) -> int:
    """Enter one line; return KNOWN, MATCHED or CASES."""
    database = targets.database
    if database.rows("SELECT 1 FROM bank_movements WHERE key = ?", (line.key,)):
        return KNOWN
    movement = database.next_id(bank_movements)
    target = targets.of(line, authority)
    row = (movement, number, line.key, authority, line.cents, line.day,
           (line.references or ("",))[0][:REFERENCE_LENGTH])  # fmt: skip
    turn = _turn(targets, target, line)
    if target is None or not turn:
        database.insert(bank_movements, [(*row, CASE, "", 0)])
        return CASES
    lines = [(account_of(party, authority), turn * cents) for party, cents in target.lines]
    assert all(account for account, _ in lines), target
    _book(books, f"bank:line:{movement}", RULE if turn > 0 else BACK, authority, lines)
    party = target.lines[0][0] if len(target.lines) == 1 else ""
    # Authorities: who paid sees it come back, too, and it is outstanding again once.
    settles = line.cents if target.own and (turn < 0 or not target.ordered) else 0
    if settles and not party:
        raise StatementRefused(
            f"{line.references[0]}: a whole order came back at once; ask the bank for a statement"
            " with each payment of it; nothing was entered"
        )
    database.insert(bank_movements, [(*row, target.name, party, settles)])
    return MATCHED


def _turn(targets: Targets, target: Target | None, line: BankLine) -> int:
    """Return 1 for what pays its target, -1 for what comes back of it, 0 for neither."""
    if target is None or (target.ordered and targets.part_is_paid(target)):
        return 0
    paid = targets.paid(target)
    if not paid:
        return int(line.cents == target.cents)
    return -int(paid == target.cents and line.cents == -target.cents)


def _book(
    books: Books, key: str, rule: str, authority: int, lines: Sequence[tuple[str, int]]
) -> None:
    """Post what came in (+) or went out (-) against the account that it pays."""
    whole = sum(cents for _, cents in lines)
    booked = [(f"{BANK}:{authority}", authority, -whole)]
    books.transfer(key, rule, booked + [(name, authority, cents) for name, cents in lines])


def _is_known(database: Database, party: str) -> bool:
    """Return whether some batch has a statement or a bill of this party."""
    for closed in every_batch(database):
        if any(statement.party == party for statement in statements(closed)):
            return True
        if party.startswith("account-") and any(
            account_party(bill.authority, bill.account) == party for bill in bills(database, closed)
        ):
            return True
    return False


def _masked(iban: str) -> str:
    return f"{iban[:2]}...{iban[-4:]}" if len(iban) > 8 else repr(iban)
