"""File C: the transaction counter n and the block generation b in one falling value.

C = 2^30 - 1 - (b << 24) - n. It starts at the largest small integer of a 32-bit board, so nothing
in the commit window leaves the small integers (D4). C = 0 is killed and reads b = 63.
"""

from card_layouts.errors import LayoutError, RangeError

COUNTER_START = (1 << 30) - 1
N_MAX = (1 << 24) - 1
KILLED_B = 63


def counter_value(b, n):
    """Return the value of C for block generation `b`, 0..63, and counter `n`, 24 bits."""
    if b < 0 or b > KILLED_B or n < 0 or n > N_MAX:
        raise RangeError("C: b %s, n %s, wanted 0..63 and 0..2^24-1" % (b, n))
    return COUNTER_START - (b << 24) - n


def counter_b_n(value):
    """Return (b, n) of a value of C. Raises: LayoutError outside 0..2^30-1."""
    if value < 0 or value > COUNTER_START:
        raise LayoutError("C: %s, wanted 0..2^30-1" % value)
    used = COUNTER_START - value
    return used >> 24, used & N_MAX
