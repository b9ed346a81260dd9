"""How far apart two stops are, and whether a vehicle that ends at one can begin at the other."""

import math

from backend_sync.tariffs.feed import Stop

EARTH_METRES = 6_371_000
WALK_METRES = 300  # across a square or a terminal: no run without passengers has to be planned


def metres(one: Stop, two: Stop) -> float | None:
    """Return the distance as the crow flies, None where a place is not known."""
    if one.lat is None or one.lon is None or two.lat is None or two.lon is None:
        return None
    lat, other = math.radians(one.lat), math.radians(two.lat)
    north, east = other - lat, math.radians(two.lon - one.lon)
    half = math.sin(north / 2) ** 2 + math.cos(lat) * math.cos(other) * math.sin(east / 2) ** 2
    return 2 * EARTH_METRES * math.asin(min(1.0, math.sqrt(half)))


def are_one_place(one: Stop, two: Stop) -> bool:
    """Say whether two stops are the same, of one station, or a walk apart."""
    if one.stop_id == two.stop_id or (one.parent and one.parent == two.parent):
        return True
    apart = metres(one, two)
    return apart is not None and apart <= WALK_METRES
