"""Every page of office and shop in a real browser: what a reader by ear, by keyboard or on a phone
would miss, and what goes wrong between two pages. The whole form keeps a picture of each.
"""

import os
from pathlib import Path
from secrets import token_bytes

import httpx
import pytest

from backend_sync.api.card_codes import CardCodes
from backend_sync.api.opening import open_database as open_api
from backend_sync.clocks import SystemClock
from tests.backend_sync.browser import Browser
from tests.backend_sync.office_world import DEVICE, Office
from tests.backend_sync.served_office import QUICK, Served, StreetOffice, Walk

WRONG_MOST = 5
# Every page that can be opened, and who opens it; {card} is the account of a card.
PAGES = (
    ("", "sign-in", "/sign-in"),
    ("alma", "today", "/today"), ("alma", "cards", "/cards"),
    ("alma", "account", "/cards/accounts/{card}"), ("alma", "sales", "/sales?days=7"),
    ("alma", "shifts", "/sales/shifts"), ("alma", "devices", "/devices"),
    ("alma", "device", "/devices/1"), ("alma", "tariffs", "/tariffs"),
    ("alma", "settlement", "/settlement"), ("alma", "settled-day", "/settlement/1"),
    ("alma", "close-day", "/settlement/close?day=2026-06-05"),
    ("alma", "close-refused", "/settlement/close?day=2070-01-01"),
    ("alma", "stock", "/stock"), ("alma", "documents", "/stock/documents"),
    ("alma", "names", "/names"), ("alma", "count", "/sales/count"),
    ("alma", "judged", "/sales/shifts/1/0/1/1"),
    ("alma", "users", "/users"), ("alma", "user", "/users/carl"),
    ("alma", "operating", "/operating"),
    ("alma", "proposals", "/proposals"), ("alma", "trail", "/trail"),
    ("alma", "reports", "/reports"),
    ("alma", "report", "/reports/passengers?from=2026-06-01&to=2026-06-30"),
    ("alma", "report-refused", "/reports/passengers?from=2026-06-30&to=2026-06-01"),
    ("alma", "queries", "/queries"),
    ("alma", "not-there", "/settlement/99"), ("olli", "operators-settlement", "/settlement"),
    ("olli", "operators-day", "/settlement/1"), ("olli", "operators-devices", "/devices"),
    ("carl", "sell", "/sell"), ("carl", "shift", "/sell/shift"),
    ("dpo", "not-allowed", "/today"), ("card.maker", "nothing-here", "/"),
    ("", "shop-door", "/shop/card"), ("CODE", "shop-card", "/shop/card"),
    ("CODE", "shop-buy", "/shop/buy"), ("CODE", "shop-not-there", "/shop/orders/x"),
)  # fmt: skip
# After a day of the acceptance walk: loads sold and on the card, taps, a closed day.
LIVED = (
    ("alma", "lived-today", "/today"), ("alma", "lived-account", "/cards/accounts/{card}"),
    ("alma", "lived-sales", "/sales?days=1"), ("alma", "lived-settled", "/settlement/1"),
    ("alma", "lived-report", "/reports/settlement"), ("alma", "lived-usage", "/reports/usage"),
    ("alma", "lived-report-sales", "/reports/sales"), ("alma", "lived-devices", "/devices"),
    ("carl", "lived-sell", "/sell"), ("carl", "lived-slip", f"/slips/{DEVICE}/1"),
    ("CODE", "lived-shop-card", "/shop/card"),
)  # fmt: skip
EMPTY = tuple((who, f"empty-{page}", path) for who, page, path in PAGES if page in (
    "today", "sales", "shifts", "devices", "tariffs", "settlement", "stock", "documents", "names",
    "operating", "proposals", "reports", "report", "queries", "sell", "shift"))  # fmt: skip


def walking(office, chromium):
    """Serve an office; yield a walk through it, and stop both."""
    served = Served(office)
    browser = Browser(chromium, office.folder / "profile")
    yield Walk(browser, served)
    browser.close()
    served.stop()


@pytest.fixture(scope="module")
def walk(tmp_path_factory, system_command):
    office = Office(tmp_path_factory.mktemp("browser"), cost=QUICK)
    assert office.clock.utc_seconds() < SystemClock().utc_seconds()
    yield from walking(office, system_command("chromium"))


def each_page(walk, pages):
    """Go to each page, as the one who opens it; yield its name. "": nobody, CODE: a passenger."""
    last = None
    for who, page, path in pages:
        if who != last:
            walk.browser.say("Network.clearBrowserCookies")
            if who == "CODE":
                open_card(walk)
            elif who:
                walk.go("/sign-in").sign_in(who)
            last = who
        walk.go(path.format(card=walk.office.card))
        yield page


def open_card(walk):
    """Open the card in the shop, with a code as a counter gives it out."""
    with open_api(walk.office.folder) as machines:
        code = CardCodes(machines, SystemClock(), token_bytes).give(walk.office.card, "carl")
    walk.go("/shop/card")
    walk.browser.wait_for_focus("[name=code]")
    walk.browser.type(code)
    walk.browser.enter()


@pytest.mark.system
@pytest.mark.requirement("W-5", "W-10")
def test_every_page_fits_a_phone_and_tells_everything_by_ear_and_keyboard(walk):
    browser, found = walk.browser, {}
    for page in each_page(walk, PAGES):
        over = browser.look("phone", "dark")
        faults = browser.faults() + [f"{over} px too wide"] * (over > 0)
        browser.look("wide", "light")
        found[page] = faults + browser.faults()
    assert {page: faults for page, faults in found.items() if faults} == {}
    assert len(found) == len(PAGES)
    styles = "getComputedStyle(document.querySelector('header button')).textDecorationLine"
    assert browser.js(styles) == "underline"  # the sheet came past our own policy
    # By keyboard: the first Tab leads past the menu, and what has the focus is seen.
    browser.press("Tab")
    assert browser.js("document.activeElement.className") == "skip"
    assert browser.js("getComputedStyle(document.activeElement).outlineStyle") == "solid"


@pytest.mark.system
@pytest.mark.requirement("W-108", "W-5", "T20")
def test_sent_twice_gone_back_and_signed_out_elsewhere_sells_what_was_meant_and_no_more(walk):
    browser, office = walk.browser, walk.office
    browser.say("Network.clearBrowserCookies")
    walk.go("/sign-in").sign_in("carl").go("/sell")
    fill(browser, office.card, "20")
    browser.then(lambda: [browser.press("Enter") for _ in range(2)])  # as an impatient clerk does
    walk.go(f"/slips/{DEVICE}/1")
    assert walk.money("#to-pay") == "20.00"
    browser.back()
    assert sold(office) == [(1, 2000)]
    walk.go("/sell")
    fill(browser, office.card, "21")
    browser.enter()
    assert "multiples" in walk.alert  # said, and tied to the fields that it is about
    told = "document.querySelector('#load [name=euros]').getAttribute('aria-describedby')"
    assert "refused" in browser.js(told).split()
    assert browser.js("document.querySelector('#load [name=euros]').value") == "21"

    fill(browser, "", "30", card=False)
    [cookie] = browser.say("Network.getCookies", urls=[walk.url])["cookies"]
    with httpx.Client(cookies={cookie["name"]: cookie["value"]}) as other_tab:
        other_tab.post(walk.url + "/sign-out", headers={"Origin": walk.url})
    browser.enter()
    assert "was not carried out" in walk.alert and "30" in browser.text("#lost dl")
    browser.wait_for_focus("[name=name]")
    browser.type("carl")
    browser.tab_to("[name=secret]")
    browser.type("wrong")
    browser.enter()
    assert "wrong" in walk.alert and "refused" in browser.js(
        "document.querySelector('[name=secret]').getAttribute('aria-describedby')"
    )
    assert sold(office) == [(1, 2000)]


@pytest.mark.system
@pytest.mark.requirement("T20")
def test_five_wrong_passwords_lock_and_the_page_says_so_before_and_after(walk):
    walk.browser.say("Network.clearBrowserCookies")
    said = []
    for secret in ("wrong",) * WRONG_MOST + ("",):
        walk.go("/sign-in").sign_in("fred", secret)
        said.append((walk.path, walk.alert))
    assert set(said) == {("/sign-in", said[0][1])} and "five wrong" in said[0][1]


def fill(browser, number, euros, card=True):
    for field, text in (("card", str(number)),) * card + (("euros", euros),):
        browser.js(f"document.querySelector('#load [name={field}]').value = ''")
        browser.write(f"#load [name={field}]", text)


def sold(office):
    return office.books("SELECT place, cents FROM slips ORDER BY id")


@pytest.mark.full
@pytest.mark.system
@pytest.mark.requirement("W-5")
@pytest.mark.parametrize("kind", ["made", "lived", "empty"])
def test_every_page_has_its_picture_light_dark_and_on_a_phone(tmp_path, kind, system_command):
    """Kept under OFFICE_PICTURES where that is set, to be looked at."""
    pictures = Path(os.environ.get("OFFICE_PICTURES", tmp_path / "pictures"))
    pictures.mkdir(parents=True, exist_ok=True)
    pages = {"made": PAGES, "lived": LIVED, "empty": EMPTY}[kind]
    made = StreetOffice(tmp_path) if kind == "lived" else Office(tmp_path, kind == "made", QUICK)
    for walk in walking(made, system_command("chromium")):
        if kind == "lived":
            walk.live_a_day()
        count = 0
        for page in each_page(walk, pages):
            walk.browser.js("document.querySelectorAll('details').forEach("
                            "(one) => { one.open = true; })")  # fmt: skip
            for size, scheme in (("wide", "light"), ("wide", "dark"), ("phone", "light")):
                name = f"{page}-{size}-{scheme}.png"
                assert walk.browser.picture(pictures / name, size, scheme) <= 0, name
                count += 1
            assert walk.browser.faults() == [], page
            printed = walk.browser.pages_printed()
            assert printed.startswith(b"%PDF")
            (pictures / f"{page}.pdf").write_bytes(printed)
    print(f"{count} pictures of {len(pages)} pages in {pictures}")
