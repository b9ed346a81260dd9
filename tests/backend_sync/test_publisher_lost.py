"""Packages that a broker lost: the edge says what it holds, and what it lacks goes out again."""

import json

import pytest

from card_layouts.codec.timestamps import day_of, month_of
from card_layouts.packages.manifest import HOTLIST, LEASE, OVERLAY, TARIFF
from tests.backend_sync import sealed_devices as sd
from tests.backend_sync.test_publisher import Town


@pytest.fixture
def town(tmp_path):
    town = Town(tmp_path)
    town.tariff(1)
    town.hotlist(1)
    yield town
    town.ring.close()


@pytest.mark.requirement("D18", "T11")
def test_a_package_that_the_edge_says_twice_it_does_not_hold_goes_out_again(town):
    def state(packages, months):
        holds = {"packages": packages, "dock_months": months}
        town.birth(
            json.dumps({"online": True, "edge": sd.EDGE, "birth": "a1-1", "holds": holds}).encode()
        )

    def packages():
        town.publisher.tick()
        return [message for _, message in town.broker.take()]

    month = month_of(day_of(sd.NOW))
    state([], [])
    first = packages()
    rows = [[4711, TARIFF, sd.AUTHORITY, 1], [4711, LEASE, sd.AUTHORITY, 1]]
    rows += [[4711, role, 0, 1] for role in (HOTLIST, OVERLAY)]
    state(rows[:1], [])
    assert packages() == [], "it may have crossed them on the way"
    state(rows[:1], [])
    again = packages()
    assert len(first) == 7 and len(again) == 6, "all but the tariff"
    assert all(message in first for message in again if message[1] == "dock")
    for _ in range(3):
        state(rows, [month])
        assert packages() == []


@pytest.mark.parametrize(
    "holds", [[], {"packages": []}, {"packages": [[1, 2]], "dock_months": []}, {"packages": 7}]
)
def test_a_state_that_says_nonsense_of_what_it_holds_is_refused_by_name(town, holds):
    town.birth(json.dumps({"online": True, "edge": sd.EDGE, "holds": holds}).encode())
    assert town.packages() == {} and "holds: " in town.publisher.last_error
