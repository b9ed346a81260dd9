"""A journey is shared by the length of its legs: the same metre for ledger and auditor."""

from math import asin, cos, radians, sin, sqrt

import pytest
from hypothesis import given
from hypothesis import strategies as st

from backend_sync.settlement.close import every_batch
from backend_sync.settlement.holds import differences
from card_layouts.settlement.kilometres import metres
from tests.backend_sync.settled_worlds import DAY, MORNING, Settled

pytestmark = pytest.mark.requirement("X-12")

# Trips of the town's feed: line 1 from Harbour to Airport, line 2 from Square to North Wood.
LINE_1, LINE_2 = 0, 158
HARBOUR, SQUARE, HOSPITAL = (61.05, 28.19), (61.062, 28.211), (61.065, 28.184)
FIRST_M, SECOND_M = 1748, 1490  # Harbour to Square; Square to Hospital, the last stop in zone A


def haversine(start, end):
    """Return the metres of a great circle on a sphere, by the textbook, in floats."""
    (lat_a, lon_a), (lat_b, lon_b) = [map(radians, point) for point in (start, end)]
    half = sin((lat_b - lat_a) / 2) ** 2 + cos(lat_a) * cos(lat_b) * sin((lon_b - lon_a) / 2) ** 2
    return 2 * 6_371_008.8 * asin(sqrt(half))


def micro(point):
    return tuple(round(degrees * 10**6) for degrees in point)


near = st.floats(-0.3, 0.3)


@given(st.floats(-70, 70), st.floats(-180, 180), near, near)
def test_metres_are_those_of_the_textbook_within_a_five_hundredth(lat, lon, north, east):
    start, end = (lat, lon), (lat + north, lon + east)
    wanted = haversine(start, end)
    assert abs(metres(micro(start), micro(end)) - wanted) <= 2 + wanted / 500


def test_metres_between_the_towns_stops():
    assert metres(micro(HARBOUR), micro(SQUARE)) == FIRST_M
    assert metres(micro(SQUARE), micro(HOSPITAL)) == SECOND_M
    assert abs(haversine(HARBOUR, SQUARE) - FIRST_M) < 1.5
    assert metres((0, 179_999_999), (0, -179_999_999)) == 0  # the shorter way round


@pytest.fixture
def world(tmp_path, ledger_url):
    made = Settled(tmp_path / "keyring", ledger_url, revenue="per_km")
    yield made
    made.close()


def gross(world):
    found = {}
    for closed in every_batch(world.ledger.database):
        for row in closed.values["operators"]:
            found[row[1]] = found.get(row[1], 0) + row[6]
    return found


@pytest.mark.requirement("D25")
@pytest.mark.parametrize("cards_in", ("one batch", "two batches"))
def test_a_journey_by_two_buses_is_shared_by_the_metres_of_each(world, cards_in):
    card = world.cards[0]
    world.ride(1, card, MORNING, trip=LINE_1, call=0)
    if cards_in == "two batches":
        world.settle(DAY - 1)
        assert gross(world) == {10: 240}
    world.ride(2, card, MORNING + 900, trip=LINE_2, call=0, operator=11)
    world.settle()
    first = round(240 * FIRST_M / (FIRST_M + SECOND_M))
    assert gross(world) == {10: first, 11: 240 - first} == {10: 130, 11: 110}
    assert world.findings() == []
    assert differences(world.ledger.database, world.keyring.signing.ledger.public) == []


@pytest.mark.requirement("D25")
def test_where_a_length_cannot_be_told_the_legs_share_equally(world):
    card = world.cards[0]
    world.ride(1, card, MORNING, trip=LINE_1, call=0)
    world.ride(2, card, MORNING + 900, stop=3, operator=11)  # a gate: where to, nobody knows
    world.settle()
    assert gross(world) == {10: 120, 11: 120}
    assert world.findings() == []
