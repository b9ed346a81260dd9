"""A passenger with a real card, real gates and books on disk; the shop over real HTTP, and a
provider that takes his payments."""

import re
import socket
from contextlib import contextmanager
from functools import cache
from secrets import token_bytes, token_hex
from threading import Thread

import httpx
import uvicorn

from backend_sync.api.card_codes import CardCodes
from backend_sync.api.opening import open_database as open_api
from backend_sync.api.rates import Policy
from backend_sync.keyring.local import LocalKeyring
from backend_sync.ledger import Ledger
from backend_sync.ledger.place import Place
from backend_sync.ledger.schema import accounts
from backend_sync.shop.app import make_shop
from backend_sync.shop.frame import Parts
from backend_sync.shop.opening import open_database
from backend_sync.shop.payment import PaymentPage
from backend_sync.shop.settings import read_key, read_settings, write_settings
from card_layouts.codec.timestamps import to_unix
from simulator.payment_provider import Provider
from simulator.worlds import product_tariff
from simulator.worlds.tap_world import AUTHORITY
from tests.backend_sync.action_worlds import HOUR, Shop
from tests.backend_sync.settled_worlds import package

WIDE = Policy("1000000/minute", "1000000/minute", "1000000/minute")
LOAD, CENTS = "20", 2000
ACCOUNT = 481_516_234


@cache
def tariff_bodies():
    """Return the packages of the area: the gates', and one that sells on the web."""
    changes = (("authority = 1", f"authority = {AUTHORITY}"), ("2026-01-01", "2025-01-01"))
    sells = package("tariff.toml", changes=changes, version=8)
    return {7: product_tariff.product_tariff(AUTHORITY), 8: sells}


class Town(Shop):
    """Its card's account number stands in no page by chance."""

    def begin(self, url, runs):
        ledger = Ledger(url, self.clock, self.ring, {}, AUTHORITY)
        with ledger.database.transaction():
            row = (ACCOUNT - 1, "REV", f"REV:{AUTHORITY}:1", AUTHORITY, "EUR")
            ledger.database.insert(accounts, [row])
        ledger.close()
        super().begin(url, runs)
        assert self.card == ACCOUNT


class Passenger:
    """`http()` is a browser; `code()` what a counter gives out; `inland()` opens the books."""

    def __init__(self, folder, policy=WIDE, paid=True):
        self.folder, self.policy = folder, policy
        self.url = f"sqlite:///{folder / 'ledger.db'}"
        self.town = Town(folder, self.url)
        self.clock, self.card = self.town.clock, self.town.card
        while self.town.ledger.audit():
            pass
        self.town.close()
        (folder / "tariffs").mkdir()
        for version, body in tariff_bodies().items():
            (folder / "tariffs" / f"{AUTHORITY}-{version}.ttar").write_bytes(body)
        self.said, self.provider = [], None
        self.place = Place(str(folder))
        self.machines = open_api(folder)
        self.codes = CardCodes(self.machines, self.clock, token_bytes)
        self.listener = socket.create_server(("127.0.0.1", 0))
        self.address = f"http://127.0.0.1:{self.listener.getsockname()[1]}"
        if paid:
            self.provider = Provider(b"", lambda: to_unix(self.clock.now), lambda: token_hex(8))
            write_settings(folder, self.address, self.provider.url + "/pay", "town", token_bytes)
            self.provider.key = read_key(folder / "shop.key")
            Thread(target=self.provider.serve, daemon=True).start()
        self.begin()
        config = uvicorn.Config(self.answer, log_config=None, lifespan="off", interface="asgi3")
        self.server = uvicorn.Server(config)
        self.thread = Thread(target=self.server.run, args=([self.listener],), daemon=True)
        self.thread.start()

    async def answer(self, scope, receive, send):
        await self.app(scope, receive, send)

    def begin(self):
        """Start the shop's process anew: nothing is left of the one before but its files."""
        settings = read_settings(self.folder)
        self.database = open_database(self.folder)
        self.app = make_shop(
            Parts(self.place, self.database, self.codes, settings and PaymentPage(settings),
                  self.clock, token_bytes, False, self.policy), self.said.append,
        )  # fmt: skip

    def again(self):
        self.database.close()
        self.begin()

    def close(self):
        self.server.should_exit = True
        self.thread.join()
        if self.provider:
            self.provider.close()
        self.database.close()
        self.machines.close()

    def code(self):
        return self.codes.give(self.card, "carl")

    def http(self, proved=True):
        made = httpx.Client(base_url=self.address, headers={"Origin": self.address}, timeout=60)
        if proved:
            assert made.post("/shop/card", data={"code": self.code()}).status_code == 303
        return made

    def order(self, http, **changes):
        """Order a load; return the order's address."""
        answer = http.post("/shop/orders", data=self.form(http, **changes))
        assert answer.status_code == 303, answer.text
        return answer.headers["location"]

    def form(self, http, **changes):
        key = re.search(r'name="key" value="([0-9a-f]{32})"', http.get("/shop/buy").text)[1]
        return {"key": key, "what": "load", "euros": LOAD, **changes}

    def link(self, http, order):
        """Return what the page of an unpaid order sends the browser to, as fields."""
        found = re.search(r'id="pay" [^>]*href="([^"]+)"', http.get(order).text)[1]
        return dict(httpx.URL(found.replace("&amp;", "&")).params)

    def pay(self, http, order, do="pay"):
        """Pay at the provider's page; return where that sends the browser."""
        asked = self.link(http, order)
        page = httpx.get(self.provider.url + "/pay", params=asked)
        assert page.status_code == 200, page.text
        answer = httpx.post(self.provider.url + "/pay", data={**asked, "do": do}, timeout=60)
        assert answer.status_code == 303, answer.text
        return answer.headers["location"]

    @contextmanager
    def inland(self):
        """The ledger, its keyring and its publisher, as their own processes have them."""
        town = self.town
        town.ring = LocalKeyring(self.folder / "keyring")
        town.open(self.url)
        town.start()
        try:
            yield town
        finally:
            town.close()

    def tap(self):
        """Give the gates the newest list, hold the card to one, and take its journal in."""
        with self.inland() as town:
            town.publish(0, 1)
            self.clock.now += HOUR
            assert town.town.tap(self.clock.now) is not None
            town.review()
            while town.ledger.audit():
                pass

    def money(self):
        """Return {kind of account: cents} of all that is not 0."""
        rows = self.books("SELECT name, cents FROM balances WHERE cents <> 0")
        found = {}
        for name, cents in rows:
            kind = name if name.startswith("CASH:web") else name.partition(":")[0]
            found[kind] = found.get(kind, 0) + cents
        assert sum(found.values()) == 0
        return found

    def books(self, sql, values=()):
        with self.place.books() as database:
            return [tuple(row) for row in database.rows(sql, values)]

    def orders(self):
        sql = "SELECT state, cents, action > 0 FROM orders ORDER BY id"
        return [tuple(row) for row in self.database.rows(sql)]


def text(page, name):
    """Return the words of the element `name` of a page, without marks."""
    found = re.search(rf'id="{name}"[^>]*>(.*?)</(?:p|dd|ul|td)>', page, re.DOTALL)[1]
    return re.sub(r"<[^>]+>", "", found).strip()
