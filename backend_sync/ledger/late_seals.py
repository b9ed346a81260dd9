"""Which of several authentic entries under one number counts: the one of the earliest block.

A device forgets a block's key when it opens the next, so of two entries with one number the later
block's was made by whoever holds the device's key of that block: it proves nothing against the
earlier one, whichever came first: one that was held already is displaced (`displacement.py`).
Within one block nobody can tell them apart: EQUIVOCATION.
Source: trust.md T6, I9, 6.2; decisions.md D13.
"""

from collections.abc import Iterable, Mapping, Sequence
from typing import NamedTuple

from backend_sync.ledger.arrivals import Arrivals, Entry, Number
from backend_sync.ledger.resolve import Alarm
from backend_sync.ledger.results import (
    ALARM_EQUIVOCATION,
    ALARM_LATE_SEAL,
    EQUIVOCATION,
    LATE_SEAL,
)
from backend_sync.ledger.schema import entries
from backend_sync.ports import Keyring
from backend_sync.storage.database import Database


def judge(database: Database, keyring: Keyring, found: Arrivals) -> None:
    """Sort the contested entries of a group into equivocal, late, and those that are to count."""
    if not found.contested:
        return
    fresh = {entry.opened[1:4]: at for at, entry in enumerate(found.fresh)}
    numbers = {entry.opened[1:4] for entry in found.contested}
    held = _held(database, keyring, sorted(numbers - fresh.keys()))
    number = database.next_id(entries) + len(found.fresh)
    # The earliest first: whatever comes after it is not earlier, in whatever order they came.
    for entry in sorted(found.contested, key=lambda one: one.opened.block):
        name = entry.opened[1:4]
        at = fresh.get(name)
        if at is None and entry.opened.block >= held[name].block:
            _lose(found, entry, held[name].block)
            continue
        if at is None:
            entry.id = number + len(found.displaced)
            fresh[name] = len(found.fresh)
            _displace(found, entry, held[name])
            continue
        first = found.fresh[at]
        if entry.opened.block < first.opened.block:
            first, entry = _put(found, at, entry), first
        if entry.hash != first.hash:
            _lose(found, entry, first.opened.block)


def alarms_of(news: Sequence[tuple[int, int, int, str]], late: Mapping[Number, int]) -> list[Alarm]:
    """Return an alarm for each slot in quarantine that has a number another entry has."""
    words = {EQUIVOCATION: (ALARM_EQUIVOCATION, "one number, two authentic entries: none counts")}
    found = []
    for *number, reason in news:
        device, epoch, seq = number
        if reason == LATE_SEAL:
            block = late[device, epoch, seq]
            said = f"the device's key is in other hands from block {block} on: this does not count"
            words[LATE_SEAL] = (ALARM_LATE_SEAL, said)
        if reason in words:
            kind, said = words[reason]
            found.append(Alarm(kind, device, epoch, seq, None, None, said))
    return found


class Held(NamedTuple):
    """A stored entry; `block` is 0 when no key opens it any more: then nothing is earlier."""

    id: int
    hash: bytes
    block: int


def _held(database: Database, keyring: Keyring, numbers: Iterable[Number]) -> dict[Number, Held]:
    """Return the stored entries of these numbers."""
    rows = database.rows_of(
        "SELECT e.device, e.epoch, e.seq, e.slot, e.id, e.hash FROM {keys} JOIN held_entries e"
        " ON e.device = k.device AND e.epoch = k.epoch AND e.seq = k.seq",
        ("device", "epoch", "seq"),
        list(numbers),
    )
    runs = [(row[0], row[1], row[2], bytes(32), [bytes(row[3])]) for row in rows]
    return {
        one[1:4]: Held(row[4], bytes(row[5]), one.block)
        for row, one in zip(rows, keyring.unseal(runs), strict=True)
    }


def _displace(found: Arrivals, entry: Entry, held: Held) -> None:
    """Let `entry` have the number of a stored one that a later block sealed."""
    one = entry.opened
    entry.displaces = True
    found.fresh.append(entry)
    found.authentic.setdefault((one.device, one.epoch), {})[one.seq] = entry.slot
    found.displaced[held.id] = entry
    found.late[one[1:4]] = held.block
    found.refused.append((*one[1:4], LATE_SEAL, held.hash, None, entry.edge[:24]))


def _put(found: Arrivals, at: int, entry: Entry) -> Entry:
    """Let `entry` have the place of another one of this group."""
    entry.id = found.fresh[at].id
    found.fresh[at] = entry
    one = entry.opened
    found.authentic[one.device, one.epoch][one.seq] = entry.slot
    return entry


def _lose(found: Arrivals, entry: Entry, block: int) -> None:
    """Keep an entry as evidence only; `block` is that of the one that has its number."""
    one = entry.opened
    reason = LATE_SEAL if one.block > block else EQUIVOCATION
    if reason == LATE_SEAL:
        found.late[one[1:4]] = one.block
    else:
        found.equivocal.append(one)
    found.refused.append((*one[1:4], reason, entry.hash, entry.slot, entry.edge[:24]))
