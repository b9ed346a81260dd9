"""Every row of the table of events in SPEC.md section 2: what moves, from where to where."""

import re
from pathlib import Path

import pytest

from backend_sync.ledger.accounts import KINDS
from backend_sync.ledger.singles import CounterSale
from backend_sync.ledger.tickets import TicketSale
from card_layouts.cards.card_layout import KIND_ADJUST, KIND_REFUND
from card_layouts.cards.ulc_layout import ULC_HEADER
from card_layouts.records import entries as types
from card_layouts.records.entries_service import PAID_CASH, ROUNDING_ZERO
from tests.backend_sync import test_ledger_products as products
from tests.backend_sync.builders import AUTHORITY, Device
from tests.backend_sync.test_ledger_singles import in_advance

SPEC = (Path(__file__).parents[2] / "backend_sync" / "SPEC.md").read_text(encoding="utf-8")
BOOKED = [("CASH:kiosk", AUTHORITY, -500), ("REV:244:7", AUTHORITY, 500)]


def sale_imported(world):
    world.ledger.import_sales([("s1", 1, 2000, "counter", 5)])
    return {"CASH:counter": -2000, "PREPAID:1": 2000}


def load_executed(world):
    world.devices[1].load(world.cards[0], 2000)
    return {"PREPAID:1": -2000, "LIAB": 2000}


def product_executed(world):
    world.ledger.import_sales([products.SALE])
    world.devices[1].product(world.cards[0], products.ACTION, products.RIGHT)
    return products.EARNED


def product_taken_back(world):
    product_executed(world)
    world.post()
    twin = Device(world.keys, 1)
    twin.product(world.cards[1], 77)
    world.post(twin.run(1, 1))  # two entries of one number: no execution is posted any more
    return products.WAITING


def debit(world):
    world.devices[1].tap(world.cards[0], 300)
    return {"LIAB": -300, "REV:244:7": 300}


def _action(world, kind, cents, body):
    card, device = world.cards[0], world.devices[1]
    announced = device.announce(card, kind, cents, types.ACTION, body=body)
    card.commit(announced)
    device.outcome(announced)


def refund_executed(world):
    _action(world, KIND_REFUND, 500, {})
    return {"LIAB": -500, "PAYOUT:244": 500}


def adjustment_executed(world):
    fields = world.cards[0].fields
    _action(world, KIND_ADJUST, 120, {"L": fields["L"] + 120, "D": fields["D"]})
    return {"UNALLOCATED:244": -120, "LIAB": 120}


def cash_sale(world):
    sale = {"ticket": 1, "authority": AUTHORITY, "operator": 7, "paid": PAID_CASH, "clerk": 33,
            "total": 305, "rounding": ROUNDING_ZERO + 2}  # fmt: skip
    device = world.devices[1]
    device.put(types.CASH_SALE, sale)
    device.put(types.CASH_SALE, {**sale, "ticket": 2, "total": 200, "rounding": ROUNDING_ZERO})
    device.put(types.CASH_SALE, {**sale, "ticket": 3, "void_of": 1})
    return {"CASH:vehicle:33": -200, "REV:244:7": 200, "ROUNDING:244": 0}


def tourist_ticket(world):
    header = ULC_HEADER.pack({"authority": AUTHORITY, "price": 900})
    world.ledger.import_tickets([TicketSale("t1", world.plastic(71)[0].uid, header, "counter", 5)])
    return {"CASH:counter": -900, "REV:244:0": 900}


def single_in_advance(world):
    code = in_advance()
    world.ledger.import_singles([CounterSale("kiosk:1", code, "kiosk", 5)])
    area = world.ledger.database.value("SELECT authority FROM single_sales")
    cents = world.ledger.database.value("SELECT cents FROM single_sales")
    return {"CASH:kiosk": -cents, f"REV:{area}:0": cents}


def unknown_card(world):
    world.devices[1].tap(world.plastic(70)[0], 150)
    return {"UNALLOCATED": -150, "REV:244:7": 150}


def booking(world):
    for _ in range(2):
        with world.ledger.books() as books:
            books.transfer("sales:1", "SALE", BOOKED)
    return {"CASH:kiosk": -500, "REV:244:7": 500}


def hold(world):
    with world.ledger.books() as books:
        books.hold("sales:1", "SALE", BOOKED)
    assert world.ledger.database.value("SELECT count(*) FROM held") == 2
    return {}


def hold_ended(world):
    with world.ledger.books() as books:
        books.hold("sales:1", "SALE", BOOKED)
        books.hold("sales:2", "SALE", BOOKED)
        books.post_hold("sales:1")
        books.release_hold("sales:2")
    assert world.ledger.database.value("SELECT count(*) FROM held") == 0
    return {"CASH:kiosk": -500, "REV:244:7": 500}


EVENTS = {
    "sale imported": sale_imported,
    "load executed": load_executed,
    "product executed (SOLD)": product_executed,
    "no execution of it is posted any more (UNSOLD)": product_taken_back,
    "debit": debit,
    "refund executed": refund_executed,
    "adjustment executed": adjustment_executed,
    "cash sale; a void the other way": cash_sale,
    "tourist ticket sold": tourist_ticket,
    "single ticket sold in advance": single_in_advance,
    "unknown card": unknown_card,
    "booking by a module": booking,
    "hold": hold,
    "hold posted; released": hold_ended,
}


def moved(world):
    """Return {account: cents}; a card's account by its kind."""
    found = {}
    for kind, name, cents in world.ledger.database.rows("SELECT kind, name, cents FROM balances"):
        is_card = kind == "LIAB" or name.startswith("UNALLOCATED:card:")
        key = kind if is_card else name
        found[key] = found.get(key, 0) + int(cents)
    return found


@pytest.mark.requirement("D21", "I4")
@pytest.mark.parametrize("event", EVENTS)
def test_an_event_moves_what_the_table_says(world, event):
    expected = EVENTS[event](world)
    world.post()
    found = moved(world)
    assert {name: found.get(name, 0) for name in {*found, *expected}} == {
        **dict.fromkeys(found, 0),
        **expected,
    }
    assert sum(expected.values()) == 0


@pytest.mark.requirement("D21")
def test_every_event_of_the_table_has_a_test():
    table = SPEC.split("| event | from | to |\n")[1].split("\n\n")[0]
    rows = re.findall(r"^\| ([^|]*?) \|", table, re.M)
    # What closing a day moves is shown in test_settlement.py.
    assert [row for row in rows if not row.startswith("day closed")] == list(EVENTS)


@pytest.mark.requirement("D21")
def test_the_chart_of_accounts_names_every_kind_and_no_other():
    table = SPEC.split("| account | one per | meaning |\n")[1].split("\n\n")[0]
    assert sorted(re.findall(r"^\| ([A-Z]+) \|", table, re.M)) == sorted(KINDS)
