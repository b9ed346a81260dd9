"""Products given back: off the card first, then the money, once and by two above the limit."""

import json
from dataclasses import replace

import pytest

from backend_sync.ports import ApprovalRefused
from backend_sync.registers.approvals import RegisterApprovals
from backend_sync.sales.counter import SaleRefused, terms_of
from backend_sync.sales.main import main
from backend_sync.sales.product_refunds import PAID, READY, REFUSED, WAITS, ProductRefunds
from backend_sync.settlement.close import close_day
from backend_sync.tariffs.gtfs import read_feed
from backend_sync.tariffs.package_writer import write_package
from card_layouts.answers import ACCEPTED
from card_layouts.cards.card_layout import P_SLOT, ZONES_ALL
from card_layouts.records.entries_service import ACT_PRODUCT
from card_layouts.records.entries_tap import HOW_NOT_SENT, OUTCOME_ABORTED
from simulator.demo.system import TOWN_FEED
from simulator.worlds.small_tariffs import mounted
from simulator.worlds.tap_world import NOW
from tests.backend_sync.action_worlds import HOUR, Shop
from tests.backend_sync.builders import AUTHORITY, World
from tests.backend_sync.registers_world import RegistersWorld
from tests.backend_sync.test_sales_counter import (
    CLERK,
    DEVICE,
    MONTH,
    balances,
    load,
    odd_book,
    opened,
    season,
    tariffs,  # noqa: F401 - a fixture
)
from tests.firmware.product_worlds import SEASON

TOURIST, SOLD_AS, OFF = 8, 1, 2
RIGHT = P_SLOT.pack({"mechanism": 1, "product": MONTH, "authority_use": AUTHORITY})


@pytest.fixture
def counter(tmp_path, ledger_url, tariffs):  # noqa: F811
    """A counter that sold a season of 55.02 for card 0; its station has put it on the card."""
    for counter in opened(tmp_path, ledger_url, tariffs):
        counter.sell(season(counter, SOLD_AS))
        counter.world.devices[1].product(counter.world.cards[0], SOLD_AS, RIGHT)
        counter.world.post()
        counter.refunds = ProductRefunds(counter)
        yield counter


def ask(counter, used=10, key="r1", **more):
    return counter.refunds.ask(key, DEVICE, 1, CLERK, used, 30, **{"action": OFF, **more})


def take_off(counter, action=OFF, right=bytes(24), **more):
    counter.world.devices[2].product(counter.world.cards[0], action, right)
    counter.world.post()


@pytest.mark.requirement("X-8", "X-2", "R-25", "D9")
def test_the_money_goes_back_once_and_only_when_the_card_has_lost_the_product(counter, tariffs):  # noqa: F811
    worth = 5502 * 20 // 30 - terms_of(tariffs, AUTHORITY, MONTH, counter.world.clock.now).fee_cents
    assert ask(counter)[:3:2] == (WAITS, worth) and ask(counter).state == WAITS
    with pytest.raises(SaleRefused, match="no device has told that it is off the card"):
        counter.refunds.pay("r1", CLERK, 1)
    take_off(counter)
    assert counter.refunds.status("r1").state == READY
    slip, new = counter.refunds.pay("r1", CLERK, 1)
    assert new and counter.refunds.pay("r1", CLERK, 1) == (slip, False)
    assert (slip.kind, slip.of, slip.cents) == ("refund", 1, -worth)
    given = worth - slip.rounding
    assert given % 5 == 0 and counter.refunds.status("r1").state == PAID
    found = balances(counter)
    assert found["REV:244:0"] == 5502 - worth and found["CASH:counter:5"] == given - 5500
    with pytest.raises(SaleRefused, match="given back before as refund 2"):
        ask(counter, key="r2", action=3)


@pytest.mark.requirement("X-8", "D9")
def test_a_torn_removal_waits_and_one_that_failed_pays_nothing(counter):
    world, card = counter.world, counter.world.cards[0]
    ask(counter)
    torn = world.devices[2].announce_product(card, OFF)
    world.post()
    assert "torn" in counter.refunds.status("r1").words
    world.devices[2].outcome(torn, OUTCOME_ABORTED, HOW_NOT_SENT)
    world.post()
    assert counter.refunds.status("r1").state == REFUSED
    with pytest.raises(SaleRefused, match="the card still has it; nothing is paid"):
        counter.refunds.pay("r1", CLERK, 1)


@pytest.mark.requirement("X-8")
@pytest.mark.parametrize("action, right", [(OFF, RIGHT), (SOLD_AS, b"")])
def test_an_action_that_wrote_something_else_pays_nothing(counter, action, right):
    ask(counter, action=action)
    if right:
        take_off(counter, right=right)
    found = counter.refunds.status("r1")
    assert found.state == REFUSED and "something else than empty the slot" in found.words


@pytest.mark.requirement("X-8")
def test_what_is_not_known_to_be_on_the_card_or_was_written_over_is_not_given_back(counter):
    counter.sell(season(counter, 5))
    with pytest.raises(SaleRefused, match="no device has told that it is on the card"):
        counter.refunds.ask("r5", DEVICE, 2, CLERK, 10, 30, 6)
    take_off(counter, 5, RIGHT)
    with pytest.raises(SaleRefused, match="written again since"):
        ask(counter)
    assert counter.refunds.ask("r5", DEVICE, 2, CLERK, 10, 30, 6).state == WAITS


@pytest.mark.requirement("X-8")
def test_nothing_is_given_back_where_the_terms_give_nothing(counter):
    counter.sell(load(counter, 7))
    tourist = season(counter, 8, 5520)._replace(product=TOURIST)
    counter.sell(tourist)
    for place, used, total, words in (
        (1, 30, 30, "nothing is given back of 30 of 30"),
        (1, 31, 30, "nothing is given back"),
        (2, 0, 30, "a load is refunded from the card"),
        (3, 0, 5, "nothing is given back of 0 of 5"),
        (9, 0, 30, "no such sale"),
    ):
        with pytest.raises(SaleRefused, match=words):
            counter.refunds.ask("r", DEVICE, place, CLERK, used, total, OFF)
    ask(counter)
    for change, words in (({"used": 9}, "with other values"), ({"key": "r2"}, "is asked for")):
        with pytest.raises(SaleRefused, match=words):
            ask(counter, **change)
    with pytest.raises(SaleRefused, match="there is none"):
        counter.refunds.status("unknown")


@pytest.mark.requirement("X-14", "X-8")
def test_a_refund_above_the_limit_takes_what_another_person_agreed_to(counter):
    register = RegistersWorld()
    alma = register.add("alma", "authority")
    approvals = RegisterApprovals(register.proposals, register.anna)
    counter.refunds = ProductRefunds(counter, approvals)
    with pytest.raises(ApprovalRefused) as refused:
        ask(counter, used=0)
    digest = next(word for word in str(refused.value).split() if len(word) == 64)
    amount = 5502
    number = register.proposals.propose(
        register.anna, "refund", AUTHORITY, amount, "moved away", digest
    ).number
    with pytest.raises(ApprovalRefused, match="is open, wanted approved"):
        ask(counter, used=0, proposal=number)
    register.proposals.decide(alma, number)
    with pytest.raises(ApprovalRefused, match="not about refund"):
        ask(counter, used=0, proposal=number, key="other")
    assert ask(counter, used=0, proposal=number).state == WAITS
    rows = counter.database.rows("SELECT key, cents, asked_by, agreed_by FROM agreements")
    assert [tuple(row) for row in rows] == [("sales:refund:r1", amount, "anna", "alma")]


@pytest.mark.requirement("X-14")
def test_without_a_register_one_person_pays_small_refunds_only(counter):
    with pytest.raises(ApprovalRefused, match="5502 cents takes two people: name the register"):
        ask(counter, used=0)
    assert ask(counter, used=10).state == WAITS


@pytest.mark.requirement("X-8", "D9")
def test_a_real_gate_takes_the_product_off_and_the_next_ride_is_charged(tmp_path):
    shop = Shop(tmp_path, f"sqlite:///{tmp_path / 'ledger.db'}")
    right = P_SLOT.pack({"zones": ZONES_ALL, **SEASON})
    put = shop.order("web-1", 5500, kind=ACT_PRODUCT, slot=1, what=right + b"\0")
    shop.publish(0)
    assert shop.town.tap(NOW + HOUR, 0) == ACCEPTED
    assert shop.review()[put] == "EXECUTED"
    held = shop.purse()
    off = shop.order("off-1", 0, kind=ACT_PRODUCT, slot=1, what=bytes(25))
    shop.publish(0)
    assert shop.town.tap(NOW + 4 * HOUR, 0) == ACCEPTED
    assert shop.review()[off] == "EXECUTED"
    assert shop.purse() < held, "the pass is gone: the purse pays"
    assert shop.ledger.report()["rerated"]["differences"] == 0
    shop.close()


def test_the_commands_ask_list_and_pay(tmp_path, capsys):
    made = World(tmp_path / "w")
    made.close()
    place = str(tmp_path / "w")
    (tmp_path / "w" / "keyring").mkdir()
    for path in (tmp_path / "w").glob("key*.*"):
        path.rename(tmp_path / "w" / "keyring" / path.name)
    assert main(["slip", "refunds", place]) == 0
    assert "no refund was asked for yet" in capsys.readouterr().out
    asked = ["slip", "refund", place, "--key", "r", "--clerk", "5", "--device", "31", "--slip", "1",
             "--used", "1", "--total", "30"]  # fmt: skip
    assert main(asked) == 1 and "no such sale" in capsys.readouterr().err
    assert main(["slip", "pay", place, "--key", "r", "--clerk", "5", "--shift", "1"]) == 1
    assert "refund 'r': there is none" in capsys.readouterr().err
    assert main([*asked, "--register", str(tmp_path / "none.db"), "--by", "anna"]) == 1
    assert "no such register" in capsys.readouterr().err
    assert main(["slip", "refunds", place, "--json"]) == 0
    assert json.loads(capsys.readouterr().out) == []


@pytest.mark.requirement("X-1", "X-8", "I10")
def test_a_closed_day_taxes_what_was_sold_less_what_was_given_back(tmp_path):
    book = replace(odd_book(), authority=AUTHORITY)
    own = {(AUTHORITY, 1): mounted(write_package(book, read_feed(TOWN_FEED)))}
    for counter in opened(tmp_path, None, own):
        counter.sell(season(counter, SOLD_AS, paid="card"))
        counter.world.devices[1].product(counter.world.cards[0], SOLD_AS, RIGHT)
        counter.world.post()
        counter.refunds = ProductRefunds(counter)
        ask(counter)
        take_off(counter)
        counter.refunds.pay("r1", CLERK, 1)
        left = balances(counter)[f"REV:{AUTHORITY}:0"]
        assert 0 < left < 5502
        closed = close_day(counter.world.ledger, counter.world.clock.now // 86_400, {})
        assert closed.values["sums"][2:] == [left, 0]
        after = balances(counter)
        assert after[f"VAT:{AUTHORITY}:transport"] == (2 * left * 140 + 1140) // 2280
        revenue = sum(cents for name, cents in after.items() if name.startswith("REV:"))
        assert revenue + after[f"VAT:{AUTHORITY}:transport"] == left
