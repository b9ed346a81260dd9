"""From a code to a load on the card: over real HTTP, a real provider, books, gates and a card."""

import pytest

from tests.backend_sync.shop.shop_world import CENTS, text

pytestmark = pytest.mark.requirement("W-143")


@pytest.mark.requirement("W-142", "W-110", "D9", "D21")
def test_what_is_bought_is_paid_first_then_on_the_card_at_the_next_tap(passenger):
    http = passenger.http()
    before = passenger.money()
    order = passenger.order(http)
    assert "Not paid yet" in text(http.get(order).text, "state")
    assert passenger.orders() == [("unpaid", CENTS, 0)] and passenger.money() == before
    back = passenger.pay(http, order)
    assert passenger.provider.answers == [200]
    assert passenger.orders() == [("ordered", CENTS, 1)]
    answer = http.get(back)
    assert answer.status_code == 303 and answer.headers["location"] == order
    assert "Waiting: goes onto the card" in text(http.get(order).text, "state")
    paid = passenger.money()
    assert paid["CASH:web"] == before.get("CASH:web", 0) - CENTS
    assert paid["PREPAID"] == before.get("PREPAID", 0) + CENTS
    passenger.tap()
    assert http.get(order).headers["location"] == "/shop/card", "the half hour is over"
    http = passenger.http()
    page = http.get(order).text
    assert "On the card since" in text(page, "state")
    card = http.get("/shop/card").text
    assert "On the card since" in text(card, "on-its-way")
    assert "PREPAID" not in passenger.money() or passenger.money()["PREPAID"] == before["PREPAID"]
    euros = passenger.town.purse()
    assert text(card, "balance") == f"{euros // 100}.{euros % 100:02d}\xa0EUR"
