"""What holds of time: late vehicles, offsets of the wall clock, ages, the order of ski accesses.

Each docstring gives the formula. Source: tariff-model.md sections 3.2, 3.4 and 7; X-13, D2.
"""

import dataclasses
import datetime
import itertools
import random
import zoneinfo

import pytest

from card_layouts.fares import inputs as i
from card_layouts.fares.pay_per_use import best_price, charge_of, tickets_of
from tests.fares import asked
from tests.fares.asked import NEVER, Ask, accepted, exercised, with_fields
from tests.fares.engine_side import DAY_ZERO

EPOCH = datetime.datetime(2020, 1, 1, tzinfo=datetime.UTC)
SKEW_MINUTES = 5
LATE_MINUTES = 60


@pytest.fixture(scope="module", params=["drawn", "shipped"])
def asks(request, tmp_path_factory):
    if request.param == "drawn":
        return asked.drawn(tmp_path_factory.mktemp("towns"))
    return asked.shipped()


# --- the vehicle's plan ---------------------------------------------------------------------------


@pytest.mark.requirement("W-4", "X-13", "W-36", "D31")
def test_fares_property_a_late_vehicle_only_ever_lowers_the_price(asks):
    """pay(T on a trip planned 1..60 minutes ago) <= pay(T on a trip of the same stops, on time).

    The second vehicle's plan is no reading of its own: it is the very minute of the tap.
    """
    rng = random.Random(2)
    with exercised("a vehicle is late") as count:
        for ask in asks:
            place = ask.place
            trip, call = rng.randrange(len(place.network.trips)), ask.tap[i.T_CALL]
            if ask.tap[i.T_TRIP] >= 0:
                trip = ask.tap[i.T_TRIP]
            call = min(max(call, 0), _calls(place, trip) - 1)
            plan = _planned(place, trip, call)
            local = _wall(place, ask.tap[i.T_SECONDS])
            late = rng.randrange(1, LATE_MINUTES + 1)
            # Seconds of the same day at which this vehicle is so many minutes late.
            second = ask.tap[i.T_SECONDS] + 60 * (plan + late - local) % 86_400
            if 60 * (plan + late) % 86_400 // 60 != _wall(place, second):
                continue  # a night of clock change
            other = _on_time(place, trip, call, (plan + late) % 1440)
            tap = with_fields(ask.tap, T_SECONDS=second, T_TRIP=trip, T_CALL=call, T_STOP=-1)
            tap[i.T_FLAGS] &= ~i.FLAG_SAME_DEVICE  # a journey kept open may be passed back
            card = _moved(ask.card, second - ask.tap[i.T_SECONDS])
            one = Ask(place, card, tap, ask.terms)
            plain = with_fields(tap, T_TRIP=other) if other >= 0 else _standing(one)
            assert one.owed() <= one.owed(tap=plain), (late, str(one))
            count()


def _calls(place, trip):
    pattern = place.network.patterns[place.network.trips[trip].pattern]
    return len(place.network.stop_lists[pattern.stop_list])


def _planned(place, trip, call):
    """Return the minute of the day at which a trip should be at a call."""
    row = place.side.feed.trips[place.network.trips[trip].trip]
    return (row.start_minute + row.times[call]) % 1440


def _wall(place, second):
    zone = zoneinfo.ZoneInfo(place.book.timezone)
    moment = (EPOCH + datetime.timedelta(seconds=second)).astimezone(zone)
    return 60 * moment.hour + moment.minute


def _on_time(place, trip, call, minute):
    """Return a trip of the same pattern whose plan is no reading at `minute`, or -1."""
    pattern = place.network.trips[trip].pattern
    for index, run in enumerate(place.network.trips):
        early = (minute - _planned(place, index, call)) % 1440 if run.pattern == pattern else 0
        if run.pattern == pattern and early > LATE_MINUTES:
            return index
    return -1


def _standing(ask):
    """Return the tap with no plan: the trip says nothing of the stops ahead then, so none is."""
    pattern = ask.place.network.patterns[ask.place.network.trips[ask.tap[i.T_TRIP]].pattern]
    stop = ask.place.network.stop_lists[pattern.stop_list][ask.tap[i.T_CALL]]
    return with_fields(ask.tap, T_TRIP=-1, T_CALL=-1, T_STOP=stop)


def _moved(card, seconds):
    """Return the card with its journey so many seconds later."""
    card = list(card)
    if card[i.C_J_AUTHORITY]:
        card[i.C_J_TIME] += seconds
        card[i.C_J_START_MINUTE] += seconds // 60
    return card


# --- the wall clock -------------------------------------------------------------------------------


@pytest.mark.requirement("D2", "D31")
def test_fares_property_offsets_written_more_than_once_change_nothing(asks):
    """rate under offsets o_1, o_2 ... = rate under o_1, o_1 a day later, o_2, o_2 a day later"""
    with exercised("offsets are written twice") as count:
        for ask in asks:
            again = ask.decided(tariff=ask.place.changed("offsets twice", _written_twice))
            assert again == ask.decided(), ask
            count()


def _written_twice(book):
    rows = []
    for second, minutes in book.utc_offsets:
        rows += [(second, minutes), (second + 86_400, minutes)]
    return dataclasses.replace(book, utc_offsets=tuple(rows))


@pytest.mark.requirement("D2", "D31")
@pytest.mark.parametrize("hours", [-7, 3])
def test_fares_property_only_the_wall_clock_counts_not_how_far_it_is_from_utc(asks, hours):
    """rate(offsets + h, T - h) = rate(offsets, T), minutes since 2020 counted h hours less."""
    minutes = 60 * hours
    with exercised(f"clocks are set {hours} hours") as count:
        for ask in asks:
            first_offset = ask.place.book.utc_offsets[0][0]
            if _counts_minutes(ask) or ask.tap[i.T_SECONDS] < first_offset:
                continue  # before the tariff no offset is known; such a tap is refused anyway
            moved = ask.place.changed(f"moved {hours}", lambda book: _set_forward(book, minutes))
            tap = with_fields(ask.tap, T_SECONDS=ask.tap[i.T_SECONDS] - 60 * minutes)
            card = _moved(ask.card, -60 * minutes)
            there, here = ask.decided(card, tap, moved), ask.decided()
            if accepted(there):
                there[i.D_START_MINUTE] += minutes
            assert there == here, ask
            count()


def _counts_minutes(ask):
    """Return whether a right of so many minutes is held: its row keeps a minute, not a day."""
    held = [asked.product_of(ask, ask.card[at + i.S_PRODUCT]) for _n, at in asked.slots(ask.card)]
    return any(product.minutes for product in held if product)


def _set_forward(book, minutes):
    rows = tuple((max(0, at - 60 * minutes), offset + minutes) for at, offset in book.utc_offsets)
    return dataclasses.replace(book, utc_offsets=rows)


# --- ages -----------------------------------------------------------------------------------------


@pytest.mark.requirement("W-43", "W-45", "W-46", "D31")
def test_fares_property_a_group_ends_at_the_border_of_a_service_day_and_nowhere_else(asks):
    """group(T) = group on the card while day(wall - 5 min) <= its last day, then the next one.

    day(w) = date of w minus the tariff's shift, by the standard library's time zones.
    """
    rng = random.Random(3)
    with exercised("a group is near its last day") as count:
        for ask in asks:
            place = ask.place
            zone = zoneinfo.ZoneInfo(place.book.timezone)
            for minutes in (-700, -6, 0, 4, 5, 6, rng.randrange(1440)):
                second, last = _near_border(ask, zone, minutes)
                card = with_fields(ask.card, C_GROUP_UNTIL=last, C_CONCESSION=0)
                d = ask.decided(card, with_fields(ask.tap, T_SECONDS=second))
                if d[i.D_REASON] in (i.REFUSED_TARIFF, i.REFUSED_CLOCK, i.REFUSED_PLACE):
                    continue
                if d[i.D_REASON] == i.REFUSED_BOOK or place.tariff.book:
                    continue
                assert d[i.D_RIDER] == _group_on(place, card, second, zone), (minutes, str(ask))
                count()


def _near_border(ask, zone, minutes):
    """Return (a second so many minutes after a border of the tap's service day, the day before)."""
    shift = datetime.timedelta(minutes=ask.place.book.shift_minutes)
    wall = (EPOCH + datetime.timedelta(seconds=ask.tap[i.T_SECONDS])).astimezone(zone)
    day = (wall.replace(tzinfo=None) - shift).date()
    border = datetime.datetime.combine(day, datetime.time()) + shift
    moment = (border + datetime.timedelta(minutes=minutes)).replace(tzinfo=zone)
    second = int((moment.astimezone(datetime.UTC) - EPOCH).total_seconds())
    return second, (day - DAY_ZERO).days - 1


def _group_on(place, card, second, zone):
    moment = EPOCH + datetime.timedelta(seconds=second)
    wall = moment.astimezone(zone).replace(tzinfo=None)
    kind = wall - datetime.timedelta(minutes=SKEW_MINUTES + place.book.shift_minutes)
    group = place.book.group(card[i.C_GROUP])
    if group is None:
        return place.book.class_group(2)
    if (kind.date() - DAY_ZERO).days <= card[i.C_GROUP_UNTIL]:
        return group.number
    return group.following if group.following is not None else group.full


# --- pay per use ----------------------------------------------------------------------------------


@pytest.mark.requirement("O-6", "O-7", "O-17", "D31")
def test_fares_property_ski_accesses_cost_the_same_in_every_order_of_arrival():
    """sum of charges in order p = R(all), every charge >= 0, for every permutation p.

    R is the cheapest cover; R(a + b) <= R(a) + R(b), so that two cards never cost less than one.
    """
    place = asked.shipped_place("ski")
    rng, shift = random.Random(4), place.book.shift_minutes
    day = (place.book.valid_from + 20) * 1440
    with exercised("accesses arrive in every order") as count:
        for _ in range(60):
            tickets = tickets_of(place.tariff, rng.choice(place.book.groups).number)
            accesses = [
                (day + rng.choice((0, 0, 1440, 2880)) + rng.randrange(480, 1020), rng.choice(TOWNS))
                for _ in range(4)
            ]
            whole = best_price(tickets, accesses, shift)
            for order in itertools.permutations(accesses):
                charges = [charge_of(tickets, order[:n], order[n], shift) for n in range(4)]
                assert min(charges) >= 0 and sum(charges) == whole, order
                count()
            for size in (1, 2):
                for part in itertools.combinations(range(4), size):
                    one = [accesses[n] for n in part]
                    other = [accesses[n] for n in range(4) if n not in part]
                    split = best_price(tickets, one, shift) + best_price(tickets, other, shift)
                    assert split >= whole, (one, other)


TOWNS = ("alpe", "brenta", "cima")


@pytest.mark.requirement("W-86", "W-87", "X-13", "D31")
def test_fares_property_between_two_prices_the_lower_holds_five_minutes_longer(asks):
    """p(b + k) = min(p(b - 6), p(b + 5)) for k = -5 .. 4, at every border b of every window.

    p(w) is what a fresh purse pays at wall-clock minute w, fees left out.
    """
    with exercised("a window's border is crossed") as count:
        for ask in asks:
            windows = ask.place.book.windows
            if not windows or ask.tap[i.T_CLOCK]:
                continue
            window = windows[ask.tap[i.T_SECONDS] % len(windows)]
            for border in (window.from_minute, window.to_minute):
                first = (border - 6 - _wall(ask.place, ask.tap[i.T_SECONDS])) % 1440
                paid = [_fresh_fare(ask, first + minutes) for minutes in range(12)]
                if NEVER not in paid:
                    assert set(paid[1:11]) == {min(paid[0], paid[11])}, (border, paid, str(ask))
                    count()


def _fresh_fare(ask, later):
    """Return what a fresh purse of the ask's rider pays so many minutes later, fees left out."""
    names = ("senior", "value")
    purse = next(p for name in names for p in ask.place.book.products if p.name == name)
    card = with_fields(i.new_card(), C_ISSUER=ask.place.book.authority, C_BALANCE=1_000_000)
    card[i.C_GROUP], card[i.C_PURSE_PRODUCT] = ask.card[i.C_GROUP], purse.number
    tap = with_fields(ask.tap, T_SECONDS=ask.tap[i.T_SECONDS] + 60 * later, T_CLOCK=0)
    tap[i.T_ADULTS : i.T_CHILDREN + 1] = [0, 0, 0]
    if tap[i.T_TRIP] >= 0:
        tap = _standing(Ask(ask.place, card, tap, {}))
    d = ask.decided(card, tap)
    return d[i.D_AMOUNT] - d[i.D_SURCHARGE] if accepted(d) else NEVER
