"""Passes bought for a card in hand, limits of what it may hold, and what a clerk does for it."""

import re

import pytest

from backend_sync.sales.choices import WEB, choices
from backend_sync.sales.offered import Offer
from simulator.worlds.small_tariffs import mounted
from tests.backend_sync.office_world import Office
from tests.backend_sync.shop.shop_world import CENTS, tariff_bodies, text

pytestmark = pytest.mark.requirement("W-143")
SEASON_A = "season A"


def season(passenger):
    """Return the form's word for a season of zone A, and its price, as the tariff has it."""
    offer = Offer(mounted(tariff_bodies()[8]), passenger.clock.now // 86_400)
    return next((f"{one.key}:{one.cents}", one.cents) for one in choices(offer, WEB)
                if (one.name, one.zones, one.group) == ("season", "A", "adult"))  # fmt: skip


@pytest.mark.requirement("W-142", "W-110", "D9", "X-1")
def test_a_pass_is_paid_and_on_the_card_at_its_next_tap(passenger):
    http, before = passenger.http(), passenger.money()
    what, cents = season(passenger)
    shelf = http.get("/shop/buy").text
    assert "<legend>season<" in shelf and "Prices of other groups" in shelf
    dearer = what.partition(":")[0] + f":{cents + 1}"
    answer = http.post("/shop/orders", data=passenger.form(http, what=dearer, euros=""))
    assert answer.status_code == 409 and "at the price that you saw" in answer.text
    order = passenger.order(http, what=what, euros="")
    http.get(passenger.pay(http, order))
    assert passenger.orders() == [("ordered", cents, 1)]
    slip = http.get(f"{order}/slip").text
    assert (
        SEASON_A in slip and f"{cents // 100}.{cents % 100:02d}\xa0EUR" in slip and "14.0 %" in slip
    )
    passenger.tap()
    http = passenger.http()
    assert "On the card since" in text(http.get(order).text, "state")
    card = http.get("/shop/card").text
    assert re.search(r"season, zones A: begin by 2025-11-\d\d \(30 days\)", text(card, "passes"))
    after = passenger.money()
    assert after["CASH:web"] == -cents
    assert after["REV"] - before.get("REV", 0) >= cents  # earned now, with the tap's own fare


@pytest.mark.requirement("W-66", "D5")
def test_a_card_is_never_loaded_above_what_it_may_hold(passenger):
    with passenger.inland() as town, town.ledger.database.transaction():
        sql = "SELECT name FROM sqlite_master WHERE type = 'trigger' AND tbl_name = 'issues'"
        for (name,) in town.ledger.database.rows(sql):
            town.ledger.database.execute(f"DROP TRIGGER {name}")
        balance = town.ledger.database.value("SELECT balance_cents FROM cards")
        town.ledger.database.run("UPDATE issues SET limit_cents = ?", [(balance + 3 * CENTS,)])
    http = passenger.http()
    http.get(passenger.pay(http, passenger.order(http, euros="40")))
    refused = http.post("/shop/orders", data=passenger.form(http, euros="25"))
    assert refused.status_code == 409 and "more than it may" in refused.text
    http.get(passenger.pay(http, passenger.order(http)))
    assert [row[0] for row in passenger.orders()] == ["ordered", "ordered"]


def test_what_waits_can_be_withdrawn_and_what_is_done_cannot(passenger):
    http = passenger.http()
    order = passenger.order(http)
    http.get(passenger.pay(http, order))
    assert http.post(f"{order}/cancel").status_code == 303
    page = http.get(order).text
    assert "Cancelled" in text(page, "state") and "The money goes back" in text(page, "state")
    assert passenger.money()["PAYOUT"] == CENTS
    passenger.provider.refund(next(iter(passenger.provider.payments)))
    assert "PAYOUT" not in passenger.money()
    done = passenger.order(http)
    http.get(passenger.pay(http, done))
    passenger.tap()
    http = passenger.http()
    assert http.post(f"{done}/cancel").status_code == 409
    assert "Too late" in http.post(f"{done}/cancel").text


@pytest.mark.requirement("W-142", "W-110", "W-11")
def test_a_clerk_gives_the_passenger_a_code_on_the_cards_page(tmp_path):
    office = Office(tmp_path, lived=False)
    carl = office.client("carl")
    page = carl.get(f"/cards/accounts/{office.card}").text
    assert f'action="/cards/accounts/{office.card}/code"' in page
    shown = carl.post(f"/cards/accounts/{office.card}/code").text
    code = re.search(r'id="code">([^<]*)<', shown)[1]
    with office.machines.transaction():
        assert office.codes.take(code) == office.card
        assert office.codes.take(code) is None
    assert carl.post(f"/cards/accounts/{office.abroad}/code").status_code == 404
    assert "/code" not in office.client("alma").get(f"/cards/accounts/{office.abroad}").text
    office.close()
