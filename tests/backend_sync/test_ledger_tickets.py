"""Tourist tickets in the books: stored once, ended in any order, doubles and strangers as cases."""

import itertools
import json

import pytest

from backend_sync.keyring.local import LocalKeyring
from backend_sync.ledger import Ledger
from backend_sync.ledger.main import main
from backend_sync.ledger.tickets import TicketSale, ticket_cases
from card_layouts.cards.ulc_layout import ULC_HEADER
from card_layouts.cards.zones import zones_run
from card_layouts.errors import LayoutError
from card_layouts.records import entries as types
from card_layouts.records.chain import chain_start
from card_layouts.records.entries_tap import (
    HOW_ANSWER,
    HOW_LATER,
    HOW_NOT_SENT,
    OUTCOME_ABORTED,
    OUTCOME_COMMITTED,
    OUTCOME_ORPHAN,
)
from firmware.journal import Journal
from firmware.partitions import FLASH_BYTES, JOURNAL_BLOCKS, JOURNAL_FIRST
from simulator.bench.workbench import ACK_LOST, AUTHORITY, DEVICE, HOUR_MS, Workbench
from simulator.flash import Flash
from tests.backend_sync.builders import AUTHORITY as AREA
from tests.backend_sync.builders import FixedClock, World

pytestmark = pytest.mark.requirement("W-89", "W-94", "D11")
UID, OTHER = bytes.fromhex("04aa01bb02cc03"), bytes.fromhex("04aa01bb02cc04")
HEADER = ULC_HEADER.pack(
    {
        "layout": 1,
        "authority": AREA,
        "product": 70,
        "days": 3,
        "group": 2,
        "zones": zones_run(1, 9),
        "sold": 2300,
        "activate_by": 2600,
        "price": 1600,
    }
)
SALE = TicketSale("t-1", UID, HEADER, "kiosk", 199_000_000)


def tap(device, n, uid=UID, was=b"?", made=b"!"):
    """Write the TICKET of a tap that brings the ticket to count `n`; return its seq."""
    return device.put(
        types.TICKET,
        {
            "uid": uid,
            "header": HEADER,
            "was_slot": was.ljust(12, b"."),
            "new_slot": made.ljust(12, b"."),
            "counter": n - 1,
            "writes": 3,
            "time": 200_000_000 + n,
            "authority": AREA,
            "zone": 3,
            "operator": 7,
        },
    )


def end(device, seq, outcome=OUTCOME_COMMITTED, how=HOW_ANSWER):
    return device.put(
        types.OUTCOME, {"of": seq, "outcome": outcome, "how": how, "observed": bytes(44)}
    )


def figures(world):
    return world.ledger.report()["tickets"]


def states(world):
    rows = world.ledger.database.rows("SELECT n, device, state FROM ticket_uses ORDER BY n, device")
    return [tuple(row) for row in rows]


@pytest.fixture
def sold(world):
    assert world.ledger.import_tickets([SALE]) == 1
    return world


def test_taps_are_stored_once_and_move_no_money(sold):
    device = sold.devices[1]
    end(device, tap(device, 2))
    end(device, tap(device, 3), OUTCOME_ABORTED, HOW_NOT_SENT)
    tap(device, 3)
    before = sold.ledger.report()["accounts"]
    for _ in range(2):
        sold.post(device.run())
    found = sold.ledger.report()
    assert found["accounts"] == before and found["quarantine"] == {}
    counted = {"sold": 1, "sold_cents": 1600, "taps": 3, "used": 1, "not_used": 1, "open": 1}
    assert found["tickets"] == counted | {"contradicted": 0, "doubles": 0, "never_sold": 0}
    assert found["taps"] == 3 and found["open_intents"] == 0 and found["outcomes_unmatched"] == 0
    assert found["cards"] == len(sold.cards) and found["unknown_cards"] == 0, "it is no card"


@pytest.mark.requirement("D22")
@pytest.mark.parametrize("order", list(itertools.permutations(range(4))))
def test_the_order_in_which_entries_come_changes_nothing(sold, order):
    first, second = sold.devices[1], sold.devices[2]
    end(first, tap(first, 2, made=b"A"))
    end(second, tap(second, 3, was=b"A"), OUTCOME_ABORTED, HOW_LATER)
    parts = [first.run(1, 1), first.run(2, 2), second.run(1, 1), second.run(2, 2)]
    for at in order:
        sold.post(parts[at])
    assert states(sold) == [(2, 1, "used"), (3, 2, "not used")]
    assert sold.ledger.report()["outcomes_unmatched"] == 0


def test_open_taps_are_told_by_what_others_found(sold):
    first, second = sold.devices[1], sold.devices[2]
    tap(first, 2, made=b"A")  # lost its ACK; the next tap found its slot
    end(second, tap(second, 3, was=b"A", made=b"B"))
    end(first, tap(first, 3, made=b"C"), OUTCOME_ORPHAN)  # another device took that count
    tap(first, 9)
    sold.post(first.run(), second.run())
    assert states(sold) == [
        (2, 1, "used"), (3, 1, "not used"), (3, 2, "used"), (9, 1, "open")
    ]  # fmt: skip
    assert figures(sold)["doubles"] == 0


@pytest.mark.requirement("X-9")
def test_a_count_used_twice_is_one_case_with_both_devices(sold):
    """A copied ticket, or a relay that swallowed the count and forged the four bits of the ACK."""
    first, second, third = (sold.devices[n] for n in (1, 2, 3))
    end(first, tap(first, 5))
    sold.post(first.run())
    assert figures(sold)["doubles"] == 0 and ticket_cases(sold.ledger.database) == []
    end(second, tap(second, 5))
    tap(third, 5)  # unknown: says nothing
    for _ in range(2):
        sold.post(second.run(), third.run())
    found = sold.ledger.report()
    assert found["tickets"]["doubles"] == 1 and found["alarms"] == {"TICKET_TWICE": 1}
    assert found["forks"] == 0 and found["doubled"] == 0, "no money is double"
    cases = ticket_cases(sold.ledger.database)
    assert [(c["case"], c["n"], c["device"], c["state"]) for c in cases] == [
        ("used twice", 5, 1, "used"),
        ("used twice", 5, 2, "used"),
        ("used twice", 5, 3, "not used"),
    ]
    end(third, 1)
    sold.post(third.run())
    alarms = sold.ledger.database.rows("SELECT detail FROM alarms ORDER BY id")
    assert [row[0].rpartition(":")[2] for row in alarms] == [
        " count 5 was used 2 times", " count 5 was used 3 times"
    ]  # fmt: skip


def test_a_retry_of_an_aborted_tap_is_no_double(sold):
    device = sold.devices[1]
    end(device, tap(device, 5), OUTCOME_ABORTED, HOW_LATER)
    end(device, tap(device, 5))
    sold.post(device.run())
    assert figures(sold)["doubles"] == 0
    assert [row[2] for row in states(sold)] == ["not used", "used"]


def test_outcomes_for_and_against_are_shown_as_such(sold):
    device = sold.devices[1]
    seq = tap(device, 5)
    end(device, seq)
    end(device, seq, OUTCOME_ABORTED, HOW_LATER)
    end(device, seq)
    sold.post(device.run())
    assert figures(sold)["contradicted"] == 1


def test_a_ticket_nobody_sold_is_a_case_until_its_sale_comes(world):
    device = world.devices[1]
    end(device, tap(device, 2))
    world.post(device.run())
    assert figures(world)["never_sold"] == 1
    assert [case["case"] for case in ticket_cases(world.ledger.database)] == ["never sold"]
    world.ledger.import_tickets([SALE])
    assert figures(world)["never_sold"] == 0 and ticket_cases(world.ledger.database) == []


def test_an_entry_that_names_no_ticket_is_held_and_quarantined(world):
    device = world.devices[1]
    tap(device, 2, uid=bytes(7))
    world.post(device.run())
    found = world.ledger.report()
    assert found["quarantine"] == {"BAD_VALUE": 1} and found["tickets"]["taps"] == 0


@pytest.mark.requirement("D21")
def test_a_sale_is_posted_once_and_a_changed_repeat_is_an_alarm(sold):
    assert sold.ledger.import_tickets([SALE, SALE]) == 0
    found = sold.ledger.report()
    assert found["accounts"] == {"CASH": -1600, "REV": 1600} and found["alarms"] == {}
    assert sold.ledger.import_tickets([SALE._replace(uid=OTHER)]) == 0
    assert sold.ledger.report()["alarms"] == {"SALE_DIFFERS": 1}
    free = ULC_HEADER.pack({**ULC_HEADER.unpack(HEADER), "price": 0})
    assert sold.ledger.import_tickets([SALE._replace(sale="t-2", uid=OTHER, header=free)]) == 1
    assert sold.ledger.report()["accounts"] == {"CASH": -1600, "REV": 1600}
    with pytest.raises(LayoutError, match="ticket sale t-3: UID of 4 bytes and header of 12"):
        sold.ledger.import_tickets([SALE._replace(sale="t-3", uid=UID[:4])])
    names = [row[0] for row in sold.ledger.database.rows(
        "SELECT name FROM accounts WHERE kind <> 'LIAB' ORDER BY id")]  # fmt: skip
    assert names == ["CASH:kiosk", f"REV:{AREA}:0"]


@pytest.fixture
def folder(tmp_path):
    """A folder as an installation keeps it, with a case in its books; nothing is running."""
    world = World(tmp_path / "keyring", f"sqlite:///{tmp_path / 'ledger.db'}")
    for number in (1, 2):
        end(world.devices[number], tap(world.devices[number], 5))
    world.post()
    world.close()
    return tmp_path


def test_the_command_lists_the_cases_and_brings_sales_in(folder, capsys):
    assert main(["tickets", str(folder)]) == 1
    said = capsys.readouterr().out
    assert "used twice, never sold" in said and "doubles                 1" in said
    path = folder / "sold.json"
    row = {"sale_id": "t-1", "uid": UID.hex(), "header": HEADER.hex(), "channel": "kiosk"}
    path.write_text(json.dumps([{**row, "time": 5}]))
    assert main(["import-tickets", str(folder), "--file", str(path)]) == 0
    assert "1 tickets are new" in capsys.readouterr().out
    assert main(["tickets", str(folder), "--json"]) == 1
    found = json.loads(capsys.readouterr().out)
    assert {case["case"] for case in found["cases"]} == {"used twice"} and found["sold"] == 1
    assert main(["report", str(folder)]) == 0
    assert "sold 1, used 2, doubles 1" in capsys.readouterr().out
    path.write_text("[{}]")
    assert main(["import-tickets", str(folder), "--file", str(path)]) == 2
    assert "not a list of ticket sales" in capsys.readouterr().err


@pytest.mark.system
@pytest.mark.requirement("D13", "D15")
def test_what_a_real_board_journals_of_a_ticket_stands_in_the_books(tmp_path):
    bench = Workbench(tmp_path)
    bench.power_on()
    bench.tap(card=bench.ticket)
    bench.world.run_for(HOUR_MS)
    bench.tap(ACK_LOST, card=bench.ticket)
    bench.close()
    journal = Journal(Flash(FLASH_BYTES, bench.flash_path), JOURNAL_FIRST, JOURNAL_BLOCKS).mount()
    slots = []
    for seq in range(1, journal.head_seq + 1):
        slot = bytearray(128)
        assert journal.read_slot(seq, slot)
        slots.append(bytes(slot))
    keyring = LocalKeyring(tmp_path / "keyring")
    ledger = Ledger(f"sqlite:///{tmp_path}/ledger.db", FixedClock(), keyring, {}, AUTHORITY)
    header = b"".join(bench.ticket.image.user[page] for page in (4, 5, 6))
    ledger.import_tickets([TicketSale("t", bench.ticket.uid, header, "office", 1)])
    ledger.post([("depot", [(DEVICE, 0, 1, chain_start(DEVICE, 0), slots)])])
    found = ledger.report()
    # The lease, laid in without a dock, is counted from its CONFIG at boot.
    assert found["entries_by_type"] == {"OUTCOME": 2, "CONFIG": 1, "BOOT": 1, "TICKET": 2}
    assert found["tickets"]["used"] == 2 and found["tickets"]["never_sold"] == 0
    rows = ledger.database.rows("SELECT n, product, authority, was, made FROM ticket_taps")
    assert [tuple(row)[:3] for row in rows] == [(2, 70, AUTHORITY), (3, 70, AUTHORITY)]
    assert rows[1][3] == rows[0][4], "the second tap found what the first had written"
    assert found["lost"] == found["doubled"] == 0 and found["alarms"] == {}
    ledger.close()
    keyring.close()
