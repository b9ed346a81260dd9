"""Every ride a network offers: each stop list, from each call to each later one, with its zones.

What the tariff's decisions on holes and detours are about, counted on a whole city.
Source: tariff-model.md section 3.3, "arc skip" and "zig-zag".
"""

from collections.abc import Callable, Iterator
from typing import NamedTuple

from backend_sync.tariffs.network import Network
from card_layouts.cards.zones import zones_hull


class Ride(NamedTuple):
    stop_list: int  # index into Network.stop_lists
    first_call: int
    last_call: int
    start: int  # masks: zones of the first stop,
    end: int  # of the last one,
    touched: int  # and of all from the one to the other

    def has_hole(self) -> bool:
        """Return whether the vehicle leaps over a zone: A, then C, never a stop in B."""
        return bool(zones_hull(self.touched) & ~self.touched)

    def has_detour(self) -> bool:
        """Return whether it passes zones that do not lie between its ends: B, C, B."""
        return bool(self.touched & ~zones_hull(self.start | self.end))


def rides(network: Network, mask: Callable[[int], int]) -> Iterator[Ride]:
    """Yield every ride; `mask(stop index)` is the zones of that stop."""
    for index, stops in enumerate(network.stop_lists):
        zones = [mask(stop) for stop in stops]
        for first, start in enumerate(zones):
            touched = start
            for last in range(first + 1, len(zones)):
                touched |= zones[last]
                yield Ride(index, first, last, start, zones[last], touched)


def zone_sequences(network: Network, mask: Callable[[int], int]) -> dict[tuple[int, ...], int]:
    """Return {zones in the order a trip passes them: trips that do}."""
    found: dict[tuple[int, ...], int] = {}
    for run in network.trips:
        zones = [mask(s) for s in network.stop_lists[network.patterns[run.pattern].stop_list]]
        passed = tuple(z for i, z in enumerate(zones) if i == 0 or z != zones[i - 1])
        found[passed] = found.get(passed, 0) + 1
    return found
