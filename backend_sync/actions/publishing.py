"""What the publisher asks of the actions: which lines wait, and to note who may hold them.

The lines go out under pseudonyms; UID and K2 are the keyring's. What is noted is durable before a
list leaves, for money goes back only when every device that may hold one is past it.
It must not know packages, MQTT or keys. Source: trust.md 4.5; decisions.md D9, D11.
"""

from typing import Any

from backend_sync.actions.desk import review, unreviewed
from backend_sync.actions.facts import Action, Facts, Line
from backend_sync.actions.limits import CHANNELS
from backend_sync.actions.places import lines_now
from backend_sync.actions.states import COUNTER, CREATED
from backend_sync.actions.tables import action_listed, action_lists
from backend_sync.ledger.books import Books
from backend_sync.ledger.ledger import Ledger
from card_layouts.records.entries_service import ACT_LOAD, ACT_PRODUCT

LOOK_AGAIN_S = 60  # time alone ends actions, too
SETTLE_MS = 10_000  # how often entries that were posted are looked through
CARRIED = (
    "INSERT INTO action_carriers (device, epoch, first_list, last_list, leased_to)"
    " VALUES (?, ?, ?, ?, ?) ON CONFLICT (device, epoch) DO UPDATE SET"
    " last_list = CASE WHEN excluded.last_list > action_carriers.last_list"
    " THEN excluded.last_list ELSE action_carriers.last_list END,"
    " leased_to = CASE WHEN excluded.leased_to > action_carriers.leased_to"
    " THEN excluded.leased_to ELSE action_carriers.leased_to END"
)
ORDERS = "SELECT (SELECT coalesce(max(id), 0) FROM actions), (SELECT count(*) FROM action_cancels)"
BOOKED = "SELECT coalesce(max(id), 0) FROM seals"
Carried = tuple[int, int]  # device, epoch


class WaitingActions:
    """The actions of one ledger, for its publisher."""

    def __init__(self, ledger: Ledger) -> None:
        self.ledger = ledger
        self._lines: list[tuple[Line, dict[str, Any]]] = []
        self._seen: tuple[Any, int, int, int] | None = None
        self._carried: dict[Carried, tuple[int, int]] = {}

    def lines(self, most: int) -> list[dict[str, Any]]:
        """Return what a list of at most `most` lines has now: ACTION_ENTRY's fields and "card".

        What is beyond waits for room, the latest orders first.
        """
        if self._is_due():
            with self.ledger.books() as books:
                self._look(books, most)
            self._seen = self._news()
        return [fields for _, fields in self._lines]

    def _is_due(self) -> bool:
        """Say whether the actions may have changed: orders at once, entries now and then."""
        if self._seen is None:
            return True
        orders, booked, at, at_ms = self._seen
        now = self._news()
        if now[0] != orders or not 0 <= now[2] - at < LOOK_AGAIN_S:
            return True
        return now[1] != booked and now[3] - at_ms >= SETTLE_MS

    def _news(self) -> tuple[Any, int, int, int]:
        database, clock = self.ledger.database, self.ledger.clock
        orders = tuple(database.rows(ORDERS)[0])
        return orders, int(database.value(BOOKED)), clock.utc_seconds(), clock.monotonic_ms()

    def last_list(self) -> int:
        """Return the newest list's version, 0 before there is one."""
        sql = "SELECT coalesce(max(id), 0) FROM action_lists"
        return int(self.ledger.database.value(sql))

    def listed(self, version: int, generation: int) -> None:
        """Note that list `version` has the lines that `lines` returned last."""
        with self.ledger.books() as books:
            books.database.insert(action_lists, [(version, generation, books.now)])
            fresh = [line for line, _ in self._lines if line.listed is None]
            books.database.insert(action_listed, [(line.id, version) for line in fresh])
            review(books, {line.card for line in fresh})
        self._lines = [(line._replace(listed=line.listed or version), f) for line, f in self._lines]

    def given(self, device: int, epoch: int, version: int, leased_to: int) -> None:
        """Note that a device may get this list, and a lease that ends then."""
        known = self._carried.get((device, epoch))
        if known == (version, leased_to):
            return
        with self.ledger.books() as books:
            books.database.run(CARRIED, [(device, epoch, version, version, leased_to)])
        self._carried[device, epoch] = version, leased_to

    def _look(self, books: Books, most: int) -> None:
        """Review what is not ended and collect the lines, oldest orders first."""
        cards = unreviewed(books)
        review(books, cards)
        states = review(books, cards)  # with the lines that the first has added
        facts = Facts(books.database, cards, books.now)
        found = [line for card in cards for line in lines_now(facts, states, card)]
        found.sort(key=lambda line: (line.action, line.k))
        self._lines = [(line, _fields(facts.actions[line.action], line)) for line in found[:most]]
        pseudonyms = dict(
            books.database.rows_in("SELECT id, pseudonym FROM cards WHERE id IN {}", cards)
        )
        for line, fields in self._lines:
            fields["card"] = bytes(pseudonyms[line.card])
        late = {line.action for line in found[most:]}
        rows = [(COUNTER if id in late else CREATED, id, CREATED, COUNTER) for id in states]
        books.database.run(
            "UPDATE action_states SET state = ? WHERE action = ? AND state IN (?, ?)", rows
        )


def _fields(action: Action, line: Line) -> dict[str, Any]:
    """Return a line's fields of ACTION_ENTRY but uid and K."""
    fields: dict[str, Any] = {
        "kind": line.kind,
        "k": line.k,
        "version": line.version,
        "valid_from": action.valid_from,
        "valid_to": line.valid_to,
        "channel": CHANNELS.get(action.channel, 0),
        "action": action.id,
    }
    if line.kind == ACT_LOAD:
        fields["amount"] = action.cents
    if line.kind == ACT_PRODUCT:
        fields |= {"slot": action.slot, "what": action.what, "use_reset": 1 << action.slot}
    return fields
