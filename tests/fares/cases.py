"""Cases near their edges: a card, a few taps, and what the counter wrote about each right.

A case is drawn for a town (towns.py) from one seeded generator. Times fall within minutes of
windows, service days, nights of clock change and the ends of journeys; counters stand at none, one
and full; sums stand within two fares of a threshold. Days are dates; zones are frozensets of their
numbers, 1 the first of the order, or "everywhere".
"""

import datetime
import zoneinfo

from tests.fares.aim import aim

EPOCH = datetime.datetime(2020, 1, 1, tzinfo=datetime.UTC)
ONE_DAY = datetime.timedelta(days=1)
EDGE_DAYS = [
    datetime.date(2025, *day)
    for day in (
        *((1, 1), (1, 6), (1, 7), (2, 15), (3, 3), (3, 30), (4, 18), (5, 1), (5, 23), (5, 30)),
        *((5, 31), (6, 5), (6, 6), (6, 8), (6, 9), (10, 26), (12, 31), (3, 9), (11, 2)),
    )
]
EDGE_HOURS = ("00:00", "03:00", "04:00", "04:30", "05:00", "07:00", "09:00", "10:00", "13:00")
EDGE_HOURS += ("14:00", "16:00", "17:00", "17:30", "23:00")
MECHANISM = {"season": 2, "zero": 10, "flex": 3, "best": 4, "school": 5, "school2": 5}
MECHANISM |= {
    "student": 6,
    "event": 7,
    "pack": 8,
    "group": 9,
    "tourist": 11,
    "year": 1,
    "hours": 13,
}
PASSES = ("season", "zero", "flex", "school", "school2", "student", "tourist", "event", "year")
PASSES += ("hours",)
PURSES = ("value", "value", "value", "best", "senior", "group", "daycap", "weekcap")
SLOT_MONEY = ("best", "best", "extension", "extension", "group", "senior")
TAPS_OF_A_CASE = (1, 1, 1, 2, 3)
AIMED = 85  # of a hundred cases at a cell of the table, the rest anywhere


class Case:
    """One card and its taps; `rights` is what P says of each slot: (length, left, cents)."""

    def __init__(self, card, taps, rights):
        self.card, self.taps, self.rights = card, taps, rights


class Drawer:
    """Draws the cases of one town."""

    def __init__(self, rng, town):
        self.rng, self.town, self.tariff = rng, town, town["tariff"]
        self.products = self.tariff["products"]
        self.order = list(range(1, len(self.tariff["zones"]["order"]) + 1))
        self.zone = zoneinfo.ZoneInfo(self.tariff["timezone"])
        self.shift = _minutes(self.tariff["service_day"])
        feed = town["feed"]
        self.trips, self.stops = sorted(feed["trips"].items()), sorted(feed["stops"])

    def chance(self, percent):
        return self.rng.randrange(100) < percent

    def draw(self):
        """Return a Case."""
        first = self.tap()
        card, rights = self.card(first)
        taps = [first]
        for _ in range(self.rng.choice(TAPS_OF_A_CASE) - 1):
            taps.append(self.later(taps[-1]))
        case = Case(card, taps, rights)
        return aim(self, case) if self.chance(AIMED) else case

    # --- taps ---

    def tap(self):
        trip, call = self.rng.choice(self.trips), None
        wall = self.wall_time()
        if self.chance(70):
            call = self.rng.randrange(len(trip[1]["calls"]))
            if self.chance(60):
                wall = self.on_the_way(trip[1]["calls"][call][2], wall.date())
        seconds = self.seconds(wall)
        on_trip = call is not None
        return {
            "seconds": seconds,
            "clock": "unset" if self.chance(1) else self.rng.choice(("signed", "floor")),
            "trip": trip[0] if on_trip else None,
            "call": call,
            "stop": None if on_trip else self.rng.choice(self.stops),
            "picked": self.some_zones() if self.chance(20) else frozenset(),
            "companions": self.companions(),
            "gate": self.chance(15),
            "same_device": self.chance(25),
            "trip_reset": self.chance(8),
            "ticket": False,
            "book": self.rng.choice((31, 32)) if self.chance(5) else 0,
        }

    def wall_time(self):
        day = self.rng.choice(EDGE_DAYS) + self.rng.choice((-1, 0, 0, 0, 1)) * ONE_DAY
        if self.chance(65):
            day = datetime.date(2025, 1, 2) + self.rng.randrange(362) * ONE_DAY
        if self.chance(25):
            day = datetime.date(2025, 1, 13) + self.rng.randrange(120) * ONE_DAY
        minute = _minutes(self.rng.choice(EDGE_HOURS)) + self.rng.randint(-6, 6)
        if self.chance(35):
            minute = self.rng.randrange(24 * 60)
        midnight = datetime.datetime.combine(day, datetime.time())
        return midnight + datetime.timedelta(minutes=minute)

    def on_the_way(self, scheduled, day):
        late = self.rng.choice((*range(-2, 9), 20, 40, 55, 59, 60, 61))
        midnight = datetime.datetime.combine(day, datetime.time())
        return midnight + datetime.timedelta(minutes=scheduled + late)

    def seconds(self, wall):
        local = wall.replace(tzinfo=self.zone, fold=self.rng.randrange(2))
        return int((local.astimezone(datetime.UTC) - EPOCH).total_seconds()) + self.rng.randrange(
            60
        )

    def companions(self):
        if self.chance(60):
            return None
        if self.chance(50):
            return (0, 0, 0)
        return tuple(self.rng.choice((0, 0, 1, 2)) for _ in range(3))

    def later(self, before):
        """A tap that follows: minutes, hours or a day later."""
        tap = self.tap()
        gap = self.rng.choice((30, 200, 299, 300, 1200, 3500, 5300, 5700, 7100, 7500, 86400))
        tap["seconds"] = before["seconds"] + gap + self.rng.randint(-5, 5)
        tap["clock"], tap["ticket"] = "signed", before["ticket"]
        if tap["ticket"]:
            tap["companions"] = (0, 0, 0)
        return tap

    def some_zones(self):
        first = self.rng.randrange(len(self.order))
        last = min(len(self.order) - 1, first + self.rng.choice((0, 0, 1, 1, 2)))
        zones = set(self.order[first : last + 1])
        if len(zones) > 2 and self.chance(40):
            zones.discard(self.order[first + 1])
        return frozenset(zones)

    # --- cards ---

    def card(self, tap):
        day = self.service_day(tap)
        if self.chance(4):
            return self.paper(tap), {}
        slots, rights = [None, None, None, None], {}
        names = self.slot_products()
        for slot, name in zip(self.rng.sample(range(4), len(names)), names):
            rights[slot + 1] = self.sold(name)
            slots[slot] = self.held(name, day)
            self.end_near(slots[slot], name, rights[slot + 1][0], tap)
        purse = self.purse([name for name in names if name in SLOT_MONEY])
        group = self.group(names, purse)
        concession = {4: 2, 5: 3}.get(group, 0)
        card = {
            "issuer": self.issuer(),
            "kind": self.rng.choice((0, 0, 1)),
            "group": group,
            "group_until": self.near(day) if self.chance(15) else None,
            "concession": concession if self.chance(95) else 0,
            "concession_until": self.near(day) if self.chance(10) else None,
            "balance": self.rng.choice((100000, 100000, 100000, 2000, 600, 300, 150, 0)),
            "purse": purse,
            "slots": slots,
            "caps": self.caps(day),
            "journey": None,
        }
        if self.chance(50):
            card["journey"] = self.journey(tap, card)
        return card, rights

    def paper(self, tap):
        tap["ticket"], tap["companions"] = True, (0, 0, 0)
        purse = {"product": 0, "zones": frozenset(), "companions": 0, "mechanism": 1, "last": None}
        if self.chance(60):
            purse["zones"] = self.some_zones()
        return {
            "issuer": 31,
            "kind": 1,
            "group": self.rng.choice((1, 3, 3, 2)),
            "group_until": None,
            "concession": 0,
            "concession_until": None,
            "balance": 100000,
            "purse": purse,
            "slots": [None] * 4,
            "caps": {"day": None, "day_sum": 0, "start": None, "period_sum": 0},
            "journey": None,
        }

    def service_day(self, tap):
        utc = EPOCH + datetime.timedelta(seconds=tap["seconds"])
        wall = utc.astimezone(self.zone).replace(tzinfo=None)
        return (wall - datetime.timedelta(minutes=self.shift)).date()

    def issuer(self):
        if self.town["family"] == "region":
            return self.rng.choice((31, 31, 31, 32, 77, 77, 78)) if self.chance(97) else 78
        return 78 if self.chance(2) else 31

    def group(self, names, purse):
        wanted = [self.products[name].get("groups") for name in names]
        if purse and self.chance(70):
            numbered = [p for p in self.products.values() if p["number"] == purse["product"]]
            wanted.append(numbered[0].get("groups") if numbered else None)
        wanted = [groups for groups in wanted if groups]
        if wanted and self.chance(85):
            name = self.rng.choice(self.rng.choice(wanted))
            return self.tariff["groups"][name]["number"]
        return self.rng.choice((1, 2, 3, 3, 3, 4, 5, 9))

    def slot_products(self):
        names = []
        for _ in range(self.rng.choice((0, 1, 1, 1, 2, 2, 3))):
            names.append(self.rng.choice((*PASSES, "flex", "school", "pack")))
        if self.chance(30):
            names.append(self.rng.choice(SLOT_MONEY))
            if names[-1] == "extension" and len(names) == 1:
                names.append("season")
        return names[:4]

    def purse(self, slot_money):
        if self.chance(8):
            return None
        name = self.rng.choice(PURSES)
        if slot_money and name in slot_money:
            name = "value"
        zones = self.rng.choice((frozenset(), self.some_zones(), self.some_zones(), "everywhere"))
        return {
            "product": self.products[name]["number"] if self.chance(99) else 900,
            "zones": zones,
            "companions": self.rng.choice((0, 0, 0, 1, 2)),
            "mechanism": 1,
            "last": None,
        }

    def sold(self, name):
        """Return what P says of a right: days from first use, travel days or rides, threshold."""
        span = self.products[name].get("span", {})
        days = span.get("days", self.products[name].get("cap", {}).get("days", 0))
        days = 1 if "minutes" in span else span.get("hours", days)
        length = days if isinstance(days, int) else self.rng.randint(*days)
        left = span.get("travel_days", self.products[name].get("uses", 0))
        cents = self.rng.choice((150, 900, 2000, 5500)) if "cap" in self.products[name] else 0
        return length or 90, left, cents

    def held(self, name, day):
        product = self.products[name]
        length, left, cents = self.sold(name)
        from_first_use = from_first(product) or name in ("best", "pack")
        started = from_first_use and self.chance(75)
        start = None
        if started:
            back = self.rng.choice((0, 0, 1, length - 2, length - 1, length - 1, length, -1))
            start = day - back * ONE_DAY
            if self.chance(50):
                start = day - self.rng.randrange(length) * ONE_DAY
        counted = self.rng.choice((day, day, day - ONE_DAY, day + ONE_DAY, None))
        left_now = self.rng.choice((0, 1, 1, left)) if left else 0
        return {
            "mechanism": MECHANISM.get(name, 1),
            "product": product["number"],
            "zones": self.rng.choice((self.some_zones(), self.some_zones(), "everywhere")),
            "last": self.last_day(day, started),
            "usage": from_first_use or "trips_per_day" in product or "cap" in product,
            "start": start,
            "length": length if started else 0,
            "day": counted if started or "trips_per_day" in product else None,
            "left": left_now if started else 0,
            "today": self.rng.choice((0, 1, 2, 3)) if "trips_per_day" in product else 0,
            "cents": self.sum_near(cents) if started and cents else 0,
        }

    def end_near(self, held, name, length, tap, wish=""):
        """Let a right by the minute that has begun end within minutes of the tap, or in hours."""
        unit = unit_of(self.products[name])
        if not unit or held["start"] is None:
            return
        left = self.rng.choice((*range(-9, 10), -66, -61, -60, -59, -58, length * unit))
        if wish:
            left = -self.rng.randrange(66, 300) if wish == "ended" else abs(left)
        end = tap["seconds"] // 60 + left
        held["start"] = self.service_day({"seconds": 60 * (end - length * unit)})
        midnight = datetime.datetime.combine(held["start"] - ONE_DAY, datetime.time())
        held["cents"] = (
            end - int((midnight.replace(tzinfo=datetime.UTC) - EPOCH).total_seconds()) // 60
        )
        held["length"] = length

    def last_day(self, day, started):
        if self.chance(10):
            return None
        return day + self.rng.choice((-1, 0, 1, 30)) * ONE_DAY if not started else day + ONE_DAY

    def sum_near(self, threshold):
        return self.rng.choice((0, 0, 1, *(self.rng.randrange(800) for _ in range(4)), threshold))

    def near(self, day):
        return day + self.rng.choice((-30, -1, -1, 0, 0, 1, 30)) * ONE_DAY

    def caps(self, day):
        back = self.rng.choice((0, 1, 6, 6, 7, 29, 30, 31))
        counted = self.rng.choice((day, day, day - ONE_DAY, None))
        start = self.rng.choice((day - back * ONE_DAY, None))
        return {
            "day": counted,
            "day_sum": self.rng.randint(1, 1500) if counted else 0,
            "start": start,
            "period_sum": self.rng.randint(1, 5000) if start else 0,
        }

    def journey(self, tap, card):
        filled = [  # a best price that paid has been started
            slot + 1
            for slot, held in enumerate(card["slots"])
            if held and (held["start"] or held["mechanism"] != MECHANISM["best"])
        ]
        paid_by = self.rng.choice((0, 0, *filled, *filled))
        if paid_by == 0 and card["purse"] and card["purse"]["product"] == 11:
            paid_by = 5
        limit = self.rng.choice((45, 60, 70, 80, 85, 90, 100, 120))
        age = limit + self.rng.randint(-7, 12) if self.chance(55) else self.rng.randrange(60)
        zones = sorted(self.some_zones() | {self.rng.choice(self.order)})
        zones = frozenset(range(zones[0], zones[-1] + 1))
        if self.chance(40):
            zones = frozenset(self.order)
        if len(zones) > 2 and self.chance(30):  # two ends, as a set with a hole is sold
            zones = frozenset((min(zones), max(zones)))
        time = tap["seconds"] - self.rng.choice((10, 119, 120, 121, 299, 300, 301, 60 * age))
        return {
            "authority": self.rng.choice((31, 31, 31, 32)),
            "start_zone": self.rng.choice(sorted(zones)),
            "zones": zones,
            "start_minute": tap["seconds"] // 60 - age,
            "charged": self.rng.choice((0, self.rng.randrange(150, 700), self.rng.randrange(2000))),
            "transfers": self.rng.choice((0, 0, 1, 2, 15)),
            "paid_by": paid_by,
            "companions": self.rng.choice((0, 0, 0, 1, 2, 5)),
            "night": self.chance(25),
            "time": time,
            "line": 0,
        }


def from_first(product):
    return not {"days", "hours", "minutes"}.isdisjoint(product.get("span", {}))


def unit_of(product):
    """Return the minutes of one unit of a product's length, 0 for service days."""
    span = product.get("span", {})
    return span.get("minutes", 60 * ("hours" in span))


def _minutes(text):
    return int(text[:2]) * 60 + int(text[3:])


def after(card, tap, decision):
    """Return the card as it is when the oracle's decision has been written to it."""
    if decision["kind"] == "refused":
        return card
    slots = list(card["slots"])
    if decision["row"] is not None:
        slot = decision["slot"] - 1
        slots[slot] = {**slots[slot], **decision["row"]}
    journey = {name: decision[name] for name in JOURNEY_AFTER}
    journey |= {"time": tap["seconds"], "line": 0}
    return {
        **card,
        "slots": slots,
        "balance": card["balance"] - decision["amount"],
        "caps": decision["caps"],
        "journey": journey,
    }


JOURNEY_AFTER = ("authority", "start_zone", "zones", "start_minute", "charged", "transfers")
JOURNEY_AFTER += ("paid_by", "companions", "night")
