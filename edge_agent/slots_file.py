"""Everything still kept of what devices wrote, as one file for an auditor (D25).

Sealed as it came: the edge has no key, and the file holds nothing else, no dock key and no package.
"""

from pathlib import Path
from typing import NamedTuple

from card_layouts.link.batches import BATCH_SLOTS_MAX
from card_layouts.settlement.ciphertext import write_run
from edge_agent.store import Store

SLOTS_AT_ONCE = min(BATCH_SLOTS_MAX, 400)


class Written(NamedTuple):
    """What a file holds."""

    devices: int
    slots: int


def write_slots(store: Store, edge: str, path: Path) -> Written:
    """Write every run of entries that is kept, oldest seqs first. Raises: OSError."""
    rows = store.connection.execute(
        "SELECT device, epoch, first_seq, H_before, last_seq FROM runs"
        " WHERE last_seq >= first_seq ORDER BY device, epoch, first_seq"
    ).fetchall()
    devices, count = set(), 0
    with path.open("wb") as file:
        for device, epoch, first, chain, last in rows:
            for at in range(first, last + 1, SLOTS_AT_ONCE):
                end = min(at + SLOTS_AT_ONCE - 1, last)
                slots = store.outbox.slots(device, epoch, at, end)
                before = chain if at == first else store.outbox.chain_at(device, epoch, at - 1)
                if slots and before is not None:
                    write_run(file, edge, (device, epoch, at, before, slots))
                    devices.add((device, epoch))
                    count += len(slots)
    return Written(len(devices), count)
