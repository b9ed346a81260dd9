"""A real browser uploads, reads the differences, confirms and undoes: Chromium, headless."""

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

from backend_sync.clocks import SystemClock
from backend_sync.registers.passwords import Cost
from tests.backend_sync.browser import SIZES, Browser
from tests.backend_sync.office_world import Office
from tests.backend_sync.operating.planners import DAYS, TOWN_FEED, zipped
from tests.backend_sync.registers_world import SECRET

ROOT = Path(__file__).resolve().parents[3]
DECADES = f"{DAYS}\ndaily,1,1,1,1,1,1,1,20260101,20551231\n"  # the process has the real clock


@pytest.fixture
def address(tmp_path):
    """The office as `./tornello ledger serve` runs it, on any free port."""
    made = Office(tmp_path, lived=False, cost=Cost(memory_kib=64, passes=1, lanes=1))
    made.close()
    assert made.clock.utc_seconds() < SystemClock().utc_seconds()
    command = [sys.executable, "-m", "backend_sync", "office", "serve", str(tmp_path), "--port",
               "0", "--register", str(tmp_path)]  # fmt: skip
    process = subprocess.Popen(command, cwd=ROOT, stdout=subprocess.PIPE, text=True)
    line = process.stdout.readline()
    yield re.fullmatch(r"office: (http://127\.0\.0\.1:\d+)/\n", line)[1]
    process.terminate()
    assert process.wait() in (0, -15)
    process.stdout.close()


@pytest.fixture
def browser(tmp_path, system_command):
    made = Browser(system_command("chromium"), tmp_path / "profile")
    yield made
    made.close()


@pytest.mark.system
@pytest.mark.requirement("W-20", "W-118", "W-121", "W-122")
def test_a_planner_uploads_confirms_undoes_and_chains_in_a_browser(address, browser, tmp_path):
    pictures = Path(os.environ.get("OFFICE_PICTURES", tmp_path / "pictures"))
    pictures.mkdir(parents=True, exist_ok=True)

    def kept(name):
        for size in SIZES:
            for scheme in ("light", "dark"):
                over = browser.picture(pictures / f"{name}-{size}-{scheme}.png", size, scheme)
                assert over <= 0, f"{name} does not fit on {size}"
                assert browser.faults() == [], f"{name}: {browser.faults()}"

    def text(what):
        return browser.js(f"document.querySelector('{what}').innerText")

    def click(what):
        browser.then(lambda: browser.js(f"document.querySelector('{what}').click()"))

    def upload(name, body):
        path = tmp_path / name
        path.write_bytes(body)
        found = browser.say("Runtime.evaluate", expression="document.querySelector('[name=zip]')")
        words = {"files": [str(path)], "objectId": found["result"]["objectId"]}
        browser.say("DOM.setFileInputFiles", **words)
        click("#upload button")

    browser.go(address + "/sign-in")
    browser.write("[name=name]", "olli")
    browser.write("[name=secret]", SECRET)
    browser.enter()
    browser.go(address + "/operating")
    kept("operating-empty")
    upload("slip.zip", zipped(tmp_path, **{"../evil": "a\n"}))
    assert "a path out of the archive" in text("[role=alert]")
    kept("operating-refused")
    upload("first.zip", zipped(tmp_path, **TOWN_FEED, calendar=DECADES))
    assert browser.js("location.pathname") == "/operating/1" and text("#trips") == "3"
    kept("operating-first")
    click("#force button")
    assert browser.js("location.pathname") == "/operating"
    stops = TOWN_FEED["stops"].replace("Hill", "High Hill") + "d,Mill,A,62.9,27.7\n"
    calls = TOWN_FEED["stop_times"].replace("08:25", "08:24")
    changes = {"stops": stops, "stop_times": calls}
    upload("second.zip", zipped(tmp_path, **TOWN_FEED | changes, calendar=DECADES))
    assert (text("#stops-added"), text("#stops-changed")) == ("1", "1")
    assert (text("#departures-added"), text("#departures-removed")) == ("1", "1")
    browser.js("document.querySelectorAll('details').forEach((one) => { one.open = true; })")
    assert "name: Hill → High Hill" in text("main")
    kept("operating-differences")
    click("#force button")
    in_force = "table tbody tr td"
    assert text(in_force) == "2"
    kept("operating-in-force")
    browser.go(address + "/operating/1")
    click("#force button")  # undo
    assert text(in_force) == "1"

    for name, path in (("stops", "stops"), ("stop", "stop?id=a"), ("routes", "routes"),
                       ("route", "route?id=r"), ("blocks-none", "blocks")):  # fmt: skip
        browser.go(f"{address}/operating/1/{path}")
        kept(f"operating-{name}")
    for row in (1, 3):
        browser.js(f"document.querySelector('#trip-{row}').click()")
    browser.write("#chain [name=name]", "bus-1")
    browser.enter()
    assert "wanted" in text("[role=alert]")
    kept("operating-blocks-refused")
    for trip in ("t1", "t2"):
        browser.js(f"document.querySelector('#chain [value={trip}]').click()")
    browser.write("#chain [name=name]", "bus-1")
    browser.enter()
    assert browser.js("document.querySelectorAll('table.block tbody tr').length") == 2
    kept("operating-blocks")
