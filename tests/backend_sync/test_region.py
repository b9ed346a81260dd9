"""One card in a region: three operators, two authorities, one of which changes its town."""

import json
import shutil

import pytest

from backend_sync.ledger.main import main as ledger
from backend_sync.settlement.main import main as settlement
from backend_sync.tariffs.book import read_tariff
from backend_sync.tariffs.gtfs import read_feed
from backend_sync.tariffs.package_writer import write_package
from card_layouts.cards.card_layout import G
from simulator.demo.system import TARIFFS, TOWN_FEED
from tests.backend_sync.settled_worlds import DAY, FERRY, MORNING, TOWN, Settled, package

HOUR, PIER = 3600, 30  # the ferry's stop in the feed


def price(announced):
    return G.unpack(announced.record)["amount"]


@pytest.mark.requirement("W-1", "W-2", "W-3", "W-6", "W-41", "R-26")
def test_one_card_travels_the_region_and_each_operator_gets_what_its_rides_cost(
    tmp_path, ledger_url
):
    world = Settled(tmp_path / "keyring", ledger_url)
    card = world.cards[0]
    # The commuter area by itself: two operators that the authority procures traffic from.
    bus = price(world.ride(1, card, MORNING))
    tram = price(world.ride(2, card, MORNING + 2 * HOUR, operator=11))
    first = world.settle().values
    assert first["operators"] == [
        [TOWN, 10, 1, bus, 0, 0, bus, first["operators"][0][7], first["operators"][0][8]],
        [TOWN, 11, 1, tram, 0, 0, tram, first["operators"][1][7], first["operators"][1][8]],
    ]
    assert first["clearing"] == []
    # Later the traffic between areas: the same card, the ferry's own price, and who owes whom.
    sailed = world.ride(3, card, MORNING + 86_400, area=FERRY, operator=20, stop=PIER)
    ferry = price(sailed)
    assert ferry == 300 != bus  # 3.00 in ferry.toml
    second = world.settle(DAY + 1).values
    assert [row[:4] for row in second["operators"]] == [[FERRY, 20, 1, ferry]]
    assert second["clearing"] == [[TOWN, FERRY, ferry]]
    assert card.cents == -(bus + tram + ferry)
    assert world.findings() == []
    world.close()


@pytest.mark.requirement("W-24")
def test_an_authority_sees_each_morning_who_rode_with_whom_and_which_vehicle_is_silent(
    tmp_path, capsys
):
    world = Settled(tmp_path / "keyring", f"sqlite:///{tmp_path / 'ledger.db'}")
    first, second = world.cards[:2]

    def said(program, command):
        assert program([command, str(tmp_path), "--json"]) == 0
        return json.loads(capsys.readouterr().out)

    world.ride(1, first, MORNING)
    world.ride(2, second, MORNING + 60, operator=11)
    world.post()
    assert said(ledger, "report")["entries_by_type"]["INTENT"] == 2  # at once, the day still runs
    world.ride(1, first, MORNING + 4 * HOUR)
    world.ride(1, second, MORNING + 5 * HOUR)
    lost = world.devices[1].next_seq
    world.ride(1, first, MORNING + 9 * HOUR)
    world.ride(1, first, MORNING + 12 * HOUR)
    # Of the last two rides the earlier one is still in the vehicle.
    world.post(world.devices[1].run(first=1, last=lost - 1))
    world.post(world.devices[1].run(first=lost + 2))
    (behind,) = [row for row in said(ledger, "gaps") if row["missing_count"]]
    assert (behind["device"], behind["missing_count"]) == (1, 2)
    world.settle()
    shown = said(settlement, "show")
    counted = {(row["authority"], row["operator"]): row["lines"] for row in shown["operators"]}
    assert counted == {(TOWN, 10): 5, (TOWN, 11): 1}
    world.close()


@pytest.fixture
def town(tmp_path):
    """The authority's own files: tariff, stops, routes, timetables."""
    shutil.copytree(TOWN_FEED, tmp_path / "feed")
    for path in TARIFFS.glob("*.toml"):
        shutil.copy(path, tmp_path)
    return tmp_path


def changed(path, *changes):
    text = path.read_text(encoding="utf-8")
    for old, new in changes:
        assert old in text, old
        text = text.replace(old, new)
    path.write_text(text, encoding="utf-8")


@pytest.mark.requirement("W-22", "W-32", "W-114", "W-4")
def test_an_authority_changes_zones_stops_and_prices_and_old_rides_keep_their_price(town):
    third = 2  # Quay Street, in zone A until now
    changed(town / "tariff.toml", ("adult = [240, 320,", "adult = [250, 330,"))
    changed(
        town / "feed" / "stops.txt",
        ("K003,Quay Street,61.05800,28.20400,A", "K003,Quay Street,61.05800,28.20400,B"),
        ("K004,Square", "K003B,Ropewalk,61.06000,28.20700,B\nK004,Square"),
    )
    body = write_package(read_tariff(town / "tariff.toml", 2).book, read_feed(town / "feed"))
    bodies = {
        (TOWN, 1): package("tariff.toml"), (TOWN, 2): body, (FERRY, 1): package("ferry.toml"),
    }  # fmt: skip
    world = Settled(town / "keyring", bodies=bodies)
    one, two = world.cards[:2]
    old = world.intent(1, one, MORNING, stop=third)
    new = world.intent(1, two, MORNING + 60, stop=third, version=2)
    assert (price(old), price(new)) == (240, 250)
    zones = [G.unpack(announced.record)["zone"] for announced in (old, new)]
    assert zones[0] + 1 == zones[1]  # A, then B
    for card, announced in ((one, old), (two, new)):
        card.commit(announced)
        world.devices[1].outcome(announced)
    world.settle()
    assert world.findings() == []  # each is rated by the tariff that it was made under
    world.close()
