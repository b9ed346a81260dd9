"""A real browser buys at the real shop, pays at the provider and sees it loaded: Chromium."""

import os
from pathlib import Path

import pytest

from tests.backend_sync.browser import Browser
from tests.backend_sync.shop.shop_world import text

LOOKS = (("wide", "light"), ("wide", "dark"), ("phone", "light"), ("phone", "dark"))


@pytest.fixture
def browser(tmp_path, system_command):
    made = Browser(system_command("chromium"), tmp_path / "profile")
    yield made
    made.close()


@pytest.mark.system
@pytest.mark.requirement("W-142", "W-143", "W-110")
def test_a_passenger_opens_his_card_buys_pays_taps_and_sees_it_loaded(passenger, browser, tmp_path):
    pictures = Path(os.environ.get("SHOP_PICTURES", tmp_path / "pictures"))
    pictures.mkdir(parents=True, exist_ok=True)
    found = {}

    def looked_at(name):
        wrong = []
        for size, scheme in LOOKS if "SHOP_PICTURES" in os.environ else LOOKS[::3]:
            over = browser.picture(pictures / f"{name}-{size}-{scheme}.png", size, scheme)
            wrong += [f"{over} px too wide for {size}"] * (over > 0) + browser.faults()
        found[name] = wrong
        browser.look("wide")

    def state():
        return text(browser.js("document.documentElement.outerHTML"), "state")

    def press(what):
        browser.then(lambda: browser.js(f"document.querySelector({what!r}).click()"))

    browser.go(passenger.address + "/shop")
    looked_at("door")
    browser.write("[name=code]", "AAAAAAAAAA")
    browser.enter()
    assert browser.js("document.querySelector('[role=alert]').innerText").startswith("This code")
    looked_at("wrong-code")
    browser.write("[name=code]", passenger.code())
    browser.enter()
    looked_at("card")
    press("a.button")
    browser.write("#load [name=euros]", "21")
    browser.enter()
    looked_at("buy-refused")
    browser.js("document.querySelector('#load [name=euros]').value = ''")
    browser.write("#load [name=euros]", "20")
    browser.enter()
    assert state().startswith("Not paid yet")
    looked_at("order-unpaid")
    press("#pay")
    assert browser.js("location.origin") == passenger.provider.url
    press("button[value=pay]")
    assert browser.js("location.pathname").startswith("/shop/orders/"), "the proof came along"
    assert state().startswith("Waiting: goes onto the card")
    looked_at("order-waiting")
    passenger.tap()
    browser.go(passenger.address + "/shop/card")
    browser.write("[name=code]", passenger.code())
    browser.enter()
    assert "On the card since" in browser.js("document.querySelector('#on-its-way').innerText")
    looked_at("card-loaded")
    browser.then(lambda: browser.js("document.querySelector('#on-its-way a').click()"))
    assert state().startswith("On the card since")
    looked_at("order-loaded")
    press("a[href$='/slip']")
    browser.js("document.querySelector('#ref').textContent = 'm'.repeat(24)")  # refs are random
    looked_at("slip")
    assert browser.pages_printed().startswith(b"%PDF")
    browser.go(passenger.address + "/shop/card")
    press("tbody a")
    looked_at("tap")
    assert {name: wrong for name, wrong in found.items() if wrong} == {}
    assert len(found) == 10
