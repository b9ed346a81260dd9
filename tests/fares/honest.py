"""What honest riders would have paid for the same rides, by the published tariff read plainly.

A ride is one accepted tap: when, where, which zones were asked for, and who travelled. Every person
is accounted for alone: his rides are put into journeys in every possible way, each journey is paid
in the cheapest way that his card offers, and the cheapest sum is the honest fare. No favour of the
clock, no swapping of persons, nothing that is let off: those are the RELAXATIONS, one by one, by
which a gain over this fare is explained (`adversary.py`). Reads text through the oracle's tables.
"""

import datetime

from tests.fares import oracle_tariff, oracle_windows
from tests.fares.oracle_tariff import cents
from tests.fares.oracle_windows import service_date
from tests.fares.ridden import (
    BESIDE,
    FINISH,
    GRACE,
    HEADS,
    HOUR,
    JOIN,
    LEND,
    LET_OFF,
    added,
    companions,
    covers,
    needed,
    partitions,
    readings,
)

USE_CENTS = 100  # what a travel day, a trip or a ride of a pack is worth: all the same, never 0
NEVER = 1 << 30


class Accountant:
    """The honest fare of rides by one card of one rider under one tariff."""

    def __init__(self, world, group, held, penniless=False):
        self.book, self.feed, self.group = world["book"], world["feed"], group
        self.penniless = penniless
        self._met = frozenset()  # zones where others of the party boarded
        self._tables = world.setdefault("asked before", {})  # the same for every card
        self.purses = [h for h in held if h.product["kind"] == "purse"]
        self.rights = [h for h in held if h.product["kind"] in ("pass", "ticket_pack")]
        self._known = {}

    def fare(self, rides, relaxed=frozenset()):
        """Return the cents that honest riders owe for these rides under the `relaxed` rules."""
        self._met = frozenset()
        if JOIN in relaxed:
            self._met = frozenset().union(*(ride.here for ride in rides))
        total = 0
        holders = (False,) if LEND in relaxed else (False, True)
        for other in holders:
            own = tuple(r._replace(party=(), lent=False) for r in rides
                        if LEND in relaxed or r.lent == other)  # fmt: skip
            covered = self._beside(rides, relaxed) if BESIDE in relaxed else ()
            total += self._person(None, own, relaxed, covered)
        for age_class, own in companions(rides, HEADS in relaxed):
            total += self._person(age_class, own, relaxed, ())
        return total

    def _person(self, age_class, rides, relaxed, covered):
        if not rides:
            return 0
        key = age_class, rides, relaxed, covered, self._met
        if key not in self._known:
            ways = partitions(rides)
            sums = (self._way(age_class, way, relaxed, covered) for way in ways)
            self._known[key] = min(sums)
        return self._known[key]

    def _way(self, age_class, journeys, relaxed, covered):
        """Return the cheapest sum of these journeys, whatever pays for each of them."""
        sums = [({}, frozenset(), 0)]  # (own cents by purse, days used by right, other cents)
        for journey in journeys:
            ways = list(self._ways(age_class, journey, relaxed, covered))
            sums = [added(one, way) for one in sums for way in ways]
        return min((self._total(one) for one in sums), default=NEVER)

    def _total(self, one):
        own, used, rest = one
        for place, charged in own.items():
            left = self.purses[place].cap_left
            rest += charged if left is None else min(charged, left)
        for place in {right for right, _day in used}:
            counted = {day for right, day in used if right == place}
            rest += USE_CENTS * len(counted - {self.rights[place].day})
        return rest

    # --- ways to pay for one journey ---

    def _ways(self, age_class, journey, relaxed, covered):
        """Yield (purse, own cents, right, days, other cents) of every way to pay this journey."""
        if age_class is None and all(ride.minute in covered for ride in journey):
            yield None, 0, None, (), 0
        for place, purse in enumerate(self.purses):
            paid = self._by_purse(age_class, purse, journey, relaxed)
            if paid is not None:
                fee = self._fee("purse", purse.product, age_class, journey, relaxed)
                inside = needed(journey) <= (purse.zones or needed(journey))
                capped = age_class is None and purse.cap_left is not None and inside
                yield (place, paid, None, (), fee) if capped else (None, 0, None, (), paid + fee)
        if age_class is not None:
            return
        for place, right in enumerate(self.rights):
            uses = self._by_right(right, journey, relaxed)
            if uses is not None:
                kind = "pass" if right.product["kind"] == "pass" else "single"
                fee = self._fee(kind, right.product, age_class, journey, relaxed)
                days, worth = uses
                let_off = LET_OFF in relaxed and self.penniless
                yield None, 0, place, days, worth + (0 if let_off else fee)

    def _by_purse(self, age_class, purse, journey, relaxed):
        product, book = purse.product, self.book
        if product.get("needs") == "pass":
            return self._extended(product, journey, relaxed) if age_class is None else None
        if not self._in_time(product, journey, relaxed):
            return None
        moments = journey if HOUR in relaxed else journey[:1]
        prices = []
        for ride in moments:
            if age_class is None:
                group, table = self._priced_as(product, ride, relaxed)
            else:
                group, table = oracle_tariff.age_group(book, age_class), product["prices"]
            if group is not None:
                prices.append(self._price(table, group, journey, ride, relaxed))
        return min((price for price in prices if price is not None), default=None)

    def _priced_as(self, product, ride, relaxed):
        """Return (group, table) at this hour: outside window or group the product named `else`."""
        admitted = oracle_tariff.admits(self.book, product, self.group)
        if admitted and self._holds(product.get("window"), ride, relaxed):
            return self.group, product["prices"]
        if "else" not in product:
            return None, None
        other = self.book["products"][product["else"]]
        return oracle_tariff.full_group(self.book, self.group), other["prices"]

    def _price(self, table, group, journey, ride, relaxed):
        zones = needed(journey)
        prices = [
            self._once(_price_at, table, group, zones, wall)
            for wall in readings(ride.wall, relaxed)
        ]
        return None if None in prices else min(prices)

    def _once(self, question, *about):
        """Return the answer of a question about the tariff alone, worked out once."""
        key = question, about
        if key not in self._tables:
            self._tables[key] = question(self.book, self.feed, *about)
        return self._tables[key]

    def _extended(self, product, journey, relaxed):
        """Return what the zones that a valid pass lacks cost in the extension's table."""
        found = []
        for right in self.rights:
            if right.product["kind"] != "pass" or not self._in_time(product, journey, relaxed):
                continue
            lacking = needed(journey) - right.zones
            if lacking and self._valid(right, journey[0], relaxed, any_zone=True):
                sold = oracle_tariff.sold_as(
                    self.book, product["prices"], self.group, lacking, lacking
                )
                rows = oracle_tariff.sold_sets(self.book, product["prices"], self.group)
                found += [rows[sold]] if sold is not None else []
        return min(found, default=None)

    def _by_right(self, right, journey, relaxed):
        """Return (days counted, worth of trips or rides) if the right carries the whole journey."""
        asked = journey[:1] if FINISH in relaxed else journey
        if not self._in_time(right.product, journey, relaxed):
            return None
        if not all(self._valid(right, ride, relaxed) for ride in asked):
            return None
        if not covers(right, journey):
            return None
        if "travel_days" in right.product.get("span", {}):
            return tuple(self._day(ride, relaxed, right.day) for ride in asked), 0
        counted = "trips_per_day" in right.product or right.product["kind"] == "ticket_pack"
        return (), USE_CENTS if counted else 0

    def _valid(self, right, ride, relaxed, any_zone=False):
        product = right.product
        if not oracle_tariff.admits(self.book, product, self.group):
            return False
        days = [service_date(self.book, wall) for wall in readings(ride.wall, relaxed)]
        span = product.get("span", {})
        first, last = span.get("from"), span.get("to")
        if isinstance(first, datetime.date) and not any(first <= day <= last for day in days):
            return False
        if right.start is not None:
            end = right.start + datetime.timedelta(days=right.length)
            if not any(right.start <= day < end for day in days):
                return False
            if "travel_days" in span and not right.left and right.day not in days:
                return False
        if product["kind"] == "ticket_pack" and right.start is not None and not right.left:
            return False
        if not any_zone and not (ride.here & right.zones and ride.picked <= right.zones):
            return False
        return self._holds(product.get("window"), ride, relaxed)

    def _holds(self, window, ride, relaxed):
        return window is None or any(
            self._once(oracle_windows.in_window, window, wall)
            for wall in readings(ride.wall, relaxed)
        )

    def _day(self, ride, relaxed, counted):
        days = [service_date(self.book, wall) for wall in readings(ride.wall, relaxed)]
        return counted if counted in days else min(days)

    # --- how long a journey is one, and its fee ---

    def _in_time(self, product, journey, relaxed):
        if len(journey) == 1:
            return True
        if "transfer" not in product:
            return False
        if 0 < self.book["transfer"][product["transfer"]].get("legs", 0) < len(journey) - 1:
            return False
        starts = journey[0].here | self._met
        longest = self._once(_longest, product["transfer"], starts, needed(journey))
        grace = 5 if GRACE in relaxed else 0
        return journey[-1].minute - journey[0].minute <= longest + grace

    def _fee(self, kind, product, age_class, journey, relaxed):
        """Return the surcharges of a journey: once, where it begins, for this person."""
        total = 0
        for row in self.book.get("surcharges", {}).values():
            asked = kind in row.get("on", ["purse", "single"]) and product.get("surcharge", True)
            if not asked or (age_class is not None and not row.get("per_person", True)):
                continue
            taken = [
                all(
                    self._once(oracle_windows.in_window, row["window"], wall)
                    for wall in readings(ride.wall, relaxed)
                )
                for ride in (journey if row.get("on_transfer", False) else journey[:1])
            ]
            times = min(sum(taken), 1) if row.get("once_per_journey", True) else sum(taken)
            total += times * cents(row["cents"])
        return total

    def _beside(self, rides, relaxed):
        """Return the minutes of the rides that go on with a journey for which company paid, begun
        beside a holder who rode on a right."""
        return tuple(
            later.minute
            for place, ride in enumerate(rides)
            if any(ride.party) and any(self._valid(right, ride, relaxed) for right in self.rights)
            for later in rides[place + 1 :]
            if any(self._in_time(p.product, (ride, later), relaxed) for p in self.purses)
        )


# --- asked of the tariff --------------------------------------------------------------------------


def _price_at(book, feed, table, group, needed, wall):
    sold = oracle_tariff.sold_as(book, table, group, needed, needed)
    if sold is None:
        return None
    return oracle_tariff.price_at(book, feed, table, group, sold, wall)


def _longest(book, _feed, name, starts, zones):
    """Return the minutes of a journey: of the kindest start zone, by whatever set may be sold."""
    row, order = book["transfer"][name], book["zones"]["order"]
    sets = [zones, frozenset(order), *(zones | frozenset([other]) for other in order)]
    return max(
        oracle_tariff.transfer_minutes(book, row, start, sold) for start in starts for sold in sets
    )
