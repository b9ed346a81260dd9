"""Dormant value: stated, announced, booked once as breakage, and given back whenever it is wanted.

    policy stated -> unused for its months -> announced -> notice over: LIAB -> BREAKAGE
    the card is used, or its holder asks, at any time: BREAKAGE -> LIAB, to the cent

The card itself keeps its value and pays with it as ever: only the books call it breakage. A card
about which anything is open is left alone. Source: X-10; decision D21 (BREAKAGE).
"""

from typing import NamedTuple

from backend_sync.ledger.accounts import BREAKAGE
from backend_sync.ledger.books import Books
from backend_sync.ledger.ledger import Ledger
from backend_sync.ledger.listing import DISMISSED, LISTED
from backend_sync.sales.card_money import card_money
from backend_sync.sales.disputes import has_open
from backend_sync.sales.dormancy_tables import (
    NAME_LENGTH,
    WORDS_LENGTH,
    dormancy_moves,
    dormancy_notices,
    dormancy_policies,
)
from backend_sync.storage.database import Database

DAY_S = 86_400
MONTH_DAYS = 31  # to the holder's favour
MONTHS_LEAST, MONTHS_MOST = 12, 600
NOTICE_LEAST, NOTICE_MOST = 30, 3660
UNANNOUNCED, ANNOUNCED, DUE, HELD_BACK = "to announce", "announced", "due", "held back"
STATES = (UNANNOUNCED, ANNOUNCED, DUE, HELD_BACK)
DORMANT, USED, ASKED, CLAIMED = "dormant", "used", "asked", "claimed"
LAST_USED = (
    "SELECT card, max(received) FROM entries WHERE card IS NOT NULL GROUP BY card",
    "SELECT card, max(used) FROM card_uses GROUP BY card",  # of entries that are folded
    "SELECT card, max(time) FROM issues GROUP BY card",
    "SELECT card, max(received) FROM actions GROUP BY card",
    "SELECT card, max(received) FROM slips GROUP BY card",
    "SELECT card, max(received) FROM deposits GROUP BY card",
    "SELECT card, max(received) FROM claims GROUP BY card",
    "SELECT card, max(received) FROM disputes GROUP BY card",
    "SELECT card, max(received) FROM dormancy_moves WHERE cents < 0 GROUP BY card",
)


class DormancyRefused(ValueError):
    """What was asked for cannot be; nothing was changed. The message says why."""


class Policy(NamedTuple):
    """What an issuer has stated."""

    months: int
    notice_days: int
    words: str

    @property
    def seconds(self) -> int:
        return self.months * MONTH_DAYS * DAY_S


class Row(NamedTuple):
    """One dormant card of the report; `due` is 0 before it was announced."""

    card: int
    issuer: int
    cents: int
    used: int  # last, s since 2020
    state: str  # of STATES
    due: int
    why: str  # what is open, if it is held back


class Dormancy:
    """What is dormant, and what becomes of it."""

    def __init__(self, ledger: Ledger) -> None:
        self.ledger = ledger
        self.database = ledger.database

    def state_policy(
        self, issuer: int, months: int, notice_days: int, words: str, by: str, second: str
    ) -> bool:
        """State an issuer's policy, by two people; False if it is the one in force already."""
        for what, value, low, top in (
            ("months", months, MONTHS_LEAST, MONTHS_MOST),
            ("notice days", notice_days, NOTICE_LEAST, NOTICE_MOST),
        ):
            if type(value) is not int or not low <= value <= top:
                raise DormancyRefused(f"{what} {value!r}: wanted {low} to {top}")
        _check_names(by, second, words)
        if by == second:
            raise DormancyRefused(f"{by}: a policy is stated by two people")
        with self.ledger.books() as books:
            if self.policy(issuer) == Policy(months, notice_days, words):
                return False
            row = (self.database.next_id(dormancy_policies), issuer, months, notice_days, words,
                   by, second, books.now)  # fmt: skip
            self.database.insert(dormancy_policies, [row])
        return True

    def policy(self, issuer: int) -> Policy | None:
        """Return what an issuer has stated last; None: its value never becomes dormant."""
        rows = self.database.rows(
            "SELECT months, notice_days, words FROM dormancy_policies WHERE issuer = ?"
            " ORDER BY id DESC LIMIT 1",
            (issuer,),
        )
        return Policy(*rows[0]) if rows else None

    def report(self, now: int | None = None) -> list[Row]:
        """Return every dormant card whose issuer has stated a policy, by number."""
        now = self.ledger.clock.utc_seconds() if now is None else now
        rows = self.database.rows(
            "SELECT id, issuer, balance_cents FROM cards WHERE balance_cents > 0 AND issued = 1"
            " AND issuer IN (SELECT issuer FROM dormancy_policies) ORDER BY id"
        )
        used = last_used(self.database) if rows else {}
        found = []
        for card, issuer, cents in rows:
            policy = self.policy(issuer)
            if policy is not None and used.get(card, now) + policy.seconds <= now:
                found.append(self._row(card, issuer, cents, used[card], now))
        return found

    def announce(self, by: str) -> list[Row]:
        """Announce what became dormant; return what was announced now, for holders to be told."""
        _check_names(by, by, "-")
        with self.ledger.books() as books:
            rows = [row for row in self.report(books.now) if row.state == UNANNOUNCED]
            first, found = self.database.next_id(dormancy_notices), []
            for place, row in enumerate(rows):
                policy = self.policy(row.issuer)
                assert policy is not None
                due = books.now + policy.notice_days * DAY_S
                found.append(row._replace(state=ANNOUNCED, due=due))
                notice = (first + place, row.card, row.cents, row.used, due, by, books.now)
                self.database.insert(dormancy_notices, [notice])
        return found

    def book(self) -> tuple[list[Row], list[int]]:
        """Book what is due as breakage, and give back to cards that were used since.

        Return (what was booked, the cards that got their value back); each is booked once.
        """
        with self.ledger.books() as books:
            back = self._came_back()
            for card in back:
                revive(books, card, USED)
            books.write()
            due = [row for row in self.report(books.now) if row.state == DUE]
            for row in due:
                _move(books, row.card, row.cents, DORMANT)
        return due, back

    def give_back(self, card: int) -> int:
        """Give a card's holder, who asks, what was booked as breakage; return the cents."""
        with self.ledger.books() as books:
            if card_money(self.database, card) is None:
                raise DormancyRefused(f"card {card}: there is none")
            return revive(books, card, ASKED)

    def figures(self) -> dict[int, int]:
        """Return the cents that are breakage now, by card."""
        return self._taken()

    def _row(self, card: int, issuer: int, cents: int, used: int, now: int) -> Row:
        if why := open_about(self.database, card):
            return Row(card, issuer, cents, used, HELD_BACK, 0, why)
        # A notice of before the last use is none: the card has lived since.
        sql = "SELECT max(due) FROM dormancy_notices WHERE card = ? AND received > ?"
        due = int(self.database.value(sql, (card, used)) or 0)
        state = UNANNOUNCED if not due else DUE if due <= now else ANNOUNCED
        return Row(card, issuer, cents, used, state, due, "")

    def _taken(self) -> dict[int, int]:
        rows = self.database.rows(
            "SELECT card, sum(cents) FROM dormancy_moves GROUP BY card HAVING sum(cents) > 0"
            " ORDER BY card"
        )
        return {int(card): int(cents) for card, cents in rows}

    def _came_back(self) -> list[int]:
        """Return the cards whose value is breakage, and that were used since."""
        taken = self._taken()
        used = last_used(self.database) if taken else {}
        rows = self.database.rows(
            "SELECT card, max(received) FROM dormancy_moves WHERE cents > 0 GROUP BY card"
        )
        return [card for card, at in rows if card in taken and used.get(card, 0) > at]


def revive(books: Books, card: int, why: str) -> int:
    """Give back to a card what was booked as breakage; return the cents, 0 if nothing was."""
    sql = "SELECT coalesce(sum(cents), 0) FROM dormancy_moves WHERE card = ?"
    cents = int(books.database.value(sql, (card,)))
    if cents:
        _move(books, card, -cents, why)
    return cents


def last_used(database: Database) -> dict[int, int]:
    """Return when each card was last used or asked about, s since 2020; reads all entries once."""
    found: dict[int, int] = {}
    for sql in LAST_USED:
        for card, at in database.rows(sql):
            found[card] = max(found.get(card, 0), int(at))
    return found


def open_about(database: Database, card: int) -> str:
    """Return what is open about a card, "" when nothing is."""
    money = card_money(database, card)
    if money is None or money.suspense_cents:
        return "a tap is in suspense"
    listed = database.rows(
        "SELECT decision FROM listing_decisions WHERE card = ? AND decision <> ?"
        " ORDER BY id DESC LIMIT 1",
        (card, DISMISSED),
    )
    if listed and listed[0][0] == LISTED:
        return "it is on the hotlist"
    if has_open(database, card):
        return "a dispute is open"
    if database.rows("SELECT 1 FROM claims WHERE card = ? OR new_card = ?", (card, card)):
        return "a claim of its value was made"
    if database.rows(
        "SELECT 1 FROM actions a JOIN action_states s ON s.action = a.id WHERE a.card = ?"
        " AND s.ended = 0", (card,),
    ):  # fmt: skip
        return "an action waits for it"
    if database.rows("SELECT 1 FROM alarms WHERE card = ?", (card,)):
        return "an alarm is about it"
    return ""


def _move(books: Books, card: int, cents: int, why: str) -> None:
    money = card_money(books.database, card)
    assert money is not None
    sql = "SELECT count(*) FROM dormancy_moves WHERE card = ?"
    turn = int(books.database.value(sql, (card,))) + 1
    row = (books.database.next_id(dormancy_moves), card, turn, cents, why, books.now)
    books.database.insert(dormancy_moves, [row])
    area = money.issuer
    books.transfer(f"sales:dormant:{card}:{turn}", "DORMANT" if cents > 0 else "REVIVED",
                   [(money.name, area, -cents), (f"{BREAKAGE}:{area}", area, cents)])  # fmt: skip


def _check_names(by: str, second: str, words: str) -> None:
    for what, text, most in (("by", by, NAME_LENGTH), ("second", second, NAME_LENGTH),
                             ("words", words, WORDS_LENGTH)):  # fmt: skip
        if not text or text != text.strip() or len(text) > most:
            raise DormancyRefused(f"{what} {text!r}: wanted 1 to {most} characters")
