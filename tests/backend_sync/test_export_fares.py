"""A tariff written as GTFS Fares v2: valid, priced the same when read back, losses named."""

import datetime
import json
from pathlib import Path

import pytest

from backend_sync.tariffs.book import read_tariff
from backend_sync.tariffs.export_fares import export_fares
from backend_sync.tariffs.export_losses import export_losses
from backend_sync.tariffs.gtfs import read_feed
from backend_sync.tariffs.gtfs_archive import open_source
from backend_sync.tariffs.import_fares import import_fares
from backend_sync.tariffs.losses import CODES
from backend_sync.tariffs.main import main
from backend_sync.tariffs.price_list import price_list
from backend_sync.tariffs.timeframes import frames
from backend_sync.tariffs.zoned import dated_feed
from tests.backend_sync.fares_v2_checker import faults
from tests.backend_sync.feed_files import folder

SHIPPED = Path(__file__).parents[2] / "backend_sync" / "tariffs" / "shipped"
CITIES = ["mikkeli", "hsl", "turku", "kotka"]

SMALL = """
authority = 7
currency = "EUR"
valid_from = 2026-01-01
valid_to = 2026-01-07
timezone = "Europe/Helsinki"
service_day = "04:00"
[zones]
order = ["A", "B", "C"]
[groups]
child = { ages = [7, 16], class = "child" }
adult = { ages = [17, 120], class = "adult" }
[prices.value]
by = "count"
adult = [200, 300, 400]
child = [100, 150, 200]
[[prices.value.when]]
window = "quiet"
adult = [150, 250, 350]
[windows.quiet]
days = "Mon-Fri"
from = "09:00"
to = "13:00"
[windows.night]
days = "Fri"
from = "23:00"
to = "04:00"
[surcharges.night]
window = "night"
cents = 70
[transfer.value]
by_start_zone = { A = 60, "*" = 90 }
legs = 2
[products.value]
kind = "purse"
number = 1
prices = "value"
transfer = "value"
"""


def exported(tariff: Path, feed_path: Path, out: Path):
    authored = read_tariff(tariff)
    feed = dated_feed(authored.source, read_feed(feed_path))
    export_fares(authored, feed, open_source(feed_path), out)
    return authored, feed


def shipped(city: str, out: Path):
    return exported(SHIPPED / city / "tariff.toml", SHIPPED / city / "gtfs", out)


def small(tmp_path, text: str = SMALL):
    tmp_path.mkdir(exist_ok=True)
    (tmp_path / "tariff.toml").write_text(text)
    return exported(tmp_path / "tariff.toml", folder(tmp_path / "feed"), tmp_path / "out")


@pytest.mark.requirement("W-116")
@pytest.mark.parametrize("city", CITIES)
def test_what_is_written_is_valid_fares_v2(city, tmp_path):
    shipped(city, tmp_path)
    assert faults(tmp_path) == []
    assert read_feed(tmp_path).trips == read_feed(SHIPPED / city / "gtfs").trips


@pytest.mark.parametrize(
    ("file", "row", "fault"),
    [
        ("fare_leg_rules.txt", "g,authority-7,A,Z,,value.A-C.00\n", "to_area_id: Z is nowhere"),
        ("fare_products.txt", "value.A.00,x,adult,card,2.00,EUR\n", "stands twice"),
        ("fare_products.txt", "q,x,adult,card,2,EUR\n", "fare_products.amount: 2 EUR"),
        ("fare_transfer_rules.txt", "value.A.A,value.A.B,1,60,1,0,\n", "same group: False"),
        ("timeframes.txt", "times-1,00:00:00,24:00:00,fare-days-1\n", "overlaps"),
        ("rider_categories.txt", "x,x,1\n", "2 default riders"),
    ],
)
def test_the_checker_finds_what_is_planted(tmp_path, file, row, fault):
    small(tmp_path)
    with (tmp_path / "out" / file).open("a") as out:
        out.write(row)
    assert fault in "\n".join(faults(tmp_path / "out"))


@pytest.mark.requirement("D31")
@pytest.mark.parametrize("city", CITIES)
def test_export_then_import_prices_every_pair_the_same(city, tmp_path):
    authored, feed = shipped(city, tmp_path)
    draft = import_fares(tmp_path)
    names = {group.number: group.name for group in authored.book.groups}
    default = max(names.values(), key=lambda name: name == "adult")
    compared = 0
    for one in price_list(authored, feed):
        (family,) = [
            f for f in draft.families
            if all(source.split(" ")[1].split(".")[0] == one.key for source in f.sources)
        ]  # fmt: skip
        states: dict[tuple[frozenset[str], str], set[int]] = {}
        for offer in one.offers:
            both = frozenset({draft.zones[offer.start - 1], draft.zones[offer.end - 1]})
            for group, cents in offer.cents.items():
                name = "adult" if names[group] == default else names[group]
                states.setdefault((both, name), set()).add(cents)
                compared += 1
        for (both, name), cents in states.items():
            cells = [family.cells, *family.when.values()]
            assert {row[both][name] for row in cells if both in row} == cents
        assert bool(family.window) == (one.product.window is not None)
    assert compared > 30


def test_prices_of_a_small_tariff_stand_in_the_files(tmp_path):
    small(tmp_path)
    products = (tmp_path / "out" / "fare_products.txt").read_text().splitlines()
    assert "value.A-B.00,value,adult,card,3.00,EUR" in products
    assert "value.A-B.10,value,adult,card,2.50,EUR" in products  # quiet
    assert "value.A-B.10,value,child,card,1.50,EUR" in products
    assert "value.A-B.01,value,adult,card,3.70,EUR" in products  # night
    rules = (tmp_path / "out" / "fare_transfer_rules.txt").read_text().splitlines()
    assert "value.A.A,value.A.A,2,3600,1,0," in rules  # 60 minutes from A
    assert "value.B.C,value.C.B,,5400,1,0," in rules  # 90 from B, inside B-C
    assert not [rule for rule in rules if rule.startswith("value.A.A,value.A.B")]


def test_a_window_over_midnight_is_cut_by_civil_date(tmp_path):
    authored, feed = small(tmp_path)
    night = frames(authored.book, feed, [list(authored.source.values["windows"]).index("night")])
    held = {
        date: [(first, last) for first, last, state in cuts if state == (True,)]
        for cuts, dates in night.services.items()
        for date in dates
    }
    friday = datetime.date(2026, 1, 2)
    assert held.pop(friday) == [(1380, 1440)]
    assert held.pop(friday + datetime.timedelta(1)) == [(0, 240)]
    assert not any(held.values()) and len(held) == 5


def held(tmp_path, window: str) -> dict[str, list[tuple[int, int]]]:
    """Return {civil date: minutes in which the window holds}, for those on which it does."""
    authored, feed = small(tmp_path, SMALL + window)
    index = list(authored.source.values["windows"]).index("asked")
    cut = frames(authored.book, feed, [index])
    return {
        f"{date:%a %d}": [(first, last) for first, last, state in cuts if state == (True,)]
        for cuts, dates in cut.services.items()
        for date in dates
        if any(state == (True,) for _first, _last, state in cuts)
    }


def test_minutes_before_the_shift_belong_to_the_day_before(tmp_path):
    window = '[windows.asked]\ndays = "Fri"\nfrom = "01:00"\nto = "05:00"\n'
    assert held(tmp_path, window) == {"Fri 02": [(240, 300)], "Sat 03": [(60, 240)]}
    civil = window + 'date = "civil"\n'
    assert held(tmp_path / "civil", civil) == {"Fri 02": [(60, 300)]}


def test_calendars_hold_on_their_days_or_on_the_others(tmp_path):
    days = "[calendars.feast]\ndates = [2026-01-06]\n"
    window = '[windows.asked]\nfrom = "09:00"\nto = "10:00"\n'
    on = held(tmp_path / "on", days + window + 'calendar = "feast"\n')
    off = held(tmp_path / "off", days + window + 'not = "feast"\n')
    assert on == {"Tue 06": [(540, 600)]}
    assert len(off) == 6 and "Tue 06" not in off


def test_a_fee_is_in_the_price_of_what_pays_it_only(tmp_path):
    more = """
[products.paper]
kind = "ticket"
number = 0
prices = "value"
[products.month]
kind = "pass"
number = 3
prices = "value"
span = { days = 30 }
"""
    text = SMALL.replace("cents = 70", 'cents = 70\non = ["purse", "pass"]')
    authored, feed = small(tmp_path, text + more)
    amounts = {
        one.key: {offer.cents[1] for offer in one.offers if (offer.start, offer.end) == (1, 1)}
        for one in price_list(authored, feed)
    }
    # 150 in the quiet hours, 270 with the fee at night; a pass has no fee in GTFS, a ticket none.
    assert amounts == {"value": {200, 150, 270}, "paper": {200, 150}, "month": {200, 150}}


def test_minutes_come_back_by_start_zone(tmp_path):
    small(tmp_path)
    (family,) = import_fares(tmp_path / "out").families
    assert family.minutes == {"A": 60, "B": 90, "C": 90}


def test_a_pair_sold_without_the_zones_between_is_priced_so(tmp_path):
    text = SMALL.replace('order = ["A", "B", "C"]', 'order = ["A", "B", "C"]\nskip = "touched"')
    text = text.replace('by = "count"', 'by = "set"').split("[prices.value]")
    rows = '[prices.value]\nby = "set"\nadult = { A = 1, B = 2, C = 3, "A+C" = 4, "A-C" = 9 }\n'
    authored, feed = small(
        tmp_path, text[0] + rows + "[products.value]\nkind = 'purse'\nnumber = 1\nprices = 'value'"
    )
    (one,) = price_list(authored, feed)
    assert {(o.start, o.end): o.cents[1] for o in one.offers} == {
        (1, 1): 1, (2, 2): 2, (3, 3): 3, (1, 3): 4, (3, 1): 4,
        (1, 2): 9, (2, 1): 9, (2, 3): 9, (3, 2): 9,
    }  # fmt: skip


@pytest.mark.requirement("D31")
def test_every_loss_code_of_the_design_is_told_by_some_shipped_tariff(tmp_path):
    told = set()
    for city in [*CITIES, "ski"]:
        authored = read_tariff(SHIPPED / city / "tariff.toml")
        feed = dated_feed(authored.source, read_feed(SHIPPED / city / "gtfs"))
        losses = export_losses(authored, feed)
        assert all(loss.place.split(":")[1].isdigit() for loss in losses)
        told |= {loss.code for loss in losses}
    told |= {loss.code for loss in export_losses(*small(tmp_path, SMALL + DAY_CAP))}
    several = folder(
        tmp_path / "several", areas="area_id\nB\n", stop_areas="area_id,stop_id\nB,a\n"
    )
    text = SMALL.replace('order = ["A"', 'from = ["stops.zone_id", "stop_areas"]\norder = ["A"')
    (tmp_path / "tariff.toml").write_text(text)
    told |= {
        loss.code
        for loss in export_losses(*exported(tmp_path / "tariff.toml", several, tmp_path / "o2"))
    }
    assert {f"E{n}" for n in range(1, 17)} - told == set()
    assert told <= CODES.keys()


DAY_CAP = """
[products.day]
kind = "purse"
number = 2
prices = "value"
cap = { threshold = "value", days = 1 }
"""


def test_the_command_says_what_it_wrote_and_lost(tmp_path, capsys):
    city = SHIPPED / "kotka"
    line = ["export", "gtfs", str(city / "tariff.toml"), "--gtfs", str(city / "gtfs")]
    arguments = [*line, "-o", str(tmp_path / "out")]
    assert main(arguments) == 0
    said = capsys.readouterr().out
    assert "fare_leg_rules.txt: " in said and "E1: a ride is priced by its set of 2 zones" in said
    assert main(arguments) == 1  # the folder is full now
    assert "not an empty folder" in capsys.readouterr().err
    arguments = [*line, "-o", str(tmp_path / "out2"), "--json"]
    assert main(arguments) == 0
    assert json.loads(capsys.readouterr().out)["losses"]
    line[2] = str(tmp_path / "absent.toml")
    arguments = [*line, "-o", str(tmp_path / "out3")]
    assert main(arguments) == 1
    assert "absent.toml: No such file" in capsys.readouterr().err
