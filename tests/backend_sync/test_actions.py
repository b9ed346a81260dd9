"""Purchases in the web shop: executed once, withdrawn or expired for certain, money once."""

import threading

import pytest

from backend_sync.actions import desk, places
from backend_sync.actions.desk import ActionRefused, Order
from backend_sync.ledger.books import open_books
from backend_sync.ledger.verify_chain import verify_chain
from card_layouts.answers import ACCEPTED, LOAD_AGAIN
from card_layouts.cards.card_layout import FILE_P, P_SLOT, ZONES_ALL
from card_layouts.packages.action_list_builder import lines_that_fit
from card_layouts.records.entries_service import ACT_LOAD, ACT_NOTHING, ACT_PRODUCT
from simulator.desfire_card import Cut
from simulator.field import Tear, answer_lost, commit_lost
from simulator.worlds.tap_world import FARE, NOW, PURSE, OnCard
from tests.backend_sync.action_worlds import CENTS, DAY_S, HOUR, LEASED_TO, Shop
from tests.firmware.product_worlds import SEASON

pytestmark = pytest.mark.requirement("W-143", "W-112", "D9", "I11")


@pytest.fixture
def shop(tmp_path, ledger_url):
    made = Shop(tmp_path, ledger_url)
    yield made
    assert verify_chain(made.ledger.database)["wrong"] == []
    made.close()


@pytest.fixture
def small(tmp_path):
    """On SQLite alone: what has nothing to do with the kind of database."""
    made = Shop(tmp_path, f"sqlite:///{tmp_path / 'ledger.db'}")
    yield made
    made.close()


def test_a_purchase_is_loaded_at_the_next_tap_anywhere_and_only_there(shop):
    action = shop.order()
    assert shop.status(action)["status"].startswith("waiting")
    assert shop.money(action) == (CENTS, PURSE, 0)
    assert [line["action"] for line in shop.publish(0, 1)] == [action]
    assert shop.review() == {action: "PUBLISHED"}
    assert shop.town.tap(NOW + HOUR, 1) == ACCEPTED
    assert shop.town.tap(NOW + 3 * HOUR, 0) == ACCEPTED
    assert shop.review() == {action: "EXECUTED"}
    found = shop.status(action)
    assert (found["status"], found["device"]) == ("loaded at stop 0 on 2025-09-14", 4712)
    assert shop.money(action) == (0, shop.purse(), 0)
    assert shop.purse() == PURSE + CENTS - 2 * FARE
    assert list(shop.publish(0, 1)) == [], "what is done is on no list any more"


def test_the_same_key_is_the_same_purchase_and_never_another(shop):
    action = shop.order()
    assert shop.order() == action
    with pytest.raises(ActionRefused, match="web-1: ordered before as action .* other values"):
        shop.order(cents=CENTS + 500)
    assert shop.money(action) == (CENTS, PURSE, 0)


def test_what_is_cancelled_before_it_was_published_is_paid_back_at_once(shop):
    action = shop.order()
    assert shop.cancel(action) == "SUPERSEDED"
    assert shop.cancel(action) == "SUPERSEDED"
    assert shop.money(action) == (0, PURSE, CENTS)
    assert shop.status(action)["status"] == "cancelled, money back"
    assert list(shop.publish(0, 1)) == []
    second = shop.order("web-2")
    [line] = shop.publish(0)
    assert (line["k"], line["version"]) == (2, 2), "the number is free, its version is not"
    shop.town.tap(NOW + HOUR, 0)
    assert shop.review()[second] == "EXECUTED"


def test_a_published_purchase_is_paid_back_only_once_the_card_says_it_was_withdrawn(shop):
    action = shop.order()
    shop.publish(0, 1)
    assert shop.cancel(action) == "CANCELLING"
    assert shop.money(action) == (CENTS, PURSE, 0), "a gate may still load it"
    [line] = shop.publish(0)
    assert (line["kind"], line["k"], line["version"]) == (ACT_NOTHING, 2, 2)
    assert shop.town.tap(NOW + HOUR, 0) == ACCEPTED
    assert shop.town.tap(NOW + 3 * HOUR, 1) == ACCEPTED, "its older list has nothing to do"
    assert shop.review() == {action: "SUPERSEDED"}
    assert shop.money(action) == (0, shop.purse(), CENTS)
    assert shop.purse() == PURSE - 2 * FARE
    shop.review()
    assert shop.money(action)[2] == CENTS, "once"


def test_who_cancels_too_late_keeps_the_load_and_gets_no_money_back(shop):
    action = shop.order()
    shop.publish(0, 1)
    assert shop.town.tap(NOW + HOUR, 1) == ACCEPTED
    assert shop.cancel(action) == "CANCELLING", "the ledger does not know yet"
    shop.publish(0)
    assert shop.town.tap(NOW + 3 * HOUR, 0) == ACCEPTED
    assert shop.review() == {action: "EXECUTED"}
    assert shop.money(action) == (0, shop.purse(), 0)
    with pytest.raises(ActionRefused, match="is EXECUTED"):
        shop.cancel(action)


def test_money_of_an_expired_purchase_waits_for_every_gate_that_may_hold_it(shop):
    action = shop.order(days=3)
    shop.publish(0, 1)
    shop.clock.now = NOW + 4 * DAY_S
    assert shop.review() == {action: "EXPIRING"}
    other = NOW + 4 * DAY_S
    shop.town.tap(other, 0)
    assert shop.review() == {action: "EXPIRING"}, "the other gate has said nothing"
    assert shop.money(action)[0] == CENTS
    shop.clock.now = LEASED_TO + DAY_S + 1
    assert shop.review() == {action: "EXPIRED"}, "its lease has ended"
    assert shop.money(action) == (0, shop.purse(), CENTS)
    assert shop.status(action)["status"] == "expired, money back"
    assert shop.purse() == PURSE - FARE


def test_a_hole_in_a_journal_keeps_the_money_where_it_is(small):
    action = small.order(days=3)
    small.publish(0)
    small.clock.now = NOW + 5 * DAY_S
    small.town.tap(NOW + 4 * DAY_S, 0)
    small.town.tap(NOW + 4 * DAY_S + 3 * HOUR, 0)
    gate = [run for run in small.town.slots() if run[0] == 4711]
    small.post(gate[:1] + gate[2:])
    with small.ledger.books() as books:
        assert desk.review(books, [small.card]) == {action: "EXPIRING"}, "it may be in the hole"
    assert small.review() == {action: "EXPIRED"}, "every entry is here, and the lease still runs"
    assert small.money(action) == (0, small.purse(), CENTS)


def test_a_gate_that_loaded_in_time_and_reports_late_is_believed(shop):
    action = shop.order(days=3)
    shop.publish(0, 1)
    shop.town.tap(NOW + DAY_S, 1)
    kept = shop.town.slots()
    shop.clock.now = NOW + 5 * DAY_S
    with shop.ledger.books() as books:
        assert desk.review(books, [shop.card]) == {action: "EXPIRING"}
    shop.post(kept)
    assert shop.review() == {action: "EXECUTED"}
    assert shop.money(action) == (0, shop.purse(), 0)


def test_a_load_whose_journal_is_missing_is_not_paid_back(shop):
    action = shop.order(days=3)
    shop.publish(0, 1)
    shop.town.tap(NOW + HOUR, 1)
    shop.town.tap(NOW + 5 * DAY_S, 0)
    known = [run for run in shop.town.slots() if run[0] != 4712]
    shop.clock.now = LEASED_TO + 5 * DAY_S
    shop.post(known)
    with shop.ledger.books() as books:
        assert desk.review(books, [shop.card]) == {action: "UNCLEAR"}
    assert shop.money(action)[0] == CENTS
    assert "report is missing" in shop.status(action)["status"]
    assert shop.review() == {action: "EXECUTED"}


@pytest.mark.parametrize("tear", [answer_lost, commit_lost])
def test_a_torn_load_is_being_confirmed_until_the_card_is_seen_again(shop, tear):
    action = shop.order()
    shop.publish(0, 1)
    assert shop.town.tear(NOW + HOUR, 0, tear()) == LOAD_AGAIN
    assert shop.review() == {action: "CONFIRMING"}
    assert [line["action"] for line in shop.publish(0, 1)] == [action]
    assert shop.town.tap(NOW + 2 * HOUR, 1) == ACCEPTED
    assert shop.town.tap(NOW + 4 * HOUR, 0) == ACCEPTED
    assert shop.review() == {action: "EXECUTED"}
    assert shop.money(action) == (0, shop.purse(), 0)
    assert OnCard(shop.town.card).actions == 2


def test_a_pass_bought_on_the_web_is_on_the_card_before_the_fare_and_earned_once(shop):
    right = P_SLOT.pack({"zones": ZONES_ALL, **SEASON})
    pass_price, load = 5500, shop.order("web-0")
    action = shop.order("web-1", pass_price, kind=ACT_PRODUCT, slot=1, what=right + b"\0")
    shop.publish(0, 1)
    assert shop.town.tap(NOW + HOUR, 0) == ACCEPTED
    assert shop.town.tap(NOW + 3 * HOUR, 1) == ACCEPTED
    assert shop.review() == {load: "EXECUTED", action: "EXECUTED"}
    assert shop.purse() == PURSE + CENTS, "the pass pays both rides"
    assert shop.money(action) == (0, shop.purse(), 0)
    rows = dict(shop.ledger.database.rows("SELECT name, cents FROM balances"))
    assert rows["REV:244:0"] == pass_price
    assert shop.status(action)["status"].startswith("put on the card at stop")
    held = P_SLOT.unpack(OnCard(shop.town.card).data[FILE_P], 12 + 24)
    assert (held["k"], held["slot"], held["product"]) == (3, 1, SEASON["product"])


EVERY_TEAR = [
    Tear(exchange=number, cut=Cut(way, 0)) for number in range(36) for way in ("in", "out")
]


@pytest.mark.parametrize(
    "tears",
    [
        pytest.param(EVERY_TEAR[5::9], id="sample"),
        pytest.param(EVERY_TEAR, id="all", marks=pytest.mark.full),
    ],
)
def test_wherever_a_load_is_torn_it_is_executed_once_and_paid_once(tmp_path, tears):
    for number, tear in enumerate(tears):
        folder = tmp_path / str(number)
        folder.mkdir()
        shop = Shop(folder, f"sqlite:///{folder / 'ledger.db'}")
        action = shop.order()
        shop.publish(0, 1)
        shop.town.tear(NOW + HOUR, 0, tear)
        for turn in (1, 2, 3):
            shop.town.tap(NOW + HOUR + turn * HOUR, turn % 2)
        assert shop.review() == {action: "EXECUTED"}, tear
        assert shop.money(action) == (0, shop.purse(), 0), tear
        assert OnCard(shop.town.card).actions == 2, tear
        shop.close()


def test_a_thousand_orders_at_once_are_each_sold_once(small):
    """Eight callers send the same purchases at the same time; a card has room for eight."""
    numbers, database = [], small.ledger.database

    def sell():
        for turn in range(16 * places.LINES_PER_CARD_MAX):
            number = turn % places.LINES_PER_CARD_MAX
            order = Order(f"web-{number}", small.card, ACT_LOAD, CENTS, "web", NOW, NOW + DAY_S)
            with open_books(database, NOW, "EUR") as books:
                numbers.append((number, desk.create(books, order)[0]))

    threads = [threading.Thread(target=sell) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(numbers) == 1024 and len(set(numbers)) == places.LINES_PER_CARD_MAX
    assert small.money(numbers[0][1])[0] == CENTS
    rows = small.ledger.database.rows("SELECT sum(cents) FROM balances WHERE kind = 'PREPAID'")
    assert rows[0][0] == places.LINES_PER_CARD_MAX * CENTS


def test_whatever_the_order_of_the_evidence_the_end_is_the_same(shop):
    actions = [shop.order(f"web-{number}", 1000 + 500 * number) for number in range(3)]
    shop.publish(0, 1)
    shop.cancel(actions[1])
    shop.publish(0)
    shop.town.tap(NOW + HOUR, 0)
    shop.town.tap(NOW + 3 * HOUR, 1)
    for run in reversed(shop.town.slots()):
        shop.post([run])
        with shop.ledger.books() as books:
            desk.review(books, [shop.card])
    found = shop.review()
    assert [found[action] for action in actions] == ["EXECUTED", "SUPERSEDED", "EXECUTED"]
    assert [shop.money(action)[0] for action in actions] == [0, 0, 0]
    assert shop.money(actions[0])[1:] == (shop.purse(), 1500)
    assert shop.purse() == PURSE + 1000 + 2000 - 2 * FARE


def test_what_stands_behind_an_expired_purchase_is_not_held_up(small):
    first = small.order(days=2)
    small.publish(0)
    second = small.order("web-2", 2000)
    small.clock.now = NOW + 3 * DAY_S
    small.review()
    assert [line["kind"] for line in small.publish(0)] == [ACT_NOTHING, 1]
    small.town.tap(NOW + 3 * DAY_S, 0)
    found = small.review()
    assert found == {first: "SUPERSEDED", second: "EXECUTED"}
    assert small.money(first) == (0, small.purse(), CENTS)


def test_a_purchase_whose_number_a_counter_used_gets_another_number(small):
    action = small.order()
    small.publish(0)
    small.town.load(700)
    assert small.review() == {action: "CREATED"}, "moved, and on no list yet"
    [line] = small.publish(0)
    assert (line["action"], line["k"]) == (action, 3)
    small.town.tap(NOW + HOUR, 0)
    assert small.review() == {action: "EXECUTED"}
    assert small.money(action)[0] == 0


def test_at_most_eight_purchases_wait_for_one_card(small):
    for number in range(places.LINES_PER_CARD_MAX):
        small.order(f"web-{number}")
    with pytest.raises(ActionRefused, match="8 actions wait for this card already"):
        small.order("web-8")
    assert len(small.publish(0)) == 8


def test_what_the_smallest_board_cannot_hold_is_to_be_had_at_a_counter_only(tmp_path):
    room = 48 + 2 + 2 * 98
    assert lines_that_fit(room) == 2
    shop = Shop(tmp_path, f"sqlite:///{tmp_path / 'ledger.db'}", room)
    made = [shop.order(f"web-{number}") for number in range(3)]
    assert [line["action"] for line in shop.publish(0)] == made[:2]
    assert "at a counter only" in shop.status(made[2])["status"]
    shop.town.tap(NOW + HOUR, 0)
    shop.review()
    assert [line["action"] for line in shop.publish(0)] == made[2:]
    shop.close()


def test_the_same_lines_keep_their_version_also_over_a_restart(small):
    small.order()
    small.publish(0)
    version, body = small.packages.current.version, small.packages.body(244)
    small.publish(0)
    assert small.packages.current.version == version
    small.order("web-2")
    small.publish(0)
    assert small.packages.current.version == version + 1
    assert small.packages.body(244) != body


def test_a_refused_device_makes_the_keys_of_the_lists_anew(small):
    small.publish(0)
    before = small.packages.current
    small.ring.assembly.action_keys.fresh()
    small.publish(0)
    after = small.packages.current
    assert after.version == before.version + 1
    assert (after.generation - before.generation) % 256 > 31, "beyond the reach of older leases"
