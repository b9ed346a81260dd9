"""Where what lies on a board's flash, in blocks of 4 KiB: the journal, then two slots a role.

A board with another part has another table; the publisher is told the capacities (D18).
"""

from card_layouts.packages.manifest import HOTLIST, LEASE, OVERLAY, TARIFF

JOURNAL_FIRST = 0
JOURNAL_BLOCKS = 64  # 1,920 slots: 950 taps

# role, first block, blocks of one slot
PACKAGES = (
    (TARIFF, 64, 32),
    (HOTLIST, 128, 64),
    (OVERLAY, 256, 16),
    (LEASE, 288, 1),
)
FLASH_BLOCKS = 290
FLASH_BYTES = FLASH_BLOCKS * 4096
