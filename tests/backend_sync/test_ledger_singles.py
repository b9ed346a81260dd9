"""Single tickets in the ledger: posted once, priced again, and copies found after docking."""

import json

import pytest

from backend_sync.ledger.ledger import Ledger
from backend_sync.ledger.main import main
from backend_sync.ledger.singles import (
    CounterSale,
    is_genuine,
    said,
    said_of_sale,
    single_cases,
    single_figures,
)
from backend_sync.tariffs.book import read_tariff
from backend_sync.tariffs.gtfs import read_feed
from backend_sync.tariffs.package_writer import write_package
from card_layouts.crypto.ed25519_cpython import sign_native
from card_layouts.errors import LayoutError
from card_layouts.records import entries as types
from card_layouts.records.chain import chain_start
from card_layouts.tickets.single import Code, encode_code, pack_single, single_message
from firmware.journal import Journal
from firmware.partitions import FLASH_BYTES, JOURNAL_BLOCKS, JOURNAL_FIRST
from simulator.bench.workbench import AUTHORITY as BENCH_AUTHORITY
from simulator.bench.workbench import DEVICE, Workbench, paper_code
from simulator.demo.system import TARIFFS, TOWN_FEED
from simulator.flash import Flash
from simulator.worlds.small_tariffs import mounted
from simulator.worlds.tap_world import AUTHORITY, FARE, FARE_TWO, NOW
from simulator.worlds.vehicle_world import (
    ADULT,
    CHILD,
    CHILD_FARE,
    LINE_SINGLE,
    SIGN_ON,
    SIGNERS,
    VERSION,
    Vehicle,
    certified,
    single_tariff,
    ticket_seed_of,
)
from tests.backend_sync.builders import FixedClock, LocalKeyring, World

TARIFF = {(AUTHORITY, VERSION): mounted(single_tariff())}


@pytest.fixture
def books(tmp_path):
    world = World(tmp_path / "w", tariffs=dict(TARIFF))
    yield world
    world.close()


def told(world, *vehicles, changed=None):
    """Put the newest entries of vehicles into the ledger, as their devices would seal them."""
    runs = []
    for bus in vehicles:
        device = world.devices.get(bus.number) or world.device(bus.number)
        for name, _header, fields in bus.entries()[len(device.slots) :]:
            is_sale = name == "CASH_SALE"
            more = changed if is_sale and changed else {}
            device.put(types.TYPE_NAMES.index(name), {**fields, **more})
        runs.append(device.run())
    world.post(*runs)
    return single_figures(world.ledger.database)


def cases(world):
    return [(row["case"], row["ticket"], row["devices"])
            for row in single_cases(world.ledger.database)]  # fmt: skip


@pytest.mark.requirement("W-18", "W-50", "W-53", "D14", "D21", "O-17")
def test_a_sale_moves_money_once_and_its_price_is_the_engines(books):
    bus = Vehicle(1)
    bus.sell(1, (ADULT, 2), (CHILD, 1))
    bus.sell(2, (CHILD, 1), zones=0x6000)
    bus.sell(3, product=LINE_SINGLE)
    cents = 2 * FARE + CHILD_FARE + 2 * CHILD_FARE + FARE
    for _ in range(2):
        found = told(books, bus)
        assert (found["sold"], found["sold_cents"], found["same"]) == (3, cents, 3)
        assert found["differences"] == found["unrated"] == 0
        assert books.ledger.report()["accounts"] == {"CASH": -cents, "REV": cents}
    names = books.ledger.database.rows("SELECT name FROM accounts WHERE kind = 'CASH'")
    assert [row[0] for row in names] == ["CASH:vehicle:33"]


@pytest.mark.requirement("D14", "O-17")
@pytest.mark.parametrize(
    "changed",
    [
        {"full": FARE + 1, "total": FARE + 1, "l_unit0": FARE + 1},
        {"total": FARE - 1},
        {"zones": 0x6000},
        {"valid": 61},
        {"l_count0": 2},
        {"l_group0": CHILD},
        {"night": 1},
        {"concession": 3},
        {"rule": 16},
        {"product": 100},
        {"call": 2},
        {"l_count0": 0, "l_unit0": 0},
    ],
    ids=lambda changed: ", ".join(changed),
)
def test_a_sale_that_the_engine_would_have_priced_otherwise_is_a_difference(books, changed):
    bus = Vehicle(1)
    bus.sell(1)
    found = told(books, bus, changed=changed)
    assert (found["same"], found["differences"]) == (0, 1)


def test_a_sale_under_a_tariff_nobody_archived_is_unrated(books):
    bus = Vehicle(1)
    bus.sell(1)
    assert told(books, bus, changed={"tariff": VERSION + 1})["unrated"] == 1


@pytest.mark.requirement("X-2", "X-8")
def test_rounding_is_no_difference_and_a_void_takes_all_back(books):
    bus = Vehicle(1, profile={"cash_step": 5})
    bus.sell(1, zones=0x6000)
    found = told(books, bus)
    assert found["same"] == 1
    accounts = {"CASH": -340, "REV": FARE_TWO, "ROUNDING": 2}
    assert books.ledger.report()["accounts"] == accounts
    assert bus.void(2, 1) == "voided 2 1 340"
    told(books, bus)
    assert set(books.ledger.report()["accounts"].values()) == {0}
    found = single_figures(books.ledger.database)
    assert (found["sold"], found["voided"], found["void_used"]) == (1, 1, 0)


@pytest.mark.requirement("W-50", "T14")
def test_changing_is_no_copy_and_a_copy_on_one_trip_is_found_after_both_have_docked(books):
    seller, front, rear = Vehicle(1), Vehicle(2), Vehicle(3)
    seller.sell(1)
    code = seller.codes[0]
    assert [bus.scan(code) for bus in (seller, front, rear)] == ["ACCEPTED"] * 3
    front.profile["trip"] = -1
    assert front.scan(code) == "ACCEPTED", "off its trip it is another ride"
    found = told(books, front)
    assert (found["used"], found["twice"], found["unsold"]) == (2, 0, 1)
    assert cases(books) == []
    found = told(books, seller, rear)
    assert (found["used"], found["twice"], found["unsold"]) == (4, 1, 0)
    assert cases(books) == [("twice", 1, "1, 2, 3")]
    told(books, seller, front, rear)
    alarms = books.ledger.database.rows("SELECT kind, detail FROM alarms")
    assert [tuple(row) for row in alarms] == [
        ("SINGLE_TWICE", "single 1-1: accepted 3 times on one trip (0)")
    ]
    assert books.ledger.report()["accounts"] == {"CASH": -FARE, "REV": FARE}, "no money moves"


@pytest.mark.requirement("T16", "T14")
def test_a_use_that_a_power_cut_may_have_doubled_is_no_copy(books):
    seller, bus = Vehicle(1), Vehicle(2)
    seller.sell(1)
    bus.scan(seller.codes[0])
    told(books, seller, bus)
    fields = bus.entries()[-1][2]
    books.devices[2].put(types.BARCODE, {**fields, "again": 1})
    books.post(books.devices[2].run())
    assert single_figures(books.ledger.database)["twice"] == 0


@pytest.mark.requirement("T14", "W-50")
@pytest.mark.parametrize(("legs", "product", "trips"), [(1, 0, 2), (0, 0, 6), (1, LINE_SINGLE, 1)])
def test_more_trips_than_the_tariff_allows_are_a_case(tmp_path, legs, product, trips):
    tariff = mounted(single_tariff(legs=legs))
    world = World(tmp_path / "w", tariffs={(AUTHORITY, VERSION): tariff})
    seller = Vehicle(1)
    seller.sell(1, product=product)
    buses = [Vehicle(number, profile={"trip": -1}) for number in range(2, trips + 3)]
    for bus in buses:
        assert bus.scan(seller.codes[0]) == "ACCEPTED"
    assert told(world, seller, *buses[:-1])["often"] == 0
    assert told(world, buses[-1])["often"] == 1
    assert [case for case, *_ in cases(world)] == ["often"]
    world.close()


@pytest.mark.requirement("T14", "D9")
def test_two_tickets_of_one_number_betray_a_stolen_key(books):
    seller, bus = Vehicle(1), Vehicle(2)
    seller.sell(1)
    told(books, seller)
    day = NOW // 86400
    values = {**Code(seller.codes[0]).ticket, "zones": 0x6000, "certificate": day}
    values.pop("heads")
    body = pack_single(values)
    signature = sign_native(ticket_seed_of(1), single_message(body))
    assert bus.scan(encode_code(body, signature, certified(1, day))) == "ACCEPTED"
    assert told(books, bus)["differs"] == 1
    assert cases(books) == [("differs", 1, "2")]
    assert books.ledger.report()["alarms"] == {"SINGLE_DIFFERS": 1}


def test_a_renewed_certificate_makes_no_other_ticket(books):
    seller, bus = Vehicle(1), Vehicle(2)
    seller.sell(1)
    seller.from_day += 1
    seller.say("reprint 1")
    bus.scan(seller.codes[1])
    assert told(books, seller, bus)["differs"] == 0


def test_a_voided_ticket_that_is_used_is_a_case(books):
    seller, bus = Vehicle(1), Vehicle(2)
    seller.sell(1)
    bus.scan(seller.codes[0])
    told(books, seller, bus)
    seller.void(2, 1)
    told(books, seller)
    assert cases(books) == [("void used", 1, "2")]


def test_a_scan_of_no_ticket_is_quarantined(books):
    books.devices[1].put(types.BARCODE, {"single": bytes(30), "event": 1})
    books.post(books.devices[1].run())
    assert books.ledger.report()["quarantine"] == {"BAD_VALUE": 1}


def test_sale_and_code_say_the_same_bytes():
    bus = Vehicle(1)
    bus.sell(1, (ADULT, 3), (CHILD, 2))
    assert said(Code(bus.codes[0]).ticket) == said_of_sale(bus.entries()[-1][2])


# Counters -------------------------------------------------------------------------------


def in_advance(serial=1, **changed):
    """Return the code of a ticket that counter 900 sells for tomorrow."""
    day = NOW // 86400
    values = {"authority": AUTHORITY, "device": 900, "serial": serial, "certificate": day,
              "zones": 0x6000, "start_zone": 1, "from_minute": NOW // 60 + 1440, "minutes": 60,
              "count0": 1, "price": FARE_TWO, "tariff": VERSION, **changed}  # fmt: skip
    body = pack_single(values)
    certificate = certified(900, day, kind=2)
    return encode_code(body, sign_native(ticket_seed_of(900), single_message(body)), certificate)


@pytest.mark.requirement("W-50", "D21")
def test_a_ticket_sold_in_advance_is_entered_once_and_priced_for_its_day(books):
    row = CounterSale("kiosk:1", in_advance(), "kiosk", NOW)
    assert books.ledger.import_singles([row, row]) == 1
    assert books.ledger.import_singles([row]) == 0
    dear = CounterSale("kiosk:2", in_advance(2, price=FARE_TWO + 1), "kiosk", NOW)
    assert books.ledger.import_singles([dear]) == 1
    assert books.ledger.import_singles([row._replace(code=in_advance(3))]) == 0
    found = books.ledger.report()
    assert found["alarms"] == {"SALE_DIFFERS": 1}
    assert (found["singles"]["same"], found["singles"]["differences"]) == (1, 1)
    cents = 2 * FARE_TWO + 1
    assert found["accounts"] == {"CASH": -cents, "REV": cents}
    with pytest.raises(LayoutError, match="code: 5 characters"):
        books.ledger.import_singles([row._replace(sale="kiosk:3", code="TO1:A")])


@pytest.mark.requirement("T14")
def test_only_what_a_certified_seller_signed_is_entered_from_a_register():
    good = in_advance()
    assert is_genuine(good, list(SIGNERS.values()))
    assert not is_genuine(good, [bytes(32), SIGNERS[245]])
    assert not is_genuine(in_advance(from_minute=NOW // 60 + 40 * 1440), list(SIGNERS.values()))


# Whole ----------------------------------------------------------------------------------


@pytest.mark.system
@pytest.mark.requirement("W-50", "W-99", "D13", "O-17")
def test_what_a_real_vehicle_sells_and_accepts_stands_in_the_books(tmp_path, capsys):
    bench = Workbench(tmp_path, sells=True)
    bench.power_on()
    bench.say(SIGN_ON)
    codes = [paper_code(bench.say(f"sell {n} 0 0 0 {n}")) for n in (1, 2, 3)]
    bench.scan(codes[0])
    bench.scan(codes[0])
    bench.scan(codes[1])
    bench.close()
    journal = Journal(Flash(FLASH_BYTES, bench.flash_path), JOURNAL_FIRST, JOURNAL_BLOCKS).mount()
    slots = []
    for seq in range(1, journal.head_seq + 1):
        slot = bytearray(128)
        assert journal.read_slot(seq, slot)
        slots.append(bytes(slot))
    keyring = LocalKeyring(tmp_path / "keyring")
    body = write_package(read_tariff(TARIFFS / "tariff.toml").book, read_feed(TOWN_FEED))
    tariff = mounted(body)
    tariffs = {(BENCH_AUTHORITY, tariff.version): tariff}
    place = f"sqlite:///{tmp_path}/ledger.db"
    ledger = Ledger(place, FixedClock(), keyring, tariffs, BENCH_AUTHORITY)
    for _ in range(2):
        ledger.post([("depot", [(DEVICE, 0, 1, chain_start(DEVICE, 0), slots)])])
    found = ledger.report()
    assert found["singles"] == {
        **dict.fromkeys(found["singles"], 0),
        "sold": 3, "sold_cents": 1800, "same": 3, "used": 2, "refused": 1,
    }  # fmt: skip
    assert found["accounts"] == {"CASH": -1800, "REV": 1800}
    assert found["lost"] == found["doubled"] == 0 and found["alarms"] == {}
    ledger.close()
    keyring.close()
    assert main(["singles", str(tmp_path)]) == 0
    assert "sold_cents          1,800" in capsys.readouterr().out
    register = tmp_path / "register.jsonl"
    row = CounterSale("kiosk:1", in_advance(), "kiosk", NOW)
    register.write_text(json.dumps(row._asdict()) + "\n")
    assert main(["import-singles", str(tmp_path), "--file", str(register)]) == 2
    assert "kiosk:1: its code is not genuine" in capsys.readouterr().err
    row = CounterSale("kiosk:1", codes[2], "kiosk", NOW)
    register.write_text(json.dumps(row._asdict()) + "\n\n")
    assert main(["import-singles", str(tmp_path), "--file", str(register)]) == 0
    register.write_text("[]\n")
    assert main(["import-singles", str(tmp_path), "--file", str(register)]) == 2
