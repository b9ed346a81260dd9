"""Dormant value: stated and announced before it is booked, and never refused to its holder."""

import pytest

from backend_sync.ledger.listing import LISTED, Policy, by_person, decide
from backend_sync.sales.disputes import Disputes
from backend_sync.sales.dormancy import DAY_S, MONTH_DAYS, Dormancy, DormancyRefused
from backend_sync.sales.main import main
from backend_sync.sales.returns import Returns
from tests.backend_sync.builders import AUTHORITY, World

pytestmark = pytest.mark.requirement("X-10")

MONTHS, NOTICE, LOADED = 24, 90, 2000
YEARS_S = MONTHS * MONTH_DAYS * DAY_S
LEASE_S = 3 * DAY_S


@pytest.fixture
def desk(world):
    """Card 0 has 20.00; the policy is stated."""
    world.ledger.import_sales([("s1", 1, LOADED, "kiosk", 5)])
    world.devices[1].load(world.cards[0], LOADED)
    world.post()
    made = Dormancy(world.ledger)
    made.card = world.ledger.database.value("SELECT min(card) FROM issues")
    assert made.state_policy(AUTHORITY, MONTHS, NOTICE, "terms, section 7", "anna", "alma")
    return made


def balances(world):
    rows = world.ledger.database.rows("SELECT name, cents FROM balances WHERE cents <> 0")
    assert sum(row[1] for row in rows) == 0
    return {name.partition(":")[0]: int(cents) for name, cents in rows}


def booked(world, desk):
    """Let the value become breakage."""
    world.clock.now += YEARS_S
    assert [row.state for row in desk.announce("anna")] == ["announced"]
    world.clock.now += NOTICE * DAY_S
    (row,), back = desk.book()
    assert (row.card, row.cents, back) == (desk.card, LOADED, [])


def test_value_becomes_breakage_once_after_its_months_and_its_notice(world, desk):
    world.clock.now += YEARS_S - 1
    assert desk.report() == []
    world.clock.now += 1
    assert [row.state for row in desk.report()] == ["to announce"]
    assert desk.book() == ([], []), "nobody was told yet"
    assert len(desk.announce("anna")) == 1 and desk.announce("anna") == []
    world.clock.now += NOTICE * DAY_S - 1
    assert [row.state for row in desk.report()] == ["announced"] and desk.book() == ([], [])
    world.clock.now += 1
    assert [row.cents for row in desk.book()[0]] == [LOADED]
    for _ in range(2):
        assert desk.book() == ([], [])
        assert balances(world) == {"CASH": -LOADED, "BREAKAGE": LOADED}
    assert desk.figures() == {desk.card: LOADED}


def test_without_a_stated_policy_nothing_ever_becomes_dormant(world):
    world.ledger.import_sales([("s1", 1, LOADED, "kiosk", 5)])
    world.devices[1].load(world.cards[0], LOADED)
    world.post()
    world.clock.now += 20 * YEARS_S
    desk = Dormancy(world.ledger)
    assert (desk.report(), desk.announce("anna"), desk.book()) == ([], [], ([], []))


def test_a_card_that_is_used_after_the_announcement_is_not_booked(world, desk):
    world.clock.now += YEARS_S
    desk.announce("anna")
    world.clock.now += DAY_S
    world.devices[2].tap(world.cards[0], 300)
    world.post()
    world.clock.now += NOTICE * DAY_S
    assert desk.report() == [] and desk.book() == ([], [])
    world.clock.now += YEARS_S
    assert [row.state for row in desk.report()] == ["to announce"], "the old notice is none"


def test_a_card_that_comes_back_pays_as_ever_and_gets_its_value_back_once(world, desk):
    booked(world, desk)
    world.clock.now += DAY_S
    world.devices[2].tap(world.cards[0], 300)
    world.post()
    assert balances(world) == {"CASH": -LOADED, "BREAKAGE": LOADED, "LIAB": -300, "REV": 300}
    assert desk.book() == ([], [desk.card]) and desk.book() == ([], [])
    assert balances(world) == {"CASH": -LOADED, "LIAB": LOADED - 300, "REV": 300}
    world.clock.now += YEARS_S
    desk.announce("anna")
    world.clock.now += NOTICE * DAY_S
    assert [row.cents for row in desk.book()[0]] == [LOADED - 300]


def test_the_holder_who_asks_gets_it_at_once_and_once(world, desk):
    booked(world, desk)
    assert desk.give_back(desk.card) == LOADED and desk.give_back(desk.card) == 0
    assert balances(world) == {"CASH": -LOADED, "LIAB": LOADED}
    assert desk.report() == [], "asking counts as use"
    with pytest.raises(DormancyRefused, match="there is none"):
        desk.give_back(987654)


@pytest.mark.requirement("X-7", "R-11")
def test_the_value_of_a_lost_card_is_paid_although_it_was_breakage(world, desk):
    booked(world, desk)
    returns = Returns(world.ledger, LEASE_S)
    returns.absent("a1", desk.card, "kiosk", "clerk")
    world.clock.now += LEASE_S + DAY_S + 1
    assert returns.settle("a1").paid_cents == LOADED
    assert balances(world) == {} and desk.book() == ([], [])


@pytest.mark.parametrize("case", ["hotlist", "dispute", "suspense"])
def test_a_card_with_an_open_case_is_held_back(world, desk, case):
    if case == "hotlist":
        with world.ledger.books() as books:
            decide(books, Policy(), [by_person(desk.database, desk.card, "block")], LISTED, "anna")
    if case == "dispute":
        Disputes(world.ledger).open("d1", "other", desk.card, None, "why", "clerk")
    if case == "suspense":
        world.devices[2].intent(world.cards[0], 300)
        world.post()
    world.clock.now += YEARS_S + 1
    (row,) = desk.report()
    assert row.state == "held back" and case in row.why
    assert desk.announce("anna") == [] and desk.book() == ([], [])
    assert balances(world)["LIAB"] == LOADED


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"months": 11}, "months 11: wanted 12 to 600"),
        ({"notice_days": 29}, "notice days 29: wanted 30"),
        ({"second": "anna"}, "stated by two people"),
        ({"words": ""}, "words ''"),
    ],
)
def test_a_policy_that_is_none_is_refused(desk, change, words):
    said = {"issuer": 9, "months": 24, "notice_days": 90, "words": "x", "by": "anna",
            "second": "alma"}  # fmt: skip
    with pytest.raises(DormancyRefused, match=words):
        desk.state_policy(**{**said, **change})
    assert desk.policy(9) is None
    assert not desk.state_policy(AUTHORITY, MONTHS, NOTICE, "terms, section 7", "anna", "alma")


def test_the_commands_state_report_announce_and_book(tmp_path, capsys):
    world = World(tmp_path)
    card = world.ledger.database.value("SELECT min(card) FROM issues")
    world.close()
    (tmp_path / "keyring").mkdir()
    for path in tmp_path.glob("key*.*"):
        path.rename(tmp_path / "keyring" / path.name)
    place = str(tmp_path)
    stated = ["dormant", "policy", place, "--issuer", str(AUTHORITY), "--months", "24",
              "--notice-days", "90", "--words", "terms", "--by", "anna"]  # fmt: skip
    assert main([*stated, "--second", "anna"]) == 1
    assert "stated by two people" in capsys.readouterr().err
    assert main([*stated, "--second", "alma"]) == 0
    for command, words in (("report", "0 cards, 0 cents are dormant"), ("book", "0 cents of 0")):
        assert main(["dormant", command, place]) == 0
        assert words in capsys.readouterr().out
    assert main(["dormant", "announce", place, "--by", "anna"]) == 0
    assert main(["dormant", "return", place, "--card", str(card)]) == 0
    for nobody in ("none", "9" * 30):
        assert main(["dormant", "return", place, "--card", nobody]) == 1
        assert f"no card '{nobody}'; wanted account number" in capsys.readouterr().err


@pytest.mark.requirement("D24")
def test_a_card_whose_rides_were_folded_is_not_dormant_before_its_time(world, desk):
    world.clock.now += YEARS_S - 60 * DAY_S
    world.devices[2].tap(world.cards[0], 300)
    world.devices[2].tap(world.cards[0], 300)
    world.post()
    world.clock.now += 200 * DAY_S
    assert world.ledger.fold(13).slots > 0
    assert desk.report() == [], "it was used 200 days ago"
    world.clock.now += YEARS_S - 198 * DAY_S
    (row,) = desk.report()
    assert row.state == "to announce" and row.cents == LOADED - 600
