"""Makes an empty journal on raw flash: at the provisioning bench, for a device in a key epoch.

A journal that still holds unacknowledged entries must be drained first (D16): this erases it.
Source: decisions.md D1, D13; trust.md 6.1, 6.2.
"""

from card_layouts.crypto.kdf import next_block_key
from card_layouts.records.chain import chain_start
from card_layouts.records.slot import SLOTS_PER_BLOCK
from firmware.journal_block import Blocks, JournalDamaged
from firmware.journal_counters import Counters

SHIFT_MAX = (1 << 12) - 1


def provision(flash, first_block, block_count, device, epoch, key_block0, first_seq=1):
    """Make an empty journal: every block blank, then the first header.

    A device that gets new keys goes on counting: seq never restarts, and the first block's
    ordinal is the smallest a ledger would look for, with the key ratcheted up to it.
    Raises: JournalDamaged when a block cannot be erased or does not hold the header.
    """
    blocks = Blocks(flash, first_block, block_count)
    ordinal = (first_seq + SLOTS_PER_BLOCK - 2) // SLOTS_PER_BLOCK
    key = key_block0
    for _ in range(ordinal):
        key = next_block_key(key)
    for index in range(block_count):
        if not blocks.erase(index):
            raise JournalDamaged(f"journal: block {index} cannot be erased; replace the part")
    values = Counters().header_values()
    values["device"] = device
    values["epoch"] = epoch
    values["ordinal"] = ordinal
    values["first_seq"] = first_seq
    values["wear"] = 1
    values["acked_seq"] = first_seq - 1
    values["H_start"] = chain_start(device, epoch)
    # Below them lie the tickets sold and the shifts begun under earlier keys: each took an entry.
    values["ticket"] = first_seq
    values["shift"] = (first_seq - 1) % (SHIFT_MAX + 1)
    if not blocks.write_header(values, key):
        raise JournalDamaged("journal: the first block does not hold its header")
