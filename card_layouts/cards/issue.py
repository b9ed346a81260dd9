"""One line of a personalisation batch: what was written to a card, without any key.

The row is the register's evidence and the place to resume at. Source: SPEC.md section 2, X-3.
"""

from card_layouts.codec.bits import Layout, table

STATE_BLANK, STATE_KEYED, STATE_CREATED, STATE_WRITTEN, STATE_VERIFIED, STATE_SPOILT = range(6)
STATE_NAMES = ("blank", "keyed", "created", "written", "verified", "spoilt")

# A row is a name and its width in bits; the formatter would break the pairs.
# fmt: off
ISSUE = Layout("ISSUE", 64, table(
    "uid", 56,
    "layout", 4,
    "state", 4,
    "authority", 8,
    "free", 5,
    "serial", 27,
    "generation", 8,
    "key_version", 8,
    "step", 6,
    "error", 8,
    "free", 2,
    "batch", 24,
    "device", 20,
    "free", 6,
    "time", 30,
    "limit", 16,
    "deposit", 8,
    "aid", 16,
    "version", 112,
    "made", 56,
    "clerk", 24,
    "h0", 64,
))
# fmt: on
