"""Where what lies on a board's flash, in blocks of 4 KiB: journal, packages, single tickets.

A board with another part has another table; the publisher is told the capacities (D18).
"""

from card_layouts.packages.manifest import ACTIONS, CERTIFICATE, HOTLIST, LEASE, OVERLAY, TARIFF

JOURNAL_FIRST = 0
JOURNAL_BLOCKS = 64  # 1,920 slots: 950 taps

# role, first block, blocks of one slot
PACKAGES = (
    (TARIFF, 64, 32),
    (HOTLIST, 128, 64),
    (OVERLAY, 256, 16),
    (LEASE, 288, 1),
    (CERTIFICATE, 290, 1),
    (ACTIONS, 298, 32),  # 1,331 lines
)
# Codes accepted here: the newest 765, up to 1,020; orders sold: the newest 63, up to 126.
USED_FIRST, USED_BLOCKS = 292, 4
SOLD_FIRST, SOLD_BLOCKS = 296, 2
FLASH_BLOCKS = 362
FLASH_BYTES = FLASH_BLOCKS * 4096
