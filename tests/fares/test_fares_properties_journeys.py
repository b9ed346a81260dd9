"""What holds along a card's taps: a tap repeated, upgrades and journeys.

Each docstring gives the formula. Source: tariff-model.md sections 3.3 and 7.
"""

import random

import pytest

from backend_sync.tariffs import model as m
from card_layouts.cards.zones import zones_hull, zones_run, zones_subset
from card_layouts.fares import inputs as i
from tests.card_layouts.fare_world import World
from tests.fares import asked
from tests.fares.asked import Ask, accepted, exercised, paying, with_fields
from tests.fares.test_fares_properties import _is_monotone
from tests.fares.walks import MINUTES, dearest, everywhere, walks


@pytest.fixture(scope="module", params=["drawn", "shipped"])
def asks(request, tmp_path_factory):
    if request.param == "drawn":
        return asked.drawn(tmp_path_factory.mktemp("towns"))
    return asked.shipped()


# --- a tap repeated -------------------------------------------------------------------------------


@pytest.mark.requirement("W-15", "W-38", "W-50", "D31")
def test_fares_property_a_tap_written_and_repeated_is_a_transfer_that_costs_nothing(asks):
    """rate(C after rate(C, T), T) = transfer, 0 cents, T file unchanged.

    If what paid has minutes and legs to change, no surcharge asks for changing, and it was not
    passed back through the same reader.
    """
    with exercised("a tap is written and repeated") as count:
        for ask in asks:
            first = ask.decided()
            if not accepted(first) or ask.tap[i.T_FLAGS] & i.FLAG_SAME_DEVICE:
                continue
            transfer = _transfer_of(ask, first)
            again = Ask(ask.place, ask.after(first), ask.tap, ask.terms).decided()
            if transfer is None or transfer.legs and first[i.D_TRANSFERS] >= transfer.legs:
                continue
            if _asked_again(ask) or not _at_home(ask, first):
                continue
            if first[i.D_KIND] == i.KIND_UPGRADE:
                continue  # a set of more zones may be sold with fewer minutes
            assert (again[i.D_KIND], again[i.D_AMOUNT]) == (i.KIND_TRANSFER, 0), ask
            assert not again[i.D_T_WRITE] and again[i.D_ZONES] == first[i.D_ZONES], ask
            assert again[i.D_START_MINUTE] == first[i.D_START_MINUTE], ask
            count()


def _at_home(ask, d):
    """Return whether the book that prices this stop is that of the journey: a right counts in its
    own book wherever the stop lies in it, whoever prices the stop."""
    purse = next(p for p in ask.place.book.products if p.name == "value")
    card = with_fields(i.new_card(), C_ISSUER=ask.place.book.authority, C_BALANCE=1_000_000)
    card[i.C_GROUP], card[i.C_PURSE_PRODUCT] = d[i.D_RIDER], purse.number
    tap = with_fields(ask.tap, T_ADULTS=0, T_YOUTHS=0, T_CHILDREN=0)
    paid = ask.decided(card, tap)
    return accepted(paid) and paid[i.D_BOOK_AUTHORITY] == d[i.D_BOOK_AUTHORITY]


def _transfer_of(ask, d):
    product = paying(ask, d)
    if product is None or product.transfer is None:
        return None
    return ask.place.book.transfers[product.transfer]


def _asked_again(ask):
    """Return whether a surcharge of this tariff is asked of those who change, too."""
    return any(row.on_transfer for row in ask.place.book.surcharges)


@pytest.mark.requirement("W-72", "W-79", "D31")
def test_fares_property_a_right_repeated_at_once_costs_nothing_and_consumes_no_new_day(asks):
    """pay(T, T) by a right = pay(T) + 0, and what is counted twice is a trip or ride, never a day.

    The journey of the first tap is closed before the second: the right itself is asked again.
    """
    with exercised("a right is used twice at once") as count:
        for ask in asks:
            first = ask.decided()
            if first[i.D_KIND] not in (i.KIND_PASS, i.KIND_ACTIVATION) or first[i.D_AMOUNT]:
                continue
            closed = with_fields(ask.after(first), C_J_AUTHORITY=0)
            again = Ask(ask.place, closed, ask.tap, ask.terms).decided()
            rule = again[i.D_RULE] % 16
            assert rule != i.RULE_TRAVEL_DAY or again[i.D_SLOT] != first[i.D_SLOT], ask
            if again[i.D_SLOT] == first[i.D_SLOT]:
                assert again[i.D_AMOUNT] == 0, ask
                count()


# --- upgrades and journeys ------------------------------------------------------------------------


@pytest.mark.requirement("W-34", "W-64", "D31")
def test_fares_property_the_wider_what_is_paid_the_less_an_upgrade_costs(asks):
    """m in m' in hull(m + w): pay(m' -> w) <= pay(m -> w).

    For tables without an inversion of sets; m, m' and w are bought by the same purse at once.
    """
    rng = random.Random(1)
    with exercised("an upgrade is bought from less and from more") as count:
        for ask in asks:
            book = ask.place.book
            purse = next(p for p in book.products if p.name == "value")
            group, far = ask.card[i.C_GROUP], len(book.zones)
            stop = _stop_of_one_zone(rng, ask)
            if far < 3 or stop is None or not _is_monotone(book, purse, group):
                continue
            index, zone = stop
            wish = rng.choice([z for z in range(1, far + 1) if z != zone])
            step = 1 if wish > zone else -1
            less, more = sorted(abs(wish - zone) * rng.random() for _ in range(2))
            paid, upgrades = [], []
            for reach in (less, more):
                here = _run(zone, zone + step * int(reach))
                first, then = _bought(ask, purse, index, here, zones_run(wish, wish))
                paid.append(first)
                upgrades.append(then)
            assert upgrades[1] <= upgrades[0], (paid, upgrades, str(ask))
            count()


def _run(one, other):
    return int(zones_run(min(one, other), max(one, other)))


def _stop_of_one_zone(rng, ask):
    """Return (index of a stop, its only zone), None if the one drawn lies in several."""
    index = rng.randrange(len(ask.place.side.stops))
    card = i.new_card()
    d = Ask(ask.place, card, _at_stop(ask, index, 0), {}).decided()
    if d[i.D_REASON] == i.REFUSED_PLACE or ask.place.tariff.book:
        return None
    here = ask.place.tariff.here
    zones = [zone for zone in range(1, 13) if here >> (15 - zone) & 1]
    return (index, zones[0]) if len(zones) == 1 else None


def _at_stop(ask, index, picked):
    tap = i.new_tap()
    tap[i.T_SECONDS], tap[i.T_STOP], tap[i.T_PICKED] = ask.tap[i.T_SECONDS], index, picked
    tap[i.T_ADULTS : i.T_CHILDREN + 1] = [0, 0, 0]
    return tap


def _bought(ask, purse, index, first, then):
    """Return what a fresh card pays for the zones `first`, and then for `then` besides."""
    card = i.new_card()
    card[i.C_ISSUER], card[i.C_BALANCE] = ask.place.book.authority, 1_000_000
    card[i.C_GROUP], card[i.C_PURSE_PRODUCT] = ask.card[i.C_GROUP], purse.number
    start = Ask(ask.place, card, _at_stop(ask, index, first), {})
    d = start.decided()
    after = Ask(ask.place, start.after(d), _at_stop(ask, index, then), {}).decided()
    return d[i.D_AMOUNT], after[i.D_AMOUNT]


@pytest.mark.requirement("W-29", "W-34", "W-50", "W-61", "D31")
def test_fares_property_a_journey_never_costs_more_than_the_span_of_all_its_zones(asks):
    """sum of pay - surcharges over a journey of the holder alone <= price(hull(paid zones)).

    The price is that of the dearest hour in which it may have begun.
    """
    with exercised("a journey of several taps is paid") as count:
        for ask, steps in walks(asks, 2, 4, MINUTES, alone=True):
            for journey in _journeys(ask, steps):
                begun = journey[0].decision
                product = paying(ask, begun)
                table = _table_of(ask.place.book, product)
                if table is None or begun[i.D_RULE] % 16 == i.RULE_EXTENSION:
                    continue
                last = journey[-1].decision
                groups = {begun[i.D_GROUP], last[i.D_GROUP], begun[i.D_RIDER]}
                most = [dearest(ask.place.book, table, last[i.D_ZONES], g) for g in groups]
                fares = sum(
                    s.decision[i.D_CHARGED] - s.card[i.C_J_CHARGED] * (s is not journey[0])
                    for s in journey
                )
                assert fares == last[i.D_CHARGED] <= max(c for c in most if c is not None), ask
                count(len(journey) > 1)


def _table_of(book, product):
    """Return what a purse prices by; a product with another one outside its window has two."""
    if product is None or product.kind != m.KIND_PURSE or product.prices is None:
        return None
    return book.tables[product.prices]


def _journeys(ask, steps):
    """Return the journeys that begin in these steps with a charge of the purse itself."""
    found = []
    for step in steps:
        d = step.decision
        if d[i.D_KIND] == i.KIND_CHARGE and not d[i.D_SLOT]:
            found.append([step])
        elif d[i.D_KIND] in (i.KIND_TRANSFER, i.KIND_UPGRADE) and found:
            if d[i.D_START_MINUTE] == found[-1][0].decision[i.D_START_MINUTE]:
                found[-1].append(step)
    return [journey for journey in found if journey[0].decision[i.D_BOOK_AUTHORITY] == ask.card[0]]


@pytest.mark.requirement("D31")
def test_fares_property_a_journey_grows_only(asks):
    """zones after contain zones before; the start stays where it was; charged never falls.

    Only what somebody had paid who stays behind is charged off in an upgrade of the others.
    """
    with exercised("a journey is gone on with") as count:
        for ask in asks:
            d = ask.decided()
            if d[i.D_KIND] not in (i.KIND_TRANSFER, i.KIND_UPGRADE):
                continue
            known = everywhere(ask.place.book)
            assert zones_subset(ask.card[i.C_J_ZONES] & known, d[i.D_ZONES]), ask
            fewer = d[i.D_HEADS] < ask.card[i.C_J_COMPANIONS] and d[i.D_KIND] == i.KIND_UPGRADE
            assert fewer or d[i.D_CHARGED] >= ask.card[i.C_J_CHARGED], ask
            assert d[i.D_START_ZONE] == ask.card[i.C_J_START_ZONE], ask
            assert zones_hull(d[i.D_ZONES]), ask
            count()


@pytest.mark.requirement("W-34", "W-62", "D31")
def test_fares_who_stays_behind_leaves_no_money_to_those_who_go_on():
    """An adult pays for two children in A, then goes on alone: he owes his own way, A to B to C."""
    world = World("mikkeli").purse("value").stop_in("A").party(children=2)
    assert world.cents() == 251 + 2 * 126
    world.party().stop_in("B")
    assert world.cents() == 338 - 251 and world.card[i.C_J_CHARGED] == 338
    world.stop_in("C")
    assert world.cents() == 415 - 338
    world.party(children=1)  # one of them comes again: for the whole journey, as anybody would
    assert world.cents() == 207
