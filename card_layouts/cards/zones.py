"""ZoneSet: a set of zones in 16 bits, one code for each set.

0 is none. Top bit 0: a run, first zone 6 bits, last zone 6 bits, three zero bits; zones 1..63. Top
bit 1: zones 1..15, zone 1 first. FFFF is everywhere. A set that is a run is always written as one.
Source: SPEC.md section 1.
"""

from card_layouts.errors import LayoutError, RangeError

ZONES_NONE = 0
ZONES_ALL = 0xFFFF
ZONE_MAX = 63
BITMAP_ZONE_MAX = 15


def zones_run(first, last):
    """Return the code of zones `first`..`last`, 1..63. Raises: RangeError."""
    if not 1 <= first <= last <= ZONE_MAX:
        raise RangeError("zones: run %s..%s is not inside 1..63" % (first, last))
    return first << 9 | last << 3


def zones_bitmap(zones):
    """Return the code of any set of zone numbers, as a run if it is one.

    Raises: RangeError if it is no run and a zone is above 15.
    """
    low = min(zones) if zones else 0
    high = max(zones) if zones else 0
    code = 0x8000
    count = 0
    for zone in range(low, high + 1):
        if zone in zones:
            count += 1
            if zone <= BITMAP_ZONE_MAX:
                code |= 1 << (BITMAP_ZONE_MAX - zone)
    if not zones:
        return ZONES_NONE
    if count == high - low + 1:
        return zones_run(low, high)
    if low < 1 or high > BITMAP_ZONE_MAX:
        raise RangeError("zones: %s is no run and not inside 1..15" % (sorted(zones),))
    return code


def zones_list(code):
    """Return the zone numbers in rising order. Raises: LayoutError for a code nobody writes."""
    if code == ZONES_NONE:
        return []
    if code < 0x8000:
        first = code >> 9
        last = code >> 3 & 63
        if code & 7 or not 1 <= first <= last:
            raise LayoutError("zones: %04x is not a run first, last, 000" % code)
    return [zone for zone in range(1, ZONE_MAX + 1) if zones_covers(code, zone)]


def zones_covers(code, zone):
    """Return whether `zone` is in the set; zone 0, nowhere, is in none. Allocates nothing."""
    if zone < 1 or zone > ZONE_MAX:
        return False
    if code == ZONES_ALL:
        return True
    if code & 0x8000:
        return zone <= BITMAP_ZONE_MAX and code >> (BITMAP_ZONE_MAX - zone) & 1 == 1
    return code >> 9 <= zone <= code >> 3 & 63


def zones_subset(a, b):
    """Return whether every zone of `a` is in `b`. Allocates nothing."""
    if b == ZONES_ALL or a == b:
        return True
    for zone in range(1, ZONE_MAX + 1):
        if zones_covers(a, zone) and not zones_covers(b, zone):
            return False
    return True
