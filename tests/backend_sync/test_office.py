"""The office's pages: who sees what, who sells what, and that a form sells once."""

import re
import socket
from concurrent.futures import ThreadPoolExecutor

import pytest

from backend_sync.cli import main
from backend_sync.ledger.place import Place
from backend_sync.office.app import ROUTES
from backend_sync.office.gate import PUBLIC
from backend_sync.office.sessions import IDLE_S, WHOLE_S
from backend_sync.office.words import LANGUAGES, missing
from backend_sync.registers.refusals import Refused
from backend_sync.sales.fiscal import FiscalChain, check_slips
from tests.backend_sync.office_world import CLERK, DEVICE, ORIGIN, Office, figure
from tests.backend_sync.registers_world import SECRET, secret_file

SLIP = f"/slips/{DEVICE}/1"


@pytest.fixture(scope="module")
def shared(tmp_path_factory):
    """Of tests that change no money."""
    made = Office(tmp_path_factory.mktemp("office"))
    yield made
    made.close()


@pytest.fixture
def office(tmp_path):
    made = Office(tmp_path, lived=False)
    yield made
    with Place(str(tmp_path)).books() as database:
        assert check_slips(database, FiscalChain()) == []
        assert database.value("SELECT coalesce(sum(cents), 0) FROM postings") == 0
    made.close()


def unmarked(app):
    """Return the paths of routes that carry no mark of a right."""
    marks = {
        route.path: [getattr(one.dependency, "right", "") for one in route.dependencies]
        for route in app.routes
    }
    return [path for path, found in marks.items() if not any(found)]


@pytest.mark.requirement("W-10", "T20")
def test_every_page_carries_the_mark_of_a_right_and_one_without_is_found(shared):
    assert unmarked(shared.app.app) == []
    paths = sorted((method, route.path) for route in shared.app.app.routes
                   for method in route.methods)  # fmt: skip
    assert paths == sorted((method, path) for method, path, _, _ in ROUTES)
    planted = Office.__new__(Office)
    planted.app = type(shared.app.app)(openapi_url=None)
    planted.app.add_api_route("/open", lambda: "")
    assert "/open" in unmarked(planted.app)


def test_only_signing_in_and_the_style_sheet_are_public():
    assert {path for _, path, right, _ in ROUTES if right == PUBLIC} == {
        "/sign-in",
        "/office.css",
        "/language",
    }


@pytest.mark.requirement("W-10")
def test_who_has_not_signed_in_is_led_to_the_door(shared):
    for method, path, right, _ in ROUTES:
        if right != PUBLIC:
            path = re.sub(r"\{\w+\}", "1", path)
            answer = shared.browser().request(method, path)
            if method == "GET" or path == "/sign-out":
                back = f"?back={path}" if method == "GET" and path != "/" else ""
                assert answer.headers["location"] == f"/sign-in{back}", path
            assert answer.status_code == (303 if "location" in answer.headers else 401), path
            assert "Tornello" in answer.text or answer.status_code == 303


@pytest.mark.requirement("W-5", "T20")
def test_a_form_that_came_after_the_session_is_not_carried_out_and_says_what_is_lost(office):
    carl = office.client("carl")
    form = office.form(carl, card="<b>7")
    office.clock.now += 31 * 60
    answer = carl.post("/sell", data=form, headers={"Referer": "http://testserver/sell"})
    assert answer.status_code == 401 and office.books("SELECT id FROM slips") == []
    told = dict(re.findall(r"<dt>([^<]*)</dt><dd>([^<]*)</dd>", answer.text))
    assert told["Amount in euros"] == "20" and told["Card&#39;s account number"] == "&lt;b&gt;7"
    assert form["key"] not in answer.text
    back = re.search(r'name="back" value="([^"]*)"', answer.text)[1]
    again = {"name": "carl", "secret": SECRET, "back": back}
    assert carl.post("/sign-in", data=again).headers["location"] == "/sell"


@pytest.mark.requirement("T20")
@pytest.mark.parametrize(
    ("back", "to"),
    [("/reports/usage?from=2026-06-01&to=2026-06-30", None), ("//elsewhere.example", "/"),
     ("https://elsewhere.example/", "/"), ("/\\elsewhere.example", "/"), ("javascript:1", "/"),
     ("/a\r\nSet-Cookie: x=1", "/"), ("", "/")],
)  # fmt: skip
def test_one_is_led_on_to_the_page_that_was_asked_for_and_never_elsewhere(shared, back, to):
    form = {"name": "alma", "secret": SECRET, "back": back}
    answer = shared.browser().post("/sign-in", data=form)
    assert answer.headers["location"] == (back if to is None else to)
    assert "set-cookie" in answer.headers and "x=1" not in answer.headers["set-cookie"]


@pytest.mark.requirement("W-5", "W-10", "W-24")
@pytest.mark.parametrize(
    ("name", "rides", "charged", "waiting"),
    [("alma", 3, 410, 1), ("olli", 2, 410, 1), ("otto", 1, 0, 0), ("ferry", 1, 300, 0)],
)
def test_today_is_what_the_books_say_of_ones_own(shared, name, rides, charged, waiting):
    page = shared.client(name).get("/today").text
    assert figure(page, "rides") == str(rides)
    assert figure(page, "charged") == f"{charged // 100}.{charged % 100:02d}"
    assert figure(page, "waiting") == str(waiting)
    assert figure(page, "silent") == "0"


@pytest.mark.requirement("W-24")
def test_a_day_later_nothing_came_and_ones_own_devices_are_silent(shared):
    shared.clock.now += 2 * 86_400
    try:
        found = {}
        for name in ("alma", "olli", "otto", "ferry"):
            page = shared.client(name).get("/today").text
            found[name] = [figure(page, which) for which in ("rides", "waiting", "silent")]
            assert "No ride reached the ledger" in page
    finally:
        shared.clock.now -= 2 * 86_400
    assert found == {"alma": ["0", "1", "2"], "olli": ["0", "1", "1"], "otto": ["0", "0", "1"],
                     "ferry": ["0", "0", "1"]}  # fmt: skip


@pytest.mark.requirement("W-108", "W-112", "X-15", "W-21")
def test_a_form_sent_twice_is_one_sale_with_one_numbered_slip(office):
    client = office.client("carl")
    form = office.form(client)
    first, again = (client.post("/sell", data=form) for _ in range(2))
    assert [answer.headers["location"] for answer in (first, again)] == [SLIP, SLIP]
    page = client.get(SLIP).text
    assert figure(page, "to-pay") == "20.00"
    other = client.post("/sell", data=office.form(client, euros="30,00", paid="card"))
    assert other.headers["location"] == f"/slips/{DEVICE}/2"
    rows = office.books("SELECT device, place, kind, cents, clerk, shift FROM slips ORDER BY place")
    assert rows == [(DEVICE, 1, "load", 2000, CLERK, 1), (DEVICE, 2, "load", 3000, CLERK, 1)]
    cash = office.books("SELECT cents FROM balances WHERE name = 'CASH:counter:5'")
    assert cash == [(-2000,)]
    action = int(figure(page, "action"))
    assert office.books(f"SELECT cents FROM balances WHERE name = 'PREPAID:{action}'") == [(2000,)]
    sold = office.client("alma").get("/today").text
    assert "50.00" in sold and "50.00" not in office.client("ferry").get("/today").text


@pytest.mark.requirement("W-108")
def test_forms_that_come_at_the_same_time_are_sold_one_after_another(office):
    client = office.client("carl")
    same, other = office.form(client), office.form(client)
    cookie = {"Cookie": f"session={client.cookies['session']}"}
    with ThreadPoolExecutor(6) as pool:
        answers = pool.map(
            lambda form: office.browser().post("/sell", data=form, headers=cookie),
            [same, other] * 3,
        )
        places = [answer.headers["location"] for answer in answers]
    assert sorted(set(places)) == [f"/slips/{DEVICE}/1", f"/slips/{DEVICE}/2"]
    assert len(set(places[::2])) == len(set(places[1::2])) == 1
    assert office.books("SELECT count(*) FROM slips") == [(2,)]


@pytest.mark.requirement("W-107", "W-108")
def test_a_product_costs_what_the_tariff_says_whatever_the_form_says(office):
    client = office.client("carl")
    page = client.get("/sell").text
    key, cents = re.search(r'value="([0-9a-f]{16}):(\d+)">season · A · adult · 30', page).groups()
    cheap = client.post("/sell", data=office.form(client, what=f"{key}:1"))
    assert cheap.status_code == 409 and "the price is" in cheap.text
    strange = client.post("/sell", data=office.form(client, what=f"{'0' * 16}:1"))
    assert strange.status_code == 409 and "not sold any more" in strange.text
    assert office.books("SELECT count(*) FROM slips") == [(0,)]
    done = client.post("/sell", data=office.form(client, what=f"{key}:{cents}"))
    assert done.status_code == 303
    assert office.books("SELECT kind, product, cents FROM slips") == [("product", 2, int(cents))]


@pytest.mark.requirement("W-10", "W-65", "T21")
@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"euros": "21"}, "multiples"),
        ({"euros": "-20"}, "wanted euros"),
        ({"euros": "1e3"}, "wanted euros"),
        ({"euros": "600"}, "counter loads"),
        ({"euros": "900"}, "cents 90000"),
        ({"card": "1 OR 1=1"}, "no card of yours"),
        ({"card": "999999"}, "no card of yours"),
        ({"card": "٣"}, "no card of yours"),
        ({"card": "9" * 30}, "no card of yours"),
        ({"paid": "'; DROP"}, "cash or card"),
        ({"shift": "99999"}, "shift 99999"),
        ({"shift": "x"}, "wanted a number"),
        ({"key": "../../etc"}, "begin a new sale"),
    ],
)
def test_what_cannot_be_sold_is_said_on_the_form_and_changes_nothing(office, changes, words):
    client = office.client("carl")
    answer = client.post("/sell", data=office.form(client, **changes))
    assert answer.status_code == 409 and words in answer.text
    assert office.books("SELECT count(*) FROM slips") == [(0,)]


@pytest.mark.requirement("W-10")
def test_cards_and_slips_of_others_are_as_if_they_were_not_there(office):
    carl, dora, fred = (office.client(name) for name in ("carl", "dora", "fred"))
    abroad = carl.post("/sell", data=office.form(carl, card=str(office.abroad)))
    assert abroad.status_code == 409 and "no card of yours" in abroad.text
    assert carl.post("/sell", data=office.form(carl)).status_code == 303
    for other in (dora, fred):
        assert other.get(SLIP).status_code == 404
    assert carl.get(SLIP).status_code == 200
    for place in ("0", "-1", "9" * 30, "x", "2"):
        assert carl.get(f"/slips/{DEVICE}/{place}").status_code in (400, 404)
    # The same key at another point is another sale, not a look at the first.
    form = office.form(carl)
    assert carl.post("/sell", data=form).headers["location"] == f"/slips/{DEVICE}/2"
    assert dora.post("/sell", data=form).headers["location"] == "/slips/32/1"


def test_the_same_key_with_other_values_is_refused_and_the_next_form_is_new(office):
    client = office.client("carl")
    form = office.form(client)
    client.post("/sell", data=form)
    answer = client.post("/sell", data={**form, "euros": "40"})
    assert answer.status_code == 409 and "the first stands" in answer.text
    assert f'value="{form["key"]}"' not in answer.text


def test_busy_books_are_an_answer_that_says_to_send_the_form_again(office):
    client = office.client("carl")
    form = office.form(client)
    keys = office.folder / "keyring" / "keys.json"
    text = keys.read_bytes()
    keys.unlink()
    answer = client.post("/sell", data=form)
    assert answer.status_code == 503 and "never sold twice" in answer.text
    keys.write_bytes(text)
    keys.chmod(0o600)
    assert client.post("/sell", data=form).status_code == 303


@pytest.mark.requirement("T20")
def test_forms_of_other_sites_and_long_ones_are_refused(shared):
    client = shared.client("carl")
    for headers in (
        {"Sec-Fetch-Site": "cross-site"},
        {"Sec-Fetch-Site": "same-site"},
        {"Sec-Fetch-Site": "none"},
        {"Origin": "http://evil.example"},
        {"Origin": "null"},
        {"Origin": ""},
    ):
        assert client.post("/sign-out", headers=headers).status_code == 403, headers
    long = client.post("/sell", data={"key": "a" * 70_000})
    assert long.status_code == 413
    assert client.post("/sell", content=iter([b"a" * 40_000] * 2)).status_code == 413
    assert client.get("/sell").status_code == 200


@pytest.mark.requirement("T20")
def test_every_answer_forbids_frames_scripts_and_requests_elsewhere(shared):
    for path in ("/sign-in", "/office.css", "/nowhere", "/today"):
        answer = shared.browser().get(path)
        policy = answer.headers["content-security-policy"]
        assert "default-src 'none'" in policy and "frame-ancestors 'none'" in policy
        assert answer.headers["cache-control"] == "no-store"
    page = shared.client("alma").get("/today").text
    assert not re.search(r"(?:src|href|action)=\"(?!/|#)", page) and "<script" not in page


@pytest.mark.requirement("T20", "W-8")
def test_five_wrong_passwords_lock_and_every_refusal_reads_alike(office):
    def tried(name, secret):
        answer = office.browser().post("/sign-in", data={"name": name, "secret": secret})
        return answer.status_code, answer.text.replace(name, "")

    wrong = [tried("carl", f"wrong {number}") for number in range(5)]
    assert {status for status, _ in wrong} == {403}
    assert tried("carl", SECRET) == tried("nobody", SECRET) == wrong[0]


@pytest.mark.requirement("T20")
def test_a_session_ends_by_its_user_by_age_and_with_a_new_secret(office):
    client = office.client("carl")
    token = client.cookies["session"]
    assert token not in str(office.database.rows("SELECT * FROM sessions"))
    assert client.post("/sign-out").status_code == 303
    stolen = {**ORIGIN, "Cookie": f"session={token}"}
    led = office.browser().get("/sell", headers=stolen).headers["location"]
    assert led == "/sign-in?back=/sell"

    client = office.client("carl")
    office.clock.now += IDLE_S + 1
    assert client.get("/sell").status_code == 303
    client = office.client("carl")
    for _ in range(WHOLE_S // 1700 + 1):
        office.clock.now += 1700
        last = client.get("/sell").status_code
    assert last == 303

    client = office.client("carl")
    office.registers.users.set_secret(office.user("carl"), "carl", SECRET + " new")
    assert client.get("/sell").status_code == 303
    client = office.client("dora")
    office.registers.users.disable(office.user("alma"), "dora")
    assert client.get("/sell").status_code == 303


@pytest.mark.requirement("T20")
def test_signing_in_never_goes_on_with_a_token_that_was_brought_along(office):
    client = office.browser()
    client.cookies["session"] = "f" * 64
    answer = client.post("/sign-in", data={"name": "carl", "secret": SECRET})
    said = answer.headers["set-cookie"].lower()
    assert "f" * 64 not in said and "httponly" in said and "samesite=strict" in said


def test_a_right_that_is_taken_is_gone_at_the_next_page(office):
    client = office.client("carl")
    assert client.get("/sell").status_code == 200
    office.registers.users.grant(office.user("alma"), "carl", "sales.make", taken=True)
    assert client.get("/sell").status_code == 403


def test_a_till_is_given_once_and_a_device_is_one_points(office):
    alma, carl, dora = (office.user(name) for name in ("alma", "carl", "dora"))
    assert office.tills.give(alma, carl, DEVICE, CLERK) == office.tills.of(carl)
    for by, user, device, clerk, words in (
        (alma, carl, DEVICE, 8, "for ever"),
        (office.user("ferry"), carl, DEVICE, CLERK, "places.change"),
        (alma, office.user("olli"), 40, 8, "may sell"),
        (alma, dora, 0, 8, "device 0"),
    ):
        with pytest.raises(Refused, match=words):
            office.tills.give(by, user, device, clerk)
    assert "No till is set up" in office.client("alma").get("/sell").text


@pytest.mark.requirement("W-8")
def test_the_command_gives_a_till_and_refuses_passwords_in_clear(office, capsys):
    secret = secret_file(office.folder)
    words = ["office", "till", office.folder, "--user", "carl", "--device", DEVICE, "--clerk",
             CLERK]  # fmt: skip
    assert main([str(word) for word in words]) == 1
    assert "no register of users" in capsys.readouterr().err
    signed = ["--register", office.folder, "--by", "alma", "--secret", secret]
    assert main([str(word) for word in (*words, *signed)]) == 0
    assert "clerk 5 of device 31" in capsys.readouterr().out
    assert main(["office", "serve", str(office.folder), "--host", "0.0.0.0"]) == 2
    assert "clear" in capsys.readouterr().err
    assert main(["office", "serve", str(office.folder / "nowhere" / "x")]) == 2
    assert "no such ledger" in capsys.readouterr().err


def test_a_port_that_is_taken_or_none_is_said_with_what_to_do(office, capsys):
    with socket.create_server(("127.0.0.1", 0)) as taken:
        for port in (taken.getsockname()[1], 70_000, -1):
            words = ["serve", str(office.folder), "--register", str(office.folder)]
            assert main(["office", *words, "--port", str(port)]) == 2
            said = capsys.readouterr().err
            assert f"port {port}" in said and "choose another --port" in said


def test_every_text_stands_in_every_language():
    assert missing() == {code: [] for code in LANGUAGES}


def test_a_page_speaks_the_language_of_the_browser_and_then_the_chosen_one(shared):
    client = shared.browser()
    page = client.get("/sign-in", headers={"Accept-Language": "xx, sv-FI;q=0.9"}).text
    assert '<html lang="sv">' in page and "Logga in" in page
    for back, place in (("/sign-in", "/sign-in"), ("//evil.example", "/"), ("https://x", "/")):
        answer = client.post("/language", data={"language": "fi", "back": back})
        assert (answer.status_code, answer.headers["location"]) == (303, place)
    assert "Kirjaudu" in client.get("/sign-in", headers={"Accept-Language": "sv"}).text
    assert "set-cookie" not in client.post("/language", data={"language": "xx"}).headers
