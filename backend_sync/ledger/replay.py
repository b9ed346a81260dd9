"""Opens every stored slot again: as it came, or under another device's name.

What was folded has no slot any more. As it came, each must open and carry the hash in the books.
Under swapped devices each must be refused: a seal belongs to one device and cannot be carried over.
Source: trust.md T10, T11.
"""

from collections import Counter
from collections.abc import Iterator
from typing import Any
from zlib import crc32

from backend_sync.ports import OK, STATUS_NAMES, Keyring, Run
from backend_sync.storage.database import Database
from card_layouts.records.slot import SLOT_HEADER, TAG_END

AT_ONCE = 500


def replay(database: Database, keyring: Keyring, swap_devices: bool) -> dict[str, Any]:
    """Return how many of the stored slots opened and how many were refused, by reason."""
    others = _others(database) if swap_devices else {}
    opened: Counter[str] = Counter()
    different = 0
    for rows in _slots(database):
        runs: list[Run] = []
        for device, epoch, seq, slot, _ in rows:
            if swap_devices:
                device = others[device]
                slot = _renamed(slot, device)
            runs.append((device, epoch, seq, bytes(32), [slot]))
        for one, row in zip(keyring.unseal(runs), rows, strict=True):
            opened[STATUS_NAMES[one.status]] += 1
            different += one.status == OK and not swap_devices and one.type != row[4]
    total = sum(opened.values())
    accepted = opened.pop(STATUS_NAMES[OK], 0)
    return {
        "entries": total,
        "accepted": accepted,
        "refused": total - accepted,
        "by_reason": dict(sorted(opened.items())),
        "different": different,
        "swapped": swap_devices,
    }


def _slots(database: Database) -> Iterator[list[Any]]:
    last = 0
    while True:
        rows = database.rows(
            "SELECT device, epoch, seq, slot, type, id FROM entries WHERE id > ?"
            f" AND length(slot) > 0 ORDER BY id LIMIT {AT_ONCE}",
            (last,),
        )
        if not rows:
            return
        last = rows[-1][5]
        yield [row[:5] for row in rows]


def _others(database: Database) -> dict[int, int]:
    """Return another device for each: the next one of the books, in a ring."""
    rows = database.rows("SELECT DISTINCT device FROM devices ORDER BY device")
    numbers = [row[0] for row in rows]
    if len(numbers) == 1:
        return {numbers[0]: numbers[0] ^ 1}
    return dict(zip(numbers, numbers[1:] + numbers[:1], strict=True))


def _renamed(slot: bytes, device: int) -> bytes:
    """Return the slot with another device in its header and a CRC that is right again."""
    changed = bytearray(slot)
    SLOT_HEADER.put(changed, "device", device)
    changed[TAG_END:] = crc32(changed[:TAG_END]).to_bytes(4, "big")
    return bytes(changed)
