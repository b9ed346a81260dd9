"""A real browser signs in at the real process, sells, and prints its slip: Chromium, headless."""

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

from backend_sync.clocks import SystemClock
from backend_sync.registers.passwords import Cost
from tests.backend_sync.browser import SIZES, Browser
from tests.backend_sync.office_world import DEVICE, Office
from tests.backend_sync.registers_world import SECRET

ROOT = Path(__file__).resolve().parents[2]
# Every page that can be opened, and who opens it; {card} is the account of a card.
PAGES = (
    ("alma", "today", "/today"), ("alma", "cards", "/cards"),
    ("alma", "account", "/cards/accounts/{card}"), ("alma", "sales", "/sales?days=7"),
    ("alma", "shifts", "/sales/shifts"), ("alma", "devices", "/devices"),
    ("alma", "device", "/devices/1"), ("alma", "tariffs", "/tariffs"),
    ("alma", "settlement", "/settlement"), ("alma", "settled-day", "/settlement/1"),
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
    ("dpo", "not-allowed", "/today"), ("card.maker", "nothing-here", "/"),
)  # fmt: skip


@pytest.fixture
def address(tmp_path):
    """The office as `./tornello office serve` runs it, on any free port."""
    made = Office(tmp_path, cost=Cost(memory_kib=64, passes=1, lanes=1))
    made.close()
    assert made.clock.utc_seconds() < SystemClock().utc_seconds()
    command = [sys.executable, "-m", "backend_sync", "office", "serve", str(tmp_path), "--port",
               "0", "--register", str(tmp_path)]  # fmt: skip
    process = subprocess.Popen(command, cwd=ROOT, stdout=subprocess.PIPE, text=True)
    line = process.stdout.readline()
    yield re.fullmatch(r"office: (http://127\.0\.0\.1:\d+)/\n", line)[1], made
    process.terminate()
    assert process.wait() in (0, -15)
    process.stdout.close()


@pytest.mark.system
@pytest.mark.requirement("W-108", "W-24")
def test_a_browser_signs_in_sells_by_keyboard_and_shows_the_slip(address, browser, tmp_path):
    url, office = address
    pictures = Path(os.environ.get("OFFICE_PICTURES", tmp_path / "pictures"))
    pictures.mkdir(exist_ok=True)

    def kept(name):
        for size in SIZES:
            for scheme in ("light", "dark"):
                over = browser.picture(pictures / f"{name}-{size}-{scheme}.png", size, scheme)
                assert over <= 0, f"{name} does not fit on {size}"

    browser.go(url + "/sell")
    kept("sign-in")
    sign_in(browser, "carl")
    assert browser.js("location.pathname") == "/sell"
    kept("sell")
    browser.write("#load [name=card]", str(office.card))
    browser.write("#load [name=euros]", "20")
    browser.enter()
    assert browser.js("location.pathname") == f"/slips/{DEVICE}/1"
    assert browser.js("document.querySelector('#to-pay').innerText") == "20.00"
    kept("slip")
    browser.go(url + "/sell")
    browser.write("#load [name=card]", "1")
    browser.write("#load [name=euros]", "21")
    browser.enter()
    assert "multiples" in browser.js("document.querySelector('[role=alert]').innerText")
    kept("refused")
    styles = "getComputedStyle(document.querySelector('header button')).textDecorationLine"
    assert browser.js(styles) == "underline"  # the sheet came past our own policy
    browser.then(lambda: browser.js("document.querySelector('header button').click()"))
    sign_in(browser, "alma")
    assert browser.js("location.pathname") == "/today"
    assert browser.js("document.querySelector('#waiting').innerText") == "1"
    kept("today")
    assert office.books("SELECT place, kind, cents FROM slips") == [(1, "load", 2000)]


@pytest.fixture
def browser(tmp_path, system_command):
    made = Browser(system_command("chromium"), tmp_path / "profile")
    yield made
    made.close()


def each_page(browser, url, office):
    """Go to each page, as the one who opens it; yield its name."""
    last = ""
    for name, page, path in PAGES:
        if name != last:
            if last:
                browser.then(lambda: browser.js("document.querySelector('header button').click()"))
            browser.go(url + "/sign-in")
            sign_in(browser, name)
            last = name
        browser.go(url + path.format(card=office.card))
        yield page


@pytest.mark.system
@pytest.mark.requirement("W-5", "W-10")
def test_every_page_fits_a_phone_and_tells_everything_by_ear_and_keyboard(address, browser):
    url, office = address
    found = {}
    for page in each_page(browser, url, office):
        over = browser.look("phone", "dark")
        faults = browser.faults() + [f"{over} px too wide"] * (over > 0)
        browser.look("wide", "light")
        found[page] = faults + browser.faults()
    assert {page: faults for page, faults in found.items() if faults} == {}
    assert len(found) == len(PAGES)
    # By keyboard: the first Tab leads past the menu, and what has the focus is seen.
    browser.press("Tab")
    assert browser.js("document.activeElement.className") == "skip"
    assert browser.js("getComputedStyle(document.activeElement).outlineStyle") == "solid"


@pytest.mark.full
@pytest.mark.system
@pytest.mark.requirement("W-5")
def test_every_page_has_its_picture_light_dark_and_on_a_phone(address, browser, tmp_path):
    """Kept under OFFICE_PICTURES where that is set, to be looked at."""
    url, office = address
    pictures = Path(os.environ.get("OFFICE_PICTURES", tmp_path / "pictures"))
    pictures.mkdir(parents=True, exist_ok=True)
    for page in each_page(browser, url, office):
        for size, scheme in (("wide", "light"), ("wide", "dark"), ("phone", "light")):
            browser.picture(pictures / f"{page}-{size}-{scheme}.png", size, scheme)
        printed = browser.pages_printed()
        assert printed.startswith(b"%PDF")
        (pictures / f"{page}.pdf").write_bytes(printed)
    print(f"{len(list(pictures.glob('*.png')))} pictures of {len(PAGES)} pages in {pictures}")


def sign_in(browser, name):
    browser.write("[name=name]", name)
    browser.write("[name=secret]", SECRET)
    browser.enter()
