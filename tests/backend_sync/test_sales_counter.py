"""Counter sales: once by key, numbered without gaps; voids and refunds by the tariff."""

import json
import threading
from dataclasses import replace
from functools import cache
from pathlib import Path
from tempfile import TemporaryDirectory

import pytest

from backend_sync.ledger.books import open_books
from backend_sync.sales.counter import Counter, Sale, SaleRefused
from backend_sync.sales.fiscal import FiscalChain, check_slips
from backend_sync.sales.main import main
from backend_sync.sales.slip_commands import read_sales
from backend_sync.tariffs.book import read_tariff
from backend_sync.tariffs.gtfs import read_feed
from backend_sync.tariffs.package_writer import write_package
from card_layouts.cards.card_layout import P_SLOT
from simulator.demo.system import TARIFFS as SHIPPED
from simulator.demo.system import TOWN_FEED
from simulator.worlds.small_tariffs import mounted
from tests.backend_sync.builders import AUTHORITY, World

DEVICE, CLERK, MONTH = 31, 5, 2
ODD = ('percent = 2000, round = "half_up_to_10"', 'percent = 2116, round = "half_up"')


@cache
def odd_book():
    """Return the shipped tariff with a month of 55.02 EUR: cash has to be rounded."""
    with TemporaryDirectory() as folder:
        for path in SHIPPED.glob("*.toml"):
            text = path.read_text().replace(*ODD)
            (Path(folder) / path.name).write_text(text)
        return read_tariff(Path(folder) / "tariff.toml", 1).book


@pytest.fixture(scope="module")
def tariffs():
    return {(AUTHORITY, 1): mounted(write_package(odd_book(), read_feed(TOWN_FEED)))}


@pytest.fixture
def counter(tmp_path, ledger_url, tariffs):
    yield from opened(tmp_path, ledger_url, tariffs)


@pytest.fixture
def small(tmp_path, tariffs):
    """On SQLite alone: what has nothing to do with the kind of database."""
    yield from opened(tmp_path, None, tariffs)


def opened(folder, url, tariffs):
    made = World(folder / "w", url, tariffs=tariffs)
    counter = Counter(made.ledger)
    counter.world = made
    counter.card = made.ledger.database.value("SELECT min(card) FROM issues")
    yield counter
    assert check_slips(made.ledger.database, FiscalChain()) == []
    made.close()


def load(counter, number=1, **changes):
    sale = Sale(f"s{number}", DEVICE, "load", counter.card, number, 0, 2000, "cash", "counter",
                CLERK, 1)  # fmt: skip
    return sale._replace(**changes)


def season(counter, number=1, cents=5502, **changes):
    return load(counter, number, kind="product", product=MONTH, cents=cents, **changes)


def balances(counter):
    rows = counter.database.rows("SELECT name, cents FROM balances WHERE cents <> 0")
    assert sum(row[1] for row in rows) == 0
    return {name: int(cents) for name, cents in rows}


@pytest.mark.requirement("X-15", "W-112", "R-10", "W-21")
def test_sales_are_booked_once_and_numbered_without_gaps_per_device(counter):
    for number, device in ((1, 31), (2, 32), (3, 31)):
        slip, new = counter.sell(load(counter, number, device=device))
        assert new and counter.sell(load(counter, number, device=device)) == (slip, False)
    rows = counter.database.rows("SELECT device, place FROM slips ORDER BY device, place")
    assert [tuple(row) for row in rows] == [(31, 1), (31, 2), (32, 1)]
    assert balances(counter) == {"CASH:counter:5": -6000, "PREPAID:1": 2000, "PREPAID:2": 2000,
                                 "PREPAID:3": 2000}  # fmt: skip


@pytest.mark.requirement("X-2")
def test_cash_is_rounded_to_coins_and_a_card_is_not(counter):
    counter.sell(season(counter, 1))
    counter.sell(season(counter, 2, paid="card"))
    assert balances(counter) == {"CASH:counter:5": -5500, "CASH:counter:card": -5502,
                                 "PREPAID:1": 5502, "PREPAID:2": 5502,
                                 "ROUNDING:244": -2}  # fmt: skip


@pytest.mark.requirement("W-107", "T18")
def test_a_product_costs_what_the_tariff_says_and_not_what_a_clerk_says(counter):
    for cents in (1, 5501, 5503, 5200):
        with pytest.raises(SaleRefused, match=f"product 2 for {cents} cents: no zones, group"):
            counter.sell(season(counter, 1, cents=cents))
    with pytest.raises(SaleRefused, match="says 4338, 4867, 5078, 5502, 6242"):
        counter.sell(season(counter, 1, cents=5500))
    assert balances(counter) == {}
    assert counter.sell(season(counter, 1))[1]


@pytest.mark.requirement("W-107", "W-115")
def test_a_till_may_tell_a_day_later_what_it_sold_at_yesterdays_price(tmp_path, tariffs):
    today = 200_000_000 // 86_400
    book = replace(read_tariff(SHIPPED / "tariff.toml", 2).book, valid_from=today)
    both = {**tariffs, (AUTHORITY, 2): mounted(write_package(book, read_feed(TOWN_FEED)))}
    for counter in opened(tmp_path, None, both):
        assert counter.sell(season(counter, 1))[1]  # yesterday's
        assert counter.sell(season(counter, 2, cents=5200))[1]  # today's
        counter.world.clock.now += 86_400
        with pytest.raises(SaleRefused, match="the tariff says 4600, 4800, 5200, 5900, 6400"):
            counter.sell(season(counter, 3))


@pytest.mark.requirement("W-65", "W-66", "W-67")
@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"cents": 2500}, "counter loads multiples of 10.00"),
        ({"cents": 13000}, "counter loads 10.00 to 120.00"),
        ({"channel": "machine"}, "the tariff lets it load nothing"),
        ({"channel": "kiosk"}, "channel 'kiosk': wanted one of"),
        ({"card": 987654}, "no such card is issued"),
        ({"cents": 0}, "cents 0: wanted a number from 1"),
        ({"cents": True}, "cents True: wanted a number"),
        ({"paid": "shells"}, "paid 'shells'"),
        ({"kind": "gift"}, "'gift'"),
        ({"key": "a b"}, "no spaces"),
        ({"device": 0}, "device 0"),
        ({"kind": "product", "product": 999}, "the issuer's tariff has none"),
        ({"kind": "product", "product": MONTH, "card": 987654}, "there is none"),
    ],
)
def test_what_may_not_be_sold_is_refused_and_uses_up_no_number(small, change, words):
    with pytest.raises(SaleRefused, match=words):
        small.sell(load(small)._replace(**change))
    assert balances(small) == {} and small.sell(load(small))[0].place == 1


def test_a_key_or_an_action_with_other_values_is_refused(counter):
    counter.sell(load(counter))
    with pytest.raises(SaleRefused, match="with other values; the first stands"):
        counter.sell(load(counter, cents=3000))
    with pytest.raises(SaleRefused, match="action 1: sold before as s1"):
        counter.sell(load(counter, key="s2"))


@pytest.mark.requirement("D9", "D21", "R-4", "W-105")
@pytest.mark.parametrize("sale_first", [True, False])
def test_a_product_is_earned_when_it_is_sold_and_on_its_card(counter, sale_first):
    world, right = counter.world, P_SLOT.pack({"mechanism": 1, "product": MONTH})
    if sale_first:
        counter.sell(season(counter, paid="card"))
        assert balances(counter) == {"CASH:counter:card": -5502, "PREPAID:1": 5502}
    world.devices[1].product(world.cards[0], 1, right)
    world.post()
    if not sale_first:
        counter.sell(season(counter, paid="card"))
    assert balances(counter) == {"CASH:counter:card": -5502, "REV:244:0": 5502}
    world.post()
    assert balances(counter)["REV:244:0"] == 5502


@pytest.mark.requirement("W-112", "D21")
def test_what_was_imported_as_a_sale_is_not_sold_again_by_a_slip(counter):
    counter.world.ledger.import_sales([("s1", 1, 2000, "counter", 5)])
    for sale in (load(counter), load(counter, key="s9"), load(counter, 9, key="s1")):
        with pytest.raises(SaleRefused, match="sold before as s1"):
            counter.sell(sale)
    counter.sell(load(counter, 2))
    counter.world.ledger.import_sales([("s2", 2, 2000, "counter", 5)])
    assert balances(counter) == {"CASH:counter": -2000, "CASH:counter:5": -2000,
                                 "PREPAID:1": 2000, "PREPAID:2": 2000}  # fmt: skip


@pytest.mark.requirement("X-8", "D9")
def test_what_is_executed_after_its_void_shows_as_unpaid_and_earns_nothing_twice(counter):
    counter.sell(season(counter, paid="card"))
    counter.void("v1", DEVICE, 1, CLERK)
    assert balances(counter) == {}
    counter.world.devices[1].product(counter.world.cards[0], 1, P_SLOT.pack({"mechanism": 1}))
    counter.world.post()
    assert balances(counter) == {"PREPAID:1": -5502, "REV:244:0": 5502}
    assert counter.world.ledger.report()["unpaid_actions"] == 1


@pytest.mark.requirement("X-8", "T18")
def test_a_void_undoes_a_sale_within_its_minutes_once_by_its_own_clerk(counter):
    counter.sell(load(counter))
    with pytest.raises(SaleRefused, match="sold by clerk 5, not 6"):
        counter.void("v1", DEVICE, 1, 6)
    slip, new = counter.void("v1", DEVICE, 1, CLERK)
    assert new and counter.void("v1", DEVICE, 1, CLERK) == (slip, False)
    assert (slip.place, slip.of, slip.cents) == (2, 1, -2000) and balances(counter) == {}
    with pytest.raises(SaleRefused, match="given back before as void 2"):
        counter.void("v2", DEVICE, 1, CLERK)
    for place in (2, 9):
        with pytest.raises(SaleRefused, match="no such sale"):
            counter.void("v3", DEVICE, place, CLERK)
    counter.sell(load(counter, 2))
    counter.world.clock.now += 601
    with pytest.raises(SaleRefused, match="sold 10 minutes ago, void within 10"):
        counter.void("v4", DEVICE, 3, CLERK)


@pytest.mark.requirement("X-8")
def test_what_a_station_told_is_on_the_card_is_not_voided(counter):
    counter.sell(load(counter, 1))
    counter.world.devices[1].load(counter.world.cards[0], 2000, action=1)
    counter.world.post()
    with pytest.raises(SaleRefused, match="it is on the card"):
        counter.void("v1", DEVICE, 1, CLERK)


@pytest.mark.requirement("X-15")
def test_a_gap_or_a_changed_slip_is_found(tmp_path, tariffs):
    made = World(tmp_path, tariffs=tariffs)
    counter = Counter(made.ledger)
    counter.card = made.ledger.database.value("SELECT min(card) FROM issues")
    for number in (1, 2, 3):
        counter.sell(load(counter, number))
    database = made.ledger.database
    with database.transaction():
        for trigger in ("slips_no_update", "slips_no_delete"):
            database.connection.exec_driver_sql(f"DROP TRIGGER {trigger}")
        database.connection.exec_driver_sql("UPDATE slips SET cents = 1000 WHERE place = 3")
    assert check_slips(database, FiscalChain()) == ["device 31: slip 3 does not fit the one before"]
    with database.transaction():
        database.connection.exec_driver_sql("DELETE FROM slips WHERE place = 2")
    assert "device 31: slip 2 is missing before 3" in check_slips(database, FiscalChain())
    made.close()


class WithoutKeyring:
    """A ledger's books for many threads: a local keyring is one thread's."""

    def __init__(self, ledger):
        self.database, self.rerater, self.clock = ledger.database, ledger.rerater, ledger.clock

    def books(self):
        return open_books(self.database, self.clock.utc_seconds(), "EUR")


@pytest.mark.requirement("X-15", "W-112")
def test_concurrent_sales_of_one_device_are_each_once_and_without_gaps(counter):
    sales = [load(counter, number) for number in range(1, 41)]
    errors = []
    shared = Counter(WithoutKeyring(counter.ledger))

    def send(part):
        for sale in part:
            try:
                shared.sell(sale)
            except Exception as error:  # noqa: BLE001 - said by the test
                errors.append(error)

    threads = [threading.Thread(target=send, args=(part,)) for part in (sales, sales[::-1], sales)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert errors == []
    places = [row[0] for row in counter.database.rows("SELECT place FROM slips ORDER BY place")]
    assert places == list(range(1, 41)) and balances(counter)["CASH:counter:5"] == -80_000


@pytest.mark.requirement("W-112", "X-15")
def test_the_commands_take_sales_in_and_check_the_slips(tmp_path, capsys):
    made = World(tmp_path / "w")
    card = made.ledger.database.value("SELECT min(card) FROM issues")
    made.close()
    ring = tmp_path / "w" / "keyring"
    ring.mkdir()
    for path in (tmp_path / "w").glob("key*.*"):
        path.rename(ring / path.name)
    place, file = str(tmp_path / "w"), tmp_path / "sales.json"
    assert main(["slip", "list", place]) == 0
    assert "nothing was sold at a counter yet" in capsys.readouterr().out
    sale = Sale("k1", 31, "load", card, 1, 0, 2000, "cash", "counter", 5, 1)
    file.write_text(json.dumps([sale._asdict()]))
    assert main(["slip", "sell", place, "--file", str(file), "--authority", str(AUTHORITY)]) == 1
    assert "has published no tariff" in capsys.readouterr().out
    assert main(["slip", "check", place]) == 0
    assert "0 slips: no gap" in capsys.readouterr().out
    void = ["slip", "void", place, "--key", "v", "--device", "1", "--slip", "1", "--clerk", "5"]
    assert main(void) == 1
    assert "no such sale" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("{", "no JSON"),
        ("{}", "wanted a list"),
        ("[1]", "sale 1: wanted exactly key, device"),
        ('[{"key": "a"}]', "sale 1: wanted exactly"),
    ],
)
def test_a_file_that_is_no_list_of_sales_is_refused_by_its_row(tmp_path, text, words):
    file = tmp_path / "sales.json"
    file.write_text(text)
    with pytest.raises(SaleRefused, match=words):
        read_sales(file)
    row = Sale("k", 1, "load", 1, 1, 0, 100, "cash", "counter", 1, 1)._asdict()
    file.write_text(json.dumps([{**row, "cents": "100"}]))
    with pytest.raises(SaleRefused, match="sale 1: cents '100', wanted int"):
        read_sales(file)
