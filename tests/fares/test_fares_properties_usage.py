"""What holds of what a card counts: caps, quotas, first uses, and what a tap writes.

Each docstring gives the formula. Source: tariff-model.md sections 3.3, 7 and 8.
"""

import pytest

from backend_sync.tariffs import model as m
from card_layouts.cards.card_layout import CARD_LAYOUT, T
from card_layouts.fares import inputs as i
from card_layouts.fares.card_lists import usage_after
from tests.fares import asked
from tests.fares.asked import Ask, accepted, exercised, paying, product_of
from tests.fares.walks import HOURS, everywhere, price_of, walks


@pytest.fixture(scope="module", params=["drawn", "shipped"])
def asks(request, tmp_path_factory):
    if request.param == "drawn":
        return asked.drawn(tmp_path_factory.mktemp("towns"))
    return asked.shipped()


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
                product = paying(ask, d) if accepted(d) and _is_own(d) else None
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
    """T after - T before is inside row D_T_SLOT and the counters; nothing if D_T_WRITE = 0."""
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
