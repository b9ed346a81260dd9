"""An entry of the hotlist in both widths, and what it asks for. Source: SPEC.md section 4, D8."""

from card_layouts.codec.bits import Layout, table

HOT_NONE = 0
HOT_REFUSE = 1
HOT_BLOCK = 2
HOT_KILL = 3  # only where the whole UID is stored
HOT_NAMES = ("none", "refuse", "block", "kill")
G_MAX = 62  # C = 0 reads b = 63 and means killed

# A row is a name and its width in bits; the formatter would break the pairs.
# fmt: off
HOTLIST_7 = Layout("HOTLIST_7", 8, table(
    "uid", 56,
    "g", 6,
    "action", 2,
))

HOTLIST_5 = Layout("HOTLIST_5", 6, table(
    "hash", 40,
    "g", 6,
    "action", 2,
))
# fmt: on
