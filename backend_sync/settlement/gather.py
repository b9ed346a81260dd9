"""Reads what came since the last batch as settlement lines, in the order of the tree.

Lines are in order of (device, epoch, seq); those that no slot tells of come last. A slot that was
found to be forged goes before what has its number now. Nothing is added up here.

Source: card_layouts/settlement/SPEC_SETTLEMENT.md; trust.md I10; decision D25.
"""

import heapq
from collections.abc import Iterator
from typing import Any, NamedTuple

from backend_sync.ledger.results import BAD_SEAL, BITS, LATE_SEAL, UNKNOWN_LAYOUT, state_of
from backend_sync.settlement.counter_sales import counter_lines
from backend_sync.settlement.journeys import Journeys
from backend_sync.settlement.streaming import stream
from backend_sync.settlement.told import Told
from backend_sync.storage.database import Database
from card_layouts.fares.repeat import PASS_RULES
from card_layouts.records.entries import CASH_SALE, TICKET
from card_layouts.settlement import lines as ln
from card_layouts.settlement.ciphertext import slot_names
from card_layouts.settlement.lines import Line
from card_layouts.settlement.pricing import DAY_SECONDS, DayTerms
from card_layouts.settlement.shares import Leg
from card_layouts.settlement.totals import Key, carried_by, key_of, other_facts

TICKET_STATES = {
    "open": ln.OPEN, "used": ln.POSTED, "not used": ln.VOIDED, "contradicted": ln.FORK,
}  # fmt: skip
RIDE = (
    "r.id, r.type, r.device, r.epoch, r.seq, r.facts, r.authority, r.operator, r.issuer, r.day,"
    " r.tariff, r.product, r.rider, r.concession, r.payer, r.channel, r.charged_cents,"
    " r.billed_cents, r.full_cents, r.rule"
)
DISPLACED_HERE = "SELECT 1 FROM displaced d WHERE d.entry = r.id AND d.by <= ?"
KEY_AT, KEY_END = 6, 16  # authority ... channel: the fields of Key
Order = tuple[Any, ...]


class Window(NamedTuple):
    """(first, last) of the rows of each book that a batch takes."""

    entries: tuple[int, int]
    ride_postings: tuple[int, int]
    postings: tuple[int, int]
    quarantine: tuple[int, int]


class Gathered(NamedTuple):
    """A line with what it adds; `legs` are those of its journey, itself last, or empty."""

    line: Line
    key: Key | None  # None: it adds nothing, whatever its sign
    charged: int
    billed: int
    full: int
    legs: list[Leg]


class Gatherer:
    """Everything between two batches, read once."""

    def __init__(self, database: Database, window: Window, terms: DayTerms, told: Told) -> None:
        self.database = database
        self.window = window
        self.terms = terms
        self.signs = dict(self._pairs(
            "SELECT ride, sum(sign) FROM ride_postings WHERE id BETWEEN ? AND ? GROUP BY ride",
            window.ride_postings,
        ))  # fmt: skip
        self.taken_back = {row[0] for row in database.rows(
            "SELECT DISTINCT entry FROM postings WHERE id BETWEEN ? AND ? AND rule = 'EQ'"
            " AND pending IS NULL", window.postings
        )}  # fmt: skip
        first, last = window.entries
        self.earlier = sorted(
            {ride for ride, sign in self.signs.items() if ride < first and sign}
            | {entry for entry in self.taken_back if entry < first}
        )
        self.forged = self._late_seals()
        forged = {entry for *_, entry in self.forged if entry}
        earlier = sorted({*self.earlier} | forged)
        self.journeys = Journeys(database, window.entries, earlier, told)
        self.bits = self._bits_of_unposted()
        self.tickets = {row[0]: TICKET_STATES[row[1]] for row in database.rows(
            "SELECT id, state FROM ticket_uses WHERE id BETWEEN ? AND ?", window.entries
        )}  # fmt: skip

    def lines(self) -> Iterator[Gathered]:
        """Yield every line once, in order."""
        parts = (self._forged(), self._new(), self._later(), self._unread())
        by_order = heapq.merge(*parts, key=lambda row: row[0])
        for _, gathered in by_order:
            yield gathered
        yield from self._others()

    def _pairs(self, sql: str, values: Any) -> Iterator[tuple[int, int]]:
        for row in self.database.rows(sql, values):
            yield int(row[0]), int(row[1])

    def _bits_of_unposted(self) -> dict[int, int]:
        """Return the evidence about rides of this batch that do not count, by ride."""
        first, last = self.window.entries
        found: dict[int, int] = {}
        for (pending,) in self.database.rows(
            "SELECT id FROM pendings WHERE id BETWEEN ? AND ?", (first, last)
        ):
            if not self.signs.get(pending):
                found[pending] = 0
        for pending, rule in self.database.rows_in(
            "SELECT pending, rule FROM evidence WHERE pending IN {}", sorted(found)
        ):
            found[pending] |= BITS[rule]
        return found

    def _new(self) -> Iterator[tuple[Order, Gathered]]:
        sql = (
            f"SELECT {RIDE} FROM rides r WHERE r.id BETWEEN ? AND ?"
            # What another slot's number was taken for and given back within the window.
            f" AND NOT EXISTS ({DISPLACED_HERE}) ORDER BY device, epoch, seq"
        )
        for row in stream(self.database, sql, (*self.window.entries, self.window.entries[1])):
            yield self._ride(row, ln.SALE if row[1] == CASH_SALE else ln.RIDE)

    def _later(self) -> Iterator[tuple[Order, Gathered]]:
        forged = {entry for *_, entry in self.forged}
        others = [ride for ride in self.earlier if ride not in forged]
        rows = self.database.rows_in(f"SELECT {RIDE} FROM rides r WHERE r.id IN {{}}", others)
        yield from sorted((self._ride(row, ln.LATER) for row in rows), key=lambda row: row[0])

    def _ride(self, row: Any, kind: int) -> tuple[Order, Gathered]:
        ride, entry_type, device, epoch, seq, facts = row[:KEY_AT]
        sign, state = self._became(ride, entry_type, kind)
        leg, legs = self.journeys.of(ride)
        line = Line(kind, state, sign, entry_type, device, epoch, seq, leg, bytes(facts))
        by_right = entry_type == TICKET or row[19] & 15 in PASS_RULES
        carried = carried_by(entry_type, bytes(facts)) if by_right else 0
        key = Key._make((*row[KEY_AT:KEY_END], carried))
        return (device, epoch, seq, kind), Gathered(line, key, row[16], row[17], row[18], legs)

    def _late_seals(self) -> list[tuple[int, int, int, bytes, int]]:
        """Return (device, epoch, seq, hash, entry) of the slots found to be forged in this window.

        `entry` is 0 unless an earlier batch was closed while the slot had its number.
        """
        rows = self.database.rows(
            "SELECT q.device, q.epoch, q.seq, q.hash, coalesce(e.id, 0) FROM quarantine q"
            " LEFT JOIN entries e ON e.device = q.device AND e.epoch = q.epoch"
            " AND e.seq = q.seq AND e.hash = q.hash AND e.id < ?"
            f" WHERE q.id BETWEEN ? AND ? AND q.reason = '{LATE_SEAL}'",
            (self.window.entries[0], *self.window.quarantine),
        )
        return [(*row[:3], bytes(row[3]), row[4]) for row in rows]

    def _forged(self) -> Iterator[tuple[Order, Gathered]]:
        """Yield what was found to be forged: what a batch said of it is taken back."""
        entries = sorted({entry for *_, entry in self.forged if entry})
        rows = self.database.rows_in(f"SELECT {RIDE} FROM rides r WHERE r.id IN {{}}", entries)
        rides = {row[0]: row for row in rows}
        found = []
        for device, epoch, seq, slot_hash, entry in self.forged:
            row, digest = rides.get(entry), ln.digest_of(slot_hash)
            state = ln.FORK if entry else ln.REFUSED
            if row is None:
                line = Line(ln.FORGED, state, 0, 0, device, epoch, seq, ln.NO_SLOT,
                            bytes(ln.FACTS_BYTES), digest)  # fmt: skip
                gathered = Gathered(line, None, 0, 0, 0, [])
            else:
                gathered = self._ride(row, ln.FORGED)[1]
                gathered = gathered._replace(line=gathered.line._replace(digest=digest))
            found.append(((device, epoch, seq, 0, digest), gathered))
        yield from sorted(found, key=lambda row: row[0])

    def _became(self, ride: int, entry_type: int, kind: int) -> tuple[int, int]:
        """Return (sign, state) of a ride or sale."""
        if kind == ln.FORGED:
            counted = entry_type == CASH_SALE and ride in self.taken_back
            return -1 if counted else self.signs.get(ride, 0), ln.FORK
        if entry_type == CASH_SALE:
            if kind == ln.LATER:
                return -1, ln.FORK
            return (0, ln.FORK) if ride in self.taken_back else (1, ln.POSTED)
        sign = self.signs.get(ride, 0)
        if sign:
            return sign, ln.POSTED if sign > 0 else ln.FORK
        if entry_type == TICKET:
            return 0, self.tickets[ride]
        bits = self.bits.get(ride)
        return 0, ln.REFUSED if bits is None else state_of(bits)

    def _unread(self) -> Iterator[tuple[Order, Gathered]]:
        """Yield slots that say they could earn and that no key or table reads.

        So are tickets' uses of before the books kept their facts.
        """
        found: dict[Order, Gathered] = {}
        for device, epoch, seq in self.database.rows(
            "SELECT device, epoch, seq FROM held_entries e WHERE id BETWEEN ? AND ?"
            f" AND type = {TICKET} AND NOT EXISTS (SELECT 1 FROM rides r WHERE r.id = e.id)",
            self.window.entries,
        ):
            found[device, epoch, seq, ln.UNREAD] = _unread_line(TICKET, device, epoch, seq)
        for device, epoch, seq, slot in self.database.rows(
            "SELECT q.device, q.epoch, q.seq, q.slot FROM quarantine q JOIN devices d"
            " ON d.device = q.device AND d.epoch = q.epoch WHERE q.id BETWEEN ? AND ?"
            f" AND q.reason IN ('{BAD_SEAL}', '{UNKNOWN_LAYOUT}') AND q.slot IS NOT NULL"
            " AND NOT EXISTS (SELECT 1 FROM entries e WHERE e.device = q.device"
            " AND e.epoch = q.epoch AND e.seq = q.seq)",
            self.window.quarantine,
        ):
            kind = slot_names(bytes(slot))[0]
            if kind in ln.EARNING:
                found[device, epoch, seq, ln.UNREAD] = _unread_line(kind, device, epoch, seq)
        yield from sorted(found.items())

    def _others(self) -> Iterator[Gathered]:
        for sold in counter_lines(self.database, self.window.postings, self.terms):
            facts = other_facts(sold.line.facts)
            key = key_of(facts, facts.seconds // DAY_SECONDS, sold.payer)
            owed = sold.billed if sold.payer else 0
            yield Gathered(sold.line, key, sold.cents, owed, facts.full, [])


def _unread_line(kind: int, device: int, epoch: int, seq: int) -> Gathered:
    facts = bytes(ln.FACTS_BYTES)
    line = Line(ln.UNREAD, ln.REFUSED, 0, kind, device, epoch, seq, ln.NO_SLOT, facts)
    return Gathered(line, None, 0, 0, 0, [])
