"""Products and prices out: what a point of sale is told is what the engine charges."""

import json

import pytest

from backend_sync.actions.limits import tariff_at
from backend_sync.sales.counter import SaleRefused
from backend_sync.sales.main import main
from backend_sync.sales.offered import Offer, coming, in_force
from backend_sync.tariffs.book import read_tariff
from backend_sync.tariffs.forms import rounded
from backend_sync.tariffs.gtfs import read_feed
from backend_sync.tariffs.package_writer import write_package
from card_layouts.cards.zones import zones_run
from card_layouts.fares import inputs as i
from card_layouts.fares.engine import rate
from card_layouts.fares.sales_terms import ROUNDING_NAMES, SalesTerms
from card_layouts.fares.singles import price_single
from simulator.demo.system import TARIFFS as SHIPPED
from simulator.demo.system import TOWN_FEED
from simulator.worlds.small_tariffs import mounted
from tests.backend_sync.builders import World
from tests.backend_sync.test_sales_counter import balances, load, opened, season

pytestmark = pytest.mark.requirement("W-107")
DAY = 2344  # 2026-06-02
NOON = DAY * 86_400 + 9 * 3600
SINGLE, VALUE, SEASON, TOURIST, SCHOOL = 0, 1, 2, 8, 5
CARD = """
[card]
fee = 350
deposit = 500
"""
CHANNELS = """
[load.machine]
min = 1000
max = 5000
step = 500
sells = ["value", "season"]
prices = { season = "flex" }
"""


def package(folder=None, version=1, more="", dates=("2026-01-01", "2027-12-31")):
    """Return Koivula's package; `more` stands at the end of its tariff."""
    source = SHIPPED / "tariff.toml"
    if folder is not None:
        text = source.read_text().replace("../../../../simulator/example_town/gtfs", str(TOWN_FEED))
        text = text.replace("valid_from = 2026-01-01", f"valid_from = {dates[0]}")
        text = text.replace("valid_to = 2027-12-31", f"valid_to = {dates[1]}")
        folder.mkdir(exist_ok=True)
        (folder / "ferry.toml").write_text((SHIPPED / "ferry.toml").read_text())
        source = folder / "tariff.toml"
        source.write_text(text + more)
    return write_package(read_tariff(source, version).book, read_feed(TOWN_FEED))


@pytest.fixture(scope="module")
def book():
    return read_tariff(SHIPPED / "tariff.toml", 1).book


@pytest.fixture(scope="module")
def tariff():
    return mounted(package())


def offered(tariff, number, channel="", window=-1):
    """Return {(zones, group, length): cents} of a product."""
    found = Offer(tariff, DAY).said(channel)["products"]
    (product,) = [product for product in found if product["product"] == number]
    return {
        (tuple(p["zones"]), p["group"], p["length"]): p["cents"]
        for p in product["prices"] if p["window"] == window
    }  # fmt: skip


def zones(mask):
    return tuple(name for place, name in enumerate("ABCD", 1) if mask >> (15 - place) & 1)


RUNS = [zones_run(low, high) for low in range(1, 5) for high in range(low, 5)]


@pytest.mark.requirement("W-105", "W-61")
def test_every_ride_from_the_purse_costs_what_the_point_was_told(tariff):
    told, card, tap, d = offered(tariff, VALUE), i.new_card(), i.new_tap(), i.new_decision()
    asked = 0
    for mask in RUNS:
        for group in range(5):
            card[i.C_ISSUER], card[i.C_PURSE_PRODUCT], card[i.C_GROUP] = 1, VALUE, group
            card[i.C_GROUP_UNTIL], card[i.C_BALANCE] = DAY + 100, 100_000
            tap[i.T_SECONDS], tap[i.T_BOOK], tap[i.T_PICKED] = NOON, 1, mask
            tap[i.T_TRIP] = tap[i.T_CALL] = tap[i.T_STOP] = tap[i.T_ADULTS] = -1
            rate(tariff, card, tap, d)
            assert d[i.D_KIND] == i.KIND_CHARGE and d[i.D_RIDER] == group
            assert told[zones(mask), group, 0] == d[i.D_AMOUNT], (zones(mask), group)
            asked += 1
    assert asked == len(told) == 50


@pytest.mark.requirement("W-50", "W-53", "W-18")
def test_every_single_ticket_costs_what_the_point_was_told(tariff):
    told = offered(tariff, SINGLE)
    for mask in RUNS:
        for group in (0, 1):
            tap = i.new_tap()
            tap[i.T_SECONDS], tap[i.T_BOOK], tap[i.T_PICKED] = NOON, 1, mask
            tap[i.T_TRIP] = tap[i.T_CALL] = tap[i.T_STOP] = -1
            sold = price_single(tariff, i.new_card(), tap, i.new_decision(), SINGLE, [(group, 1)])
            assert (sold.refused, sold.total) == (0, told[zones(mask), group, 0])
    assert len(told) == 20


@pytest.mark.requirement("W-55", "W-57", "W-30")
def test_every_price_of_the_authored_tariff_is_offered_and_no_other(tariff, book):
    for product in book.products:
        if product.prices is None or product.per:
            continue
        table = book.tables[product.prices]
        wanted = {
            (zones(mask), group): cents
            for mask, row in table.prices.items() for group, cents in row.items()
            if product.groups >> group & 1
        }  # fmt: skip
        told = {key[:2]: cents for key, cents in offered(tariff, product.number).items()}
        flat = len(table.prices) == 1
        assert (set(told.values()) == set(wanted.values())) if flat else told == wanted


@pytest.mark.requirement("W-89", "W-55")
def test_a_length_that_the_buyer_chooses_is_priced_by_the_tariffs_rounding(tariff, book):
    told = offered(tariff, TOURIST)
    one = {key[:2]: cents for key, cents in told.items() if key[2] == 1}
    assert {key[2] for key in told} == {1, 60} and one
    for (where, group, length), cents in told.items():
        assert cents == rounded(one[where, group] * length, 1, "half_up")
    offer = Offer(tariff, DAY)
    assert offer.length_price(TOURIST, 720, 5) == 3600
    assert offer.length_price(SEASON, 4800, 5) == 4800, "its length is fixed"
    assert book.products[TOURIST].per == 1 and ROUNDING_NAMES[0] == "half_up"


@pytest.mark.requirement("W-65", "W-66", "W-67", "X-1", "W-39")
def test_limits_by_channel_tax_surcharges_and_grants_are_told(tariff):
    said = Offer(tariff, DAY).said("counter")
    assert [(row["groups"], row["most_cents"]) for row in said["loads"]] == [
        ([1], 8000), ([0, 2, 3, 4], 12000)]  # fmt: skip
    assert {row["step_cents"] for row in Offer(tariff, DAY).said("web")["loads"]} == {500}
    products = {product["product"]: product for product in said["products"]}
    assert products[SEASON]["vat"] == {"code": "transport", "permille": 140}
    assert products[SCHOOL]["granted"] and products[SEASON]["length"] == [30, 30]
    web = {product["product"] for product in Offer(tariff, DAY).said("web")["products"]}
    assert SCHOOL not in web and SEASON in web, "what needs a grant is a counter's"
    assert said["surcharges"] == [{"cents": 100, "window": 2, "on": ["purse", "ticket"]}]
    night = said["windows"][2]
    assert (night["from_minute"], night["to_minute"]) == (23 * 60, 4 * 60)


@pytest.mark.requirement("W-98", "W-67")
def test_a_cards_fee_and_a_channels_own_list_and_prices_are_in_the_package(tmp_path):
    tariff = mounted(package(tmp_path / "t", more=CARD + CHANNELS))
    offer = Offer(tariff, DAY)
    assert offer.said()["card"] == {"fee_cents": 350, "deposit_cents": 500}
    assert offer.numbers("machine") == {VALUE, SEASON} and SINGLE in offer.numbers("counter")
    flex = {key[:2]: cents for key, cents in offered(tariff, 3).items()}
    there = {key[:2]: cents for key, cents in offered(tariff, SEASON, "machine").items()}
    assert there and all(flex[key] == cents for key, cents in there.items())
    assert SalesTerms(mounted(package())).card(0) == (0, 0)


@pytest.mark.requirement("W-115", "W-117")
def test_the_tariff_in_force_is_the_newest_that_holds_that_day(tmp_path):
    first = mounted(package(tmp_path / "a", 1, dates=("2026-01-01", "2026-12-31")))
    second = mounted(package(tmp_path / "b", 2, dates=("2026-09-01", "2027-12-31")))
    tariffs = {(1, 1): first, (1, 2): second}
    later = second.valid_from
    assert in_force(tariffs, 1, DAY) is first and coming(tariffs, 1, DAY) == [second]
    assert in_force(tariffs, 1, later) is second and coming(tariffs, 1, later) == []
    assert in_force(tariffs, 1, 9000) is None and in_force(tariffs, 9, DAY) is None
    assert tariff_at(tariffs, 1, NOON) is first, "limits and terms are not those to come"
    assert tariff_at(tariffs, 1, 86_400 * later + 40_000) is second
    assert tariff_at(tariffs, 1, 86_400 * 9000) is second and tariff_at(tariffs, 9, NOON) is None


@pytest.mark.requirement("W-98")
def test_a_cards_fee_is_sold_as_the_tariff_says_and_voided(tmp_path):
    fee = {"kind": "fee", "action": 0, "product": 0, "cents": 350}
    tariffs = {(244, 1): mounted(package(tmp_path / "t", more=CARD + CHANNELS))}
    for counter in opened(tmp_path, None, tariffs):
        counter.sell(load(counter, 1, **fee))
        counter.sell(load(counter, 2, **fee, paid="card"))
        assert balances(counter) == {"CASH:counter:5": -350, "CASH:counter:card": -350,
                                     "FEES:244": 700}  # fmt: skip
        counter.void("v1", 31, 1, 5)
        assert balances(counter)["FEES:244"] == 350
        for change in ({"cents": 300}, {"action": 5}, {"product": 2}):
            with pytest.raises(SaleRefused, match="the issuer's tariff says 350"):
                counter.sell(load(counter, 3, **{**fee, **change}))
        with pytest.raises(SaleRefused, match="machine does not sell it"):
            counter.sell(season(counter, 4)._replace(product=TOURIST, channel="machine"))


def test_the_command_prints_what_is_in_force_and_what_comes(tmp_path, capsys):
    world = World(tmp_path)
    world.close()
    place, folder = str(tmp_path), tmp_path / "tariffs"
    assert main(["products", place]) == 1
    assert "no tariff is published there" in capsys.readouterr().err
    folder.mkdir()
    (folder / "1.ttar").write_bytes(package(tmp_path / "a", 1, CARD, ("2026-01-01", "2026-12-31")))
    (folder / "2.ttar").write_bytes(package(tmp_path / "b", 2, CARD, ("2027-01-01", "2027-12-31")))
    asked = ["products", place, "--on", "2026-06-02"]
    assert main(asked) == 0
    out = capsys.readouterr().out
    for words in ("tariff 1, in force, to 2026-12-31", "tariff 2, from 2027-01-01 on",
                  "card: fee 3.50, deposit 5.00", "load, web: 20.00 to 120.00, steps of 5.00",
                  "VAT transport 14 %"):  # fmt: skip
        assert words in out
    assert main([*asked, "--channel", "web", "--json"]) == 0
    now, then = json.loads(capsys.readouterr().out)
    assert (now["in_force"], then["in_force"], then["valid_from"]) == (True, False, "2027-01-01")
    assert len(now["sha256"]) == 64 and {load["channel"] for load in now["loads"]} == {"web"}
    for change, words in (
        (["--channel", "kiosk"], "names counter, driver, web"),
        (["--on", "today"], "wanted a day such as"),
        (["--authority", "9"], "authority 9 has published no tariff"),
    ):
        assert main([*asked, *change]) == 1
        assert words in capsys.readouterr().err
    assert main(["products", place, "--on", "2030-01-01"]) == 1
    assert "no tariff is in force" in capsys.readouterr().out
