"""Deposits and payouts of cards in the till of the clerk who takes or pays them, to the cent."""

import pytest

from backend_sync.sales.cash_up import CashUp
from backend_sync.sales.counter import Counter, SaleRefused
from backend_sync.sales.evidence import check
from backend_sync.sales.finding import DECIDED
from backend_sync.sales.fiscal import FiscalChain, check_slips
from backend_sync.sales.main import main
from backend_sync.sales.till import till_name
from backend_sync.sales.till_cash import Till
from tests.backend_sync.builders import AUTHORITY, World
from tests.backend_sync.test_sales_returns import (
    DEPOSIT,
    LOADED,
    REFUND,
    balances,
    desk,  # noqa: F401 - a fixture
    number,
    refund,
    wait,
)

SOLD_AT = Till(31, 5, 1)


def at_till(world, desk):  # noqa: F811
    """Return what cash-up finds of the till: counted 0.00, closed at its last slip."""
    cash = CashUp(world.ledger)
    last = world.ledger.database.value("SELECT max(place) FROM slips")
    name = till_name(SOLD_AT.device, SOLD_AT.shift)
    cash.count(name, SOLD_AT.clerk, 0, "cashier")
    cash.close_till(name, SOLD_AT.clerk, last, "cashier")
    found = cash.judge(name, SOLD_AT.clerk)
    evidence = cash.evidence(name, SOLD_AT.clerk)
    assert check(evidence) == []
    assert check_slips(world.ledger.database, FiscalChain()) == []
    return found


@pytest.mark.requirement("T18", "X-15", "W-21", "X-10")
def test_a_deposit_and_a_payout_at_a_counter_are_in_its_clerks_till_to_the_cent(world, desk):  # noqa: F811
    other = number(world, 1)
    assert desk.take_deposit("d2", other, 700, "counter", SOLD_AT)
    assert not desk.take_deposit("d2", other, 700, "counter", SOLD_AT)
    refund(world, LOADED)
    desk.returned("r1", number(world), REFUND, "counter", "clerk")
    assert desk.settle("r1", till=SOLD_AT).paid_cents == LOADED
    before = balances(world)
    assert (before["CASH:counter:5"], before["PLEDGE1"]) == (LOADED + DEPOSIT - 700, 700)
    assert "CASH:counter" not in before and "PLEDGE0" not in before
    desk.settle("r1", till=SOLD_AT)
    desk.settle_all()
    assert balances(world) == before
    rows = world.ledger.database.rows("SELECT place, kind, cents, rounding FROM slips")
    assert sorted(map(tuple, rows)) == [
        (1, "deposit", 700, 0), (2, "payout", -LOADED, 0), (3, "payout", -DEPOSIT, 0)
    ]  # fmt: skip
    found = at_till(world, desk)
    assert (found.state, found.expected) == (DECIDED, 700 - LOADED - DEPOSIT)


@pytest.mark.requirement("X-2", "T18", "R-9")
def test_an_absent_cards_value_is_paid_in_coins_out_of_the_till_that_pays_it(world, desk):  # noqa: F811
    world.devices[3].tap(world.cards[0], 303)
    world.post()
    desk.absent("a1", number(world), "counter", "clerk")
    wait(world)
    assert desk.settle("a1", till=SOLD_AT).paid_cents == LOADED - 303
    found = balances(world)
    assert "LIAB0" not in found
    assert (found["CASH:counter:5"], found[f"ROUNDING:{AUTHORITY}"]) == (1695, 2)
    judged = at_till(world, desk)
    assert (judged.state, judged.expected) == (DECIDED, -1695)


@pytest.mark.requirement("X-15")
def test_a_payouts_slip_is_no_sale_that_could_be_voided_or_refunded(world, desk):  # noqa: F811
    with pytest.raises(SaleRefused, match="shift 4096: wanted"):
        desk.take_deposit("d2", number(world, 1), 700, "counter", Till(31, 5, 4096))
    desk.take_deposit("claim-1:paid", number(world, 1), 700, "counter", SOLD_AT)
    before = balances(world)
    with pytest.raises(SaleRefused, match="device 31, slip 1: no such sale"):
        Counter(world.ledger).void("v1", 31, 1, SOLD_AT.clerk)
    assert balances(world) == before


@pytest.mark.requirement("X-15")
def test_a_slips_key_that_is_taken_is_refused_and_nothing_is_paid(world, desk):  # noqa: F811
    desk.take_deposit("claim-1:paid", number(world, 1), 700, "counter", SOLD_AT)
    refund(world, LOADED)
    desk.returned("r1", number(world), REFUND, "counter", "clerk")
    before = balances(world)
    with pytest.raises(SaleRefused, match="key claim-1:paid: is slip 1 of device 31"):
        desk.settle("r1", till=SOLD_AT)
    assert balances(world) == before and desk.status("r1").paid_cents == 0


def test_the_commands_name_the_till_whole_or_not_at_all(tmp_path, capsys):
    world = World(tmp_path)
    card = str(number(world))
    world.close()
    (tmp_path / "keyring").mkdir()
    for path in tmp_path.glob("key*.*"):
        path.rename(tmp_path / "keyring" / path.name)
    deposit = ["return", "deposit", str(tmp_path), "--key", "d1", "--card", card, "--cents", "500"]
    assert main([*deposit, "--till", "31"]) == 1
    assert "wanted --till, --clerk and --shift, or none" in capsys.readouterr().err
    till = ["--till", "31", "--clerk", "5", "--shift", "1"]
    assert main([*deposit, *till]) == 0
    assert main(["return", "settle", str(tmp_path), *till]) == 1
    assert "about one claim: name it with --key" in capsys.readouterr().err
    which = ["--till", "--device", "31", "--shift", "1", "--clerk", "5"]
    count = ["cash-up", "count", str(tmp_path), *which, "--cents", "500", "--by", "cashier"]
    close = ["cash-up", "close", str(tmp_path), *which, "--last-slip", "1", "--by", "cashier"]
    assert main(count) == 0 and main(close) == 0
    assert main(["cash-up", "show", str(tmp_path), *which]) == 0
    assert "counted 500, expected 500 cents: as expected" in capsys.readouterr().out
