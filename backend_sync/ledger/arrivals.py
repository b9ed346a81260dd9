"""Sorts the slots of a group: new, held already, contested, or kept only as evidence.

After `sort` every slot handed in is accounted for; nothing raises over bytes from outside. It must
not know cards or money. Source: decisions.md D11, D16; trust.md T10, T11, I9.
"""

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass, field

from backend_sync.ledger.chains import Device
from backend_sync.ledger.results import (
    BAD_FORMAT,
    BAD_SEAL,
    UNKNOWN_DEVICE,
    UNKNOWN_LAYOUT,
)
from backend_sync.ledger.schema import entries, quarantine
from backend_sync.ports import OK, Opened, Run
from backend_sync.storage.database import Database
from card_layouts.records.slot import SEALED_BYTES

REASONS = {1: BAD_SEAL, 2: UNKNOWN_DEVICE, 3: BAD_FORMAT}
Batch = tuple[str, Sequence[Run]]  # edge, runs
Number = tuple[int, int, int]  # device, epoch, seq


@dataclass(slots=True)
class Entry:
    """One new authentic entry."""

    id: int
    opened: Opened
    hash: bytes
    slot: bytes
    edge: str
    card: int | None = None
    of: int | None = None
    displaces: bool = False  # its number was held by a forged one


@dataclass(slots=True)
class Arrivals:
    """What a group brought."""

    fresh: list[Entry] = field(default_factory=list)
    contested: list[Entry] = field(default_factory=list)  # another one has their number
    equivocal: list[Opened] = field(default_factory=list)
    late: dict[Number, int] = field(default_factory=dict)  # block of the late entry
    displaced: dict[int, Entry] = field(default_factory=dict)  # by the entry held before
    devices: set[Device] = field(default_factory=set)
    authentic: dict[Device, dict[int, bytes]] = field(default_factory=dict)
    suspect: dict[Device, dict[int, bytes]] = field(default_factory=dict)
    refused: list[tuple[int, int, int, str, bytes, bytes | None, str]] = field(default_factory=list)
    repeated: int = 0


def sort(database: Database, batches: Sequence[Batch], opened: Sequence[Opened]) -> Arrivals:
    """Return what is new; `opened` is the keyring's answer for all runs of `batches` in order.

    Of contested entries (`late_seals.judge`) only the first that came is among the new.
    """
    found = Arrivals()
    seen = _held(database, batches)
    number = database.next_id(entries)
    at = 0
    for edge, runs in batches:
        for _, _, _, _, slots in runs:
            for slot in slots:
                one = opened[at]
                at += 1
                if one.status != OK:
                    _refuse(found, one, slot, edge)
                    continue
                key = one[1:4]
                digest = hashlib.sha256(slot[:SEALED_BYTES]).digest()
                before = seen.get(key)
                if before is None:
                    seen[key] = digest
                    found.fresh.append(Entry(number, one, digest, slot, edge))
                    found.authentic.setdefault((one.device, one.epoch), {})[one.seq] = slot
                    found.devices.add((one.device, one.epoch))
                    number += 1
                elif before == digest:
                    found.repeated += 1
                    found.devices.add((one.device, one.epoch))
                else:
                    found.contested.append(Entry(0, one, digest, slot, edge))
                    found.devices.add((one.device, one.epoch))
    return found


def keep_refused(database: Database, found: Arrivals, now: int) -> list[tuple[int, int, int, str]]:
    """Write what is only evidence; return (device, epoch, seq, reason) of what was news."""
    if not found.refused:
        return []
    rows = {(r[0], r[1], r[2], r[4], r[3]): r for r in found.refused}
    known = {
        (row[0], row[1], row[2], row[3], row[4])
        for row in database.rows_of(
            "SELECT q.device, q.epoch, q.seq, q.hash, q.reason FROM {keys} JOIN quarantine q"
            " ON q.device = k.device AND q.epoch = k.epoch AND q.seq = k.seq",
            ("device", "epoch", "seq"),
            sorted({key[:3] for key in rows}),
        )
    }
    news = [row for key, row in rows.items() if key not in known]
    number = database.next_id(quarantine)
    database.insert(quarantine, [(number + i, *row, now) for i, row in enumerate(news)])
    for device, epoch, seq, reason, _, slot, _ in news:
        if reason in (BAD_SEAL, BAD_FORMAT, UNKNOWN_LAYOUT):
            found.suspect.setdefault((device, epoch), {})[seq] = slot or b""
        if reason == UNKNOWN_LAYOUT:
            # Authentic though unreadable: it is held wherever it stands.
            found.authentic.setdefault((device, epoch), {})[seq] = slot or b""
    return [row[:4] for row in news]


def _held(database: Database, batches: Sequence[Batch]) -> dict[Number, bytes]:
    """Return the hashes of stored entries within the spans of the runs."""
    spans: dict[Device, tuple[int, int]] = {}
    for _, runs in batches:
        for device, epoch, first, _, slots in runs:
            low, high = spans.get((device, epoch), (first, first))
            spans[device, epoch] = min(low, first), max(high, first + len(slots) - 1)
    rows = database.rows_of(
        "SELECT e.device, e.epoch, e.seq, e.hash FROM {keys} JOIN held_entries e ON"
        " e.device = k.device AND e.epoch = k.epoch AND e.seq BETWEEN k.low AND k.high",
        ("device", "epoch", "low", "high"),
        [(*name, low, high) for name, (low, high) in sorted(spans.items())],
    )
    return {(row[0], row[1], row[2]): row[3] for row in rows}


def _refuse(found: Arrivals, one: Opened, slot: bytes, edge: str) -> None:
    reason = REASONS[one.status]
    if reason == BAD_FORMAT and one.type:
        reason = UNKNOWN_LAYOUT
    digest = hashlib.sha256(slot).digest()
    found.refused.append((one.device, one.epoch, one.seq, reason, digest, bytes(slot), edge[:24]))
    if reason != UNKNOWN_DEVICE:
        found.devices.add((one.device, one.epoch))
