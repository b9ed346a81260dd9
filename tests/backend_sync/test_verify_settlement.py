"""An outsider finds what a ledger settles wrongly, also when the ledger signs it."""

import json
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from auditor.main import main
from backend_sync.settlement.close import every_batch, lines_of
from backend_sync.settlement.export import export, openings
from card_layouts.cards.card_layout import G
from card_layouts.errors import LayoutError
from card_layouts.records.entries_tap import INTENT
from card_layouts.settlement import lines as ln
from card_layouts.settlement.ciphertext import write_run
from card_layouts.settlement.openings import (
    check_openings,
    decode_openings,
    encode_openings,
)
from tests.backend_sync.settled_worlds import (
    MORNING,
    SENIOR,
    Settled,
    dishonest,
    lines_in,
)

ROOT = Path(__file__).resolve().parents[2]


@pytest.fixture(scope="module")
def world(tmp_path_factory):
    """A closed day of nine rides on three devices."""
    made = Settled(tmp_path_factory.mktemp("settled") / "keyring", revenue="per_leg")
    for index, card in enumerate(made.cards):
        made.ride(1, card, MORNING + 60 * index, group=SENIOR if index % 2 else 0)
    made.ride(2, made.cards[0], MORNING + 900, operator=11)
    made.ride(2, made.cards[1], MORNING + 960, operator=11, group=SENIOR, stop=20)
    made.ride(3, made.cards[2], MORNING + 5000, area=2, operator=20, stop=30)
    made.ride(3, made.cards[0], MORNING + 40_000)
    made.intent(3, made.cards[1], MORNING + 40_100)
    made.settle()
    yield made
    made.close()


@pytest.fixture
def records(world):
    return lines_in(lines_of_batch(world))


def lines_of_batch(world):
    return lines_of(world.ledger.database, 1)


def found(world, records, **how):
    batch, lines = dishonest(world, records, **how)
    return world.checker().check(batch, lines).findings


def changed(record, **values):
    """Return the line with other facts: names of INTENT, or of its record's body."""
    facts = bytearray(record[24:])
    for name, value in values.items():
        layout = G if name in ("amount", "charged", "zones") else INTENT
        layout.put(facts, name, value)
    return record[:24] + bytes(facts)


@pytest.mark.requirement("D25")
def test_an_honest_day_agrees(world, records):
    assert found(world, records) == [] == world.findings()
    assert len(records) == 9


@pytest.mark.requirement("D25", "T13")
@pytest.mark.parametrize("signed", (True, False), ids=("signed anew", "not signed anew"))
@pytest.mark.parametrize("place", (0, 3, 8))
def test_a_dropped_line_is_named_by_device_seqs_and_leaf(world, records, place, signed):
    line = ln.decode_line(records[place])
    said = found(world, records[:place] + records[place + 1 :], signed=signed)
    wanted = f"device {line.device} epoch 0 seq {line.seq}: 1 slots without a line, wanted at leaf"
    assert said[0].startswith(f"{wanted} {place}") or any(
        words.startswith(f"{wanted} {place}") for words in said
    )


@pytest.mark.requirement("D25", "O-17")
@pytest.mark.parametrize("signed", (True, False), ids=("signed anew", "not signed anew"))
@pytest.mark.parametrize("cents", (-1, 1))
def test_a_changed_cent_is_named_by_device_seq_and_leaf(world, records, cents, signed):
    line = ln.decode_line(records[0])
    charged = INTENT.get(line.facts, "full")
    forged = changed(records[0], amount=charged + cents, charged=charged + cents,
                     full=charged + cents)  # fmt: skip
    said = found(world, [forged, *records[1:]], signed=signed)
    assert said[0].startswith("leaf 0, device 1 epoch 0 seq 1: the tariff does not price it so")


@pytest.mark.requirement("D25")
def test_every_single_bit_of_every_line_is_guarded_by_the_root_or_the_price(world, records):
    honest = [(name, ln.decode_line(name)) for name in records]
    unseen = []
    for place, (record, _) in enumerate(honest[:3]):
        for bit in range(0, 8 * len(record), 7):
            forged = bytearray(record)
            forged[bit // 8] ^= 128 >> bit % 8
            said = found(world, [*records[:place], bytes(forged), *records[place + 1 :]],
                         signed=False)  # fmt: skip
            if not said:
                unseen.append((place, bit))
    assert unseen == []


@pytest.mark.requirement("D25", "T13")
@pytest.mark.parametrize(
    "forge, words",
    (
        (lambda r: [*r, r[-1]], "not in the order"),
        (lambda r: [r[1], r[0], *r[2:]], "not in the order"),
        (lambda r: [*r, line_of(r[-1], seq=900)], "no edge carried such a slot"),
        (lambda r: [*r, line_of(r[-1], device=4711)], "names no such device"),
        (lambda r: [changed(r[0], tariff=9), *r[1:]], "no tariff 9 of authority 1"),
        (lambda r: [changed(r[0], uid=b"\4abcdef"), *r[1:]], "tell of a card or a person"),
        (lambda r: [line_of(r[0], kind=ln.LATER), *r[1:]], "no batch told of it before"),
        (lambda r: [*r[:4], line_of(r[4], leg=(1, 0, 7)), *r[5:]], "is not the leg before it"),
    ),
    ids=("twice", "out of order", "invented", "another device", "no such tariff", "a card in it",
         "later than nothing", "another's journey"),
)  # fmt: skip
def test_a_dishonest_ledger_that_signs_it_is_found(world, records, forge, words):
    said = found(world, forge(records))
    assert any(words in finding for finding in said), said


@pytest.mark.requirement("D25", "X-1", "X-12")
@pytest.mark.parametrize(
    "table, words",
    (
        ("operators", "operators: the lines give"),
        ("payers", "payers: the lines give"),
        ("tax", "tax: the lines give"),
        ("clearing", "clearing: the lines give"),
        ("days", "days: the lines give"),
    ),
)
def test_a_total_that_the_lines_do_not_give_is_found(world, records, table, words):
    rows = [list(row) for row in every_batch(world.ledger.database)[0].values[table]]
    rows[0][-1] += 1
    assert found(world, records, **{table: rows})[0].startswith(words)


@pytest.mark.requirement("D25")
def test_an_h_that_the_edges_slots_do_not_give_is_found(world, records):
    rows = [list(row) for row in every_batch(world.ledger.database)[0].values["devices"]]
    device, epoch, seq = rows[0][:3]
    rows[0][3] = bytes(32)
    said = found(world, records, devices=rows)
    assert said[0].startswith(f"device {device} epoch {epoch} seq ..{seq}: H of the edges' slots")


# A sample of blocks is opened --------------------------------------------------------------


def sample(world, *names):
    data, absent = openings(world.ledger.database, world.keyring, names)
    assert not absent
    return decode_openings(data)


def against(world, records, rows):
    """Return what opened slots say against these lines, all signed by the ledger itself."""
    checker = world.checker()
    batch, lines = dishonest(world, records)
    assert checker.check(batch, lines).findings == [], "nothing else finds it"
    return check_openings(checker, rows)


@pytest.mark.requirement("D25", "T13")
def test_an_opened_block_agrees_with_the_lines_of_an_honest_ledger(world, records):
    compared, findings = against(world, records, sample(world, (1, 0, 1), (3, 0, 3)))
    assert (compared, findings) == (13, [])  # 4 + 3 INTENTs, their OUTCOMEs; one has none


@pytest.mark.requirement("D25", "T13")
def test_a_line_that_says_otherwise_than_its_slot_is_found_when_it_is_opened(world, records):
    forged = [changed(records[0], operator=11), *records[1:]]
    assert against(world, forged, sample(world, (1, 0, 3)))[1] == [
        "device 1 epoch 0 seq 1: its line says otherwise than it does"
    ]


@pytest.mark.requirement("D25", "T13")
def test_a_paid_ride_called_void_is_found_when_its_block_is_opened(world, records):
    place = 6  # a ride abroad: no other leg hangs on it
    assert ln.decode_line(records[place]).slot == (3, 0, 1)
    forged = [*records[:place], line_of(records[place], sign=0, state=ln.VOIDED),
              *records[place + 1 :]]  # fmt: skip
    assert against(world, forged, sample(world, (3, 0, 1)))[1] == [
        "device 3 epoch 0 seq 2: it says that seq 1 was paid, the batches do not count it"
    ]


@pytest.mark.requirement("D13", "D25")
def test_keys_of_another_block_open_nothing_and_are_found(world, records):
    (device, epoch, seq, k_enc, k_mac), *_ = sample(world, (1, 0, 1))
    rows = [(2, 0, 1, k_enc, k_mac), (device, epoch, seq, k_enc, bytes(16))]
    assert against(world, records, rows) == (
        0,
        ["device 2 epoch 0 seq 1: the keys that were handed over do not open it",
         "device 1 epoch 0 seq 1: the keys that were handed over do not open it"],
    )  # fmt: skip
    assert openings(world.ledger.database, world.keyring, [(9, 0, 9)])[1] == [(9, 0, 9)]


@pytest.mark.parametrize(
    "data", (b"", b"\x81\x01", b"\x01", encode_openings([(1, 0, 1, b"", b"")]))
)
def test_openings_that_are_none_are_refused(data):
    with pytest.raises(LayoutError):
        decode_openings(data)


@pytest.fixture
def folder(world, tmp_path):
    """The exported settlement, as `tornello settlement export` and the edge leave it."""
    to = tmp_path / "settlement"
    export(world.ledger.database, to, world.keyring, world.bodies)
    (to / "ciphertext").mkdir()
    with (to / "ciphertext" / "edge-1.slots").open("wb") as file:
        for run in world.run_all():
            write_run(file, "edge-1", run)
    return tmp_path


@pytest.mark.requirement("D25", "D27")
def test_the_command_runs_where_there_is_no_ledger_and_says_the_same_numbers(
    world, folder, tmp_path
):
    outside = tmp_path / "outside"
    for name in ("auditor", "card_layouts"):
        shutil.copytree(ROOT / name, outside / name, ignore=shutil.ignore_patterns("__pycache__"))
    done = subprocess.run(
        [sys.executable, "-P", "-m", "auditor", str(folder), "--json"],
        cwd=tmp_path, env={"PYTHONPATH": str(outside)}, capture_output=True, text=True,
    )  # fmt: skip
    assert (done.returncode, done.stderr) == (0, "")
    said = json.loads(done.stdout)["batches"][0]
    values = every_batch(world.ledger.database)[0].values
    assert said["sum"] == values["sums"][0] and said["batch"]["operators"] == values["operators"]


def test_the_command_says_what_differs_and_what_is_missing(folder, capsys):
    assert main([str(folder)]) == 0
    assert "1 batches recomputed: the same to the cent." in capsys.readouterr().out
    assert main([str(folder), "--sample", "3"]) == 0
    assert capsys.readouterr().out.count("--slot") == 3
    lines = folder / "settlement" / "lines-000001.bin"
    lines.write_bytes(lines.read_bytes()[120:])
    assert main([str(folder)]) == 1
    assert "DIFFERS: device 1 epoch 0 seq 1: 1 slots without a line" in capsys.readouterr().out
    (folder / "settlement" / "ciphertext" / "edge-1.slots").unlink()
    assert main([str(folder)]) == 2
    assert "outbox ciphertext" in capsys.readouterr().err
    assert main([str(folder / "nowhere")]) == 2


def test_a_batch_that_another_key_signed_is_none(folder, capsys):
    assert main([str(folder), "--public", "11" * 32]) == 1
    assert "signed by key" in capsys.readouterr().out


def test_slots_that_an_edge_did_not_carry_are_named(folder, world, capsys):
    path = folder / "settlement" / "ciphertext" / "edge-1.slots"
    with path.open("wb") as file:
        for run in world.run_all():
            if run[0] != 2:
                write_run(file, "edge-1", run)
    assert main([str(folder)]) == 1
    assert "DIFFERS: device 2 epoch 0 seq 1-4: no edge's slots are here" in capsys.readouterr().out


def line_of(record, **values):
    return ln.encode_line(ln.decode_line(record)._replace(**values))
