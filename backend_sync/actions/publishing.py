"""What the publisher asks of the actions: which lines wait, and to note who may hold them.

The lines go out under pseudonyms; UID and K2 are the keyring's. What is noted is durable before a
list leaves, for money goes back only when every device that may hold one is past it.
It must not know packages, MQTT or keys. Source: trust.md 4.5; decisions.md D9, D11.
"""

from typing import Any

from backend_sync.actions.desk import review, unreviewed
from backend_sync.actions.facts import Action, Facts
from backend_sync.actions.holders import Line
from backend_sync.actions.limits import CHANNELS
from backend_sync.actions.places import lines_now
from backend_sync.actions.states import COUNTER, CREATED
from backend_sync.actions.tables import action_dropped, action_listed, action_lists
from backend_sync.ledger.books import Books
from backend_sync.ledger.ledger import Ledger
from card_layouts.cards.card_layout import P_SLOT
from card_layouts.records.entries_service import ACT_ADJUST, ACT_LOAD, ACT_PRODUCT

LOOK_AGAIN_S = 60  # time alone ends actions, too
WHAT_BYTES = 32  # of ACTION_ENTRY.what
K_MASK = (1 << 16) - 1  # of P_SLOT.k
ORDERED, EVERYTHING = 1, 2  # what is to be looked at
SETTLE_MS = 30_000  # how often entries that were posted are looked through
CARRIED = (
    "INSERT INTO action_carriers (device, epoch, first_list, last_list, leased_to)"
    " VALUES (?, ?, ?, ?, ?) ON CONFLICT (device, epoch) DO UPDATE SET"
    " last_list = CASE WHEN excluded.last_list > action_carriers.last_list"
    " THEN excluded.last_list ELSE action_carriers.last_list END,"
    " leased_to = CASE WHEN excluded.leased_to > action_carriers.leased_to"
    " THEN excluded.leased_to ELSE action_carriers.leased_to END"
)
LEASED = (
    "INSERT INTO action_leases (device, epoch, lease, oldest, leased_to) VALUES (?, ?, ?, ?, ?)"
    " ON CONFLICT (device, epoch, lease) DO UPDATE SET"
    " oldest = CASE WHEN excluded.oldest < action_leases.oldest"
    " THEN excluded.oldest ELSE action_leases.oldest END,"
    " leased_to = CASE WHEN excluded.leased_to > action_leases.leased_to"
    " THEN excluded.leased_to ELSE action_leases.leased_to END"
)
REPLACED = (
    "DELETE FROM action_leases WHERE device = ? AND epoch = ? AND lease < coalesce((SELECT s.lease"
    " FROM device_leases s JOIN devices d ON d.device = s.device AND d.epoch = s.epoch"
    " AND s.seq <= d.seq WHERE s.device = action_leases.device"
    " AND s.epoch = action_leases.epoch), 0)"
)
STILL_LISTED = "SELECT line FROM action_listed WHERE line NOT IN (SELECT line FROM action_dropped)"
ORDERS = "SELECT (SELECT coalesce(max(id), 0) FROM actions), (SELECT count(*) FROM action_cancels)"
BOOKED = "SELECT coalesce(max(id), 0) FROM seals"
NEW_ORDERS = (
    "SELECT card FROM actions WHERE id > ? UNION SELECT a.card FROM action_cancels c"
    " JOIN actions a ON a.id = c.action JOIN action_states s ON s.action = a.id WHERE s.ended = 0"
)
News = tuple[tuple[int, int], int, int, int]
Waits = tuple[Line, dict[str, Any]]
Carried = tuple[int, int]  # device, epoch
Leased = tuple[int, int, int]  # a lease's number, the oldest list that it opens, its end


class WaitingActions:
    """The actions of one ledger, for its publisher."""

    def __init__(self, ledger: Ledger) -> None:
        self.ledger = ledger
        self._by_card: dict[int, list[Waits]] = {}
        self._lines: list[Waits] = []
        self._late: set[int] = set()
        self._seen: News | None = None
        self._carried: dict[Carried, tuple[int, Leased | None]] = {}
        self._listed: set[int] | None = None  # the lines of the newest list, None at first

    def lines(self, most: int) -> list[dict[str, Any]]:
        """Return what a list of at most `most` lines has now: ACTION_ENTRY's fields and "card".

        What is beyond waits for room, the latest orders first.
        """
        due = self._is_due()
        if due:
            news = self._news(due == EVERYTHING)  # before it looks: what comes meanwhile is news
            with self.ledger.books() as books:
                self._look(books, due == EVERYTHING)
                self._choose(books, most)
            self._seen = news
        return [fields for _, fields in self._lines]

    def _is_due(self) -> int:
        """Say what may have changed: orders are seen at once, entries now and then."""
        if self._seen is None:
            return EVERYTHING
        orders, booked, at, at_ms = self._seen
        now = self._news(True)
        if not 0 <= now[2] - at < LOOK_AGAIN_S:
            return EVERYTHING
        if now[1] != booked and now[3] - at_ms >= SETTLE_MS:
            return EVERYTHING
        return ORDERED if now[0] != orders else 0

    def _news(self, whole: bool) -> News:
        """Return (newest order and cancellations, newest seal, when all was looked at last)."""
        database, clock = self.ledger.database, self.ledger.clock
        newest, cancelled = database.rows(ORDERS)[0]
        if not whole and self._seen is not None:
            return (newest, cancelled), *self._seen[1:]
        booked = int(database.value(BOOKED))
        return (newest, cancelled), booked, clock.utc_seconds(), clock.monotonic_ms()

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
            self._note_dropped(books, version)
            review(books, {line.card for line in fresh})
        listed = self._listed = {line.id for line, _ in self._lines}
        for card, waits in self._by_card.items():
            self._by_card[card] = [
                (
                    line._replace(listed=line.listed or version) if line.id in listed else line,
                    fields,
                )
                for line, fields in waits
            ]
        self._lines = [(line._replace(listed=line.listed or version), f) for line, f in self._lines]

    def _note_dropped(self, books: Books, version: int) -> None:
        """Note which lines list `version` has not any more, and which it has again."""
        before, listed = self._listed, {line.id for line, _ in self._lines}
        if before is None:
            before = {int(row[0]) for row in books.database.rows(STILL_LISTED)}
        again = [(id,) for id in sorted(listed - before)]
        books.database.run("DELETE FROM action_dropped WHERE line = ?", again)
        gone = [(id, version) for id in sorted(before - listed)]
        books.database.insert(action_dropped, gone)

    def given(self, device: int, epoch: int, version: int, lease: Leased | None) -> None:
        """Note that a device may get this list, and this lease if it gets one."""
        known = self._carried.get((device, epoch))
        if known == (version, lease):
            return
        with self.ledger.books() as books:
            leased_to = lease[2] if lease is not None else 0
            books.database.run(CARRIED, [(device, epoch, version, version, leased_to)])
            books.database.run(LEASED, [(device, epoch, *lease)] if lease is not None else [])
            books.database.run(REPLACED, [(device, epoch)])
        self._carried[device, epoch] = version, lease

    def _look(self, books: Books, whole: bool) -> None:
        """Review the cards with news, and note the lines that they have now."""
        if whole or self._seen is None:
            cards = unreviewed(books)
            self._by_card = {}
        else:
            rows = books.database.rows(NEW_ORDERS, (self._seen[0][0],))
            cards = sorted(int(row[0]) for row in rows)
        states = review(books, cards)
        facts = Facts(books.database, cards, books.now)
        names = dict(
            map(
                tuple,
                books.database.rows_in("SELECT id, pseudonym FROM cards WHERE id IN {}", cards),
            )
        )
        for card in cards:
            self._by_card[card] = [
                (line, {"card": bytes(names[card]), **_fields(facts.actions[line.action], line)})
                for line in lines_now(facts, states, card)
            ]

    def _choose(self, books: Books, most: int) -> None:
        """Take the oldest orders; those for which there is no room wait for a counter."""
        found = [waits for of_card in self._by_card.values() for waits in of_card]
        found.sort(key=lambda waits: (waits[0].action, waits[0].k))
        self._lines = found[:most]
        late = {line.action for line, _ in found[most:]}
        rows = [(COUNTER, action, CREATED) for action in late - self._late]
        rows += [(CREATED, action, COUNTER) for action in self._late - late]
        sql = "UPDATE action_states SET state = ? WHERE action = ? AND state = ?"
        books.database.run(sql, rows)
        self._late = late


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
    if line.kind in (ACT_LOAD, ACT_ADJUST):
        fields["amount"] = action.cents
    if line.kind == ACT_PRODUCT:
        what = bytearray(action.what.ljust(WHAT_BYTES, b"\0"))
        P_SLOT.put(what, "slot", action.slot)
        P_SLOT.put(what, "k", line.k & K_MASK)  # the right names its sale by the action's number
        fields |= {"slot": action.slot, "what": bytes(what), "use_reset": 1 << action.slot}
    return fields
