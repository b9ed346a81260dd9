"""What was paid for a product is earned once the product is on its card: PREPAID to REV.

Whichever of sale and execution comes first; taken back when no execution is posted any more. So
PREPAID holds what is paid and not executed. A function of the sets of sales and entries: each sale
of an action with at least one posted ACTION entry is earned, to the cent that was paid for it. What
carriers get of it is settled later, as of a tourist's ticket. (Orders of the web shop are no sales:
`backend_sync/actions` moves theirs.) Source: decisions.md D9, D21; trust.md 4.4.
"""

from collections.abc import Iterable, Sequence

from backend_sync.ledger.accounts import PREPAID, REV, AccountBook
from backend_sync.ledger.arrivals import Entry
from backend_sync.ledger.cards import Intent
from backend_sync.ledger.decoding import read_announced, read_product
from backend_sync.ledger.poster import Poster
from backend_sync.ledger.product_tables import product_entries
from backend_sync.ledger.results import BITS, POSTED, state_of
from backend_sync.storage.database import Database, Row
from card_layouts.cards.card_layout import KIND_PRODUCT
from card_layouts.records.entries import ACTION
from card_layouts.records.entries_service import ACT_PRODUCT

SCHEME = 0  # operator of what is not split among carriers yet
SOLD, UNSOLD = "SOLD", "UNSOLD"  # rules of the postings


class ProductBook:
    """The products that one group's entries put on cards; `write` keeps what they were."""

    def __init__(self, database: Database, book: AccountBook, poster: Poster) -> None:
        self.database = database
        self.book = book
        self.poster = poster
        self._rows: list[Row] = []
        self._actions: dict[int, int] = {}  # action by entry, of this group

    def take(self, entry: Entry) -> None:
        """Take an ACTION that announces a product."""
        if entry.opened.type != ACTION:
            return
        payload = entry.opened.payload
        _, _, kind, action = read_announced(payload)
        if kind == ACT_PRODUCT:
            self._actions[entry.id] = action
            self._rows.append((entry.id, *read_product(payload)))

    def settle(self, intents: Iterable[Intent]) -> None:
        """Earn what is executed now, take back what is executed no more."""
        states = {
            i.id: (state_of(i.before) == POSTED, state_of(i.bits) == POSTED)
            for i in intents
            if i.kind == KIND_PRODUCT
        }
        changed = [number for number, (before, after) in states.items() if before != after]
        stored = dict(self.database.rows_in(
            f"SELECT id, action FROM action_entries WHERE kind = {ACT_PRODUCT} AND id IN {{}}",
            changed,
        ))  # fmt: skip
        actions = {**stored, **self._actions}
        moved = {actions[number] for number in changed if number in actions}
        if not moved:
            return
        before = _executed(self.database, moved)
        after = {n: action for n, action in before.items() if states.get(n, (True, True))[1]}
        after |= {n: actions[n] for n in changed if n in actions and states[n][1]}
        executed = set(after.values())
        for number, action, cents, area in _sales(self.database, executed ^ set(before.values())):
            self.earn(number, action, cents if action in executed else -cents, area)

    def earn(self, sale: int, action: int, cents: int, area: int) -> None:
        """Move the money of sale number `sale`; below 0 it is taken back."""
        paid = self.book.number(f"{PREPAID}:{action}", area)
        earned = self.book.number(f"{REV}:{area}:{SCHEME}", area)
        currency = self.book.home_currency
        lines = [(paid, -cents, currency, area), (earned, cents, currency, area)]
        if cents:
            self.poster.transfer(lines, SOLD if cents > 0 else UNSOLD, sale=sale)

    def write(self) -> None:
        self.database.insert(product_entries, self._rows)


def executed_actions(database: Database, actions: Iterable[int]) -> set[int]:
    """Return those of these actions that have put a product on a card, by the books so far."""
    return set(_executed(database, actions).values())


def _executed(database: Database, actions: Iterable[int]) -> dict[int, int]:
    """Return {entry: action} of the posted ACTION entries that put a product on a card."""
    found = dict(database.rows_in(
        f"SELECT id, action FROM action_entries WHERE kind = {ACT_PRODUCT} AND action IN {{}}",
        sorted(set(actions)),
    ))  # fmt: skip
    bits = dict.fromkeys(found, 0)
    for number, rule in database.rows_in(
        "SELECT pending, rule FROM evidence WHERE pending IN {}", sorted(found)
    ):
        bits[number] |= BITS[rule]
    return {n: action for n, action in found.items() if state_of(bits[n]) == POSTED}


def _sales(database: Database, actions: set[int]) -> Sequence[Row]:
    return database.rows_in(
        "SELECT id, action, cents, authority FROM sales WHERE action IN {} ORDER BY id",
        sorted(actions),
    )
