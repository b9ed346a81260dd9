"""Per device and epoch: what is held without a hole, and the chain value H there.

The watermark is the highest seq up to which every slot is held durably, posted or quarantined
(D16). H runs over the slots as the ledger holds them; where only a quarantined slot stands the
chain runs through it and remembers the place, so that the genuine slot can take it over later.
It must not know what an entry says. Source: decisions.md D1, D13, D16.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from backend_sync.ledger import ranges
from backend_sync.ledger.schema import devices
from backend_sync.storage.database import Database
from card_layouts.records.chain import chain_next, chain_start

Device = tuple[int, int]  # device, epoch
WALK = 2000  # slots read back from the database at a time


@dataclass(slots=True)
class Chain:
    """One device in one epoch."""

    device: int
    epoch: int
    first_seq: int = 0
    seq: int = 0
    chain: bytes = bytes(32)
    head_seq: int = 0
    held: ranges.Ranges = field(default_factory=list)
    poisoned: dict[int, bytes] = field(default_factory=dict)  # seq -> H before it
    quarantined: int = 0
    stored: bool = False

    @property
    def missing(self) -> ranges.Ranges:
        """Return the seqs below the highest authentic one that are not held."""
        return ranges.holes(self.held, self.seq + 1, self.head_seq)


class Chains:
    """The chains of the devices in one group."""

    def __init__(self, database: Database, names: set[Device]) -> None:
        self.database = database
        self.by_name = {name: Chain(*name) for name in sorted(names)}
        rows = database.rows_of(
            "SELECT d.device, d.epoch, d.first_seq, d.seq, d.chain, d.head_seq, d.held,"
            " d.poisoned, d.quarantined FROM {keys} JOIN devices d"
            " ON d.device = k.device AND d.epoch = k.epoch",
            ("device", "epoch"),
            sorted(names),
        )
        for row in rows:
            self.by_name[row[0], row[1]] = chain_of(row)

    def begin(self, name: Device, first_seq: int) -> None:
        """Note where an epoch's journal begins; H there follows from the identity alone."""
        chain = self.by_name[name]
        if not chain.first_seq:
            chain.first_seq = first_seq
            chain.seq = first_seq - 1
            chain.chain = chain_start(*name)

    def begin_again(self, name: Device, seq: int) -> None:
        """Another slot has the number `seq` now: let `extend` walk again from where it can.

        That is the epoch's start or the last fold; it is let be where a slot before was emptied.
        """
        chain = self.by_name[name]
        start, before = folded_to(self.database, name, chain.first_seq)
        emptied = self.database.rows(
            "SELECT 1 FROM held_entries WHERE device = ? AND epoch = ? AND seq > ? AND seq <= ?"
            " AND length(slot) = 0 LIMIT 1",
            (*name, start, chain.seq),
        )
        if start < seq <= chain.seq and not emptied:
            passed = ranges.joined(chain.held, [(start + 1, chain.seq)])
            for poisoned in chain.poisoned:
                passed = ranges.without(passed, poisoned)
            chain.poisoned = {s: h for s, h in chain.poisoned.items() if s <= start}
            chain.held, chain.seq, chain.chain = passed, start, before

    def extend(
        self, name: Device, authentic: Mapping[int, bytes], suspect: Mapping[int, bytes]
    ) -> None:
        """Take new slots by seq into account and move the watermark as far as it goes.

        `authentic` and `suspect` are the group's new slots: those whose seal is right, and those
        that are only quarantined. The rows themselves must be in the database already.
        """
        chain = self.by_name[name]
        chain.quarantined += len(suspect)
        if authentic:
            chain.head_seq = max(chain.head_seq, max(authentic))
            chain.held = ranges.above(ranges.joined(chain.held, _as_ranges(authentic)), chain.seq)
        self._rewind(chain, authentic, suspect)
        if not chain.first_seq:
            return
        slots = dict(authentic)
        while True:
            slot = slots.get(chain.seq + 1)
            if slot is None:
                slots = self._read(chain)
                slot = slots.get(chain.seq + 1)
                if slot is None:
                    break
            chain.seq += 1
            chain.chain = chain_next(chain.chain, slot)
        chain.held = ranges.above(chain.held, chain.seq)

    def write(self) -> None:
        rows = {
            stored: [
                (
                    c.first_seq,
                    c.seq,
                    c.chain,
                    c.head_seq,
                    ranges.text(c.held),
                    ",".join(f"{seq}:{h.hex()}" for seq, h in sorted(c.poisoned.items())),
                    c.quarantined,
                    c.device,
                    c.epoch,
                )
                for c in self.by_name.values()
                if c.stored == stored
            ]
            for stored in (True, False)
        }
        self.database.run(
            "UPDATE devices SET first_seq=?, seq=?, chain=?, head_seq=?, held=?, poisoned=?,"
            " quarantined=? WHERE device=? AND epoch=?",
            rows[True],
        )
        self.database.insert(devices, [(r[7], r[8], *r[:7]) for r in rows[False]])

    def _rewind(
        self, chain: Chain, authentic: Mapping[int, bytes], suspect: Mapping[int, bytes]
    ) -> None:
        """Go back to the first quarantined place for which another slot has come."""
        places = [s for s in chain.poisoned if s in authentic or s in suspect]
        if places:
            at = min(places)
            chain.seq, chain.chain = at - 1, chain.poisoned[at]
            chain.poisoned = {s: h for s, h in chain.poisoned.items() if s < at}

    def _read(self, chain: Chain) -> dict[int, bytes]:
        """Return the slots after the watermark as the database holds them."""
        low, high = chain.seq + 1, chain.seq + WALK
        where = "WHERE device = ? AND epoch = ? AND seq BETWEEN ? AND ?"
        values = (chain.device, chain.epoch, low, high)
        found: dict[int, bytes] = {}
        if not chain.held and not chain.quarantined:
            return found
        for seq, slot in self.database.rows(
            f"SELECT seq, slot FROM held_entries {where} AND length(slot) > 0", values
        ):
            found[seq] = slot
        # Only behind an authentic slot: a stranger's bytes alone must not lead the chain onward.
        if chain.quarantined and low not in found and low < chain.head_seq:
            # The lowest hash, so that the choice does not depend on which came first.
            rows = self.database.rows(
                f"SELECT seq, slot FROM quarantine {where} AND slot IS NOT NULL"
                " AND reason IN ('BAD_SEAL', 'BAD_FORMAT', 'UNKNOWN_LAYOUT') AND seq = ?"
                " ORDER BY hash LIMIT 1",
                (*values, low),
            )
            for seq, slot in rows:
                found[seq] = slot
                chain.poisoned[seq] = chain.chain
        return found


def folded_to(database: Database, name: Device, first_seq: int = 1) -> tuple[int, bytes]:
    """Return (seq, H there) that a chain can be walked from: the last fold's, or its start."""
    rows = database.rows(
        "SELECT seq, chain FROM folded_chains WHERE device = ? AND epoch = ?", name
    )
    return (rows[0][0], bytes(rows[0][1])) if rows else (first_seq - 1, chain_start(*name))


def leads_to_head(database: Database, name: Device, seq: int, chain: bytes) -> bool:
    """Return whether the entries after `seq` lead from the H `chain` to the stored head's."""
    heads = database.rows("SELECT seq, chain FROM devices WHERE device = ? AND epoch = ?", name)
    if not heads:
        return False
    head_seq, head_chain = heads[0]
    while seq < head_seq:
        rows = database.rows(
            "SELECT seq, slot FROM held_entries WHERE device = ? AND epoch = ?"
            " AND seq BETWEEN ? AND ? ORDER BY seq",
            (*name, seq + 1, min(seq + WALK, head_seq)),
        )
        if not rows:
            return False
        for found, slot in rows:
            if found != seq + 1:
                return False
            chain = chain_next(chain, slot)
            seq = found
    return seq == head_seq and chain == head_chain


def chain_of(row: Any) -> Chain:
    """Return the Chain of a row of `devices`, columns in the table's order."""
    poisoned = {}
    for part in row[7].split(",") if row[7] else ():
        seq, _, h = part.partition(":")
        poisoned[int(seq)] = bytes.fromhex(h)
    chain = Chain(*row[:6])
    chain.held, chain.poisoned = ranges.parse(row[6]), poisoned
    chain.quarantined, chain.stored = row[8], True
    return chain


def _as_ranges(slots: Mapping[int, bytes]) -> ranges.Ranges:
    seqs = sorted(slots)
    if seqs[-1] - seqs[0] == len(seqs) - 1:
        return [(seqs[0], seqs[-1])]
    return ranges.joined([], [(seq, seq) for seq in seqs])
