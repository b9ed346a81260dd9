"""Who bears a concession, who gets the revenue, which VAT: said in the tariff, signed with it."""

import datetime
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from backend_sync.tariffs.book import read_tariff
from backend_sync.tariffs.differences import differences
from backend_sync.tariffs.gtfs import read_feed
from backend_sync.tariffs.linter import check, feed_of
from backend_sync.tariffs.main import main
from backend_sync.tariffs.package_writer import write_package
from backend_sync.tariffs.rater import Place, Rater
from backend_sync.tariffs.self_test import SHIPPED
from backend_sync.tariffs.when import day
from card_layouts.errors import LayoutError
from card_layouts.fares import inputs as i
from card_layouts.fares import sections as s
from card_layouts.fares.package import DIRECTORY_BYTES, HEADER_BYTES, Package, memory_reader
from card_layouts.fares.settlement import PASSES_NAMES, REVENUE_NAMES, Terms

ROOT = SHIPPED.parents[2]
MICROPYTHON = Path(sys.executable).parent / "micropython"
MORNING = 86_400 * day(datetime.date(2026, 3, 4)) + 36_000
MIKKELI_SHARES = [("town", "Town Buses", 85), ("county", "County Lines", 15)]
BOOKS = {"town": 0, "ferry": 1}


def terms_of(body):
    package = Package(memory_reader(body))
    package.mount()
    return Terms(package)


@pytest.fixture(scope="module")
def koivula():
    authored = read_tariff(SHIPPED / "koivula" / "tariff.toml")
    return Rater(authored, feed_of(authored))


@pytest.mark.requirement("X-1", "X-12", "D25")
def test_the_signed_package_says_who_pays_and_who_gets(koivula):
    terms = terms_of(koivula.body)
    assert [terms.payer(n) for n in (0, 1, 2, 3)] == ["", "invoice-holder", "town", "state"]
    assert terms.payer(5) == "ferry"
    assert terms.revenue(BOOKS["town"]) == (s.REVENUE_FIRST_BOARDING, s.PASSES_BY_USE)
    assert terms.vat(BOOKS["ferry"], 1, 2500) == ("transport", 140)
    assert terms.vat(BOOKS["ferry"], 1, 2191) is None  # before its first rate
    with pytest.raises(LayoutError, match="no payer 9"):
        terms.payer(9)


def test_records_of_another_size_are_refused_and_not_read_askew(koivula):
    body = bytearray(koivula.body)
    places = range(HEADER_BYTES, HEADER_BYTES + DIRECTORY_BYTES * body[7], DIRECTORY_BYTES)
    (at,) = [at for at in places if body[at] == s.SETTLEMENT]
    body[at + 1] += 1
    package = Package(memory_reader(bytes(body)))
    with pytest.raises(LayoutError, match=f"records of {body[at + 1]} bytes, wanted"):
        Terms(package)


@pytest.mark.requirement("X-12")
@pytest.mark.parametrize(
    ("city", "revenue", "passes", "shares"),
    [
        ("mikkeli", "first_boarding", "shares", MIKKELI_SHARES),
        ("kotka", "per_km", "by_use", []),
        ("hsl", "per_leg", "by_use", []),
    ],
)  # fmt: skip
def test_every_way_to_divide_revenue_is_shipped_and_read_back(city, revenue, passes, shares):
    authored = read_tariff(SHIPPED / city / "tariff.toml")
    terms = terms_of(write_package(authored.book, feed_of(authored)))
    said = terms.revenue(0)
    assert (REVENUE_NAMES[said[0]], PASSES_NAMES[said[1]]) == (revenue, passes)
    assert terms.shares(0) == shares
    assert terms.operators(0) == ({"town": 10, "county": 11} if shares else {})


@pytest.mark.requirement("X-12", "W-32")
@pytest.mark.parametrize(("book", "payer"), [("town", "town"), ("ferry", "ferry")])
def test_each_book_says_who_bears_its_concession(koivula, book, payer):
    agency = {"town": "koivula-bus", "ferry": "koivula-ferry"}[book]
    trip = next(t for t in koivula.feed.trips if koivula.feed.lines[t.line].agency == agency)
    place = Place(trip, koivula.trip_index[trip.trip_id], 0, trip.stops[0])
    card = koivula.words.card(
        {"group": "senior", "balance": "20.00", "purse": {"product": "value"}}
    )
    decision = koivula.decide(card, koivula.tap(place, MORNING))
    assert decision[i.D_BOOK_AUTHORITY] == BOOKS[book] + 1
    assert decision[i.D_REDUCTION] > 0
    assert terms_of(koivula.body).payer(decision[i.D_PAYER]) == payer


@pytest.fixture
def mikkeli(tmp_path):
    """Return a function: Mikkeli with words of its tariff and rows of its stops replaced."""

    def write(*changes, stops=()):
        shutil.copytree(SHIPPED / "mikkeli", tmp_path, dirs_exist_ok=True)
        for name, pairs in (("tariff.toml", changes), ("gtfs/stops.txt", stops)):
            text = (tmp_path / name).read_text()
            for old, new in pairs:
                assert old in text, old
                text = text.replace(old, new)
            (tmp_path / name).write_text(text)
        return tmp_path / "tariff.toml"

    return write


REVENUE = 'revenue = "first_boarding"'


@pytest.mark.requirement("X-1", "X-12")
@pytest.mark.parametrize(
    ("changes", "stops", "said"),
    [
        (
            [("town = 85", "twon = 85")],
            [],
            'settlement.shares: the feed has no agency "twon"',
        ),
        ([('passes = "shares"', 'passes = "by_use"')], [], "settlement.shares are not asked"),
        ([("shares = { town = 85, county = 15 }", "")], [], "and no shares"),
        ([("operators = { town = 10,", "operators = {")], [], '"town" has no number'),
        (
            [('concession = 3, payer = "city"', 'concession = 2, payer = "county"')],
            [],
            "groups.student and senior are one concession with two payers",
        ),
        (
            [(REVENUE, 'revenue = "per_km"')],
            [("61.0000,27.0000", ",")],
            "1 stops have no coordinates: A1 first",
        ),
        ([("from = 2025-01-01, permille", "from = 2025-02-01, permille")], [], "after the tariff"),
    ],
)
def test_money_that_nobody_would_get_is_found_by_check(mikkeli, changes, stops, said):
    path = mikkeli(*changes, stops=stops)
    (found,) = [finding for finding in check(path).findings if finding.rule == "payer"]
    assert said in found.found and found.wanted and found.remedy
    assert path.read_text().splitlines()[found.place.line - 1].strip()


@pytest.mark.requirement("X-12")
def test_a_group_number_means_the_same_in_every_book(tmp_path):
    for name in ("tariff.toml", "ferry.toml"):
        text = (SHIPPED / "koivula" / name).read_text()
        feed = f'"{ROOT / "simulator" / "example_town" / "gtfs"}"'
        text = text.replace('"../../../../simulator/example_town/gtfs"', feed)
        (tmp_path / name).write_text(text)
    ferry = tmp_path / "ferry.toml"
    ferry.write_text(ferry.read_text().replace("child = { number = 1", "child = { number = 2", 1)
                     .replace("youth = { number = 2", "youth = { number = 1", 1))  # fmt: skip
    found = [f for f in check(tmp_path / "tariff.toml").findings if f.rule == "foreign"]
    assert [f.found for f in found] == [
        "group 1 is child here and youth in areas.ferry",
        "group 2 is youth here and child in areas.ferry",
    ]


@pytest.mark.requirement("X-12")
def test_a_new_way_to_divide_revenue_is_a_difference_and_explained(mikkeli, capsys):
    old = read_tariff(SHIPPED / "mikkeli" / "tariff.toml")
    path = mikkeli((REVENUE, 'revenue = "per_leg"'))
    said = [str(change) for change in differences(old, read_tariff(path))]
    assert said == [
        "tariff, a journey's revenue: to the operator of its first boarding"
        " -> in equal parts to the operators of its legs"
    ]
    assert main(["explain", str(path), "1-weekday-0-0600", "--group", "senior"]) == 0
    told = capsys.readouterr().out
    assert "city owes" in told
    assert (
        "revenue:   in equal parts to the operators of its legs; this leg is of Town Buses" in told
    )


READ = """
import sys
sys.path.insert(0, {root!r})
from card_layouts.fares.package import Package, memory_reader
from card_layouts.fares.settlement import Terms
with open({path!r}, "rb") as file:
    package = Package(memory_reader(file.read()))
package.mount()
terms = Terms(package)
print(terms.payer(2), terms.revenue(0), terms.shares(0), terms.vat(0, 1, 2500))
"""


@pytest.mark.system
@pytest.mark.requirement("X-12")
def test_both_runtimes_read_the_same_terms(tmp_path):
    authored = read_tariff(SHIPPED / "mikkeli" / "tariff.toml")
    body = write_package(authored.book, read_feed(SHIPPED / "mikkeli" / "gtfs"))
    (tmp_path / "body").write_bytes(body)
    (tmp_path / "read.py").write_text(READ.format(root=str(ROOT), path=str(tmp_path / "body")))
    said = [
        subprocess.run(
            [program, tmp_path / "read.py"],
            cwd=ROOT,
            capture_output=True, text=True, check=True, timeout=150,
        ).stdout
        for program in (sys.executable, MICROPYTHON)
    ]  # fmt: skip
    assert said[0] == said[1] and "Town Buses" in said[0]
