"""Banks are told of each cent once; authorities clear with each other; files fit their schema."""

import csv
import io
import json
from datetime import date
from xml.etree import ElementTree

import pytest
from sepaxml.validation import try_valid_xml

from backend_sync.settlement.bank import (
    BankRefused,
    order,
    refuse_strange_orders,
    write_orders,
)
from backend_sync.settlement.close import every_batch
from backend_sync.settlement.dues import Due, outstanding
from backend_sync.settlement.holds import differences
from backend_sync.settlement.main import main
from backend_sync.settlement.parties import read_parties
from backend_sync.settlement.payments import DEBIT, TRANSFER, Order
from backend_sync.settlement.payments import payment as payment_file
from backend_sync.settlement.statements import statements, tables_as_csv
from card_layouts.records.entries_tap import OUTCOME_ABORTED
from tests.backend_sync.settled_worlds import DAY, FERRY, MORNING, SENIOR, TOWN, Settled, package
from tests.backend_sync.test_settlement_files import ACCOUNTS

LAKE = 3
MORE = """
[authority.3]
name = "Lake authority"
iban = "FR14 2004 1010 0505 0001 3M02 606"
[operator.1.11]
name = "Second Buses"
iban = "BE68 5390 0754 7034"
[operator.2.20]
name = "Ferry Company"
iban = "AT61 1904 3002 3457 3201"
[operator.3.30]
name = "Lake Boats"
iban = "ES91 2100 0418 4502 0005 1332"
[payer.2.ferry]
name = "Ferry fund"
iban = "IT60 X054 2811 1010 0000 0123 456"
"""
TAKEN = '[[foreign]]\nauthority = {}\nas = "value"\n\n[load.counter]'


def taking(*issuers):
    """Return the change that makes a tariff take the purses of these authorities."""
    return ("[load.counter]", "".join(TAKEN.format(i).removesuffix("[load.counter]")
                                      for i in issuers) + "[load.counter]")  # fmt: skip


@pytest.fixture
def world(tmp_path, ledger_url):
    """Three authorities: each takes the cards of another one or two."""
    lake = (("authority = 2", "authority = 3"), ("adult = 300", "adult = 310"), taking(FERRY))
    bodies = {
        (TOWN, 1): package("tariff.toml", changes=(taking(LAKE),)),
        (FERRY, 1): package("ferry.toml"),
        (LAKE, 1): package("ferry.toml", changes=lake),
    }
    made = Settled(tmp_path / "keyring", ledger_url, bodies=bodies)
    yield made
    made.close()


@pytest.fixture
def parties(tmp_path):
    return read_parties(written(tmp_path, ACCOUNTS + MORE))


def written(folder, text):
    path = folder / "parties.toml"
    path.write_text(text)
    return path


def abroad(world):
    """Cards of each authority in the area of another: 600, 310, 310 and 240 cents."""
    town = world.cards
    ferry, lake = world.card_of(FERRY, 50), world.card_of(LAKE, 60)
    there = {"area": FERRY, "operator": 20, "stop": 30}
    world.ride(1, town[0], MORNING, **there)
    world.ride(1, town[1], MORNING, **there)
    on_the_lake = {"area": LAKE, "operator": 30, "stop": 30}
    world.ride(2, ferry, MORNING, **on_the_lake, issuer=FERRY)
    world.ride(2, town[2], MORNING, **on_the_lake)
    world.ride(3, lake, MORNING, issuer=LAKE)


def amounts(folder, schema=TRANSFER, name="pay"):
    """Return [(account that orders, the other account, cents)], by a parser of its own."""
    space = {"s": f"urn:iso:std:iso:20022:tech:xsd:{schema}"}
    own, other, row_of = ("Dbtr", "Cdtr", "CdtTrfTxInf")
    if schema == DEBIT:
        own, other, row_of = ("Cdtr", "Dbtr", "DrctDbtTxInf")
    found, ids = [], []
    for path in sorted(folder.glob(f"{name}-*.xml")):
        try_valid_xml(path.read_bytes(), schema)
        root = ElementTree.fromstring(path.read_bytes())
        for payment in root.iterfind(".//s:PmtInf", space):
            account = payment.find(f"s:{own}Acct/s:Id/s:IBAN", space).text
            for row in payment.iterfind(f"s:{row_of}", space):
                cents = int(row.find(".//s:InstdAmt", space).text.replace(".", ""))
                to = row.find(f"s:{other}Acct/s:Id/s:IBAN", space).text
                found.append((account, to, cents))
                ids.append(row.find("s:PmtId/s:EndToEndId", space).text)
    assert found and len(set(ids)) == len(ids)
    return found


@pytest.mark.requirement("W-41", "W-23", "D21")
def test_three_authorities_clear_what_their_cards_did_in_each_others_areas(world):
    abroad(world)
    values = world.settle().values
    assert values["clearing"] == [[1, 2, 600], [1, 3, 310], [2, 3, 310], [3, 1, 240]]
    net = {s.party: s.due for s in statements(every_batch(world.ledger.database)[0])
           if s.party.startswith("authority")}  # fmt: skip
    assert net == {"authority-1": -670, "authority-2": 290, "authority-3": 380}
    assert sum(net.values()) == 0
    books = dict(world.ledger.database.rows(
        "SELECT a.name, sum(p.cents) FROM postings p JOIN accounts a ON a.id = p.account"
        " WHERE a.kind = 'CLEARING' GROUP BY a.name"
    ))  # fmt: skip
    assert {name: int(cents) for name, cents in books.items()} == {
        "CLEARING:1:2": 600, "CLEARING:2:1": -600, "CLEARING:2:3": 310, "CLEARING:3:2": -310,
        "CLEARING:1:3": 70, "CLEARING:3:1": -70,
    }  # fmt: skip
    assert world.findings() == []
    assert differences(world.ledger.database, world.keyring.signing.ledger.public) == []


@pytest.mark.requirement("W-23", "W-41", "R-8", "R-13", "R-14", "R-26")
def test_orders_to_the_bank_are_the_statements_to_the_cent_and_netted(world, parties, tmp_path):
    abroad(world)
    world.settle()
    made, left_out = order(world.ledger, parties)
    assert left_out == [] and [row[1:] for row in made] == [
        ("pay", 1, 240 + 600 + 70), ("pay", 2, 600 + 310), ("pay", 3, 620),
    ]  # fmt: skip
    write_orders(world.ledger.database, tmp_path / "bank")
    names = {party.iban: name for name, party in parties.items()}
    paid = [(names[own], names[to], cents) for own, to, cents in amounts(tmp_path / "bank")]
    for statement in statements(every_batch(world.ledger.database)[0]):
        got = sum(cents for _, to, cents in paid if to == statement.party)
        gave = sum(cents for own, to, cents in paid
                   if own == statement.party and to.startswith("authority"))  # fmt: skip
        assert got - gave == statement.due, statement.party
    assert outstanding(world.ledger.database) == []


@pytest.mark.requirement("W-23", "T17")
def test_ordering_twice_pays_once_and_the_files_are_the_same_bytes(world, parties, tmp_path):
    abroad(world)
    world.settle()
    order(world.ledger, parties)
    first = write_orders(world.ledger.database, tmp_path / "bank")
    before = {path.name: path.read_bytes() for path in first}
    world.clock.now += 86_400
    assert order(world.ledger, parties) == ([], [])
    assert write_orders(world.ledger.database, tmp_path / "bank") == []
    again = write_orders(world.ledger.database, tmp_path / "elsewhere")
    assert {path.name: path.read_bytes() for path in again} == before and len(before) == 3


@pytest.mark.requirement("W-23", "T17")
def test_restored_books_order_nothing_beside_an_order_they_do_not_know(world, parties, tmp_path):
    abroad(world)
    world.settle()
    bank = tmp_path / "bank"
    refuse_strange_orders(world.ledger.database, bank)  # no folder, no order yet
    bank.mkdir()
    foreign = bank / "pay-authority-1-000001.xml"
    foreign.write_bytes(b"sent from books that are gone")
    with pytest.raises(BankRefused, match="000001.xml: the books know no such order"):
        refuse_strange_orders(world.ledger.database, bank)
    foreign.unlink()
    order(world.ledger, parties)
    write_orders(world.ledger.database, bank)
    refuse_strange_orders(world.ledger.database, bank)
    (bank / "pay-authority-1-000009.xml").write_bytes(foreign.read_bytes())
    with pytest.raises(BankRefused, match="000009.xml"):
        refuse_strange_orders(world.ledger.database, bank)


@pytest.mark.requirement("W-23", "T17")
def test_the_same_order_a_day_later_has_the_same_message_and_another_one_not(parties):
    def message(made_at, cents, number=1):
        head = Order(number, TOWN, 3, made_at, date(2026, 6, 5))
        text = payment_file(head, [Due(TOWN, "operator-1-10", cents)], parties).decode()
        return text.split("<MsgId>")[1].split("<")[0]

    assert message(MORNING, 240) == message(MORNING + 86_400, 240)
    assert len({message(MORNING, 240), message(MORNING, 241), message(MORNING, 240, 2)}) == 3
    assert len(message(1 << 30, 240, 10**9)) <= 35  # Max35Text


@pytest.mark.requirement("W-23")
def test_who_has_no_account_is_named_and_paid_when_it_is_known(world, tmp_path):
    world.ride(1, world.cards[0], MORNING, group=SENIOR)
    world.ride(2, world.cards[1], MORNING, operator=11)
    world.settle()
    few = read_parties(written(tmp_path, ACCOUNTS.replace('mandate = "M-2026-1"', "").replace(
        "mandate_date = 2026-01-07", "")))  # fmt: skip
    made, left_out = order(world.ledger, few)
    assert [row[1:] for row in made] == [("pay", 1, 240)]
    assert [(row.party, row.cents, row.why) for row in left_out] == [
        ("operator-1-11", 240, "[operator.1.11] is not in the parties file: no account"),
        ("payer-1-town", -70, "it signed no mandate: send an invoice"),
    ]
    made, left_out = order(world.ledger, read_parties(written(tmp_path, ACCOUNTS + MORE)))
    assert [row[1:] for row in made] == [("pay", 1, 240), ("collect", 1, 70)] and left_out == []
    write_orders(world.ledger.database, tmp_path / "bank")
    assert [row[2] for row in amounts(tmp_path / "bank")] == [240, 240]
    assert [row[2] for row in amounts(tmp_path / "bank", DEBIT, "collect")] == [70]


@pytest.mark.requirement("W-23", "D22")
def test_what_was_paid_too_much_is_taken_off_the_next_payment(world, parties):
    ride = world.ride(1, world.cards[0], MORNING)
    world.settle()
    assert [row[1:] for row in order(world.ledger, parties)[0]] == [("pay", 1, 240)]
    world.devices[1].outcome(ride, OUTCOME_ABORTED)  # evidence for and against: a FORK
    world.settle(DAY + 1)
    made, left_out = order(world.ledger, parties)
    assert made == [] and [row[1:] for row in left_out] == [
        ("operator-1-10", -240, "it got too much: taken off its next payment")
    ]
    world.ride(2, world.cards[1], MORNING + 60)
    world.ride(2, world.cards[2], MORNING + 120)
    world.settle(DAY + 2)
    assert [row[1:] for row in order(world.ledger, parties)[0]] == [("pay", 1, 240)]


def test_only_euros_go_to_a_bank_by_sepa(world, parties):
    world.ledger.currency = "SEK"
    with pytest.raises(BankRefused, match="SEPA pays in EUR only"):
        order(world.ledger, parties)
    world.ledger.currency = "EUR"


def test_the_csv_of_clearing_and_operators_is_the_batch(world):
    abroad(world)
    closed = world.settle()
    tables = tables_as_csv(closed)
    for name, column, wanted in (("clearing", "cents", 1460), ("operators", "gross", 1460)):
        rows = csv.DictReader(io.StringIO(tables[f"{name}.csv"].decode(), newline=""))
        assert sum(int(row[column]) for row in rows) == wanted
    assert closed.values["sums"] == [1460, 1460, 1460, 0]


def test_the_command_pays_once_says_who_is_left_out_and_ends_so(tmp_path, capsys):
    made = Settled(tmp_path / "keyring", f"sqlite:///{tmp_path / 'ledger.db'}")
    made.ride(1, made.cards[0], MORNING, group=SENIOR)
    made.ride(2, made.cards[1], MORNING, operator=11)
    made.settle()
    (tmp_path / "tariffs").mkdir()
    for (authority, _), body in made.bodies.items():
        (tmp_path / "tariffs" / f"{authority}.ttar").write_bytes(body)
    made.close()
    few = written(tmp_path, ACCOUNTS)
    words = ["pay", str(tmp_path), "--parties", str(few), "--to", str(tmp_path / "bank"), "--json"]
    assert main(words) == 1
    said = json.loads(capsys.readouterr().out)
    assert [(row["kind"], row["cents"]) for row in said["orders"]] == [
        ("pay", 240),
        ("collect", 70),
    ]
    assert [row["party"] for row in said["left_out"]] == ["operator-1-11"]
    assert main(words) == 1
    said = json.loads(capsys.readouterr().out)
    assert said["orders"] == said["written"] == []
    written(tmp_path, ACCOUNTS + MORE)
    assert main(words) == 0
    assert [row["cents"] for row in json.loads(capsys.readouterr().out)["orders"]] == [240]
    assert main(words) == 0
    assert sorted(path.name for path in (tmp_path / "bank").iterdir()) == [
        "collect-authority-1-000002.xml", "pay-authority-1-000001.xml",
        "pay-authority-1-000003.xml",
    ]  # fmt: skip
