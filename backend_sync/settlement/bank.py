"""Orders to banks: what is outstanding becomes a file once, kept in the books with its lines.

An order and what it pays are one transaction; the file is written out from the books afterwards, as
often as wanted and always the same. Run twice, killed in between or started twice at once: nobody
is paid twice. The accounts of the books are not moved: only a bank knows whether it was paid.
Source: requirements W-23, R-8; trust.md T17.
"""

from collections.abc import Callable, Mapping, Sequence
from datetime import timedelta
from pathlib import Path
from typing import NamedTuple

from backend_sync.ledger.ledger import Ledger
from backend_sync.settlement.dues import Due, outstanding
from backend_sync.settlement.export import write
from backend_sync.settlement.given_out import given_batches
from backend_sync.settlement.parties import Party
from backend_sync.settlement.payments import EURO, Order, collection, payment
from backend_sync.settlement.tables import bank_lines, bank_orders
from backend_sync.settlement.words import FIRST_DAY
from backend_sync.storage.database import Database, Row

PAY, COLLECT = "pay", "collect"


class BankRefused(ValueError):
    """No order can be made; nothing was changed. The message says why and what to do."""


class LeftOut(NamedTuple):
    """What is outstanding and in no order, and why."""

    authority: int
    party: str
    cents: int
    why: str


def order(
    ledger: Ledger, parties: Mapping[str, Party]
) -> tuple[list[tuple[int, str, int, int]], list[LeftOut]]:
    """Order everything outstanding; return ([(order, kind, authority, cents)], what is left out).

    Raises: BankRefused when SEPA does not know the currency; as `given_batches` when the books were
    put back from an older copy: what they forgot may have been paid.
    """
    if ledger.currency != EURO:
        raise BankRefused(f"SEPA pays in EUR only, the books are in {ledger.currency}: use the CSV")
    made: list[tuple[int, str, int, int]] = []
    with ledger.books():
        database = ledger.database
        batches = given_batches(database, ledger.keyring)
        dues = outstanding(database)
        left_out = [LeftOut(*due, _why_not(due, parties)) for due in dues]
        left_out = [row for row in left_out if row.why]
        refused = {row[:3] for row in left_out}
        now = ledger.clock.utc_seconds()
        today = FIRST_DAY + timedelta(seconds=now)
        for kind, sign, make in ((PAY, 1, payment), (COLLECT, -1, collection)):
            for area in sorted({due.authority for due in dues}):
                mine = [due for due in dues if due.authority == area and due not in refused
                        and due.cents * sign > 0 and not _comes_by_itself(due)]  # fmt: skip
                if mine and batches:
                    number = database.next_id(bank_orders)
                    head = Order(number, area, batches[-1].number, now, today)
                    made.append(_keep(database, kind, head, mine, make, parties))
    return made, left_out


def write_orders(database: Database, folder: Path) -> list[Path]:
    """Write the file of every order into `folder`; return those that were not there."""
    return [path for path, body in _files(database, folder).items() if write(path, body)]


def refuse_strange_orders(database: Database, folder: Path) -> None:
    """Refuse where `folder` holds an order that the books do not know: they are older than it.

    Books put back from a backup would order the same money again. Raises: BankRefused.
    """
    known = _files(database, folder)
    for path in sorted(folder.glob("*-authority-*-*.xml")):
        if path.read_bytes() != known.get(path):
            raise BankRefused(
                f"{path}: the books know no such order, so they are older than it, and the bank may"
                " have carried it out: book what it did (settlement bank-statement), then move the"
                " file away; nothing was ordered"
            )


def _files(database: Database, folder: Path) -> dict[Path, bytes]:
    rows = database.rows("SELECT id, authority, kind, body FROM bank_orders ORDER BY id")
    return {folder / f"{kind}-authority-{area}-{number:06}.xml": bytes(body)
            for number, area, kind, body in rows}  # fmt: skip


def _why_not(due: Due, parties: Mapping[str, Party]) -> str:
    """Return why nothing can be ordered for it, and what to do; "" where it can, or need not."""
    payer, party = parties.get(f"authority-{due.authority}"), parties.get(due.party)
    kind = due.party.partition("-")[0]
    if _comes_by_itself(due):
        return ""
    if due.cents < 0 and kind == "operator":
        return "it got too much: taken off its next payment"
    if due.cents > 0 and kind == "payer":
        return "it was billed too much: taken off its next bill"
    if payer is None:
        return f"[authority.{due.authority}] is not in the parties file"
    if party is None:
        return f"[{due.party.replace('-', '.', 2)}] is not in the parties file: no account"
    if due.cents < 0 and not payer.creditor_id:
        return f"[authority.{due.authority}] has no creditor_id: it cannot collect"
    if due.cents < 0 and not party.mandate:
        return "it signed no mandate: send an invoice"
    return ""


def _comes_by_itself(due: Due) -> bool:
    """Return whether the other side pays it: authorities are paid, never collected from."""
    return due.cents < 0 and due.party.startswith("authority-")


def _keep(
    database: Database,
    kind: str,
    head: Order,
    dues: Sequence[Due],
    make: Callable[[Order, Sequence[Due], Mapping[str, Party]], bytes],
    parties: Mapping[str, Party],
) -> tuple[int, str, int, int]:
    """Write one order and what it settles on both sides."""
    lines: list[Row] = []
    for due in dues:
        lines.append((due.authority, due.party, due.cents))
        if due.party.startswith("authority-"):
            other = int(due.party.partition("-")[2])
            lines.append((other, f"authority-{due.authority}", -due.cents))
    body = make(head, dues, parties)
    database.insert(bank_orders, [(head.number, head.batch, head.authority, kind, body)])
    first = database.next_id(bank_lines)
    database.insert(bank_lines, [(first + place, head.number, *line)
                                 for place, line in enumerate(lines)])  # fmt: skip
    return head.number, kind, head.authority, sum(abs(due.cents) for due in dues)
