"""Cases at corners where no drawn or aimed case stands: off the trip, past the tariff's last day.

A drawn case (cases.py) is bent towards one corner; what happens there is for oracle and engine.
"""

import datetime
import zoneinfo

from tests.fares.cases import EPOCH, ONE_DAY, Drawer

LAST = datetime.date(2025, 12, 31)
FIRST_DAY_OF_CALENDARS = datetime.date(2024, 12, 31)
CHANGES = ("2025-03-30 01:00", "2025-10-26 01:00", "2025-03-09 07:00", "2025-11-02 06:00")  # UTC


class Corners(Drawer):
    """Draws cases of one town, every one bent towards a corner."""

    def draw(self):
        case = super().draw()
        if not case.taps[0]["ticket"]:
            bend = self.rng.choice(BENDS)
            bend(self, case, case.taps[0])
        return case

    def on_time(self, scheduled, tap, late):
        """Return the wall time of that minute of the tap's day, and so many minutes late."""
        utc = EPOCH + datetime.timedelta(seconds=tap["seconds"])
        midnight = datetime.datetime.combine(utc.date(), datetime.time())
        return midnight + datetime.timedelta(minutes=scheduled + late)

    def at(self, tap, day, minutes):
        """Stand at a service day's start and so many minutes, by the clock alone."""
        begins = datetime.datetime.combine(day, datetime.time())
        wall = begins + datetime.timedelta(minutes=self.shift + minutes)
        tap.update(seconds=self.seconds(wall), trip=None, call=None)
        tap["stop"] = tap["stop"] or self.rng.choice(self.stops)


def _off_the_trip(drawer, case, tap):
    """A conductor's device that knows no stop: what is picked is where it is."""
    trip = drawer.rng.choice((None, None, *(name for name, _trip in drawer.trips)))
    tap.update(stop=None, trip=trip, call=None, picked=drawer.some_zones())
    tap["book"] = drawer.rng.choice((0, 0, 31, 32, 33))
    if drawer.chance(10):
        tap["picked"] = frozenset()


def _nowhere(drawer, case, tap):
    """A trip, call or stop that this package lacks."""
    name, trip = drawer.rng.choice(drawer.trips)
    lost = drawer.rng.choice(("trip", "call", "stop"))
    calls = len(trip["calls"])
    tap.update(trip=name, call=calls - 1, stop=None)
    if lost == "trip":
        tap["trip"] = drawer.rng.choice((name, "no such trip"))
    elif lost == "call":
        tap["call"] = drawer.rng.choice((calls - 1, calls, calls + 1))
    else:
        tap.update(trip=None, call=None, stop=drawer.rng.choice((drawer.stops[-1], "no such stop")))
    tap["book"] = drawer.rng.choice((0, 0, 0, 31, 33))


def _zones_with_a_hole(drawer, case, tap):
    """A journey in zones with holes, at the end of its time."""
    order, journey = drawer.order, drawer.journey(tap, case.card)
    if len(order) > 2:
        zones = set(order) - {drawer.rng.choice(order[1:-1])}
        if len(order) > 3 and drawer.chance(50):
            zones -= {drawer.rng.choice(order[1:-1])}
        journey.update(zones=frozenset(zones), start_zone=drawer.rng.choice(sorted(zones)))
    minutes = drawer.rng.choice((30, 45, 60, 75, 80, 85, 90, 100, 120))
    age = minutes + drawer.rng.choice((-1, 0, 1, 4, 5, 6, 7))
    journey.update(start_minute=tap["seconds"] // 60 - age, authority=31, transfers=0)
    journey["paid_by"] = drawer.rng.choice((0, journey["paid_by"]))
    tap.update(same_device=False, companions=drawer.rng.choice((None, (0, 0, 0))))
    case.card.update(journey=journey, issuer=31)


def _between_two_days(drawer, case, tap):
    """A right that counts trips, travel days or a day's cap, at the border of two service days."""
    day = drawer.rng.choice((*_byte_borders(), datetime.date(2025, 1, 20) + _days(drawer, 100)))
    drawer.at(tap, day, drawer.rng.randint(-7, 7))
    before = drawer.rng.choice((day - ONE_DAY, day))
    for held in case.card["slots"]:
        if held and held["day"] is not None:
            held["day"] = before
        if held and held["today"]:
            held["today"] = drawer.rng.choice((1, 2, 3))
    case.card["caps"].update(day=before, start=before - drawer.rng.choice((0, 6, 7)) * ONE_DAY)


def _no_trip_left(drawer, case, tap):
    """A school card whose trips of one of two service days are used."""
    day = datetime.date(2025, 1, 14) + _days(drawer, 100)
    drawer.at(tap, day, drawer.rng.randint(-6, 6))
    used = {"day": drawer.rng.choice((day - ONE_DAY, day)), "today": drawer.rng.choice((2, 3))}
    held = {**drawer.held("school", day), "zones": "everywhere", "last": None, **used}
    case.card.update(slots=[None, held, None, None], issuer=31, group=1, group_until=None)
    case.rights.clear()
    tap.update(picked=frozenset(), companions=None, book=0)


def _extended(drawer, case, tap):
    """A season for one zone, an extension, and a wish for other zones."""
    day, zone = drawer.service_day(tap), drawer.rng.choice(drawer.order)
    season = {**drawer.held("season", day), "zones": frozenset([zone]), "last": None}
    season |= {"start": day, "length": 30}
    extension = {**drawer.held("extension", day), "zones": drawer.some_zones(), "last": None}
    if drawer.chance(60):
        extension["zones"] = frozenset()
    group = drawer.rng.choice((3, 3, 1, 4, 5))
    case.card.update(slots=[season, None, extension, None], issuer=31, group=group, journey=None)
    case.card.update(group_until=None, concession={4: 2, 5: 3}.get(group, 0))
    case.rights.clear()
    wishes = (frozenset(), drawer.some_zones(), frozenset(drawer.order))
    tap.update(picked=drawer.rng.choice(wishes), book=0)
    tap["companions"] = drawer.rng.choice((None, (0, 0, 0), (0, 0, 0), (0, 0, 1)))


def _byte_borders():
    """Days on which another byte of a package's calendars begins."""
    return [FIRST_DAY_OF_CALENDARS + 8 * week * ONE_DAY for week in range(1, 45)]


def _january(drawer, case, tap):
    """The first weeks of the package, by day."""
    day = datetime.date(2025, 1, 1) + _days(drawer, 24)
    drawer.at(tap, day, 60 * drawer.rng.randrange(3, 14) + drawer.rng.randrange(60))


def _days(drawer, count):
    return drawer.rng.randrange(count) * ONE_DAY


def _after_the_last_day(drawer, case, tap):
    """The tariff is over; the ledger prices by it still (X-5)."""
    tap["late"] = drawer.chance(80)
    drawer.at(tap, LAST + (_days(drawer, 14) - 2 * ONE_DAY), drawer.rng.randint(-7, 900))


def _second_of_change(drawer, case, tap):
    """The second in which the clocks change, one before and one after."""
    change = datetime.datetime.fromisoformat(drawer.rng.choice(CHANGES) + ":00+00:00")
    if drawer.zone == zoneinfo.ZoneInfo("Asia/Kolkata"):
        change = datetime.datetime(2025, 1, 1, tzinfo=datetime.UTC)
    tap["seconds"] = int((change - EPOCH).total_seconds()) + drawer.rng.choice((-1, 0, 1, 60))


def _at_midnight(drawer, case, tap):
    """A trip that is due at 00:00, which is minute 0, and the vehicle a little late."""
    names = [name for name, trip in drawer.trips if trip["calls"][0][2] % (24 * 60) == 0]
    if names:
        midnight = datetime.datetime.combine(datetime.date(2025, 1, 10), datetime.time())
        day = midnight + _days(drawer, 340)
        late = datetime.timedelta(minutes=drawer.rng.choice((0, 1, 5, 6, 20, 59, 60, 61)))
        tap.update(seconds=drawer.seconds(day + late), trip=drawer.rng.choice(names), call=0)


def _just_now(drawer, case, tap):
    """A journey of this second, or of a clock that went ahead of ours."""
    journey = drawer.journey(tap, case.card)
    ago = drawer.rng.choice((-361, -360, -300, -299, -60, -1, 0, 0, 1, 119, 120, 299, 300))
    journey.update(time=tap["seconds"] - ago, start_minute=(tap["seconds"] - ago) // 60)
    journey.update(companions=drawer.rng.choice((0, 0, 1)), transfers=0, authority=31)
    tap.update(same_device=drawer.chance(80), companions=drawer.rng.choice((None, (0, 0, 0))))
    case.card.update(journey=journey, issuer=31)


def _late_vehicle(drawer, case, tap):
    """A journey at the end of its time in a vehicle that is late."""
    if tap["trip"] is not None and tap["call"] is not None:
        journey = drawer.journey(tap, case.card)
        late = drawer.rng.choice((5, 6, 7, 20, 59, 60))
        scheduled = dict(drawer.trips)[tap["trip"]]["calls"][tap["call"]][2]
        tap["seconds"] = drawer.seconds(drawer.on_time(scheduled, tap, late))
        limit = drawer.rng.choice((30, 45, 60, 75, 80, 85, 90, 100, 120))
        age = limit + late + drawer.rng.choice((-1, 0, 0, 0, 1))
        journey.update(start_minute=tap["seconds"] // 60 - age, transfers=0, authority=31)
        tap.update(same_device=False, companions=(0, 0, 0))
        case.card.update(journey=journey, issuer=31)


def _pass_and_fee(drawer, case, tap):
    """A pass, a purse nearly empty, company and an open journey: every way of not being able."""
    case.card["balance"] = drawer.rng.choice((0, 30, 59, 60, 99, 100, 101, 150, 200, 400))
    tap["companions"] = drawer.rng.choice((None, (0, 0, 0), (0, 0, 1), (1, 0, 0), (0, 1, 1)))
    if drawer.chance(50):
        case.card["journey"] = drawer.journey(tap, case.card)


BENDS = (_off_the_trip, _nowhere, _zones_with_a_hole, _between_two_days, _between_two_days)
BENDS += (_january, _after_the_last_day, _second_of_change, _at_midnight, _pass_and_fee)
BENDS += (_pass_and_fee, _zones_with_a_hole, _just_now, _late_vehicle, _no_trip_left, _extended)
