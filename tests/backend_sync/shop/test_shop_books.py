"""The shop and the books: what a closed day shows of it, and that no page reads a book through."""

from concurrent.futures import ThreadPoolExecutor
from secrets import token_bytes

import httpx
import pytest

from backend_sync.ledger.place import Place
from backend_sync.sales.web_orders import LOAD, Wanted
from backend_sync.settlement.close import close_day
from backend_sync.settlement.export import hashes_of, read_packages
from backend_sync.shop.goods import DAYS, KEY
from backend_sync.shop.opening import open_database
from backend_sync.shop.orders import Orders
from backend_sync.shop.payment import NOTIFY, PAID, Told
from backend_sync.storage.database import Database
from card_layouts.settlement.batch import decode_body
from tests.backend_sync.office_world import TOWN, Office
from tests.backend_sync.settled_worlds import DAY
from tests.backend_sync.shop.shop_world import CENTS

# Of a query's plan: what does not grow with taps, sales or payments, or is read
# from its newest row alone.
SMALL = {"CONSTANT", "thread", "t", "json_each", "seals"}


@pytest.mark.requirement("W-143", "W-109")
def test_a_closed_day_shows_what_the_shop_took_and_every_account_sums_to_0(tmp_path):
    office, place = Office(tmp_path, lived=False), Place(str(tmp_path))
    with open_database(tmp_path) as database:
        orders = Orders(database, place, office.clock, token_bytes)
        wanted = Wanted(KEY, office.card, LOAD, CENTS, DAYS)
        made = orders.place_order(TOWN, wanted, None, "0" * 32, 20)
        orders.told(Told(made.ref, "pay-1", PAID, CENTS, office.clock.now))
        orders.told(Told(made.ref, "pay-2", PAID, CENTS, office.clock.now))  # a second payment
        orders.finish()
    with place.ledger(office.clock, TOWN) as ledger:
        close_day(ledger, DAY, hashes_of(read_packages(place.tariffs)))
        body = ledger.database.value("SELECT body FROM settlement_batches")
        assert sum(row[0] for row in ledger.database.rows("SELECT cents FROM balances")) == 0
        money = dict(ledger.database.rows("SELECT name, cents FROM balances"))
    assert money["CASH:web"] == -2 * CENTS and money[f"PAYOUT:{TOWN}"] == CENTS
    assert [TOWN, "web", 2 * CENTS] in list(map(list, decode_body(bytes(body))["takings"]))
    office.close()


@pytest.mark.requirement("W-142", "W-143", "T21")
def test_no_page_reads_a_book_through(passenger, monkeypatch):
    asked, rows = {}, Database._rows

    def noted(self, sql, values):
        asked.setdefault((self.url.rpartition("/")[2], sql), tuple(values))
        return rows(self, sql, values)

    http = passenger.http()
    monkeypatch.setattr(Database, "_rows", noted)
    order = passenger.order(http)
    http.get(passenger.pay(http, order))
    for path in ("/shop/card", "/shop/buy", order, f"{order}/slip"):
        assert http.get(path).status_code == 200, path
    monkeypatch.undo()
    through = {}
    with passenger.place.books() as books, open_database(passenger.folder) as shop:
        for (file, sql), values in asked.items():
            database = {"ledger.db": books, "shop.db": shop}.get(file)
            if database is not None and sql.startswith(("SELECT", "WITH")):
                plan = [row[3] for row in database.rows(f"EXPLAIN QUERY PLAN {sql}", values)]
                scanned = {line.split()[1] for line in plan if line.startswith("SCAN ")} - SMALL
                if scanned:
                    through[sql] = scanned
    assert len(asked) > 20 and through == {}


@pytest.mark.requirement("W-143")
def test_many_words_at_once_are_one_payment_and_one_order(passenger):
    http, provider = passenger.http(), passenger.provider
    provider.held = True
    words = dict(httpx.URL(passenger.pay(http, passenger.order(http))).params)
    with ThreadPoolExecutor(8) as pool:
        told = [pool.submit(httpx.post, passenger.address + NOTIFY, json=words, timeout=60)
                for _ in range(8)]  # fmt: skip
    assert [one.result().status_code for one in told] == [200] * 8
    assert passenger.orders() == [("ordered", CENTS, 1)]
    assert passenger.money()["CASH:web"] == -CENTS
