"""What parties, banks and spreadsheets get of a closed batch."""

import csv
import io
import json
import subprocess
import sys
from pathlib import Path

import pytest

from backend_sync.settlement.close import every_batch
from backend_sync.settlement.export import export_statements
from backend_sync.settlement.main import main
from backend_sync.settlement.parties import PartiesError, is_iban, read_parties
from backend_sync.settlement.statements import as_csv, harmless, statements, tables_as_csv
from tests.backend_sync.settled_worlds import MORNING, SENIOR, Settled

ROOT = Path(__file__).resolve().parents[2]
ACCOUNTS = """
[authority.1]
name = "Koivula region"
iban = "FI21 1234 5600 0007 85"
bic = "NDEAFIHH"
creditor_id = "FI00ZZZ12345678"
[authority.2]
name = "Ferry authority"
iban = "NL91ABNA0417164300"
[operator.1.10]
name = "=Koivula & Buses Öy"
iban = "DE89370400440532013000"
[payer.1.town]
name = "Town of Koivula"
iban = "GB29NWBK60161331926819"
mandate = "M-2026-1"
mandate_date = 2026-01-07
"""


@pytest.fixture(scope="module")
def world(tmp_path_factory):
    made = Settled(tmp_path_factory.mktemp("files") / "keyring")
    made.ride(1, made.cards[0], MORNING, group=SENIOR)
    made.ride(2, made.cards[1], MORNING, operator=11)
    made.ride(3, made.cards[2], MORNING, area=2, operator=20, stop=30)
    made.settle()
    yield made
    made.close()


@pytest.fixture
def closed(world):
    return every_batch(world.ledger.database)[0]


@pytest.mark.requirement("W-23", "W-41", "W-59")
def test_every_party_has_a_statement_of_what_it_gets_or_owes(closed):
    due = {s.party: s.due for s in statements(closed)}
    assert due == {
        "operator-1-10": 240, "operator-1-11": 240, "operator-2-20": 300,
        "payer-1-town": -70, "authority-1": -300, "authority-2": 300,
    }  # fmt: skip
    for statement in statements(closed):
        assert json.loads(statement.as_json())["due"] == statement.due
        assert statement.party in statement.as_text().decode()


@pytest.mark.requirement("W-19", "R-16", "R-17", "W-23")
def test_an_operators_report_tells_its_own_rides_and_nobody_elses(closed):
    reports = {s.party: s for s in statements(closed)}
    own = reports["operator-1-10"]
    assert own.tables["operators"] == [[1, 10, 1, 170, 70, 0, 240, 30, 210]]
    assert own.tables["products"] == [[1, 10, 1, 1, 1, 170, 70, 0]]
    assert own.tables["payers"] == [[1, "town", 10, 1, SENIOR, SENIOR, 1, 70]]
    for party, report in reports.items():
        if party.startswith("operator"):
            area, operator = map(int, party.split("-")[1:])
            assert {tuple(row[:2]) for row in report.tables["products"]} == {(area, operator)}
    authority = reports["authority-1"].tables
    assert {row[1] for row in authority["operators"]} == {10, 11}
    assert all(row[0] == 1 for name in ("operators", "payers", "tax") for row in authority[name])


@pytest.mark.requirement("W-141", "W-23")
def test_every_table_is_read_back_from_csv_with_its_sum(closed):
    for name, data in tables_as_csv(closed).items():
        rows = list(csv.DictReader(io.StringIO(data.decode(), newline="")))
        assert len(rows) == len(closed.values[name.removesuffix(".csv")])
    rows = csv.DictReader(io.StringIO(tables_as_csv(closed)["operators.csv"].decode(), newline=""))
    assert sum(int(row["gross"]) for row in rows) == closed.values["sums"][0]


@pytest.mark.parametrize("text", ("=1+1", "+1", "-1", "@A1", "\t=1", "\r=1", "\n=1"))
def test_no_cell_of_a_table_begins_a_formula(text):
    data = as_csv(("name", "cents"), [(text, -5)])
    row = list(csv.reader(io.StringIO(data.decode(), newline="")))[1]
    assert row == [f"'{text}", "-5"] and harmless("plain") == "plain"


def test_export_writes_once_and_leaves_what_is_the_same_alone(world, tmp_path):
    assert len(export_statements(world.ledger.database, tmp_path / "to", world.keyring)) > 15
    assert export_statements(world.ledger.database, tmp_path / "to", world.keyring) == []


@pytest.mark.parametrize(
    "old, new, words",
    (
        ("0007 85", "0007 86", "authority.1.iban"),
        ("NDEAFIHH", "no", "authority.1.bic"),
        ('name = "Ferry authority"', "", "authority.2: no name"),
        ("mandate_date = 2026-01-07", "", "mandate_date"),
        ("mandate =", "colour =", "'colour'"),
    ),
)
def test_an_account_that_cannot_be_is_refused_by_name(tmp_path, old, new, words):
    path = tmp_path / "parties.toml"
    path.write_text(ACCOUNTS.replace(old, new))
    with pytest.raises(PartiesError, match=words):
        read_parties(path)


def test_an_iban_has_right_check_digits():
    assert is_iban("FI2112345600000785") and not is_iban("FI2112345600000758")


def test_the_commands_close_show_and_verify(world, capsys):
    world.ledger.database.rows("SELECT 1")
    place = str(world.folder)
    assert main(["list", place]) == 0 and "2026-06-04" in capsys.readouterr().out
    assert main(["show", place, "--json"]) == 0
    assert json.loads(capsys.readouterr().out)["sums"] == [780, 780, 780, 0]
    assert main(["show", place, "--number", "7"]) == 2
    assert main(["show", f"{place}/nothing.db"]) == 2
    capsys.readouterr()
    assert main(["close", place, "--day", "9999-12-31"]) == 1  # it would close all days for good
    assert "wanted today or a day before" in capsys.readouterr().err
    assert len(every_batch(world.ledger.database)) == 1
    with pytest.raises(SystemExit) as stopped:
        main(["close", place, "--day", "yesterday"])
    assert stopped.value.code == 2


def test_a_place_without_a_ledger_or_without_keys_is_a_sentence(world, tmp_path, capsys):
    empty = tmp_path / "empty"
    empty.mkdir()
    assert main(["close", str(empty), "--day", "2026-06-04"]) == 2
    assert capsys.readouterr().err == f"settlement close: {empty / 'ledger.db'}: no such ledger\n"
    assert main(["verify", str(world.folder)]) == 2  # the world's keys lie elsewhere
    said = capsys.readouterr().err
    assert "Errno" not in said and "keyring/keys.json: cannot be read: No such file" in said


@pytest.mark.system
@pytest.mark.requirement("D25", "T17")
def test_closing_that_is_killed_at_any_moment_or_started_twice_closes_once(tmp_path):
    made = Settled(tmp_path / "keyring", f"sqlite:///{tmp_path / 'ledger.db'}")
    made.ride(1, made.cards[0], MORNING, group=SENIOR)
    made.post()
    (tmp_path / "tariffs").mkdir()
    for (authority, _), body in made.bodies.items():
        (tmp_path / "tariffs" / f"{authority}.ttar").write_bytes(body)
    made.close()
    words = [sys.executable, "-m", "backend_sync", "settlement"]
    closing = [*words, "close", str(tmp_path), "--day", "2026-06-04"]
    for line in (200, 900):
        # Killed when it has run so many lines of close.py and what it calls: no clock decides.
        killed = subprocess.run([sys.executable, "-c", KILLED, str(line), *closing[3:]], cwd=ROOT)
        assert killed.returncode == -9
    both = [subprocess.Popen(closing, cwd=ROOT, stdout=-3, stderr=-3) for _ in range(2)]
    assert {process.wait() for process in both} <= {0, 2}
    assert subprocess.run(closing, cwd=ROOT, stdout=-3).returncode == 0
    listed = subprocess.run([*words, "list", str(tmp_path), "--json"], cwd=ROOT,
                            capture_output=True, check=True)  # fmt: skip
    rows = json.loads(listed.stdout)
    assert [(row["batch"], row["cents"], row["unassigned"]) for row in rows] == [(1, 240, 0)]
    verified = subprocess.run([*words, "verify", str(tmp_path)], cwd=ROOT, stdout=-3)
    assert verified.returncode == 0


# Runs a command and kills it with SIGKILL at its n-th line within the settlement.
KILLED = """
import os, signal, sys
left = [int(sys.argv[1])]
def count(frame, event, _):
    if "settlement" not in frame.f_code.co_filename:
        return None
    left[0] -= event == "line"
    if left[0] < 0 and frame.f_code.co_name not in ("<module>", "_parser", "main", "_day"):
        os.kill(os.getpid(), signal.SIGKILL)
    return count
from backend_sync.settlement.main import main
sys.settrace(count)
sys.exit(main(sys.argv[3:]))
"""
