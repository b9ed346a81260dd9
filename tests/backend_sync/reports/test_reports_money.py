"""Every figure of a report of money is the trial balance's, to the cent, closed and open days."""

import pytest

from backend_sync.ledger.report import report as ledger_report
from backend_sync.registers.rights import Scope
from card_layouts.records.entries_tap import OUTCOME_ABORTED
from tests.backend_sync.adopting_worlds import Restoring
from tests.backend_sync.reports.reports_world import ADULT, FERRY, NOON, TOWN, Reported, by, column
from tests.backend_sync.settled_worlds import DAY


@pytest.fixture
def world(tmp_path, ledger_url):
    made = Reported(tmp_path / "keyring", ledger_url)
    made.live()
    yield made
    made.close()


class Back(Restoring, Reported):
    """A reported town whose books are put back."""


@pytest.mark.requirement("W-23", "W-122", "W-151", "O-9")
@pytest.mark.parametrize("authority", [TOWN, FERRY])
def test_the_settlement_is_the_revenue_accounts_of_each_operator(world, authority):
    table = world.table("settlement", Scope(authority))
    accounts = world.balance("REV", authority)
    assert by(table, "operator", "net") == {
        int(name.rpartition(":")[2]): cents for name, cents in accounts.items()
    }
    assert sum(by(table, "operator", "tax").values()) == sum(
        world.balance("VAT", authority).values()
    )
    assert table.totals[table.place("net")] == sum(accounts.values()) > 0


@pytest.mark.requirement("W-151", "W-155")
def test_what_is_open_is_what_closing_then_says(world):
    before = {name: world.table(name) for name in ("usage", "concessions", "sales", "settlement")}
    world.settle(DAY + 1)
    for name, was in before.items():
        now = world.table(name)
        opened = [row[2:] for row in was.rows if row[1] == "open"]
        closed = [row[2:] for row in now.rows if row[0] == DAY + 1]
        if name == "settlement":  # bills, shares and tax come with closing
            opened, closed = [row[:3] for row in opened], [row[:3] for row in closed]
        assert opened == closed != [], name
        assert "open" not in column(now, "state")


@pytest.mark.requirement("W-151", "I10")
def test_what_a_lost_batch_told_is_not_open_in_books_that_were_put_back(tmp_path, ledger_url):
    world = Back(tmp_path / "keyring", ledger_url)
    world.live()
    copied = world.copy()
    world.settle(DAY + 1)
    world.export()
    world.ride(1, world.cards[3], NOON + 90_000)
    world.restore(copied)
    world.adopt()
    world.post()
    before = {name: world.table(name) for name in ("usage", "concessions", "sales", "settlement")}
    world.settle(DAY + 2)
    for name, was in before.items():
        opened = [row[2:] for row in was.rows if row[1] == "open"]
        closed = [row[2:] for row in world.table(name).rows if row[0] == DAY + 2]
        if name == "settlement":
            opened, closed = [row[:3] for row in opened], [row[:3] for row in closed]
        assert opened == closed, name
        assert len(closed) == int(name in ("usage", "settlement")), "one ride by card is new"
    world.close()


@pytest.mark.requirement("W-151", "D22")
def test_what_is_taken_back_after_its_day_is_taken_back_in_the_reports(world):
    """Evidence against a ride of a closed day, and the void of a ticket."""
    ride = world.ride(1, world.cards[3], NOON + 600)
    sold = world.paper(2, NOON + 700, ADULT, operator=11)
    world.settle(DAY + 1)
    world.devices[1].outcome(ride, OUTCOME_ABORTED)  # for and against: a fork
    world.paper(2, NOON + 800, ADULT, operator=11, void_of=sold)
    world.post()
    opened = [row[2:] for row in world.table("usage").rows if row[1] == "open"]
    assert [row[2:4] for row in opened] == [(-1, -240), (1, -300)]
    accounts = world.balance("REV")
    assert by(world.table("settlement"), "operator", "net") == {
        int(name.rpartition(":")[2]): cents for name, cents in accounts.items()
    }
    assert column(world.table("tickets"), "sold", ("day", DAY + 1)) == [1]
    world.settle(DAY + 2)
    assert [row[2:] for row in world.table("usage").rows if row[0] == DAY + 2] == opened


@pytest.mark.requirement("W-151", "W-14", "W-21")
def test_sales_are_the_cash_accounts_and_counters_are_their_slips(world):
    world.slip(3, kind="product", product=2, cents=5200)
    table = world.table("sales")
    assert sum(column(table, "taken")) == -sum(world.balance("CASH").values())
    slips = world.table("counters")
    counter = -world.balance("CASH")["CASH:counter:5"]
    assert slips.totals[slips.place("taken")] == counter == by(table, "channel", "taken")["counter"]
    assert column(slips, "rounding", ("kind", "product")) == [0]
    tickets = world.table("tickets")
    vehicle = by(table, "channel", "taken")["vehicle"]
    assert tickets.totals[tickets.place("charged")] == vehicle > 0


@pytest.mark.requirement("W-59", "W-77", "W-91", "W-151")
def test_concessions_are_what_payers_owe_when_their_days_are_closed(world):
    world.settle(DAY + 1)
    table = world.table("concessions")
    owed = {name.rpartition(":")[2]: -cents for name, cents in world.balance("CONCESSION").items()}
    assert by(table, "payer", "billed") == owed != {}


@pytest.mark.requirement("W-151", "O-8")
def test_passengers_are_posted_rides_on_the_day_they_were_made(world):
    table = world.table("passengers")
    days = by(table, "day", "boardings")
    assert days == {DAY: 4, DAY + 1: 2}  # the one that came late is of the first day
    used = world.table("usage")
    rides = sum(days.values()) + sum(column(world.table("tickets"), "sold"))
    tickets_of_counters = 2
    assert sum(column(used, "lines")) == rides + tickets_of_counters


@pytest.mark.requirement("W-24", "W-154", "W-155", "O-9")
def test_suspense_devices_and_today_are_how_it_stands_now(world):
    waiting = world.table("suspense")
    found = ledger_report(world.ledger.database)
    assert waiting.totals[waiting.place("waiting_cents")] == found["suspense_cents"] > 0
    assert sum(column(waiting, "waiting")) == found["open_intents"] == 1
    devices = world.table("devices")
    assert sorted(column(devices, "device")) == [1, 2, 3]
    assert column(devices, "missing") == [0, 0, 0] and set(column(devices, "health")) == {"good"}
    today = world.table("today")
    assert by(today, "operator", "rides") == {10: 1, 11: 2}


@pytest.mark.requirement("W-10", "W-19", "W-122")
def test_an_operator_sees_his_own_and_nothing_of_a_whole_authority(world):
    whole = world.table("usage")
    own = world.table("usage", Scope(TOWN, 11))
    assert own.rows == tuple(row for row in whole.rows if row[2] == 11) != ()
    assert world.table("usage", operator="11").rows == own.rows
    assert world.table("usage", Scope(TOWN, 11), operator="10").rows == own.rows
    for name in ("settlement", "passengers", "tickets", "concessions", "suspense", "devices"):
        table = world.table(name, Scope(TOWN, 11))
        assert set(column(table, "operator")) <= {11}, name
    with pytest.raises(Exception, match="of a whole authority"):
        world.table("sales", Scope(TOWN, 11))


@pytest.mark.requirement("W-151")
def test_a_row_a_month_and_an_empty_period_say_so(world):
    months = world.table("settlement", each="month")
    days = world.table("settlement")
    assert months.totals == days.totals
    assert {row[0] for row in months.rows} == {DAY - 3, None}
    empty = world.table("usage", **{"from": "2026-05-01", "to": "2026-05-31"})
    assert empty.rows == () and all(cell in (None, 0) for cell in empty.totals)
