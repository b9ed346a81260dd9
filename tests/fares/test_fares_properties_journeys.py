"""What holds along a card's taps: journeys, caps, quotas, first uses, and what is written.

Each docstring gives the formula. Source: tariff-model.md sections 3.3 and 7.
"""

import random

import pytest

from backend_sync.tariffs import model as m
from card_layouts.cards.card_layout import CARD_LAYOUT, T
from card_layouts.cards.zones import zones_hull, zones_run, zones_subset
from card_layouts.fares import inputs as i
from card_layouts.fares.card_lists import usage_after
from tests.fares import asked
from tests.fares.asked import Ask, accepted, exercised, product_of, with_fields
from tests.fares.test_fares_properties import _is_monotone
from tests.fares.walks import HOURS, MINUTES, dearest, everywhere, price_of, walks


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


def _paying(ask, d):
    """Return the product of this authority that the journey of `d` was paid by, None elsewhere."""
    if d[i.D_BOOK_AUTHORITY] != ask.place.book.authority != 0:
        return None
    if ask.card[i.C_ISSUER] != ask.place.book.authority:
        return None
    slot = d[i.D_PAID_BY]
    if slot in (0, i.PAID_BILLED):
        return product_of(ask, ask.card[i.C_PURSE_PRODUCT])
    return product_of(ask, ask.card[i.slot_at(slot - 1) + i.S_PRODUCT])


def _transfer_of(ask, d):
    product = _paying(ask, d)
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
    """Return (index of a stop that lies in one zone only, that zone), None if it lies in several."""
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
                product = _paying(ask, begun)
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


# --- caps -----------------------------------------------------------------------------------------


@pytest.mark.requirement("W-74", "W-75", "D31")
def test_fares_property_own_charges_of_a_cap_never_pass_its_threshold(asks):
    """sum of own charges in a span <= threshold where it clips, else < threshold + last charge.

    The threshold: what P says at first use; for the purse's own caps the price of the own zones.
    """
    with exercised("charges of a cap are summed up") as count:
        for ask, steps in walks(asks, 3, 8, HOURS):
            left = {}  # (slot, first day of the span) -> cents still to be charged
            for step in steps:
                d, slot = step.decision, step.decision[i.D_SLOT]
                product = _paying(ask, d) if accepted(d) and _is_own(d) else None
                if product is None or product.cap is None or not d[i.D_OWN]:
                    continue
                key = slot, _span_start(step, product)
                before = left.get(key, _left_before(ask, step, product))
                assert d[i.D_OWN] <= before or not product.cap.clip and before > 0, (slot, str(ask))
                left[key] = max(0, before - d[i.D_OWN])
                count()


def _is_own(d):
    return d[i.D_SLOT] == d[i.D_PAID_BY]


def _span_start(step, product):
    d = step.decision
    if d[i.D_SLOT]:
        return d[i.D_T_START]
    return d[i.D_CAP_DAY] if product.cap.days == 1 else d[i.D_CAP_START]


def _left_before(ask, step, product):
    """Return the cents left to the cap before this step, as the tariff and P say."""
    card, slot, book = step.card, step.decision[i.D_SLOT], ask.place.book
    if slot:
        if step.decision[i.D_ACTIVATES]:
            return ask.terms.get(slot, asked.TERMS)[2]
        return card[i.slot_at(slot - 1) + i.S_CENTS]
    zones = card[i.C_PURSE_ZONES] & everywhere(book) or everywhere(book)
    threshold = price_of(book.tables[product.cap.table], zones, step.decision[i.D_GROUP])
    day, total, start = i.C_CAP_DAY, i.C_DAY_SUM, i.D_CAP_DAY
    if product.cap.days != 1:
        day, total, start = i.C_CAP_START, i.C_PERIOD_SUM, i.D_CAP_START
    spent = card[total] if card[day] == step.decision[start] else 0
    return max(0, threshold - spent)


# --- quotas and first uses ------------------------------------------------------------------------


@pytest.mark.requirement("W-70", "W-72", "W-79", "D31")
def test_fares_property_no_more_days_rides_and_trips_are_used_than_were_sold(asks):
    """travel days and rides used <= sold; trips counted on one service day <= trips a day."""
    with exercised("a travel day, ride or trip is counted") as count:
        for ask, steps in walks(asks, 4, 10, HOURS, alone=True):
            left, trips = {}, {}
            for step in steps:
                d, slot = step.decision, step.decision[i.D_T_SLOT]
                at = i.slot_at(slot - 1)
                product = product_of(ask, step.card[at + i.S_PRODUCT]) if slot else None
                if product is None or product.kind not in (m.KIND_PASS, m.KIND_PACK):
                    continue
                if d[i.D_RULE] % 16 in (i.RULE_TRAVEL_DAY, i.RULE_RIDE):
                    before = left.get(slot, step.card[at + i.S_LEFT])
                    assert d[i.D_T_LEFT] == before - 1 >= 0, (slot, str(ask))
                    count()
                elif d[i.D_RULE] % 16 == i.RULE_SCHOOL_TRIP:
                    day = slot, d[i.D_T_DAY]
                    kept = step.card[at + i.S_TODAY] * (step.card[at + i.S_DAY] == day[1])
                    trips[day] = trips.get(day, kept) + 1
                    assert trips[day] == d[i.D_T_TODAY] <= product.trips_per_day, (slot, str(ask))
                    count()
                left[slot] = d[i.D_T_LEFT]


@pytest.mark.requirement("W-54", "W-56", "D31")
def test_fares_property_a_right_is_started_once(asks):
    """number of first uses of one sale <= 1, and none where one is written on the card already."""
    with exercised("a right is started") as count:
        for ask, steps in walks(_not_begun(asks), 5, 6, HOURS, alone=True):
            started = set()
            for step in steps:
                d, slot = step.decision, step.decision[i.D_ACTIVATES]
                product = product_of(ask, step.card[i.slot_at(slot - 1) + i.S_PRODUCT])
                if not slot or product is None or product.kind == m.KIND_PURSE:
                    continue  # a best price begins again when its days are over
                assert slot not in started, (slot, str(ask))
                assert not step.card[i.slot_at(slot - 1) + i.S_START], (slot, str(ask))
                assert d[i.D_T_LENGTH] and d[i.D_T_START] == d[i.D_DAY], (slot, str(ask))
                started.add(slot)
                count()


def _not_begun(asks):
    """Return the asks again, nothing on their cards used yet."""
    for ask in asks:
        card = list(ask.card)
        for _number, at in asked.slots(card):
            card[at + i.S_START : at + i.S_CENTS + 1] = [0] * 6
        yield Ask(ask.place, card, ask.tap, ask.terms)


@pytest.mark.requirement("W-56", "W-68", "D31")
def test_fares_property_a_right_waits_while_another_of_the_same_product_is_running(asks):
    """of two sales of one product, one running and one not begun, the new one is never begun.

    The running one has days and rides left; the order of the two slots does not matter.
    """
    with exercised("a running right comes before a new one") as count:
        for ask in asks:
            day = ask.decided()[i.D_DAY]
            for number, at in asked.slots(ask.card):
                product = product_of(ask, ask.card[at + i.S_PRODUCT])
                if product is None or product.span not in FROM_FIRST_USE or product.minutes:
                    continue
                other = number % i.SLOTS + 1
                card = _with_two(ask.card, at, i.slot_at(other - 1), day)
                d = ask.decided(card)
                if accepted(d) and d[i.D_SLOT] in (number, other):
                    assert d[i.D_SLOT] == other and not d[i.D_ACTIVATES], (number, str(ask))
                    count()


FROM_FIRST_USE = (m.SPAN_FIRST_USE, m.SPAN_FIRST_USE_OR_DATE)


def _with_two(card, new, running, day):
    """Return the card with the right at `new` not begun, and the same one begun today beside it."""
    card = list(card)
    card[i.C_J_AUTHORITY] = 0
    card[new + i.S_START : new + i.S_CENTS + 1] = [0] * 6
    card[new + i.S_LAST] = day + 40
    card[running : running + i.C_SLOT_SIZE] = card[new : new + i.C_SLOT_SIZE]
    card[running + i.S_USAGE] = card[new + i.S_USAGE] = 1
    card[running + i.S_START], card[running + i.S_LENGTH] = day, 30
    card[running + i.S_DAY], card[running + i.S_LEFT] = day, 10
    return card


# --- what is written ------------------------------------------------------------------------------


@pytest.mark.requirement("D32", "D33", "D31")
def test_fares_property_a_tap_writes_one_row_of_file_t_and_its_counters_and_nothing_else(asks):
    """T after - T before is inside row D_T_SLOT and the counters; nothing at all if D_T_WRITE = 0."""
    rows = ("k", "start", "length", "day", "left", "today", "cents")
    with exercised("file T is written or left alone") as count:
        for ask in asks:
            d = ask.decided()
            if not accepted(d):
                continue
            head = {f"d_k{slot}": slot for slot in range(i.SLOTS)}
            before = _file_t(ask.card, head)
            after = usage_after(d, head, before) if d[i.D_T_WRITE] else before
            one, other = T.unpack(before), T.unpack(after)
            changed = {name for name, value in one.items() if other[name] != value}
            mine = {f"t_{row}{d[i.D_T_SLOT] - 1}" for row in rows} if d[i.D_T_SLOT] else set()
            assert changed <= mine | {"cap_day", "day_sum", "cap_start", "period_sum"}, ask
            written = [
                (d[getattr(i, f"D_{name}")], ask.card[getattr(i, f"C_{name}")]) for name in COUNTERS
            ]
            if not d[i.D_T_WRITE]:
                assert not d[i.D_T_SLOT] and all(new == old for new, old in written), ask
            count()


COUNTERS = ("CAP_DAY", "DAY_SUM", "CAP_START", "PERIOD_SUM")


def _file_t(card, head):
    fields = dict.fromkeys(T.unpack(bytes(44)), 0) | {"layout": CARD_LAYOUT}
    for slot in range(i.SLOTS):
        at = i.slot_at(slot)
        fields[f"t_k{slot}"] = head[f"d_k{slot}"]
        for place, name in ((i.S_START, "start"), (i.S_LENGTH, "length"), (i.S_DAY, "day")):
            fields[f"t_{name}{slot}"] = card[at + place]
        for place, name in ((i.S_LEFT, "left"), (i.S_TODAY, "today"), (i.S_CENTS, "cents")):
            fields[f"t_{name}{slot}"] = card[at + place]
    for name in COUNTERS:
        fields[name.lower()] = card[getattr(i, f"C_{name}")]
    return T.pack(fields)


@pytest.mark.requirement("D31")
def test_fares_property_a_journey_grows_only(asks):
    """zones after contain zones before; charged never falls; heads covered never fall but by a fee."""
    with exercised("a journey is gone on with") as count:
        for ask in asks:
            d = ask.decided()
            if d[i.D_KIND] not in (i.KIND_TRANSFER, i.KIND_UPGRADE):
                continue
            known = everywhere(ask.place.book)
            assert zones_subset(ask.card[i.C_J_ZONES] & known, d[i.D_ZONES]), ask
            assert d[i.D_CHARGED] >= ask.card[i.C_J_CHARGED], ask
            assert d[i.D_START_ZONE] == ask.card[i.C_J_START_ZONE], ask
            assert zones_hull(d[i.D_ZONES]), ask
            count()
