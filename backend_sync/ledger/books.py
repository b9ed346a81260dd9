"""The one door through which modules move money: transfers and holds under idempotency keys.

`Ledger.books()` is one transaction: all of it is durable when the `with` ends, or nothing is.

    with ledger.books() as books:
        books.transfer("sales:4711", "SALE", [("CASH:kiosk", 244, -500), ("REV:244:7", 244, 500)])

A key is "<module>:<id>" and unique for ever: sent again with the same lines it does nothing and
says so, with other lines it is refused and nothing of it is booked. A hold reserves and moves
nothing until it is posted; it is posted once or released once, and never both.
It must not know cards' chains, evidence or bytes. Source: decisions.md D21; trust.md 4.4.
"""

import re
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import NamedTuple

from backend_sync.ledger.accounts import CARD_KINDS, KINDS, AccountBook
from backend_sync.ledger.book_tables import KEY_LENGTH, bookings, hold_ends, hold_lines
from backend_sync.ledger.imports import Sale
from backend_sync.ledger.plants import Plant
from backend_sync.ledger.poster import Line, Poster
from backend_sync.ledger.products import ProductBook, executed_actions
from backend_sync.ledger.schema import postings, sales
from backend_sync.storage.database import Database, Row

BookLine = tuple[str, int, int]  # account name, authority, cents: above 0 owed, below 0 held
KEY = re.compile(r"[a-z_]+:\S+")
CENTS_MAX = 10**13  # of one line; a hundred milliards is a slip of the pen, not a fare
RULE_LENGTH = 8
NAME_LENGTH = 64


class BooksRefused(ValueError):
    """What was asked for cannot be booked; nothing of it was. The message says why."""


class KeyContradiction(BooksRefused):
    """The key is booked already with other lines, or the hold ended the other way."""


class Booking(NamedTuple):
    """What is known of a key."""

    id: int
    rule: str
    held: bool
    lines: list[Line]  # sorted


class Books:
    """Bookings of one transaction; `write` puts them into the tables."""

    def __init__(self, database: Database, now: int, currency: str) -> None:
        self.database = database
        self.now = now
        self.currency = currency
        self._accounts = AccountBook(database, currency)
        self._poster = Poster(database, Plant(), now)
        self._known: dict[str, Booking] = {}
        self._ended: dict[int, bool] = {}  # by booking: whether it was posted
        self._next = database.next_id(bookings)
        self._next_line = database.next_id(hold_lines)
        self._bookings: list[Row] = []
        self._hold_lines: list[Row] = []
        self._ends: list[Row] = []
        self._moved: list[Row] = []

    def transfer(
        self, key: str, rule: str, lines: Sequence[BookLine], sale: int | None = None
    ) -> bool:
        """Move money; return False when this key moved it before, with the same lines.

        Units: cents; the lines sum to 0, and lines of 0 cents are left out. `sale`: the number of
        the sale that is given back, for settlement to find its product and tax.
        Raises: KeyContradiction; BooksRefused for what is no booking or names no known card.
        """
        booking = self._booking(key, rule, False, lines)
        if booking is None:
            return False
        first = self._poster.next_line
        transfer = self._post(booking, sale)
        self._bookings.append((booking.id, key, rule, 0, transfer, first, len(booking.lines),
                               self.now))  # fmt: skip
        return True

    def hold(self, key: str, rule: str, lines: Sequence[BookLine]) -> bool:
        """Reserve: nothing moves until `post_hold`; shown in suspense. Otherwise as `transfer`."""
        booking = self._booking(key, rule, True, lines)
        if booking is None:
            return False
        first = self._next_line
        for line in booking.lines:
            self._hold_lines.append((self._next_line, booking.id, *line))
            self._next_line += 1
        self._bookings.append((booking.id, key, rule, 1, None, first, len(booking.lines), self.now))
        return True

    def post_hold(self, key: str) -> bool:
        """Move what a hold reserves; return False when that was done before.

        Raises: KeyContradiction when it was released; BooksRefused when there is no such hold.
        """
        return self._end(key, True)

    def release_hold(self, key: str) -> bool:
        """Let go what a hold reserves; otherwise as `post_hold`."""
        return self._end(key, False)

    def sold(self, sale: Sale) -> None:
        """Enter a sale whose money a transfer of this transaction brings to PREPAID[action].

        It is a sale as any other from here on: earned once what it pays for is on its card.
        Raises: BooksRefused when its id or its action is sold already.
        """
        before = self.database.rows(
            "SELECT sale, action FROM sales WHERE sale = ? OR action = ?", sale[:2]
        )
        if before:
            name, action = before[0]
            raise BooksRefused(f"sale {sale.sale}: sold before as sale {name}, action {action}")
        number = self.database.next_id(sales)
        self.database.insert(sales, [(number, *sale)])
        if sale.action in executed_actions(self.database, {sale.action}):
            products = ProductBook(self.database, self._accounts, self._poster)
            products.earn(number, sale.action, sale.cents, sale.authority)

    def write(self) -> None:
        """Put everything booked so far into the tables, so that queries see it."""
        self._accounts.write()
        self.database.insert(postings, self._poster.lines)
        self.database.run(
            "UPDATE cards SET balance_cents = balance_cents + ? WHERE id = ?", self._moved
        )
        self.database.insert(bookings, self._bookings)
        self.database.insert(hold_lines, self._hold_lines)
        self.database.insert(hold_ends, self._ends)
        self._poster.lines, self._moved = [], []
        self._bookings, self._hold_lines, self._ends = [], [], []

    def _booking(
        self, key: str, rule: str, held: bool, lines: Sequence[BookLine]
    ) -> Booking | None:
        """Return a new booking, or None when the very same is booked already."""
        _check(key, rule, lines)
        lines = [line for line in lines if line[2]]
        self._accounts.load({line[0] for line in lines})
        before = self._find(key)
        if before is None:
            self._known[key] = Booking(self._next, rule, held, self._numbered(key, lines))
            self._next += 1
            return self._known[key]
        known = self._accounts.known
        now = [(known.get(name, 0), cents, self.currency, area) for name, area, cents in lines]
        if before[1:] != (rule, held, sorted(now)):
            raise KeyContradiction(
                f"{key}: booked before as {self._words_of(before)}, now as"
                f" {_words(rule, held, lines)}; the first stands, nothing was changed"
            )
        return None

    def _end(self, key: str, posted: bool) -> bool:
        booking = self._find(key)
        if booking is None or not booking.held:
            found = "a transfer has this key" if booking else "nothing has this key"
            raise BooksRefused(f"{key}: no such hold: {found}")
        before = self._ended.get(booking.id)
        if before is None:
            rows = self.database.rows(
                "SELECT posted FROM hold_ends WHERE booking = ?", (booking.id,)
            )
            before = bool(rows[0][0]) if rows else None
        if before is not None and before != posted:
            words = ("released", "posted")
            raise KeyContradiction(
                f"{key}: this hold was {words[before]} before, so it cannot be {words[posted]};"
                " nothing was changed"
            )
        if before is not None:
            return False
        self._ended[booking.id] = posted
        transfer = self._post(booking) if posted else None
        self._ends.append((booking.id, int(posted), transfer, self.now))
        return True

    def _post(self, booking: Booking, sale: int | None = None) -> int | None:
        """Write the postings; return their transfer's number."""
        if not booking.lines:
            return None
        transfer = self._poster.next_transfer
        self._poster.transfer(booking.lines, booking.rule, sale=sale)
        # Those that are cards: their money moved beside their chain.
        self._moved += [(line[1], line[0]) for line in booking.lines]
        return transfer

    def _numbered(self, key: str, lines: Sequence[BookLine]) -> list[Line]:
        """Return the lines with numbers of accounts; opens accounts, but never a card's."""
        for name, _, _ in lines:
            if name.startswith(CARD_KINDS) and name not in self._accounts.known:
                raise BooksRefused(f"{key}: {name}: no such card is issued or was seen")
            currency = self._accounts.currency_of(name)
            if currency != self.currency:
                raise BooksRefused(f"{key}: {name} is kept in {currency}, not in {self.currency}")
        return sorted(
            (self._accounts.number(name, area), cents, self.currency, area)
            for name, area, cents in lines
        )

    def _find(self, key: str) -> Booking | None:
        if key not in self._known:
            rows = self.database.rows(
                "SELECT id, rule, held, first, lines FROM bookings WHERE key = ?", (key,)
            )
            if not rows:
                return None
            number, rule, held, first, count = rows[0]
            table = "hold_lines" if held else "postings"
            lines = self.database.rows(
                f"SELECT account, cents, currency, authority FROM {table} WHERE id >= ? AND id < ?",
                (first, first + count),
            )
            self._known[key] = Booking(number, rule, bool(held), sorted(map(tuple, lines)))
        return self._known[key]

    def _words_of(self, booking: Booking) -> str:
        names = {number: name for name, number in self._accounts.known.items()}
        wanted = sorted({line[0] for line in booking.lines} - names.keys())
        names |= dict(self.database.rows_in("SELECT id, name FROM accounts WHERE id IN {}", wanted))
        lines = [(names[line[0]], line[3], line[1]) for line in booking.lines]
        return _words(booking.rule, booking.held, lines)


@contextmanager
def open_books(database: Database, now: int, currency: str) -> Iterator[Books]:
    """One transaction of the ledger's database, to move money in."""
    with database.transaction():
        books = Books(database, now, currency)
        yield books
        books.write()


def _check(key: str, rule: str, lines: Sequence[BookLine]) -> None:
    if not isinstance(key, str) or not KEY.fullmatch(key) or len(key) > KEY_LENGTH:
        raise BooksRefused(
            f"key {key!r}: wanted '<module>:<id>' without spaces, at most {KEY_LENGTH} characters"
        )
    if not re.fullmatch(rf"[A-Z0-9_]{{1,{RULE_LENGTH}}}", rule):
        raise BooksRefused(f"{key}: rule {rule!r}, wanted 1 to {RULE_LENGTH} capitals or digits")
    if not lines:
        raise BooksRefused(f"{key}: no lines, wanted at least one")
    for name, authority, cents in lines:
        kind = name.partition(":")[0]
        if kind not in KINDS or len(name) > NAME_LENGTH or name == kind:
            raise BooksRefused(
                f"{key}: account {name!r}, wanted 'KIND:part' of at most {NAME_LENGTH} characters;"
                f" kinds are {', '.join(KINDS)}"
            )
        for what, value, top in (("cents", cents, CENTS_MAX), ("authority", authority, 1 << 30)):
            if type(value) is not int or abs(value) > top:
                raise BooksRefused(f"{key}: {name}: {what} {value!r}, wanted a number to {top}")
    if total := sum(line[2] for line in lines):
        raise BooksRefused(f"{key}: the lines sum to {total} cents, wanted 0")


def _words(rule: str, held: bool, lines: Sequence[BookLine]) -> str:
    said = ", ".join(f"{name} {cents} (area {area})" for name, area, cents in sorted(lines))
    return f"{'hold' if held else 'transfer'} {rule} [{said}]"
