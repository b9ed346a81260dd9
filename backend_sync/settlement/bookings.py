"""What closing a day books: bills to payers, shares of journeys, tax, debts between authorities.

Everything goes through the ledger's Books under keys that name the batch, so nothing is booked
twice. Source: decisions D3, D21; X-1, X-12; W-41, W-59; SPEC.md section 2.
"""

from collections import defaultdict
from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

from backend_sync.ledger.accounts import CLEARING, CONCESSION, REV, VAT
from backend_sync.ledger.books import BookLine, Books
from backend_sync.settlement.gather import Window
from backend_sync.settlement.rules import BILLED, CLEARED, EVERY_RULE, SHARED, SPLIT, TAX
from backend_sync.storage.database import Database
from card_layouts.settlement.totals import Totals


class Moved(NamedTuple):
    """What cannot be told from lines: money that changed authority by loads and the like."""

    loads: list[list[int]]  # [from, to, cents]
    takings: list[list[int | str]]  # [authority, channel, cents]


def book(books: Books, totals: Totals, loads: list[list[int]], number: int) -> None:
    """Book what the totals of batch `number` ask for, and `loads` between authorities."""
    key = f"settlement:{number}"
    figures = totals.figures()
    _bill(books, key, figures["payers"])
    _split(books, key, totals)
    _share(books, key, totals)
    _tax(books, key, totals)
    for name, rows in (("rides", figures["clearing"]), ("loads", loads)):
        for debtor, creditor, cents in rows:
            _clear(books, f"{key}:clearing:{name}:{debtor}:{creditor}", int(debtor), int(creditor),
                   int(cents))  # fmt: skip


def moved_of(database: Database, window: Window, told: Sequence[Mapping[str, Any]]) -> Moved:
    """Return what moved in these rows, less what the bodies of adopted batches `told`."""
    found = _loads(database, window), _takings(database, window)
    left = []
    for name, now in zip(Moved._fields, found, strict=True):
        cents = defaultdict(int, {tuple(row[:-1]): row[-1] for row in now})
        for body in told:
            for row in body[name]:
                cents[tuple(row[:-1])] -= row[-1]
        left.append([[*where, moved] for where, moved in sorted(cents.items()) if moved])
    return Moved(*left)


def _bill(books: Books, key: str, payers: list[list[int | str]]) -> None:
    """Book what payers owe for rides that cost the rider less: by use (W-59, W-77, W-91)."""
    owed: dict[tuple[int, str, int], int] = defaultdict(int)
    for row in payers:
        owed[int(row[0]), str(row[1]), int(row[2])] += int(row[-1])
    for (area, payer, operator), cents in sorted(owed.items()):
        books.transfer(
            f"{key}:payer:{area}:{operator}:{payer}",
            BILLED,
            [(f"{CONCESSION}:{area}:{payer}", area, -cents), (_rev(area, operator), area, cents)],
        )


def _split(books: Books, key: str, totals: Totals) -> None:
    """Book what operators give each other for journeys they share (X-12)."""
    moved: dict[tuple[int, int], int] = defaultdict(int)
    for to, cents in totals.moves.items():
        moved[to.authority, to.operator] += cents
    lines: dict[int, list[BookLine]] = defaultdict(list)
    for (area, operator), cents in sorted(moved.items()):
        lines[area].append((_rev(area, operator), area, cents))
    for area, of_area in sorted(lines.items()):
        books.transfer(f"{key}:split:{area}", SPLIT, of_area)


def _share(books: Books, key: str, totals: Totals) -> None:
    """Book who gets what was paid for passes; what an area's passes move sums to 0."""
    moved: dict[tuple[int, int, int], int] = defaultdict(int)
    for part, cents in totals.shared().items():
        moved[part.authority, part.area, part.operator] += cents
    lines: dict[int, list[BookLine]] = defaultdict(list)
    for (seller, area, operator), cents in sorted(moved.items()):
        lines[seller].append((_rev(area, operator), area, cents))
    for seller, of_seller in sorted(lines.items()):
        books.transfer(f"{key}:passes:{seller}", SHARED, of_seller)


def _tax(books: Books, key: str, totals: Totals) -> None:
    """Book the tax inside what operators earned (X-1)."""
    for (area, code, permille, operator), cents in sorted(totals.taxes().items()):
        if cents:
            books.transfer(
                f"{key}:vat:{area}:{code}:{permille}:{operator}",
                TAX,
                [(_rev(area, operator), area, -cents), (f"{VAT}:{area}:{code}", area, cents)],
            )


def _clear(books: Books, key: str, debtor: int, creditor: int, cents: int) -> None:
    """Book that one authority owes another: its account above 0, the other's claim below."""
    books.transfer(
        key,
        CLEARED,
        [(f"{CLEARING}:{debtor}:{creditor}", debtor, cents),
         (f"{CLEARING}:{creditor}:{debtor}", creditor, -cents)],
    )  # fmt: skip


def _loads(database: Database, window: Window) -> list[list[Any]]:
    """Return [from, to, cents] of transfers between accounts of two authorities.

    Left out are rides, and what closing or adopting a batch booked. Who holds the money (below 0)
    owes it to who owes or earned it (above 0).
    """
    transfers: dict[int, list[tuple[int, int]]] = defaultdict(list)
    for transfer, owner, cents in database.rows(
        "SELECT p.transfer, a.authority, sum(p.cents) FROM postings p"
        " JOIN accounts a ON a.id = p.account LEFT JOIN rides r ON r.id = p.pending"
        f" WHERE p.id BETWEEN ? AND ? AND r.id IS NULL AND p.rule NOT IN ({EVERY_RULE})"
        " GROUP BY p.transfer, a.authority HAVING sum(p.cents) <> 0",
        window.postings,
    ):
        transfers[transfer].append((owner, int(cents)))
    found: dict[tuple[int, int], int] = defaultdict(int)
    for rows in transfers.values():
        for debtor, creditor, cents in _pairs(rows):
            found[debtor, creditor] += cents
    return [[*pair, cents] for pair, cents in sorted(found.items())]


def _takings(database: Database, window: Window) -> list[list[Any]]:
    """Return [authority, channel, cents] that sales channels took, money for cards included."""
    found: dict[tuple[int, str], int] = defaultdict(int)
    for owner, name, cents in database.rows(
        "SELECT a.authority, a.name, sum(p.cents) FROM postings p JOIN accounts a"
        " ON a.id = p.account WHERE p.id BETWEEN ? AND ? AND a.kind = 'CASH'"
        " GROUP BY a.authority, a.name",
        window.postings,
    ):
        found[owner, name.split(":")[1]] -= int(cents)
    return [[*where, cents] for where, cents in sorted(found.items())]


def _pairs(rows: list[tuple[int, int]]) -> list[tuple[int, int, int]]:
    """Return who owes whom so that every owner's sum becomes 0."""
    debtors = [[owner, -cents] for owner, cents in sorted(rows) if cents < 0]
    creditors = [[owner, cents] for owner, cents in sorted(rows) if cents > 0]
    found = []
    while debtors and creditors:
        cents = min(debtors[0][1], creditors[0][1])
        found.append((debtors[0][0], creditors[0][0], cents))
        for side in (debtors, creditors):
            side[0][1] -= cents
            if not side[0][1]:
                side.pop(0)
    return found


def _rev(area: int, operator: int) -> str:
    return f"{REV}:{area}:{operator}"
