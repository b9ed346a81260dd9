"""Fares v2 transfer rules as minutes by start zone: how long one price goes on.

A rule carries when its first leg group prices a ride that starts in the zone.
Source: the GTFS reference, fare_transfer_rules.txt; tariff-model.md M6.
"""

from backend_sync.tariffs.draft import Family
from backend_sync.tariffs.fare_tables import FaresV2, TransferRule
from backend_sync.tariffs.leg_rules import LegRules
from backend_sync.tariffs.losses import Loss

TRANSFERS = "fare_transfer_rules.txt"
MINUTES_MAX = 1440
LEGS_MAX = 3
FROM_DEPARTURE_TO_DEPARTURE = 1
SECOND_LEG_FREE, BOTH_LEGS = 0, 1  # fare_transfer_type: A + AB, A + AB + B


class Transfers:
    """The transfer rules of a feed; `prices` is {fare product: {medium: {group: cents}}}."""

    def __init__(
        self, fares: FaresV2, prices: dict[str, dict[str, dict[str, int]]], losses: list[Loss]
    ) -> None:
        self._rows = [(row, _minutes(row, prices, losses)) for row in fares.transfers]
        self._listed = {row.start for row in fares.transfers} - {""}
        if fares.joins:
            place = f"fare_leg_join_rules.txt:{fares.joins[0]}"
            said = f"{len(fares.joins)} rules join legs into one"
            losses.append(Loss("L17", place, said, "every leg is a tap"))

    def put(self, family: Family, products: set[str], matched: LegRules) -> None:
        """Give `family`, made of the fare `products`, its minutes, legs and upgrade."""
        times = []
        for zone in matched.zones:
            groups = {
                rule.group
                for ride, rules in matched.rides.items()
                if ride.start == zone
                for rule in rules
                if rule.product in products
            }
            for row, minutes in self._rows:
                # An empty group is all groups not listed elsewhere.
                if row.start in groups if row.start else groups - self._listed:
                    family.minutes[zone] = max(family.minutes.get(zone, 0), minutes)
                    family.upgrade |= row.product != "" or row.kind != SECOND_LEG_FREE
                    times += [row.times] if row.times else []
        if times and -1 not in times:
            family.legs = max(times) if max(times) <= LEGS_MAX else 0
        family.minutes = {zone: minutes for zone, minutes in family.minutes.items() if minutes}


def _minutes(
    row: TransferRule, prices: dict[str, dict[str, dict[str, int]]], losses: list[Loss]
) -> int:
    """Return how long the second leg is inside the price of the first, 0 if it never is."""
    place = f"{TRANSFERS}:{row.line}"
    if row.kind == BOTH_LEGS and not row.product:
        return 0
    cost = max(
        (c for cells in prices.get(row.product, {}).values() for c in cells.values()), default=0
    )
    if cost or row.kind != SECOND_LEG_FREE:
        said = f"a transfer of type {row.kind} with {row.product or 'no product'}"
        carried = "free inside the paid zones, beyond them the difference to the wider fare"
        losses.append(Loss("L2", place, said, carried))
    if row.seconds < 0:
        losses.append(Loss("L4", place, "no time limit", f"{MINUTES_MAX} minutes"))
        return MINUTES_MAX
    if row.limit_kind != FROM_DEPARTURE_TO_DEPARTURE:
        said = f"its limit is of type {row.limit_kind}"
        losses.append(Loss("L4", place, said, "the same minutes, from tap to tap"))
    return min(row.seconds // 60, MINUTES_MAX)
