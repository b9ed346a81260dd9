"""Payments told twice, late, by forgers, to a shop that cannot order: every cent has a place."""

import json
from contextlib import closing

import httpx
import pytest

from backend_sync.keyring.local import LocalKeyring
from backend_sync.shop.main import main
from backend_sync.shop.payment import NOTIFY, sign
from simulator.commands.main import main as simulate
from tests.backend_sync.shop.shop_world import ACCOUNT, CENTS, text

pytestmark = pytest.mark.requirement("W-143", "D21")


def told(passenger, words):
    """Send words to the shop as a provider does: no browser, no origin."""
    return httpx.post(passenger.address + NOTIFY, json=words, timeout=60).status_code


def reconciled(passenger, capsys):
    """Hold the provider's list against the books; return (exit code, last line)."""
    path = passenger.folder / "payments.csv"
    path.write_text(httpx.get(passenger.provider.url + "/payments.csv").text)
    code = main(["reconcile", str(passenger.folder), str(path)])
    return code, capsys.readouterr().out.splitlines()[-1]


def test_a_payment_told_twice_or_by_the_browser_first_is_one(passenger, capsys):
    http, provider = passenger.http(), passenger.provider
    provider.held = True
    order = passenger.order(http)
    back = passenger.pay(http, order)
    assert passenger.orders() == [("unpaid", CENTS, 0)], "nobody told the shop yet"
    for _ in range(2):
        assert http.get(back).headers["location"] == order
    provider.resend()
    words = {name: str(value) for name, value in httpx.URL(back).params.items()}
    assert provider.answers == [200] and told(passenger, words) == 200
    assert passenger.orders() == [("ordered", CENTS, 1)]
    assert passenger.books("SELECT count(*) FROM actions") == [(1,)]
    said = "1 payments; provider 2000, shop 2000, ordered 2000, to give back 0 cents; 0 differ"
    assert reconciled(passenger, capsys) == (0, said)


def test_a_browser_that_was_closed_comes_back_by_the_payments_own_word(passenger):
    http = passenger.http()
    order = passenger.order(http)
    back = passenger.pay(http, order)
    stranger = passenger.http(proved=False)
    page = stranger.get(back)
    assert page.status_code == 200 and "Paid and ordered" in text(page.text, "state")
    assert "/shop/taps" not in page.text and "balance" not in page.text
    assert stranger.get(order).headers["location"] == "/shop/card"
    again = passenger.http()
    assert "Waiting" in text(again.get(order).text, "state")


def test_words_that_are_not_the_providers_change_nothing(passenger):
    http = passenger.http()
    order = passenger.order(http)
    passenger.provider.held = True
    words = dict(httpx.URL(passenger.pay(http, order)).params)
    settings = passenger.app.app.state.frame.payments.settings
    others = {**words, "merchant": "another"}
    others["signature"] = sign(settings.key, "told", {n: v for n, v in others.items()
                                                      if n != "signature"})  # fmt: skip
    as_request = {**words, "signature": sign(settings.key, "pay", {
        name: value for name, value in words.items() if name != "signature"})}  # fmt: skip
    for wrong in (
        {**words, "cents": "1"}, {**words, "signature": "0" * 64}, {**words, "signature": "ä"},
        {**words, "more": "x"}, {**words, "order": words["order"] + "\nstatus=paid"}, others,
        as_request, {**words, "at": "x"}, {}, [], "paid", None, {**words, "payment": None},
        {**words, "status": ["paid"]}, {**words, "order": "x" * 5000},
    ):  # fmt: skip
        assert told(passenger, wrong) == 400, wrong
        if isinstance(wrong, dict):
            fields = {name: str(value) for name, value in wrong.items()}
            assert http.get("/shop/payments/return", params=fields).status_code == 400
    assert told(passenger, {"x": "y" * 70_000}) == 413
    half = {**words, "order": "\ud800"}  # JSON can write half a character
    for body in (b"{" * 3000, b"[" * 4000, json.dumps(half), json.dumps({**words, "\ud800": "x"}),
                 json.dumps({**words, "signature": "\ud800"})):  # fmt: skip
        sent = httpx.post(passenger.address + NOTIFY, content=body, timeout=60)
        assert (sent.status_code, sent.json()) == (400, {"taken": False}), body[:40]
    assert passenger.orders() == [("unpaid", CENTS, 0)]
    assert told(passenger, words) == 200 and passenger.orders() == [("ordered", CENTS, 1)]


def test_a_cancelled_or_unpaid_order_dies_and_what_was_paid_for_it_goes_back(passenger, capsys):
    http, provider, before = passenger.http(), passenger.provider, passenger.money()
    first = passenger.order(http)
    assert http.get(passenger.pay(http, first, "cancel")).headers["location"] == first
    assert "Cancelled" in text(http.get(first).text, "state")
    second = passenger.order(http)
    late = passenger.link(http, second)
    assert http.post(f"{second}/cancel").headers["location"] == second
    assert 'id="pay"' not in http.get(second).text
    third = passenger.order(http)
    passenger.clock.now += 21 * 60
    assert "Not paid in time" in text(http.get(third).text, "state")
    assert passenger.money() == before and provider.payments == {}
    passenger.clock.now -= 21 * 60  # paid in another tab, after it was cancelled here
    http.post(provider.url + "/pay", data={**late, "do": "pay"})
    assert [row[0] for row in passenger.orders()] == ["cancelled", "cancelled", "unpaid"]
    assert text(http.get(second).text, "owed").endswith("It goes back the way you paid.")
    owed = passenger.money()
    assert owed["CASH:web"] == -CENTS and owed["PAYOUT"] - before.get("PAYOUT", 0) == CENTS
    code, line = reconciled(passenger, capsys)
    assert code == 0 and "to give back 2000 cents; 0 differ" in line
    main(["reconcile", str(passenger.folder), str(passenger.folder / "payments.csv")])
    said = f"payment {next(iter(provider.payments))} of order {second.rsplit('/')[-1]}: give back"
    assert f"{said} 2000 cents\n" in capsys.readouterr().out, "somebody has to do it"
    http.post(provider.url + "/refund", data={"payment": next(iter(provider.payments))})
    http.post(provider.url + "/refund", data={"payment": next(iter(provider.payments))})
    assert provider.answers[-2:] == [200, 200] and passenger.money() == before
    assert 'id="owed"' not in http.get(second).text
    code, line = reconciled(passenger, capsys)
    assert code == 0 and "shop 0, ordered 0, to give back 0 cents; 0 differ" in line


@pytest.mark.requirement("W-110")
def test_a_shop_that_died_between_paid_and_ordered_orders_once_when_it_is_back(passenger, capsys):
    http = passenger.http()
    order = passenger.order(http)
    taken = LocalKeyring(passenger.folder / "keyring")  # another program has the only key
    back = passenger.pay(http, order)
    assert passenger.provider.answers == [200], "what was told is kept"
    assert passenger.orders() == [("paid", CENTS, 0)]
    page = http.get(order).text
    assert "ordered as soon as they are free" in text(page, "state")
    assert http.get("/shop/card").status_code == 200
    code, line = reconciled(passenger, capsys)
    assert code == 1 and line.endswith("1 differ")
    passenger.again()
    assert passenger.said and str(ACCOUNT) not in passenger.said[0]
    assert passenger.orders() == [("paid", CENTS, 0)]
    taken.close()
    passenger.again()
    assert passenger.orders() == [("ordered", CENTS, 1)]
    # Died after the desk had it and before the shop wrote so: found by its key.
    with passenger.database.transaction():
        passenger.database.run("UPDATE orders SET state = 'paid', action = 0 WHERE id = ?", [(1,)])
    passenger.again()
    assert http.get(back).headers["location"] == order
    assert passenger.orders() == [("ordered", CENTS, 1)]
    assert passenger.books("SELECT count(*) FROM actions") == [(1,)]
    assert reconciled(passenger, capsys)[0] == 0


def test_a_card_that_was_listed_meanwhile_is_ordered_nothing_and_the_money_goes_back(passenger):
    http = passenger.http()
    order, form = passenger.order(http), passenger.form
    passenger.provider.held = True
    back = passenger.pay(http, order)
    with passenger.inland() as town, town.ledger.database.transaction():
        row = (1, passenger.card, "PERSON", 0, "listed", "block", 1, "a", "", passenger.clock.now)
        town.ledger.database.run(
            f"INSERT INTO listing_decisions VALUES ({','.join('?' * 10)})", [row])  # fmt: skip
    page = http.get(back, follow_redirects=True).text
    assert "your money goes back" in text(page, "state") and "hotlist" in page
    assert passenger.orders() == [("back", CENTS, 0)] and passenger.money()["PAYOUT"] == CENTS
    assert "Validators refuse this card" in http.get("/shop/card").text
    refused = http.get("/shop/buy")
    assert refused.status_code == 409 and "<form class" not in refused.text
    with pytest.raises(TypeError):
        form(http)


def test_a_refund_before_the_payment_was_told_leaves_nothing_anywhere(passenger):
    http, provider, before = passenger.http(), passenger.provider, passenger.money()
    provider.held = True
    order = passenger.order(http)
    paid = passenger.pay(http, order)
    provider.held = False
    provider.refund(next(iter(provider.payments)))
    assert told(passenger, dict(httpx.URL(paid).params)) == 200
    assert passenger.money() == before and passenger.orders() == [("unpaid", CENTS, 0)]


def test_what_the_provider_and_the_shop_say_differently_is_said_payment_by_payment(
    passenger, capsys
):
    http, provider = passenger.http(), passenger.provider
    passenger.pay(http, passenger.order(http))
    (name,) = provider.payments
    asked = provider.payments[name].asked
    path = passenger.folder / "list.csv"
    head, ours = provider.listed().splitlines()
    for lines, code, words in (
        ([head, ours], 0, "1 payments; provider 2000, shop 2000, ordered 2000"),
        ([head], 1, f"payment {name}: the shop was told, the provider's list lacks it"),
        ([head, ours, f"other,{asked['order']},paid,5,1"], 1,
         "payment other: the provider has it, the shop was never told"),
        ([head, ours.replace("2000", "2001")], 1, "2001 cents there"),
        ([head, ours.replace("paid", "refunded")], 1, "was given back there, not here"),
        ([head, "=1+1,x,paid,1,1"], 1, "payment =1+1: the provider has it"),
        (["\ufeff" + head, ours], 0, "1 payments"),
        (["payment;order"], 2, "wanted payment,order,status,cents,at; found 'payment;order'"),
        ([], 2, "wanted payment,order,status,cents,at"),
        ([head, "a,\x1b[31mb,paid,1,1"], 2, "line 2: a field holds a control character"),
        ([head, f"a,b,paid,{'9' * 30},1"], 2, "line 2: wanted paid or refunded, and whole cents"),
        ([head, "a,b,paid,-1,1"], 2, "line 2: wanted paid or refunded, and whole cents"),
        ([head, "a,b,paid,1"], 2, "line 2: wanted 5 fields"),
        ([head, "a,b,paid,1,1", "a,c,paid,1,1"], 2, "line 3: payment a stands there before"),
    ):  # fmt: skip
        path.write_text("\n".join(lines) + "\n")
        assert main(["reconcile", str(passenger.folder), str(path)]) == code, lines
        said = capsys.readouterr()
        assert words in said.out + said.err
    path.write_text("")
    assert main(["reconcile", str(passenger.folder), str(path)]) == 2, "no list is not no payments"
    assert "is empty; wanted payment,order" in capsys.readouterr().err
    provider.refund(name)  # although the order stands
    path.write_text(provider.listed())
    assert main(["reconcile", str(passenger.folder), str(path), "--json"]) == 1
    assert "was given back, and its order was not withdrawn" in capsys.readouterr().out
    assert main(["reconcile", str(passenger.folder / "nowhere"), str(path)]) == 2


@pytest.mark.requirement("D16")
def test_a_shop_whose_database_is_gone_says_so_when_it_begins(passenger):
    passenger.pay(passenger.http(), passenger.order(passenger.http()))
    passenger.again()
    assert passenger.said == []
    passenger.database.close()
    (passenger.folder / "shop.db").unlink()
    passenger.begin()
    (said,) = passenger.said
    assert "shop.db has no order, the ledger 1 of the shop's" in said and "last backup" in said


def test_a_provider_whose_port_is_taken_or_none_says_what_to_do(passenger, capsys):
    taken = passenger.provider.url.rsplit(":")[-1]
    for port in (taken, "70000", "-1"):
        words = ["pay", "--key", str(passenger.folder / "shop.key"), "--port", port]
        assert simulate(words) == 2
        assert capsys.readouterr().err.endswith("; choose another\n")


@pytest.mark.requirement("D16")
def test_books_that_were_put_back_get_again_what_the_shop_had_ordered_and_given_back(passenger):
    http, provider, ledger = passenger.http(), passenger.provider, passenger.folder / "ledger.db"
    older = ledger.read_bytes()
    cancelled = passenger.order(http)
    late = passenger.link(http, cancelled)
    http.post(f"{cancelled}/cancel")
    http.post(provider.url + "/pay", data={**late, "do": "pay"})
    passenger.pay(http, passenger.order(http))
    (action,) = passenger.books("SELECT id FROM actions")
    money = passenger.money()
    assert money["CASH:web"] == -2 * CENTS and money["PAYOUT"] == CENTS
    assert not ledger.with_name("ledger.db-wal").exists(), "all of it is in the file"
    ledger.write_bytes(older)
    with closing(LocalKeyring(passenger.folder / "keyring")) as keyring:
        keyring.restored()
    assert "CASH:web" not in passenger.money()
    passenger.again()
    assert passenger.said == []
    assert passenger.money() == money and passenger.books("SELECT id FROM actions") == [action]
    passenger.again()
    assert passenger.money() == money
