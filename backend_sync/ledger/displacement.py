"""Takes a forged entry out of the books when the genuine one of its number comes later.

The forged one was sealed by a later block and came in an earlier group (`late_seals.py`). What it
moved is taken back, what it said is withdrawn, and every card it touched is resolved anew from its
other entries: afterwards the books are as if it had come behind the genuine one, which is then
posted like any other. Done before the group's entries are read, in their transaction.

It reads all entries once for a group that displaces any: whoever can cause that holds a device's
key. Source: SPEC.md section 4; trust.md T6, I9, 4.3.
"""

from collections.abc import Iterable, Sequence
from typing import NamedTuple

from backend_sync.ledger import ranges
from backend_sync.ledger.accounts import AccountBook
from backend_sync.ledger.action_book import AT_LEAST
from backend_sync.ledger.arrivals import Arrivals
from backend_sync.ledger.cards import Card, Intent
from backend_sync.ledger.decoding import (
    NO_RECORD,
    OBSERVED_AT,
    body_of,
    first_of,
    read_obs,
    read_outcome,
    read_record_a,
)
from backend_sync.ledger.displaced_tables import displaced, withdrawn
from backend_sync.ledger.equivocation import equivocal_numbers, reverse_sale
from backend_sync.ledger.poster import Poster
from backend_sync.ledger.products import ProductBook
from backend_sync.ledger.reading import outcome_bit
from backend_sync.ledger.resolve import Key, Outcome, Resolver
from backend_sync.ledger.results import (
    BEGIN_AGAIN,
    BITS,
    EQ,
    POSTED,
    RULES,
    X,
    rule_of,
    state_of,
)
from backend_sync.ledger.rides import RideBook
from backend_sync.ledger.schema import early_outcomes, resolutions
from backend_sync.ledger.working_set import CARD_SQL, INTENT_SQL, WorkingSet
from backend_sync.ports import OK, Keyring, Opened
from backend_sync.storage.database import Database
from card_layouts.records.entries import (
    ACTION,
    CASH_SALE,
    INSPECTION,
    OBS,
    OPENING,
    OUTCOME,
    REFUSAL,
)

SLOTS_AT_ONCE = 500
THREADS = (
    "WITH RECURSIVE walk(id, older) AS ("
    " SELECT p.id, p.older FROM {keys} JOIN pendings p ON p.id = k.newest UNION ALL"
    " SELECT p.id, p.older FROM pendings p JOIN walk w ON p.id = w.older)"
    " SELECT id FROM walk"
)


class Books(NamedTuple):
    """What moves money and rides of a group of its own."""

    account: AccountBook
    poster: Poster
    rides: RideBook
    products: ProductBook


class Told(NamedTuple):
    """One stored entry about a card, opened."""

    id: int
    card: int | None
    opened: Opened


def take_out(
    database: Database, keyring: Keyring, found: Arrivals, books: Books, authority: int
) -> None:
    """Take the entries that `found` displaces out of the books."""
    now, gone = books.poster.now, sorted(found.displaced)
    rows = database.rows_in(
        "SELECT id, type, device, epoch, seq, card, of FROM entries WHERE id IN {}", gone
    )
    ended = [(row[2], row[3], row[6]) for row in rows if row[6] is not None]
    cards = {row[5] for row in rows if row[5] is not None} | _cards_of(database, ended)
    cards |= {row[0] for row in database.rows_in(
        "SELECT id FROM cards WHERE pseudonym IN {}",
        sorted({e.opened.card for e in found.displaced.values() if e.opened.card}),
    )}  # fmt: skip
    before = _Before(database, cards, set(gone))
    database.insert(displaced, [(old, found.displaced[old].id, now) for old in gone])
    for row in rows:
        if row[1] == CASH_SALE:
            reverse_sale(database, books.poster, row[0])
    database.run("DELETE FROM early_outcomes WHERE entry = ?", [(old,) for old in gone])
    _keep_outcomes(database, keyring, [row[2:5] for row in rows])
    # A forged time proves nothing; a later entry of the device will tell one again.
    database.run(
        "UPDATE device_times SET seq = seq - 1, at = 0 WHERE device = ? AND epoch = ? AND seq = ?",
        [row[2:5] for row in rows],
    )
    _resolve_anew(database, keyring, before, books, authority)


def _keep_outcomes(database: Database, keyring: Keyring, numbers: Sequence[Key]) -> None:
    """Let what was said of these numbers wait for their genuine entries."""
    rows = database.rows_of(
        "SELECT e.id, e.device, e.epoch, e.seq, e.slot FROM {keys} JOIN held_entries e"
        " ON e.device = k.device AND e.epoch = k.epoch AND e.of = k.seq"
        f" AND e.type = {OUTCOME}",
        ("device", "epoch", "seq"),
        numbers,
    )
    runs = [(row[1], row[2], row[3], bytes(32), [bytes(row[4])]) for row in rows]
    told = [Told(row[0], None, one) for row, one in zip(rows, keyring.unseal(runs), strict=True)]
    found = [one for one in map(_outcome, told) if one]
    database.insert(early_outcomes, found, "ON CONFLICT DO NOTHING")


class _Before:
    """The affected cards as they stand: rows, intents with their stored evidence."""

    def __init__(self, database: Database, cards: set[int], gone: set[int]) -> None:
        self.rows = database.rows_in(CARD_SQL + "id IN {}", sorted(cards))
        keys = [(row[16],) for row in self.rows if row[16] is not None]
        numbers = sorted({row[0] for row in database.rows_of(THREADS, ("newest",), keys)})
        self.intents = database.rows_in(
            f"SELECT {INTENT_SQL} FROM pendings p JOIN held_entries e ON e.id = p.id"
            " WHERE p.id IN {}",
            numbers,
        )
        self.gone = {row[0] for row in self.intents} & gone
        self.bits = dict.fromkeys(numbers, 0)
        for number, rule in database.rows_in(
            "SELECT pending, rule FROM evidence WHERE pending IN {}", numbers
        ):
            self.bits[number] |= BITS[rule]
        self.checkpoints = {row[0]: tuple(row[1:]) for row in database.rows_in(
            "SELECT card, n, d, l, h, b FROM checkpoints WHERE card IN {}", sorted(cards)
        )}  # fmt: skip
        self.since = dict(map(tuple, database.rows_in(
            "SELECT pending, since FROM open_intents WHERE pending IN {}", numbers)))  # fmt: skip

    def cards(self) -> list[Card]:
        """Return the cards as issued, or as they were folded, with what is booked to them now."""
        found = []
        for row in self.rows:
            card = Card(*row[:5])
            card.h = card.h0
            if card.id in self.checkpoints:
                card.n, card.d, card.l, card.h, card.b = self.checkpoints[card.id]
                card.missing = self._unclaimed(card, ranges.parse(row[15]))
            card.balance_cents, card.debits_cents, card.loads_cents = row[10:13]
            card.posted, card.voided, card.newest = row[13], row[14], row[16]
            found.append(card)
        return found

    def _unclaimed(self, card: Card, missing: ranges.Ranges) -> ranges.Ranges:
        """Return the counters up to a checkpoint that no folded commit holds."""
        known = [row[5] for row in self.intents
                 if row[1] == card.id and state_of(self.bits[row[0]]) == POSTED]  # fmt: skip
        left = ranges.joined(missing, [(n, n) for n in sorted({*known})])
        return [(low, min(high, card.n)) for low, high in left if low <= card.n]


def _resolve_anew(
    database: Database, keyring: Keyring, before: _Before, books: Books, authority: int
) -> None:
    work = WorkingSet(database, books.account, authority)
    cards = {card.id: card for card in before.cards()}
    for card in cards.values():
        work.keep(card)
    told = _entries_about(database, keyring, cards.keys(), before)
    payloads = {one.id: one.opened.payload for one in told}
    gone, stay = [], []
    for row in before.intents:
        intent = Intent(row[0], cards[row[1]], *row[2:])
        intent.before = before.bits[intent.id]
        if intent.id in before.gone:
            gone.append(intent)
            continue
        intent.fresh = True  # every question is asked again
        payload = payloads.get(intent.id, b"")
        intent.first = first_of(row[2], row[3], row[4], payload) if payload else b""
        work.put(intent)
        stay.append(intent)
    resolver = Resolver(work, keyring)
    resolver.records = _records(told, cards)
    _repeat_what_is_no_entry(database, keyring, before, stay)
    resolver.resolve([one for one in map(_outcome, told) if one], set())
    for intent in stay:
        intent.bits, intent.news = _kept(intent), []
    _write(database, before, books, list(cards.values()), stay, gone)
    # What a folded entry told of a card's actions cannot be counted again.
    _write_actions(database, told, cards.keys() - before.checkpoints.keys())


def _repeat_what_is_no_entry(
    database: Database, keyring: Keyring, before: _Before, stay: Sequence[Intent]
) -> None:
    """Learn again what no single entry says: that 90 days went by, that a number was used twice."""
    lost = [intent for intent in stay if before.bits[intent.id] & EQ]
    twice = equivocal_numbers(database, keyring) if lost else set()
    for intent in lost:
        if (intent.device, intent.epoch, intent.seq) in twice:
            intent.learn(EQ, None)
    for intent in stay:
        if before.bits[intent.id] & X:
            intent.learn(X, None)


def _cards_of(database: Database, keys: Sequence[Key]) -> set[int]:
    """Return the cards of the commits that these numbers announced."""
    rows = database.rows_of(
        "SELECT p.card FROM {keys} JOIN entries e ON e.device = k.device AND e.epoch = k.epoch"
        " AND e.seq = k.seq JOIN pendings p ON p.id = e.id",
        ("device", "epoch", "seq"),
        keys,
    )
    return {row[0] for row in rows}


def _entries_about(
    database: Database, keyring: Keyring, cards: Iterable[int], before: _Before
) -> list[Told]:
    """Return every entry that counts about these cards: what names them, and its OUTCOMEs."""
    names = {(row[2], row[3], row[4]) for row in before.intents if row[0] not in before.gone}
    rows = database.rows_in(
        "SELECT id, card, device, epoch, seq, slot FROM held_entries WHERE card IN {}",
        sorted(cards),
    )
    ends = database.rows_of(
        "SELECT e.id, e.device, e.epoch, e.of FROM {keys} JOIN held_entries e"
        f" ON e.device = k.device AND e.epoch = k.epoch AND e.type = {OUTCOME}",
        ("device", "epoch"),
        sorted({name[:2] for name in names}),
    )
    rows += database.rows_in(
        "SELECT id, card, device, epoch, seq, slot FROM held_entries WHERE id IN {}",
        sorted(row[0] for row in ends if (row[1], row[2], row[3]) in names),
    )
    rows.sort(key=lambda row: row[0])
    found = []
    for at in range(0, len(rows), SLOTS_AT_ONCE):
        part = rows[at : at + SLOTS_AT_ONCE]
        runs = [(row[2], row[3], row[4], bytes(32), [bytes(row[5])]) for row in part]
        for row, one in zip(part, keyring.unseal(runs), strict=True):
            if one.status == OK:
                found.append(Told(row[0], row[1], one))
    return found


def _outcome(told: Told) -> Outcome | None:
    one = told.opened
    if one.status != OK or one.type != OUTCOME:
        return None
    of, outcome, how = read_outcome(one.payload)
    bit = outcome_bit(outcome, how)
    return Outcome(told.id, one.device, one.epoch, of, bit, one.payload[:44])


def _records(told: Iterable[Told], cards: dict[int, Card]) -> list[tuple[Card, bytes, int]]:
    """Return the card records that entries other than OUTCOMEs read."""
    places = {REFUSAL: ["REFUSAL"], INSPECTION: ["INSPECTION"], OBS: ["newer", "older"]}
    found = []
    for one in told:
        if one.card is None or one.opened.type not in places:
            continue
        payload = one.opened.payload
        count = read_obs(payload)[0] if one.opened.type == OBS else 1
        for name in places[one.opened.type][:count]:
            start, end = OBSERVED_AT[name]
            if payload[start:end] != NO_RECORD:
                found.append((cards[one.card], payload[start:end], one.id))
    return found


def _kept(intent: Intent) -> int:
    """Return its evidence: what of the stored still stands, and what changes state or rule."""
    bits = intent.before & intent.told
    for bit in RULES:
        more = bits | (intent.told & bit)
        if state_of(more) != state_of(bits) or rule_of(more) != rule_of(bits):
            bits = more
    return bits


def _write(
    database: Database,
    before: _Before,
    books: Books,
    cards: list[Card],
    stay: list[Intent],
    gone: list[Intent],
) -> None:
    intents = stay + gone
    books.poster.settle(intents)
    books.rides.settle(intents)
    books.products.settle(intents)
    for card in cards:
        card.unaudited = BEGIN_AGAIN
        for table in ("open_intents", "sightings"):
            database.run(f"DELETE FROM {table} WHERE card = ?", [(card.id,)])
    books.account.write()
    books.poster.rewrite(cards, stay, before.since)
    books.rides.write()
    now = books.poster.now
    number = database.next_id(withdrawn)
    signs = [(i.id, rule, -1) for i in intents for rule in _rules(i.before & ~i.bits)]
    news = [(i.id, rule) for i in stay for rule in _rules(i.bits & ~i.before)]
    stored = set(map(tuple, database.rows_in(
        "SELECT pending, rule FROM resolutions WHERE pending IN {}", sorted({n[0] for n in news})
    )))  # fmt: skip
    signs += [(*new, 1) for new in news if new in stored]
    database.insert(withdrawn, [(number + at, *row, now) for at, row in enumerate(signs)])
    database.insert(resolutions, [(*new, None, now) for new in news if new not in stored])


def _write_actions(database: Database, told: Iterable[Told], cards: Iterable[int]) -> None:
    """Count again how many actions each card was seen to have done (`action_book.py`)."""
    database.run("DELETE FROM card_actions WHERE card = ?", [(card,) for card in cards])
    seen: list[tuple[int, int]] = []
    for one in told:
        payload, kind = one.opened.payload, one.opened.type
        if one.card is not None and kind in OPENING:
            seen.append((one.card, body_of(payload).a - (kind == ACTION)))
        elif one.card is not None and kind in (REFUSAL, INSPECTION, OBS):
            records = [payload[7:51]] + [payload[51:95]] * (kind == OBS)
            seen += [(one.card, read_record_a(record)[0]) for record in records]
    database.run(AT_LEAST, [row for row in seen if row[1] > 0])


def _rules(bits: int) -> list[str]:
    return [rule for bit, rule in RULES.items() if bits & bit]
