"""Packages that a broker lost: the edge says what it holds, and what it lacks goes out again."""

import json

import pytest

from backend_sync.publisher import REPEAT_SECONDS
from card_layouts.codec import cbor
from card_layouts.codec.timestamps import day_of, month_of
from card_layouts.packages.manifest import HOTLIST, LEASE, OVERLAY, TARIFF
from edge_agent.downlink import Downlink
from edge_agent.store import Store
from tests.backend_sync import sealed_devices as sd
from tests.backend_sync.test_publisher import GONE, Town


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


@pytest.mark.requirement("D18", "T11")
def test_a_line_that_is_cut_after_one_message_brings_everything_one_birth_after_another(
    town, tmp_path
):
    """Found by `demo --bad-line`: all of it again at each birth, and the line was busy for ever."""
    store = Store(tmp_path / "edge.db")
    edge = Downlink(store, town.clock, town.config["publics"])
    went_out = []
    for life in range(12):
        parcels = store.parcels
        holds = {"packages": parcels.held(), "dock_months": parcels.dock_months()}
        state = {"online": True, "edge": sd.EDGE, "birth": f"a1-{life}", "holds": holds}
        town.birth(json.dumps(state).encode())
        town.publisher.tick()
        sent = [message for _, message in town.broker.take()]
        packages = [message for message in sent if message[1] == "package"]
        went_out.append(len(packages))
        for message in packages[:1]:  # what comes after is lost with the connection
            edge.take("down", bytes(cbor.encode(message)))
        town.birth(GONE)
    store.close()
    assert went_out == [4, 3, 2, 1] + [0] * 8


@pytest.mark.requirement("D18")
def test_after_an_hour_everything_goes_out_whatever_an_edge_says_it_holds(town):
    rows = [[4711, role, 0, 1] for role in (HOTLIST, OVERLAY)]
    rows += [[4711, role, sd.AUTHORITY, 1] for role in (TARIFF, LEASE)]
    seen = []
    for life, seconds in enumerate((0, REPEAT_SECONDS - 1, 1)):
        town.clock.now += seconds
        holds = {"packages": rows if life else [], "dock_months": []}
        state = {"online": True, "edge": sd.EDGE, "birth": f"a1-{life}", "holds": holds}
        town.birth(json.dumps(state).encode())
        seen.append(len(town.packages()))
    assert seen == [4, 0, 4]


@pytest.mark.parametrize(
    "holds", [[], {"packages": []}, {"packages": [[1, 2]], "dock_months": []}, {"packages": 7}]
)
def test_a_state_that_says_nonsense_of_what_it_holds_is_refused_by_name(town, holds):
    town.birth(json.dumps({"online": True, "edge": sd.EDGE, "holds": holds}).encode())
    assert town.packages() == {} and "holds: " in town.publisher.last_error


@pytest.mark.requirement("D18")
def test_what_goes_out_again_each_hour_is_sealed_once(town, monkeypatch):
    sealed, sign = [], town.ring.sign

    def counted(kind, items):
        sealed.append(kind)
        return sign(kind, items)

    monkeypatch.setattr(town.ring, "sign", counted)
    town.birth()
    everything = town.packages()
    assert sealed == ["manifest"] * len(everything)
    town.clock.now += REPEAT_SECONDS
    assert town.packages() == everything and len(sealed) == len(everything)
    town.ring.provision(4711, 2, sd.AUTHORITY, 7, sd.EDGE)  # a new epoch has keys of its own
    town.clock.now += REPEAT_SECONDS
    town.publisher.tick()
    assert len(sealed) == 2 * len(everything)
