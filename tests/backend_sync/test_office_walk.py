"""The acceptance of the office: a real Chromium at the real command, keyboard only, in every role.

A card of real bytes is loaded at a station and taps at real gates while the pages are open; the day
is closed on a page, and what is downloaded is read back and laid beside the trial balance.
"""

import io
import re
from urllib.parse import urlsplit

import openpyxl
import pypdf
import pytest

from backend_sync.office.app import SUBJECTS
from card_layouts.answers import ACCEPTED, LOADED
from tests.backend_sync.browser import Browser
from tests.backend_sync.office_world import DEVICE
from tests.backend_sync.served_office import USERS, Served, StreetOffice, Walk, allowed
from tests.backend_sync.settled_worlds import TOWN

LOAD, WEB_LOAD, FARE_MOST = 2000, 3000, 1000
MENU = [row[1] for subject in SUBJECTS for row in subject.MENU]


@pytest.fixture(scope="module")
def walk(tmp_path_factory, system_command):
    folder = tmp_path_factory.mktemp("walk")
    served = Served(StreetOffice(folder))
    browser = Browser(system_command("chromium"), folder / "profile")
    yield Walk(browser, served)
    browser.close()
    served.stop()


@pytest.mark.system
@pytest.mark.requirement("W-8", "W-9", "W-11", "W-5")
def test_every_role_signs_in_sees_exactly_its_menu_and_signs_out(walk):
    """What a role may open is written by hand in roles.csv; the menu is that, and no more."""
    pages = {path: allowed(path) for path in MENU}
    found, wanted = {}, {}
    for role, name in USERS.items():
        walk.sign_in(name)
        menu = [path for path in MENU if role in pages[path]]
        wanted[role] = ((menu or ["/"])[0], menu)
        found[role] = (walk.path, walk.menu())
        walk.sign_out()
    assert found == wanted
    print(f"{len(found)} roles, each with exactly its menu; {len(MENU)} rows in all")


@pytest.mark.system
@pytest.mark.requirement("W-108", "W-24", "W-23", "W-152", "W-151", "W-123")
def test_loads_are_sold_tapped_settled_and_downloaded_to_the_cent(walk, tmp_path):
    street = walk.office.street
    action = sell(walk)
    assert street.load(action, LOAD) == LOADED
    assert street.tap(gate=0) == ACCEPTED
    fare = LOAD - street.purse
    assert 0 < fare < FARE_MOST
    street.post()
    walk.sign_in("carl").go(f"/slips/{DEVICE}/1")
    assert "On the card since" in walk.browser.text("#on-card")
    walk.sign_out()
    order = load_through_the_shop(walk)
    assert len(street.publish(gate=1)) == 1
    assert street.tap(gate=1) == ACCEPTED
    on_card = street.purse
    assert on_card >= LOAD + WEB_LOAD - 2 * FARE_MOST
    street.post()
    assert "On the card since" in walk.go(order).browser.text("#state")
    walk.go("/shop/card")
    assert walk.money("#balance") == euros(on_card)
    see_the_account(walk, on_card)
    close_the_day(walk)
    balances = dict(street.place.books().rows("SELECT name, cents FROM balances"))
    revenue = {int(name.split(":")[2]): cents for name, cents in balances.items()
               if name.startswith(f"REV:{TOWN}:")}  # fmt: skip
    taxes = sum(cents for name, cents in balances.items() if name.startswith(f"VAT:{TOWN}:"))
    assert sum(balances.values()) == 0
    assert sum(revenue.values()) + taxes == LOAD + WEB_LOAD - on_card
    for name, own in (("alma", (10, 11)), ("olli", (10,))):
        wanted = {number: revenue.get(number, 0) for number in own}
        for form, read in (("pdf", nets_of_pdf), ("xlsx", nets_of_excel)):
            found = read(downloaded(walk, name, form, tmp_path))
            print(f"{name}, {form}: net {found} = trial balance {wanted}")
            assert found == wanted
    assert not walk.browser.complaints
    asked = {url.scheme + "://" + url.netloc for url in map(urlsplit, walk.browser.requests)
             if url.scheme != "data"}  # fmt: skip
    assert asked == {walk.url, walk.provider.url}


def sell(walk):
    """Sell a load, with Tab and Enter alone; return the action number of the slip."""
    walk.sign_in("carl").go("/sell")
    walk.browser.wait_for_focus("#load [name=card]")
    walk.browser.type(str(walk.office.card))
    walk.browser.tab_to("#load [name=euros]")
    walk.browser.type("20")
    walk.browser.tab_to("#load button")
    walk.browser.enter()
    assert walk.path == f"/slips/{DEVICE}/1"
    assert walk.money("#to-pay") == euros(LOAD)
    action = int(walk.browser.text("#action"))
    assert "Not on the card yet" in walk.browser.text("#on-card")
    walk.sign_out()
    return action


def load_through_the_shop(walk):
    """Get a code at the counter, open the card in the shop, pay; return the order's address."""
    browser = walk.browser
    walk.sign_in("dora").go(f"/cards/accounts/{walk.office.card}")
    browser.tab_to("form[action$='/code'] button")
    browser.enter()
    code = browser.text("#code")
    walk.sign_out().go("/shop")
    browser.wait_for_focus("[name=code]")
    browser.type(code)
    browser.enter()
    assert walk.path == "/shop/card"
    browser.tab_to("a[href='/shop/buy']")
    browser.enter()
    browser.tab_to("[name=euros]")
    browser.type(str(WEB_LOAD // 100))
    browser.enter()
    order = walk.path
    browser.tab_to("#pay")
    browser.enter()
    browser.tab_to("[value=pay]")  # on the provider's page
    browser.enter()
    assert "signature" not in walk.path and browser.js("location.origin") == walk.url
    walk.go(order)
    assert "On the card since" not in browser.text("#state")
    return order


def see_the_account(walk, on_card):
    """Find the card by its account number: its money is what its own bytes say."""
    walk.sign_in("alma").go("/cards")
    walk.browser.wait_for_focus("[name=account]")
    walk.browser.type(str(walk.office.card))
    walk.browser.enter()
    assert walk.path == f"/cards/accounts/{walk.office.card}"
    assert walk.money("#balance") == euros(on_card)
    walk.sign_out()


def close_the_day(walk):
    """Write today's date, read what closing does, and mean it."""
    walk.sign_in("accountant").go("/settlement")
    day = walk.browser.js("document.querySelector('[name=day]').max")
    walk.browser.js("document.querySelector('[name=day]').focus()")
    year, month, date = day.split("-")
    walk.browser.type_keys(f"{month}{date}{year}")
    walk.browser.enter()
    assert walk.path == "/settlement/close" and day in walk.browser.text("h1")
    assert int(walk.browser.text("#entries")) > 0
    walk.browser.tab_to("main button")
    walk.browser.enter()
    assert walk.path == "/settlement/1"
    assert "unassigned 0" in walk.browser.text("#equality")
    walk.sign_out()


def downloaded(walk, name, form, folder):
    """Return the settlement of all closed days as a file, as that person's browser gets it."""
    walk.sign_in(name).go("/reports/settlement")
    body = walk.browser.download(f"a[href*='file.{form}']", folder)
    walk.sign_out()
    return body


def nets_of_excel(body):
    """Return {operator: net cents} of the workbook."""
    head, *rows = openpyxl.load_workbook(io.BytesIO(body)).worksheets[0].iter_rows(values_only=True)
    names = [text.partition(" (")[0].casefold() for text in head]
    operator, net = names.index("operator"), names.index("net")
    found = {number_in(row[operator]): round(row[net] * 100) for row in rows if row[operator]}
    assert round(rows[-1][net] * 100) == sum(found.values())  # the last row is the total
    return found


def nets_of_pdf(body):
    """Return {operator: net cents} of the printed table: the last figure of each row."""
    text = "\n".join(page.extract_text() for page in pypdf.PdfReader(io.BytesIO(body)).pages)
    rows = re.findall(r"\((\d+)\) \d+ .* (-?[\d,]+)\.(\d\d)$", text, re.MULTILINE)
    found = {int(number): int(f"{euros.replace(',', '')}{cents}") for number, euros, cents in rows}
    total = re.search(r"^Total .* (-?[\d,]+)\.(\d\d)$", text, re.MULTILINE)
    assert int(total[1].replace(",", "") + total[2]) == sum(found.values())
    return found


def euros(cents):
    return f"{cents // 100}.{cents % 100:02}"


def number_in(cell):
    """Return the operator's number: alone, or behind its name."""
    return int(re.search(r"(\d+)\)?$", str(cell))[1])
