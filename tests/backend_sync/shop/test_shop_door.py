"""Who opens a card, and what never stands anywhere: codes, strangers, forms of others, numbers."""

import re
import tomllib

import httpx
import pytest

from backend_sync.api.rates import Policy
from backend_sync.office.words import LANGUAGES
from backend_sync.shop.app import MARKS, ROUTES
from backend_sync.shop.main import main
from backend_sync.shop.pages import CARD
from backend_sync.shop.settings import SettingsError, read_settings
from card_layouts.cards.card_number import card_number
from simulator.worlds.tap_world import AUTHORITY
from tests.backend_sync.shop.shop_world import ACCOUNT, CENTS, Passenger

pytestmark = pytest.mark.requirement("W-142")


def words_of(page):
    return re.search(r'role="alert">([^<]*)<', page)[1]


@pytest.mark.requirement("D11")
def test_a_code_is_good_once_and_every_refusal_reads_alike(passenger):
    http, code = passenger.http(proved=False), passenger.code()
    ended = passenger.code()  # the one before is none any more
    said = []
    for wrong in (code, "AAAAAAAAAA", "", "A" * 64, "ä", str(ACCOUNT), card_number(AUTHORITY, 0),
                  "' OR 1=1 --", "<b>x</b>"):  # fmt: skip
        answer = http.post("/shop/card", data={"code": wrong})
        assert answer.status_code == (403 if wrong else 400), wrong
        said += [words_of(answer.text)] if wrong else []
        assert not http.cookies and "<b>x" not in answer.text
    assert len(set(said)) == 1
    typed = f" {ended[:5].lower()}-{ended[5:].lower()} "
    answer = http.post("/shop/card", data={"code": typed})
    assert answer.status_code == 303 and answer.headers["location"] == "/shop/card"
    cookie = answer.headers["set-cookie"]
    assert "HttpOnly" in cookie and "SameSite=lax" in cookie and str(ACCOUNT) not in cookie
    other = passenger.http(proved=False)
    assert other.post("/shop/card", data={"code": ended}).status_code == 403
    late = passenger.code()
    passenger.clock.now += 15 * 60
    assert other.post("/shop/card", data={"code": late}).status_code == 403
    assert http.get("/shop/buy").status_code == 200
    passenger.clock.now += 15 * 60
    assert http.get("/shop/buy").headers["location"] == "/shop/card", "half an hour is over"


def test_a_visit_ends_and_a_token_that_a_browser_brings_along_is_never_taken(passenger):
    http = passenger.http(proved=False)
    http.cookies.set("card", "f" * 64)
    first = http.post("/shop/card", data={"code": passenger.code()}).cookies["card"]
    assert first != "f" * 64
    second = http.post("/shop/card", data={"code": passenger.code()}).cookies["card"]
    assert second != first
    old = passenger.http(proved=False)
    old.cookies.set("card", first)
    assert old.get("/shop/buy").status_code == 303, "a new proof ends the visit before"
    assert http.get("/shop/buy").status_code == 200
    http.post("/shop/done")
    again = passenger.http(proved=False)
    again.cookies.set("card", second)
    assert again.get("/shop/buy").status_code == 303


def test_too_many_wrong_codes_from_one_place_end_all_tries_for_a_while(tmp_path):
    world = Passenger(tmp_path, Policy("1000000/minute", "1000000/minute", "3/minute"))
    http = world.http(proved=False)
    answers = [http.post("/shop/card", data={"code": "BBBBBBBBBB"}).status_code for _ in range(5)]
    assert answers == [403, 403, 403, 429, 429]
    assert http.post("/shop/card", data={"code": world.code()}).status_code == 429
    world.close()


def test_without_a_proof_no_page_of_a_card_opens_and_each_page_has_a_mark(passenger):
    assert {mark for _, _, mark, _ in ROUTES} == set(MARKS)
    marks = {(method, path): mark for method, path, mark, _ in ROUTES}
    routes = {(method, route.path) for route in passenger.app.app.routes
              for method in route.methods - {"HEAD"}}  # fmt: skip
    assert routes == set(marks)
    mine = passenger.http()
    order = passenger.order(mine)
    stranger = passenger.http(proved=False)
    for method, path, mark, _ in ROUTES:
        filled = path.replace("{ref}", order.rpartition("/")[2]).replace("{commit}", "1")
        answer = stranger.request(
            method, filled, data={"key": "0" * 32} if method == "POST" else None
        )
        if mark == CARD:
            assert answer.status_code == 303, path
            assert answer.headers["location"] == "/shop/card"
        else:
            assert answer.status_code in (200, 303, 400), path
        assert ("Not paid yet" not in answer.text) and "balance" not in answer.text
    with passenger.database.transaction():  # another card's visit
        passenger.database.run("UPDATE visits SET card = ?", [(ACCOUNT - 1,)])
    for end in ("", "/slip"):
        assert mine.get(order + end).status_code == 404
    assert mine.post(f"{order}/cancel").status_code == 404
    assert passenger.orders() == [("unpaid", CENTS, 0)]


def test_forms_of_other_sites_and_wrong_forms_change_nothing(passenger):
    http = passenger.http()
    form = passenger.form(http)
    for headers in ({"Origin": "https://evil.example"}, {"Origin": ""},
                    {"Sec-Fetch-Site": "cross-site"}):  # fmt: skip
        assert http.post("/shop/orders", data=form, headers=headers).status_code == 403
    for changes in ({"euros": "=1+1"}, {"euros": "1e9"}, {"euros": "-20"}, {"euros": "20;DROP"},
                    {"euros": "21"}, {"euros": "999"}, {"euros": "20.001"}, {"what": "load:1"},
                    {"what": "'; DROP TABLE orders; --"}, {"what": "0" * 16 + ":1"},
                    {"key": "x"}, {"key": "<script>"}, {"euros": "<script>"}):  # fmt: skip
        answer = http.post("/shop/orders", data={**form, **changes})
        if changes == {"what": "load:1"}:
            assert answer.status_code == 303  # its price is never the form's
            http.post(answer.headers["location"] + "/cancel")
            continue
        assert answer.status_code == 409, changes
        assert "<script>" not in answer.text, changes
    assert http.post("/shop/orders", data={}).status_code == 400
    for path in ("orders/x", "orders/" + "a" * 24, "taps/0", "taps/999999999999999999",
                 "nothing", "orders/..%2f..", "card?before=-1"):  # fmt: skip
        assert http.get(f"/shop/{path}").status_code in (400, 404), path
    headers = http.get("/shop/card").headers
    assert "default-src 'none'" in headers["content-security-policy"]
    assert headers["cache-control"] == "no-store"
    assert [row[0] for row in passenger.orders()] == ["cancelled"]


def test_two_tabs_are_one_order_and_one_form_is_one(passenger):
    http = passenger.http()
    form, other = passenger.form(http), passenger.form(http)
    first = http.post("/shop/orders", data=form).headers["location"]
    assert http.post("/shop/orders", data=form).headers["location"] == first
    refused = http.post("/shop/orders", data=other)
    assert refused.status_code == 409 and "An order for this card is open" in refused.text
    assert http.post("/shop/orders", data={**form, "euros": "25"}).status_code == 409
    assert passenger.orders() == [("unpaid", CENTS, 0)]
    assert first in http.get("/shop/card").text


@pytest.mark.requirement("D1", "D11")
def test_no_number_of_a_card_stands_in_an_address_a_page_or_a_line(passenger, caplog):
    http = passenger.http()
    order = passenger.order(http)
    http.get(passenger.pay(http, order))
    passenger.tap()
    http = passenger.http()
    seen, todo = {}, ["/shop/card", order]
    while todo:
        path = todo.pop()
        if path in seen:
            continue
        answer = http.get(path)
        seen[path] = answer.text
        links = re.findall(r'href="(/shop/[^"]+)"', answer.text)
        todo += [link.replace("&amp;", "&") for link in links if "css" not in link]
    assert {"/shop/card", "/shop/buy", order, f"{order}/slip"} <= set(seen)
    assert any(path.startswith("/shop/taps/") for path in seen)
    written = [*seen, *seen.values(), caplog.text, *passenger.said,
               *(str(row) for row in passenger.provider.payments.values())]  # fmt: skip
    for number in (str(ACCOUNT), card_number(AUTHORITY, 0)):
        assert not [text for text in written if number in text]


@pytest.mark.requirement("W-110")
def test_five_languages_are_chosen_by_the_passenger_and_leave_nothing_out(passenger):
    http = passenger.http()
    heads = set()
    for code in LANGUAGES:
        answer = http.post("/shop/language", data={"language": code, "back": "/shop/buy"})
        assert answer.headers["location"] == "/shop/buy"
        page = http.get("/shop/buy").text
        assert f'<html lang="{code}">' in page
        heads.add(re.search("<h1>([^<]*)<", page)[1])
    assert len(heads) == len(LANGUAGES)
    for back in ("//evil.example", "https://evil.example", "/today", "/shop/../today"):
        answer = http.post("/shop/language", data={"language": "xx", "back": back})
        assert answer.headers["location"] == "/shop/card"


def test_without_a_payment_page_the_shop_shows_cards_and_sells_nothing(tmp_path):
    world = Passenger(tmp_path, paid=False)
    http = world.http()
    assert http.get("/shop/card").status_code == 200
    page = http.get("/shop/buy")
    assert page.status_code == 409 and "Payment is not set up" in page.text
    form = {"key": "0" * 32, "what": "load", "euros": "20"}
    assert http.post("/shop/orders", data=form).status_code == 409
    assert httpx.post(world.address + "/shop/payments/told", json={}).status_code == 400
    assert http.get("/shop/payments/return").status_code == 400 and world.orders() == []
    world.close()


def test_wrong_settings_are_said_with_the_word_and_what_was_wanted(tmp_path, capsys):
    (tmp_path / "ledger.db").touch()
    order = ["set-up", str(tmp_path), "--address"]
    assert main([*order, "http://shop.example", "--page", "https://pay.example"]) == 2
    assert "address 'http://shop.example': wanted https://" in capsys.readouterr().err
    assert not (tmp_path / "shop.key").exists()
    good = [*order, "https://shop.example", "--page", "https://pay.example/pay"]
    assert main(good) == 0 and main(good) == 2
    assert "is there already" in capsys.readouterr().err
    assert (tmp_path / "shop.key").stat().st_mode & 0o077 == 0
    text = (tmp_path / "shop.toml").read_text()
    assert read_settings(tmp_path).page == "https://pay.example/pay" and tomllib.loads(text)
    for old, new, words in (
        ("minutes = 20", "", "payment.minutes: is missing"),
        ("minutes = 20", "minutes = 0", "payment.minutes 0: wanted 1 to 1440"),
        ("minutes = 20", 'minutes = "20"', "wanted a int"),
        ("minutes = 20", "minutes = 20\ncolour = 1", "payment.colour: not known"),
        ('merchant = "', 'merchant = "A B', "payment.merchant"),
        ("https://shop.example", "javascript:alert(1)", "address"),
        ("https://pay.example/pay", "https://pay.example/pay?x=1", "payment.page"),
        ("https://pay.example/pay", "https://u:p@pay.example/", "payment.page"),
        ('key_file = "shop.key"', 'key_file = "none.key"', "none.key"),
        ("[payment]", "[payment", "shop.toml"),
    ):
        (tmp_path / "shop.toml").write_text(text.replace(old, new))
        with pytest.raises(SettingsError, match=re.escape(words)):
            read_settings(tmp_path)
    (tmp_path / "shop.toml").write_text(text)
    (tmp_path / "shop.key").write_text("00ff")
    with pytest.raises(SettingsError, match="2 bytes, wanted 32"):
        read_settings(tmp_path)
