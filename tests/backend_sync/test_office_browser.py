"""A real browser signs in at the real process, sells, and prints its slip: Chromium, headless.

It is driven over its DevTools pipe (two file descriptors, messages of JSON that end in a zero
byte), so no further package is needed.
"""

import json
import os
import re
import subprocess
import sys
from base64 import b64decode
from pathlib import Path

import pytest

from backend_sync.clocks import SystemClock
from backend_sync.registers.passwords import Cost
from tests.backend_sync.office_world import DEVICE, Office
from tests.backend_sync.registers_world import SECRET

ROOT = Path(__file__).resolve().parents[2]
FLAGS = ("--headless=new", "--remote-debugging-pipe", "--no-first-run", "--disable-gpu",
         "--disable-background-networking", "--disable-component-update", "--disable-sync",
         "--disable-dev-shm-usage", "--no-sandbox")  # fmt: skip
# Chromium takes its commands from descriptor 3 and answers on 4.
START = """import os, sys
from fcntl import F_DUPFD, fcntl
command, answer = (fcntl(int(number), F_DUPFD, 10) for number in sys.argv[1:3])
os.dup2(command, 3)
os.dup2(answer, 4)
os.execv(sys.argv[3], sys.argv[3:])
"""
SIZES = {"wide": (1200, 900), "phone": (390, 844)}


class Browser:
    """One page of a Chromium of its own; every wait is for something that the page says."""

    def __init__(self, program, folder):
        command, self.commands = os.pipe()
        self.answers, answer = os.pipe()
        self.process = subprocess.Popen(
            [sys.executable, "-c", START, str(command), str(answer), program, *FLAGS,
             f"--user-data-dir={folder}", "about:blank"],
            pass_fds=(command, answer), stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
        )  # fmt: skip
        os.close(command)
        os.close(answer)
        self.read, self.number, self.session, self.loaded = b"", 0, None, 0
        target = next(one for one in self.say("Target.getTargets")["targetInfos"]
                      if one["type"] == "page")  # fmt: skip
        words = {"targetId": target["targetId"], "flatten": True}
        self.session = self.say("Target.attachToTarget", **words)["sessionId"]
        self.say("Page.enable")

    def say(self, method, **words):
        """Send a command; return its result."""
        self.number += 1
        message = {"id": self.number, "method": method, "params": words}
        if self.session:
            message["sessionId"] = self.session
        os.write(self.commands, json.dumps(message).encode() + b"\0")
        while (heard := self.hear()).get("id") != self.number:
            pass
        assert "error" not in heard, heard
        return heard["result"]

    def hear(self):
        while b"\0" not in self.read:
            part = os.read(self.answers, 1 << 20)
            assert part, "the browser is gone"
            self.read += part
        line, _, self.read = self.read.partition(b"\0")
        message = json.loads(line)
        self.loaded += message.get("method") == "Page.loadEventFired"
        return message

    def then(self, act):
        """Do what leads to another page, and wait until that is there."""
        before = self.loaded
        act()
        while self.loaded == before:
            self.hear()

    def go(self, url):
        self.then(lambda: self.say("Page.navigate", url=url))

    def js(self, text):
        found = self.say("Runtime.evaluate", expression=text, returnByValue=True)
        assert "exceptionDetails" not in found, found
        return found["result"].get("value")

    def write(self, field, text):
        """Type into a field, as a person at the keyboard does."""
        self.js(f"document.querySelector({json.dumps(field)}).focus()")
        self.say("Input.insertText", text=text)

    def enter(self):
        """Press Enter in the field that has the focus: the form is sent without a mouse."""
        key = {"key": "Enter", "code": "Enter", "windowsVirtualKeyCode": 13, "text": "\r"}
        self.then(lambda: self.say("Input.dispatchKeyEvent", type="keyDown", **key))

    def picture(self, path, size, scheme):
        """Keep a screenshot; return how many pixels the page is wider than the screen."""
        width, height = SIZES[size]
        self.say("Emulation.setDeviceMetricsOverride", width=width, height=height,
                 deviceScaleFactor=1, mobile=size == "phone")  # fmt: skip
        scheme = {"name": "prefers-color-scheme", "value": scheme}
        self.say("Emulation.setEmulatedMedia", features=[scheme])
        path.write_bytes(b64decode(self.say("Page.captureScreenshot")["data"]))
        return self.js("document.documentElement.scrollWidth - innerWidth")

    def close(self):
        self.process.terminate()
        self.process.wait()
        os.close(self.commands)
        os.close(self.answers)


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
def test_a_browser_signs_in_sells_by_keyboard_and_shows_the_slip(address, tmp_path, system_command):
    url, office = address
    pictures = Path(os.environ.get("OFFICE_PICTURES", tmp_path / "pictures"))
    pictures.mkdir(exist_ok=True)
    browser = Browser(system_command("chromium"), tmp_path / "profile")

    def kept(name):
        for size in SIZES:
            for scheme in ("light", "dark"):
                over = browser.picture(pictures / f"{name}-{size}-{scheme}.png", size, scheme)
                assert over <= 0, f"{name} does not fit on {size}"

    try:
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
    finally:
        browser.close()
    assert office.books("SELECT place, kind, cents FROM slips") == [(1, "load", 2000)]


def sign_in(browser, name):
    browser.write("[name=name]", name)
    browser.write("[name=secret]", SECRET)
    browser.enter()
