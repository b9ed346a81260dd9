"""`./tornello ledger serve` as a process over an office of tests; what a browser does there.

`Walk` is one person at a keyboard; nothing here knows what a page should say.
"""

import csv
import re
import socket
import subprocess
from pathlib import Path
from secrets import token_bytes, token_hex
from threading import Thread
from time import time

import httpx

from backend_sync.clocks import SystemClock
from backend_sync.registers.names import name_it
from backend_sync.registers.passwords import Cost
from backend_sync.shop.settings import read_key, write_settings
from simulator.payment_provider import Provider
from tests.backend_sync.ledger_databases import empty_ledger
from tests.backend_sync.office_world import OTHERS, PEOPLE, Office, figure, secret_of
from tests.backend_sync.settled_worlds import TOWN
from tests.backend_sync.street_world import Street

ROOT = Path(__file__).resolve().parents[2]
ROLES = Path(__file__).with_name("roles.csv")
OPERATORS = {10: "Koivula Buses", 11: "Itä-Koivulan Seudullinen Bussiliikenne"}
QUICK = Cost(memory_kib=64, passes=1, lanes=1)  # of a password; every role signs in
# A user of each role, all of them in the town, operator 10 and the point kamppi.
USERS = {role: name for name, role, authority, operator, _ in reversed(PEOPLE)
         if authority == TOWN and operator in (0, 10)}  # fmt: skip
USERS |= {role: role.replace(" ", ".") for role in OTHERS}
ROLE_OF = {name: role for role, name in USERS.items()}


class StreetOffice(Office):
    """An office whose books hold what a real card did in the street, today, and nothing else."""

    def __init__(self, folder):
        super().__init__(folder, cost=QUICK)

    def _settle(self, lived):
        empty_ledger(f"sqlite:///{self.folder / 'ledger.db'}")
        self.street = Street(self.folder, SystemClock())
        self.card = self.street.account

    def _hire(self):
        super()._hire()
        boss = self.registers.users.get("alma")
        for number, name in OPERATORS.items():
            name_it(self.registers.trail, boss, TOWN, "operator", number, name, 0)


class Served:
    """The command as people start it, with a shop beside it that a provider takes payments for."""

    def __init__(self, office):
        office.close()
        self.office = office
        port = _free_port()
        self.provider = Provider(b"", lambda: int(time()), lambda: token_hex(8))
        write_settings(office.folder, f"http://127.0.0.1:{port}", self.provider.url + "/pay",
                       "town", token_bytes)  # fmt: skip
        self.provider.key = read_key(office.folder / "shop.key")
        Thread(target=self.provider.serve, daemon=True).start()
        command = [str(ROOT / "tornello"), "ledger", "serve", str(office.folder), "--port",
                   str(port), "--register", str(office.folder)]  # fmt: skip
        with (office.folder / "office.log").open("wb") as log:
            self.process = subprocess.Popen(command, cwd=ROOT, stdout=subprocess.PIPE, stderr=log,
                                            text=True)  # fmt: skip
        said = self.process.stdout.readline()
        self.url = re.fullmatch(r"[a-z]+: (http://127\.0\.0\.1:\d+)/\n", said)[1]

    def stop(self):
        self.process.terminate()
        assert self.process.wait() in (0, -15)
        self.process.stdout.close()
        self.provider.close()


class Walk:
    """One browser at one served office: whoever signs in does all by keyboard."""

    def __init__(self, browser, served):
        self.browser, self.url, self.office = browser, served.url, served.office
        self.provider = served.provider

    def go(self, path):
        self.browser.go(self.url + path)
        return self

    @property
    def path(self):
        return self.browser.js("location.pathname")

    @property
    def alert(self):
        return self.browser.text("[role=alert]")

    def money(self, element):
        """Return an amount as it stands there, without its currency."""
        return self.browser.text(element).split()[0]

    def live_a_day(self):
        """A load sold and put on the card at the counter, one by the web, taps, the day closed."""
        office, street = self.office, self.office.street
        with httpx.Client(base_url=self.url, headers={"Origin": self.url}, timeout=60) as clerk:
            clerk.post("/sign-in", data={"name": "carl", "secret": secret_of("sales point")})
            form = office.form(clerk)
            slip = clerk.post("/sell", data=form, follow_redirects=True)
        street.load(int(figure(slip.text, "action")), 2000)
        street.tap(gate=0)
        street.post()
        street.order(3000)
        street.publish(gate=1)
        street.tap(gate=1)
        street.order(4000)
        street.post()
        street.close_today()
        street.tap(gate=0)
        street.post()

    def sign_in(self, name, secret=""):
        """Write name and password where the focus is led, and press Enter."""
        if self.path != "/sign-in":
            self.go("/sign-in")
        self.browser.wait_for_focus("[name=name]")
        self.browser.type(name)
        self.browser.tab_to("[name=secret]")
        self.browser.type(secret or secret_of(ROLE_OF.get(name, "authority")))
        self.browser.enter()
        return self

    def sign_out(self):
        self.browser.tab_to("header button")
        self.browser.enter()
        assert self.path == "/sign-in"
        return self

    def menu(self):
        """Return the addresses of the menu, in its order."""
        return self.browser.js("[...document.querySelectorAll('header nav a')].map("
                               "(link) => new URL(link.href).pathname)")  # fmt: skip


def _free_port():
    """Return a port that nobody listens at now: the shop's settings name it before it is served."""
    with socket.create_server(("127.0.0.1", 0)) as listener:
        return listener.getsockname()[1]


def allowed(path):
    """Return the roles that roles.csv lets see a page."""
    rows = csv.DictReader(ROLES.open(encoding="utf-8"))
    return {role.strip() for row in rows if row["method"] == "GET" and row["path"] == path
            and row["status"] == "200" for role in row["roles"].split(";")}  # fmt: skip
