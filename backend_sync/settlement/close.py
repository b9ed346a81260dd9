"""Closes a service day: one transaction, after which everybody's share stands signed in the books.

A batch takes every row that came since the one before, whatever its own service day: what comes
late falls into the next. Killed in the middle nothing was closed; closed twice it is closed once.
A batch that does not explain every cent that moved on REV is not closed.
Source: trust.md I10; decisions D3, D25; X-1, X-2, X-12; W-23, W-41, W-59, W-77, W-91.
"""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from datetime import date, timedelta
from typing import Any, NamedTuple

from backend_sync.ledger.ledger import Ledger
from backend_sync.ports import Keyring
from backend_sync.settlement.bookings import book, moved_of
from backend_sync.settlement.gather import Gathered, Gatherer, Window
from backend_sync.settlement.net import Net
from backend_sync.settlement.pass_book import PassBook
from backend_sync.settlement.tables import (
    LINES_A_ROW,
    settlement_batches,
    settlement_legs,
    settlement_lines,
)
from backend_sync.settlement.told import Told
from backend_sync.storage.database import Database
from card_layouts.settlement.batch import SCHEMA, body_hash, decode_body, encode_body
from card_layouts.settlement.lines import encode_line
from card_layouts.settlement.merkle import Tree
from card_layouts.settlement.totals import Totals

Hashes = Mapping[tuple[int, int], bytes]  # (authority, version) -> SHA-256 of the package
FIRST_DAY = date(2020, 1, 1)
BOOKS = ("entries", "ride_postings", "postings", "quarantine")


class SettlementError(Exception):
    """What was asked of settled days cannot be done; nothing was changed. It says what is wrong."""


class Closed(NamedTuple):
    """One batch; `fresh` False: it had been closed before."""

    number: int
    fresh: bool
    body: bytes
    signature: bytes  # key id 4 | Ed25519 64

    @property
    def values(self) -> dict[str, Any]:
        return decode_body(self.body)


def close_day(ledger: Ledger, day: int, hashes: Hashes) -> Closed:
    """Close service day `day` (days since 2020) with all that came before; return its batch.

    Raises: SettlementError when cents are left over; KeyringError when nobody signs, or when the
    books forgot a batch of that number.
    """
    closed = _close(ledger, day, hashes)
    fix_batches(ledger.keyring, [closed])
    return closed


def fix_batches(keyring: Keyring, batches: Sequence[Closed]) -> None:
    """Let the keyring remember batches of the books: it signs no others of their numbers.

    Only what is committed: before that a kill may let the books close with other contents.
    Raises: KeyringRefused when one was given out with another content.
    """
    given = [[closed.number, body_hash(closed.body)] for closed in batches]
    keyring.assemble("settled", {"batches": given})


def _close(ledger: Ledger, day: int, hashes: Hashes) -> Closed:
    with ledger.books() as books:
        database = ledger.database
        before = newest(database)
        if before is not None and before.values["day"] >= day:
            return closed_on(database, day)
        window, terms = window_of(database), ledger.rerater.terms
        pools, told = PassBook(database), Told(database, terms)
        totals = Totals(terms, pools)
        gatherer = Gatherer(database, window, terms, told)
        number = 1 if before is None else before.number + 1
        lines = Net(told, window, gatherer.journeys).lines(gatherer.lines())
        tree = write_lines(database, number, _added(totals, lines))
        database.insert(settlement_legs, gatherer.journeys.named())
        moved = moved_of(database, window, told.bodies)
        book(books, totals, moved.loads, number)
        pools.write(number, totals)
        books.write()
        window = window._replace(postings=(window.postings[0], _last(database, "postings")))
        values = {
            "schema": SCHEMA,
            "number": number,
            "day": day,
            "closed_at": ledger.clock.utc_seconds(),
            "currency": ledger.currency,
            "previous": body_hash(before.body) if before else b"",
            "ranges": [list(pair) for pair in window],
            "tariffs": _tariffs(totals, hashes),
            "devices": _devices(database),
            "lines": tree.count,
            "root": tree.root(),
            "sums": _sums(database, window, totals, told),
            **totals.figures(),
            **moved._asdict(),
        }
        return _write(ledger, values, window)


def refuse_future(day: int, now: int) -> None:
    """Refuse a day that has not begun: batches only go forward, it would close all until then.

    Units: days and seconds since 2020. Raises: SettlementError.
    """
    ahead = day - now // 86_400
    if ahead > 0:
        raise SettlementError(
            f"service day {FIRST_DAY + timedelta(days=day)} begins {ahead} days from now; wanted"
            " today or a day before: it would close every day until then, for good"
        )


def newest(database: Database) -> Closed | None:
    """Return the last batch; None before the first."""
    found = _batches(database, "ORDER BY id DESC LIMIT 1")
    return found[0] if found else None


def closed_on(database: Database, day: int) -> Closed:
    """Return the batch that closed a service day: its own, or the next one that was closed."""
    return _batches(database, "WHERE day >= ? ORDER BY day LIMIT 1", (day,))[0]


def every_batch(database: Database) -> list[Closed]:
    """Return all batches, oldest first."""
    return _batches(database, "ORDER BY id")


def closed_pages(database: Database, before: int, count: int) -> list[Closed]:
    """Return the newest batches, those numbered below `before` if it is not 0."""
    below = before or (1 << 53)
    return _batches(database, "WHERE id < ? ORDER BY id DESC LIMIT ?", (below, count))


def closed_numbered(database: Database, number: int) -> Closed | None:
    """Return one batch; None when there is none of that number."""
    found = _batches(database, "WHERE id = ?", (number,))
    return found[0] if found else None


def lines_of(database: Database, number: int) -> bytes:
    """Return the lines of a batch, 120 bytes each."""
    rows = database.rows(
        "SELECT lines FROM settlement_lines WHERE batch = ? ORDER BY place", (number,)
    )
    return b"".join(bytes(row[0]) for row in rows)


def revenue_moved(database: Database, first: int, last: int) -> int:
    """Return the cents that postings `first`..`last` moved on REV, before tax is taken out."""
    return int(database.value(
        "SELECT coalesce(sum(p.cents), 0) FROM postings p JOIN accounts a ON a.id = p.account"
        " WHERE p.id BETWEEN ? AND ? AND a.kind = 'REV' AND p.rule <> 'VAT'",
        (first, last),
    ))  # fmt: skip


def _batches(database: Database, where: str, values: tuple[int, ...] = ()) -> list[Closed]:
    rows = database.rows(f"SELECT id, body, signature FROM settlement_batches {where}", values)
    return [Closed(row[0], False, bytes(row[1]), bytes(row[2])) for row in rows]


def window_of(database: Database) -> Window:
    """Return the rows of each book that came since its last batch."""
    names = ", ".join(f"{name}_last" for name in BOOKS)
    rows = database.rows(f"SELECT {names} FROM settlement_batches ORDER BY id DESC LIMIT 1")
    before = rows[0] if rows else (0,) * len(BOOKS)
    return Window._make(
        (first + 1, _last(database, name)) for first, name in zip(before, BOOKS, strict=True)
    )


def _last(database: Database, table: str) -> int:
    return int(database.value(f"SELECT coalesce(max(id), 0) FROM {table}"))


def write_lines(database: Database, number: int, lines: Iterable[bytes]) -> Tree:
    """Write the lines of a batch; return their tree."""
    tree, waiting, row = Tree(), [], database.next_id(settlement_lines)
    for data in lines:
        tree.add(data)
        waiting.append(data)
        if len(waiting) == LINES_A_ROW:
            place = tree.count - len(waiting)
            database.insert(settlement_lines, [(row, number, place, b"".join(waiting))])
            row, waiting = row + 1, []
    if waiting:
        place = tree.count - len(waiting)
        database.insert(settlement_lines, [(row, number, place, b"".join(waiting))])
    return tree


def _added(totals: Totals, lines: Iterable[Gathered]) -> Iterator[bytes]:
    """Yield the bytes of each line, and add it up."""
    for line, key, charged, billed, full, legs in lines:
        if line.sign and key is not None:
            totals.add(key, line.sign, charged, billed, full)
            if legs:
                totals.split(key, line.sign, legs)
        yield encode_line(line)


def _tariffs(totals: Totals, hashes: Hashes) -> list[list[Any]]:
    used = {key.tariff for key in totals.groups if key.tariff}
    return [[*name, found] for name, found in sorted(hashes.items()) if name[1] in used]


def _devices(database: Database) -> list[list[Any]]:
    rows = database.rows(
        "SELECT device, epoch, seq, chain, held FROM devices ORDER BY device, epoch"
    )
    return [[row[0], row[1], row[2], bytes(row[3]), row[4]] for row in rows]


def _sums(database: Database, window: Window, totals: Totals, told: Told) -> list[int]:
    """Return [lines, operators, movement of REV before tax, unassigned].

    What adopted batches told of that movement is theirs.
    """
    operators = sum(int(row[6]) for row in totals.figures()["operators"])
    moved = revenue_moved(database, *window.postings)
    moved -= sum(body["sums"][2] for body in told.bodies)
    return [totals.sum(), operators, moved, moved - totals.sum()]


def _write(ledger: Ledger, values: dict[str, Any], window: Window) -> Closed:
    lines, operators, revenue, left = values["sums"]
    if left or lines != operators:
        raise SettlementError(
            f"day {values['day']} is not closed: lines sum {lines}, batch sum {operators}, REV"
            f" moved {revenue} cents; {left} are unassigned: see `tornello ledger verify`"
        )
    body = encode_body(values)
    signature = ledger.keyring.sign("settlement", [body])[0]
    last = [pair[1] for pair in window]
    ledger.database.insert(
        settlement_batches,
        [(values["number"], values["day"], values["closed_at"], *last, values["lines"], body,
          signature)],
    )  # fmt: skip
    return Closed(values["number"], True, body, signature)
