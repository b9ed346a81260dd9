"""Writes down what entries tell of actions, while they are read; decides nothing.

`a` of a card is certain from three sides: a record that was read from it; an INTENT or BLOCK, which
repeats the `a` that its device had read; an ACTION, which counts one more than that. All three only
grow, so the order of entries does not matter. (The record's copy is mod 4096: ten years of daily
actions.) Source: trust.md 4.5; decisions.md D9.
"""

from collections.abc import Iterable

from backend_sync.ledger.action_tables import action_entries
from backend_sync.ledger.arrivals import Entry
from backend_sync.ledger.cards import Card
from backend_sync.ledger.decoding import read_announced, read_config, read_record_a
from backend_sync.storage.database import Database, Row
from card_layouts.codec.timestamps import CLOCK_UNSET
from card_layouts.packages.manifest import LEASE
from card_layouts.records.entries import ACTION
from card_layouts.records.entries_device import CONFIG_SWITCHED

AT_LEAST = (
    "INSERT INTO card_actions (card, a) VALUES (?, ?) ON CONFLICT (card)"
    " DO UPDATE SET a = excluded.a WHERE excluded.a > card_actions.a"
)
NEWEST_SIGHTING = (
    "INSERT INTO card_sightings (card, at) VALUES (?, ?) ON CONFLICT (card)"
    " DO UPDATE SET at = excluded.at WHERE excluded.at > card_sightings.at"
)
NEWEST_TIME = (
    "INSERT INTO device_times (device, epoch, seq, at) VALUES (?, ?, ?, ?)"
    " ON CONFLICT (device, epoch) DO UPDATE SET seq = excluded.seq, at = excluded.at"
    " WHERE excluded.seq > device_times.seq"
)
NEWEST_LEASE = (
    "INSERT INTO device_leases (device, epoch, seq, lease) VALUES (?, ?, ?, ?)"
    " ON CONFLICT (device, epoch) DO UPDATE SET seq = excluded.seq, lease = excluded.lease"
    " WHERE excluded.lease > device_leases.lease"
)


class ActionBook:
    """What one group of entries tells of actions; `write` puts it into the tables."""

    def __init__(self, database: Database, now: int) -> None:
        self.database = database
        self.now = now
        self._entries: list[Row] = []
        self._done: dict[int, int] = {}
        self._sightings: dict[int, int] = {}
        self._times: dict[tuple[int, int], tuple[int, int]] = {}
        self._leases: list[Row] = []

    def take(self, entry: Entry, card: Card, a: int, at: int) -> None:
        """Take an INTENT, ACTION, BLOCK or ACCESS: `a` and time as its record would have them."""
        opened = entry.opened
        self._time(entry, at)
        if opened.type == ACTION:
            k, version, kind, action = read_announced(opened.payload)
            self._entries.append((entry.id, card.id, k, version, kind, action, at))
            a -= 1
        self._seen(card.id, a, at)

    def configured(self, entry: Entry) -> None:
        """Take a CONFIG: each night's tells how far the device's clock has come, and its lease."""
        at, clock, role, result, version = read_config(entry.opened.payload)
        if (role, result) == (LEASE, CONFIG_SWITCHED):
            self._leases.append((*entry.opened[1:4], version))
        if clock != CLOCK_UNSET:
            self._time(entry, at)

    def observed(self, card: Card, records: Iterable[bytes], at: int = 0) -> None:
        """Take records that were read from a card; `at` when its newest was, if that is told."""
        for record in records:
            self._seen(card.id, read_record_a(record)[0], at)

    def write(self) -> None:
        """Write all that was taken; the cards and entries are in the tables already."""
        self.database.insert(action_entries, self._entries)
        self.database.run(AT_LEAST, list(self._done.items()))
        self.database.run(NEWEST_SIGHTING, list(self._sightings.items()))
        self.database.run(NEWEST_TIME, [(*name, *told) for name, told in self._times.items()])
        self.database.run(NEWEST_LEASE, self._leases)

    def _seen(self, card: int, a: int, at: int) -> None:
        at = min(at, self.now)  # a clock that is fast saw nothing of what is still to come
        self._sightings[card] = max(at, self._sightings.get(card, 0))
        if a > self._done.get(card, 0):
            self._done[card] = a

    def _time(self, entry: Entry, at: int) -> None:
        _, device, epoch, seq = entry.opened[:4]
        if seq > self._times.get((device, epoch), (0, 0))[0]:
            self._times[device, epoch] = seq, at
