"""ZoneSet: a set of zones in 16 bits, one code for each set.

Zone z, 1..15, is bit 15 - z: zone 1 = 4000, zone 15 = 0001; the top bit is 0. 0 is none, FFFF is
everywhere. A run is a mask without holes. Union, meeting and leaving out are the integer operations
| & and & ~ on two sets. Nothing here allocates but the two functions that speak of lists.
Source: SPEC.md section 1, D32.
"""

from card_layouts.errors import LayoutError, RangeError

ZONES_NONE = 0
ZONES_ALL = 0xFFFF
ZONE_MAX = 15


def zone_bit(zone):
    """Return the set of one zone, 1..15; any other number is in no set."""
    return 1 << (ZONE_MAX - zone) if 1 <= zone <= ZONE_MAX else 0


def zones_run(first, last):
    """Return the set of zones `first`..`last`, 1..15. Raises: RangeError."""
    if not 1 <= first <= last <= ZONE_MAX:
        raise RangeError("zones: run %s..%s is not inside 1..15" % (first, last))
    return (1 << (16 - first)) - (1 << (15 - last))


def zones_bitmap(zones):
    """Return the set of the zone numbers in `zones`. Raises: RangeError unless all are 1..15."""
    code = 0
    for zone in zones:
        if not 1 <= zone <= ZONE_MAX:
            raise RangeError("zones: %s is not inside 1..15" % (sorted(zones),))
        code |= 1 << (ZONE_MAX - zone)
    return code


def zones_list(code):
    """Return the zone numbers in rising order. Raises: LayoutError for a code nobody writes."""
    if code & 0x8000 and code != ZONES_ALL:
        raise LayoutError("zones: %04x has the top bit, wanted 0000..7fff or ffff" % code)
    return [zone for zone in range(1, ZONE_MAX + 1) if zones_covers(code, zone)]


def zones_covers(code, zone):
    """Return whether `zone` is in the set; zone 0, nowhere, is in none."""
    return 1 <= zone <= ZONE_MAX and code >> (ZONE_MAX - zone) & 1 == 1


def zones_subset(a, b):
    """Return whether every zone of `a` is in `b`."""
    return a & ~b == 0


def zones_first(code):
    """Return the lowest zone of a set, 0 if it is empty."""
    for zone in range(1, ZONE_MAX + 1):
        if code >> (ZONE_MAX - zone) & 1:
            return zone
    return 0


def zones_last(code):
    """Return the highest zone of a set, 0 if it is empty."""
    for zone in range(ZONE_MAX, 0, -1):
        if code >> (ZONE_MAX - zone) & 1:
            return zone
    return 0


def zones_hull(code):
    """Return the smallest run that holds the set, 0 for the empty one."""
    first = zones_first(code)
    if not first:
        return ZONES_NONE
    return (1 << (16 - first)) - (1 << (15 - zones_last(code)))


def zones_count(code):
    """Return how many of the zones 1..15 are in the set."""
    count = 0
    for zone in range(ZONE_MAX):
        count += code >> zone & 1
    return count
