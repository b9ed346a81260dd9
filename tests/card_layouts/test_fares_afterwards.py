"""What is priced after the ride: pay per use, and what a product gives back."""

import itertools

import pytest
from hypothesis import given
from hypothesis import strategies as st

from card_layouts.errors import RangeError
from card_layouts.fares.pay_per_use import best_price, charge_of, tickets_of
from card_layouts.fares.refund import best_price_refund, days_used, refund_cents
from tests.card_layouts.fare_world import mounted, shipped

SHIFT = 240
DAY = 1440
# cents, minutes, days, window from, window to, region, station
TICKETS = [
    (3000, 120, 0, 0, 0, False, "*"),
    (3200, 0, 0, 480, 780, False, "*"),
    (3200, 0, 0, 780, 1440, False, "*"),
    (4500, 0, 1, 0, 0, False, "*"),
    (11000, 0, 3, 0, 0, False, "*"),
    (5800, 0, 1, 0, 0, True, ""),
]
accesses = st.lists(
    st.tuples(st.integers(0, 3), st.integers(480, 1020), st.sampled_from(["alpe", "brenta"])),
    min_size=1,
    max_size=6,
).map(lambda rows: [(day * DAY + minute, station) for day, minute, station in rows])


def brute_force(rows):
    """Return the cheapest of all ways to give every access a ticket that begins at one of them."""
    rows = sorted(rows)
    covers = []
    for first, (minute, station) in enumerate(rows):
        for ticket in TICKETS:
            covered = {
                place
                for place in range(len(rows))
                if place >= first and _covers(ticket, minute, station, *rows[place])
            }
            if first in covered:
                covers.append((ticket[0], covered))
    best = None
    for count in range(1, len(rows) + 1):
        for chosen in itertools.combinations(covers, min(count, 3)):
            if set().union(*(covered for _cents, covered in chosen)) == set(range(len(rows))):
                cents = sum(cents for cents, _covered in chosen)
                best = cents if best is None else min(best, cents)
    return best


def _covers(ticket, start, at, minute, station):
    if not ticket[5] and at != station:
        return False
    day, other = (start - SHIFT) // DAY, (minute - SHIFT) // DAY
    if ticket[1]:
        return start <= minute < start + ticket[1]
    if ticket[2]:
        return day <= other < day + ticket[2]
    low, high = ticket[3], ticket[4]
    return day == other and low <= start % DAY < high and low <= minute % DAY < high


@pytest.mark.requirement("O-3", "O-6", "O-7")
@pytest.mark.parametrize(
    ("rows", "cents"),
    [
        ([(600, "alpe")], 3000),
        ([(600, "alpe"), (700, "alpe")], 3000),
        ([(500, "alpe"), (770, "alpe")], 3200),
        ([(500, "alpe"), (1000, "alpe")], 4500),
        ([(500, "alpe"), (600, "brenta")], 5800),
        ([(600, "alpe"), (600 + DAY, "alpe"), (600 + 2 * DAY, "alpe")], 9000),
        ([(m + d * DAY, "alpe") for d in range(3) for m in (500, 1000)], 11000),
    ],
)
def test_the_best_of_hour_half_day_day_days_and_region_is_charged(rows, cents):
    assert best_price(TICKETS, rows, SHIFT) == cents


@pytest.mark.requirement("O-4", "O-5")
def test_the_shipped_region_rates_a_card_by_its_type():
    book, _feed, body = shipped("ski")
    package = mounted(body)
    costs = []
    for group in book.groups:
        tickets = tickets_of(package, group.number)
        costs.append(best_price(tickets, [(600, "alpe"), (1000, "alpe")], book.shift_minutes))
    assert costs == [2200, 3300, 4500, 3900]  # child, junior, adult, senior: a day
    assert package.text(0) == ""


@given(accesses)
def test_the_best_price_is_that_of_trying_every_way(rows):
    rows = rows[:4]
    ours = best_price(TICKETS, rows, SHIFT)
    tried = brute_force(rows)
    # Three tickets suffice for the trial only where it found a way; ours may need no more.
    assert tried is None or ours <= tried
    if len(rows) <= 3:
        assert ours == tried


@pytest.mark.requirement("O-13", "O-17")
@given(accesses, st.randoms())
def test_charges_add_up_to_the_price_whatever_the_order_of_arrival(rows, rng):
    shuffled = list(rows)
    rng.shuffle(shuffled)
    charges = [charge_of(TICKETS, shuffled[:n], shuffled[n], SHIFT) for n in range(len(shuffled))]
    assert min(charges) >= 0
    assert sum(charges) == best_price(TICKETS, rows, SHIFT)


def test_an_access_that_no_ticket_covers_is_an_error():
    with pytest.raises(RangeError, match="no ticket covers minute 600 at alpe"):
        best_price([(100, 60, 0, 0, 0, False, "brenta")], [(600, "alpe")], SHIFT)


@pytest.mark.requirement("X-8", "R-11")
@pytest.mark.parametrize(
    ("price", "fee", "void", "used", "total", "back"),
    [
        (5522, 500, False, 10, 30, 3181),  # 5522 * 20 / 30 = 3681.3, rounded down, less the fee
        (5522, 500, True, 0, 30, 5522),
        (5522, 500, True, 1, 30, 4837),
        (5522, 500, False, 30, 30, 0),
        (300, 500, False, 1, 30, 0),
        (5522, 0, False, 0, 0, 0),
    ],
)
def test_a_refund_is_pro_rata_rounded_down_and_never_negative(price, fee, void, used, total, back):
    assert refund_cents(price, fee, void, used, total) == back


@pytest.mark.requirement("X-8")
def test_what_is_used_is_days_of_a_season_and_cents_of_a_best_price():
    assert days_used(0, 30, 1900) == (0, 30)
    assert days_used(1900, 30, 1900) == (1, 30)
    assert days_used(1900, 30, 1899) == (0, 30)
    assert days_used(1900, 30, 1950) == (30, 30)
    assert refund_cents(5522, 0, False, *best_price_refund(0, 5522)) == 0
    assert refund_cents(5522, 0, False, *best_price_refund(5522, 5522)) == 5522
