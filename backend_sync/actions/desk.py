"""The desk of actions: orders and cancels them, works out what became of each, moves their money.

Everything happens in a transaction of `Ledger.books()`. Money moves twice at most, each once:

    ordered      CASH:<channel> -> PREPAID:<action>       key actions:<id>:paid
    executed     PREPAID -> LIAB by the ledger's core, from the ACTION entry; a product's price goes
                 PREPAID -> REV:<issuer>:0                 key actions:<id>:sold
    withdrawn or expired, for certain: PREPAID -> PAYOUT   key actions:<id>:back

Nobody pays for a goodwill (ACT_ADJUST): the core moves it UNALLOCATED -> LIAB when it is executed,
and GOODWILL:<issuer> bears it, GOODWILL -> UNALLOCATED    key actions:<id>:given

Source: trust.md 4.4, 4.5; decisions.md D9, D21.
"""

from collections.abc import Iterable
from hashlib import sha256
from typing import NamedTuple

from backend_sync.actions.facts import Action, Facts, Told, action_of
from backend_sync.actions.places import Place, PlacesFull, fillers, next_place
from backend_sync.actions.states import (
    CREATED,
    DISPLACED,
    ENDED,
    EXECUTED,
    EXPIRED,
    SUPERSEDED,
    state_of_action,
)
from backend_sync.actions.tables import KEY_LENGTH, action_cancels, action_lines, actions
from backend_sync.ledger.accounts import CASH, GOODWILL, PAYOUT, PREPAID, REV, UNALLOCATED
from backend_sync.ledger.books import Books
from backend_sync.refusal import Refusal
from card_layouts.records.entries_service import ACT_ADJUST, ACT_PRODUCT

FIRST_ACTION = 1 << 29  # counters and offices number theirs below
ACTION_MAX = (1 << 30) - 1
UNREVIEWED = (
    "SELECT a.card FROM actions a JOIN action_states s ON s.action = a.id WHERE s.ended = 0"
    " UNION SELECT a.card FROM action_states s JOIN actions a ON a.id = s.action"
    " JOIN action_entries e ON e.action = s.action WHERE e.id > s.seen"
)
# Only who makes lists knows that one is full: COUNTER stays until he says otherwise.
KEEP_STATE = (
    "INSERT INTO action_states (action, state, entry, ended, seen) VALUES (?, ?, ?, ?, ?)"
    " ON CONFLICT (action) DO UPDATE SET entry = excluded.entry, ended = excluded.ended,"
    " seen = excluded.seen, state = CASE WHEN excluded.state = 'CREATED'"
    " AND action_states.state = 'COUNTER' THEN 'COUNTER' ELSE excluded.state END"
)


class ActionRefused(Refusal):
    """What was asked for cannot be; nothing was changed. The message is the sentence to show.

    `why` says the same in one word for who has sentences of his own: full, blocked, listed,
    amount, tariff; "" for all that only a wrong program asks for.
    """

    def __init__(self, sentence: str, why: str = "", **fields: object) -> None:
        super().__init__(sentence, **fields)
        self.why = why


class Order(NamedTuple):
    """What a sales channel asks for; `key` is its own number of the sale."""

    key: str
    card: int  # account number
    kind: int
    cents: int
    channel: str
    valid_from: int
    valid_to: int
    slot: int = 0
    what: bytes = b""
    reason: str = ""


def create(books: Books, order: Order) -> tuple[int, bool]:
    """Order an action, paid for; return (its number, whether it is new).

    The same key with the same order is the same action. Raises: ActionRefused.
    """
    before = books.database.rows("SELECT * FROM actions WHERE key = ?", (order.key,))
    if before:
        return _same(action_of(before[0]), order), False
    if not 0 < len(order.key) <= KEY_LENGTH or " " in order.key:
        raise ActionRefused(f"key {order.key!r}: wanted 1 to {KEY_LENGTH} characters, no spaces")
    number = _number(books, order.key)
    facts = Facts(books.database, [order.card], books.now)
    states = {id: state_of_action(facts, action)[0] for id, action in facts.actions.items()}
    action = Action(number, *order[:4], order.slot, order.what, order.channel, order.valid_from,
                    order.valid_to, order.reason, books.now)  # fmt: skip
    try:
        place = next_place(facts, states, action)
    except PlacesFull as error:
        raise ActionRefused(str(error), "full") from None
    books.database.insert(actions, [action])
    _add_lines(books, [place])
    books.database.run(KEEP_STATE, [(number, CREATED, None, 0, 0)])
    area = facts.issuers[order.card]
    if order.cents and order.kind != ACT_ADJUST:
        books.transfer(
            f"actions:{number}:paid",
            "PAID",
            [
                (f"{CASH}:{order.channel}", area, -order.cents),
                (f"{PREPAID}:{number}", area, order.cents),
            ],
        )
    return number, True


def _number(books: Books, key: str) -> int:
    """Return the number of the order `key`: the same again when it comes to restored books."""
    span = ACTION_MAX - FIRST_ACTION + 1
    first = int.from_bytes(sha256(key.encode()).digest()[:8], "big") % span
    for step in range(span):
        number = FIRST_ACTION + (first + step) % span
        if not books.database.rows("SELECT 1 FROM actions WHERE id = ?", (number,)):
            return number
    raise ActionRefused(f"all action numbers up to {ACTION_MAX} are used up")


def cancel(books: Books, number: int, reason: str) -> str:
    """Withdraw an action; return its state then. Money goes back once nothing can load it.

    Raises: ActionRefused when it is done or over, or there is no such action.
    """
    rows = books.database.rows("SELECT card FROM actions WHERE id = ?", (number,))
    if not rows:
        raise ActionRefused(f"action {number}: there is none")
    card = int(rows[0][0])
    state = review(books, [card])[number]
    if state in (EXECUTED, EXPIRED):
        raise ActionRefused(f"action {number} is {state}: it cannot be cancelled any more")
    known = books.database.rows("SELECT 1 FROM action_cancels WHERE action = ?", (number,))
    if not known:
        books.database.insert(action_cancels, [(number, reason, books.now)])
    return review(books, [card])[number]


def unreviewed(books: Books) -> list[int]:
    """Return the cards with actions that are not ended, or that new entries tell of."""
    return sorted(int(row[0]) for row in books.database.rows(UNREVIEWED))


def review(books: Books, cards: Iterable[int]) -> dict[int, str]:
    """Work out the state of every action of these cards; add lines and move money accordingly."""
    states, changed = _review(books, cards)
    if changed:
        states |= _review(books, changed)[0]
    return states


def _review(books: Books, cards: Iterable[int]) -> tuple[dict[int, str], list[int]]:
    """Return the states, and the cards that got lines."""
    facts = Facts(books.database, cards, books.now)
    found = {id: state_of_action(facts, action) for id, action in facts.actions.items()}
    states = {id: state for id, (state, _) in found.items()}
    places: list[Place] = []
    for card, of_card in sorted(facts.by_card.items()):
        moved = [action for action in of_card if states[action.id] == DISPLACED]
        # One at a time: the second must see the first; the next review moves it.
        for action in moved[:1]:
            try:
                places.append(next_place(facts, states, action))
            except PlacesFull:
                continue  # it waits until the card was held to a validator
        places += fillers(facts, states, card)
    _add_lines(books, places)
    rows = []
    for number, (state, told) in found.items():
        action = facts.actions[number]
        if state in ENDED:
            _settle(books, action, state, facts.issuers[action.card], told)
        seen = max((t.entry for t in facts.told[action.card] if t.action == number), default=0)
        rows.append((number, state, told.entry if told else None, int(state in ENDED), seen))
    books.database.run(KEEP_STATE, rows)
    return states, sorted({place.card for place in places})


def _settle(books: Books, action: Action, state: str, area: int, told: Told | None) -> None:
    """Move an ended action's money. The core moves that of a load when its entry is posted."""
    paid = f"{PREPAID}:{action.id}"
    if not action.cents:
        return
    if action.kind == ACT_ADJUST:
        if state == EXECUTED and told is not None:
            _give(books, action, area, told)
        return
    if state in (SUPERSEDED, EXPIRED):
        lines = [(paid, area, -action.cents), (f"{PAYOUT}:{area}", area, action.cents)]
        books.transfer(f"actions:{action.id}:back", "BACK", lines)
    if state == EXECUTED and action.kind == ACT_PRODUCT:
        lines = [(paid, area, -action.cents), (f"{REV}:{area}:0", area, action.cents)]
        books.transfer(f"actions:{action.id}:sold", "SOLD", lines)


def _give(books: Books, action: Action, area: int, told: Told) -> None:
    """Let the issuer bear a goodwill, where the core took it from: the area of that tap."""
    sql = "SELECT authority FROM pendings WHERE id = ?"
    there = int(books.database.value(sql, (told.entry,)))
    lines = [(f"{GOODWILL}:{area}", area, -action.cents),
             (f"{UNALLOCATED}:{there}", there, action.cents)]  # fmt: skip
    books.transfer(f"actions:{action.id}:given", "GIVEN", lines)


def _same(before: Action, order: Order) -> int:
    now = (order.card, order.kind, order.cents, order.slot, order.what, order.channel)
    if before[2:8] != now:
        raise ActionRefused(
            f"key {order.key}: ordered before as action {before.id} with other values; the first"
            " stands, nothing was changed"
        )
    return before.id


def _add_lines(books: Books, places: list[Place]) -> None:
    if places:
        first = books.database.next_id(action_lines)
        books.database.insert(action_lines, [(first + i, *p) for i, p in enumerate(places)])
