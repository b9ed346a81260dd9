"""What one posting group needs in memory: its cards, their unsettled intents and sightings.

Everything is read in sets, by card or by entry number; history is read only through the entry an
outcome or record names, or along a card's thread. It must not decide anything.
Source: decisions.md D22.
"""

from collections.abc import Iterable
from typing import Any

from backend_sync.ledger import ranges
from backend_sync.ledger.accounts import AccountBook, unknown_name
from backend_sync.ledger.cards import Card, Identity, Intent, Sighting
from backend_sync.ledger.decoding import SEQ_LOW_MASK
from backend_sync.ledger.results import BITS, POST_BITS, UNAUDITED
from backend_sync.ledger.schema import sightings
from backend_sync.storage.database import Database

CARD_SQL = (
    "SELECT id, pseudonym, issuer, issued, h0, n, d, l, h, b, balance_cents, debits_cents,"
    " loads_cents, posted, voided, missing, newest, unaudited FROM cards WHERE "
)
INTENT_SQL = (
    "p.id, p.card, e.device, e.epoch, e.seq, p.n, p.kind, p.at, p.source, p.target, p.cents,"
    " p.currency, p.authority, p.d, p.l, p.b, p.h"
)
SEQ_SPAN = SEQ_LOW_MASK + 1


class WorkingSet:
    """Cards by pseudonym and number, intents by who announced them."""

    def __init__(self, database: Database, book: AccountBook, authority: int) -> None:
        self.database = database
        self.book = book
        self.authority = authority
        self.by_pseudonym: dict[bytes, Card] = {}
        self.by_id: dict[int, Card] = {}
        self.intents: dict[Identity, Intent] = {}
        self.by_intent_id: dict[int, Intent] = {}
        self.waiting: dict[Identity, list[Sighting]] = {}
        self.next_sighting = 0

    def load(self, pseudonyms: Iterable[bytes]) -> None:
        """Read cards with all that is unsettled about them; unknown ones are opened."""
        wanted = {p for p in pseudonyms if p not in self.by_pseudonym}
        self._take(self.database.rows_in(CARD_SQL + "pseudonym IN {}", sorted(wanted)))
        for pseudonym in sorted(wanted - self.by_pseudonym.keys()):
            number = self.book.open(unknown_name(pseudonym), self.authority)
            card = Card(number, pseudonym, self.authority, fresh=True, h0=bytes(8), h=bytes(8))
            self._keep(card)

    def load_ids(self, numbers: Iterable[int]) -> None:
        """Read cards by their account numbers."""
        wanted = sorted({n for n in numbers if n not in self.by_id})
        self._take(self.database.rows_in(CARD_SQL + "id IN {}", wanted))

    def keep(self, card: Card) -> None:
        """Take a card as it is given, without what is stored of it."""
        self._keep(card)

    def put(self, intent: Intent) -> None:
        """Take an intent as it is given."""
        self._remember(intent)

    def add(self, intent: Intent) -> None:
        """Take an intent announced by an entry of this group."""
        card = intent.card
        intent.older, card.newest = card.newest, intent.id
        self._remember(intent)

    def find(self, keys: Iterable[tuple[int, int, int]]) -> dict[tuple[int, int, int], int]:
        """Load the intents of these (device, epoch, seq) as stored; return the types of all.

        The type of what was folded is 0.
        """
        wanted = sorted(set(keys))
        rows = self.database.rows_of(
            "SELECT e.device, e.epoch, e.seq, e.id,"
            " CASE WHEN length(e.slot) > 0 THEN e.type ELSE 0 END FROM {keys} JOIN held_entries e"
            " ON e.device = k.device AND e.epoch = k.epoch AND e.seq = k.seq",
            ("device", "epoch", "seq"),
            wanted,
        )
        self.load_history([row[3] for row in rows])
        return {(row[0], row[1], row[2]): row[4] for row in rows}

    def history_at(self, card: Card, n: int) -> list[Intent]:
        """Return every stored intent of a card at counter n, along the card's thread."""
        if card.thread is None:
            return []
        rows = self.database.rows(
            "WITH RECURSIVE walk(id, older, n) AS ("
            " SELECT id, older, n FROM pendings WHERE id = ? UNION ALL"
            " SELECT p.id, p.older, p.n FROM pendings p JOIN walk w ON p.id = w.older)"
            " SELECT id FROM walk WHERE n = ?",
            (card.thread, n),
        )
        self.load_history([row[0] for row in rows])
        return [self.by_intent_id[row[0]] for row in rows if row[0] in self.by_intent_id]

    def load_history(self, numbers: Iterable[int]) -> None:
        """Read intents by entry number, with their cards and evidence; skip other entries."""
        wanted = sorted({n for n in numbers if n not in self.by_intent_id})
        if not wanted:
            return
        rows = self.database.rows_in(
            f"SELECT {INTENT_SQL} FROM pendings p JOIN held_entries e ON e.id = p.id"
            " WHERE p.id IN {}",
            wanted,
        )
        self.load_ids(row[1] for row in rows)  # may bring some of these intents as open ones
        found = {row[0]: row for row in rows if row[0] not in self.by_intent_id}
        bits: dict[int, int] = {}
        for number, rule in self.database.rows_in(
            "SELECT pending, rule FROM evidence WHERE pending IN {}", sorted(found)
        ):
            bits[number] = bits.get(number, 0) | BITS[rule]
        for number, row in found.items():
            self._remember(self._intent(row, bits.get(number, 0), 1))

    def see(self, card: Card, identity: Identity, n: int, record: bytes, entry: int) -> Sighting:
        """Keep a record whose entry has not come."""
        self.next_sighting = self.next_sighting or self.database.next_id(sightings)
        device, epoch, low = identity
        sighting = Sighting(
            self.next_sighting, card, n, device, epoch, low, record, entry, fresh=True
        )
        self.next_sighting += 1
        self._wait(sighting)
        return sighting

    def head_seqs(self, pairs: Iterable[tuple[int, int]]) -> dict[tuple[int, int], int]:
        """Return the highest authentic seq of each (device, epoch), to unwrap low bits with."""
        rows = self.database.rows_of(
            "SELECT d.device, d.epoch, d.head_seq FROM {keys} JOIN devices d"
            " ON d.device = k.device AND d.epoch = k.epoch",
            ("device", "epoch"),
            sorted(set(pairs)),
        )
        return {(row[0], row[1]): row[2] for row in rows}

    def _take(self, rows: list[Any]) -> None:
        fresh = []
        for row in rows:
            if row[0] in self.by_id:
                continue
            card = Card(*row[:15])
            card.missing = ranges.parse(row[15])
            card.newest = card.thread = row[16]
            card.unaudited = max(row[17], UNAUDITED)
            self._keep(card)
            fresh.append(card.id)
        self._take_open(fresh)
        self._take_sightings(fresh)

    def _keep(self, card: Card) -> None:
        self.by_pseudonym[card.pseudonym] = card
        self.by_id[card.id] = card

    def _take_open(self, numbers: list[int]) -> None:
        rows = self.database.rows_in(
            "SELECT o.bits, o.answered, o.first, p.id, p.card, o.device, o.epoch, o.seq, p.n,"
            " p.kind, p.at, p.source, p.target, p.cents, p.currency, p.authority, p.d, p.l, p.b,"
            " p.h FROM open_intents o JOIN pendings p ON p.id = o.pending WHERE o.card IN {}",
            numbers,
        )
        for row in rows:
            intent = self._intent(row[3:], row[0], row[1], row[2])
            intent.listed = True
            self._remember(intent)

    def _take_sightings(self, numbers: list[int]) -> None:
        rows = self.database.rows_in(
            "SELECT id, card, n, device, epoch, low, record, entry, rival FROM sightings"
            " WHERE card IN {}",
            numbers,
        )
        for row in rows:
            self._wait(Sighting(row[0], self.by_id[row[1]], *row[2:]))

    def _intent(self, row: Any, bits: int, answered: int, first: bytes = b"") -> Intent:
        intent = Intent(row[0], self.by_id[row[1]], *row[2:])
        intent.bits = intent.before = bits
        intent.answered = intent.answered_before = answered
        intent.first = first
        intent.claimed = bool(bits & POST_BITS)
        return intent

    def _remember(self, intent: Intent) -> None:
        self.intents[intent.identity] = intent
        self.by_intent_id[intent.id] = intent
        intent.card.intents.append(intent)

    def _wait(self, sighting: Sighting) -> None:
        sighting.card.sightings.append(sighting)
        self.waiting.setdefault(sighting.identity, []).append(sighting)
