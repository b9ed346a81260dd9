"""A full, read-only or damaged disk under ledger and keyring: nobody's batch is to blame for it."""

import json
import sqlite3

import pytest

from backend_sync.app import WAITS_FOR
from backend_sync.app import main as serve
from backend_sync.keyring.main import main as keyring_main
from backend_sync.keyring.register import Register
from backend_sync.keyring.server import Server
from backend_sync.keyring.wire import FAILED, decode_frame
from backend_sync.ledger.main import main as ledger_main
from backend_sync.status import StatusFile
from tests.backend_sync import sealed_devices as sd
from tests.backend_sync.test_intake import Desk

pytestmark = pytest.mark.requirement("T17", "T24", "D20")
PAGE = 4096
REPAIR = "put back the last backup"


@pytest.fixture
def desk(tmp_path):
    made = Desk(tmp_path)
    made.intake.waits_for = WAITS_FOR
    yield made
    made.close()


def spoil(path, table):
    """Write nonsense over the first page of a table, in a file whose WAL is folded in."""
    with sqlite3.connect(path) as database:
        database.execute("PRAGMA wal_checkpoint(TRUNCATE)")
        asked = "SELECT rootpage FROM sqlite_master WHERE name = ?"
        ((page,),) = database.execute(asked, (table,)).fetchall()
    database.close()
    with path.open("r+b") as file:
        file.seek((page - 1) * PAGE)
        file.write(b"\x5a" * PAGE)


def test_a_damaged_ledger_keeps_its_batch_in_hand_and_puts_none_of_it_into_quarantine(desk):
    connection = desk.ledger.database.connection.connection.driver_connection
    connection.execute("PRAGMA wal_checkpoint(TRUNCATE)")
    connection.execute("PRAGMA cache_size=0")
    spoil(desk.path / "ledger.db", "entries")
    desk.bring(sd.batch(desk.device.run([sd.refusal(1)])))
    assert desk.intake.post() is False
    assert "it is damaged" in desk.intake.counts.last_error
    assert REPAIR in desk.intake.counts.last_error
    assert desk.quarantine.reasons() == [] and desk.published == []
    assert len(desk.intake.group) == 1


def test_a_full_ledger_waits_says_so_and_posts_when_there_is_room(desk):
    run = desk.ledger.database.connection.connection.driver_connection.execute
    ((pages,),) = run("PRAGMA page_count").fetchall()
    run(f"PRAGMA max_page_count={pages}")
    desk.bring(sd.batch(desk.device.run([sd.refusal(1)] * 200)))
    assert desk.intake.post() is False
    said = desk.intake.counts.last_error
    assert "the disk is full: make room (SQLITE_FULL)" in said and "SELECT" not in said
    assert desk.published == []
    run("PRAGMA max_page_count=1000000")
    assert desk.intake.post() is True and len(desk.acks()) == 1


def test_a_batch_that_no_quarantine_takes_is_told_and_sent_again_some_day(desk):
    for path in desk.quarantine.folder.iterdir():
        path.unlink()
    desk.quarantine.folder.rmdir()
    desk.bring(b"no batch")
    assert len(desk.finished) == 1 and "make room" in desk.intake.counts.last_error
    assert desk.intake.counts.quarantined == 0


def test_a_status_that_cannot_be_written_ends_nothing(tmp_path, capsys):
    status = StatusFile(tmp_path / "absent" / "status.json")
    for now_ms in (0, 2000, 4000):
        status.write({"posted": now_ms}, now_ms)
    assert capsys.readouterr().err.count("the status is not written") == 1
    (tmp_path / "absent").mkdir()
    status.write({"posted": 5}, 6000)
    assert json.loads(status.path.read_text())["posted"] == 5


def test_a_register_whose_disk_was_full_goes_on_when_there_is_room(tmp_path):
    register = Register(tmp_path / "keyring.db")
    run = register.database.execute
    ((pages,),) = run("PRAGMA page_count").fetchall()
    run(f"PRAGMA max_page_count={pages}")
    rows = [(device, 1, 7, bytes(64)) for device in range(500)]
    with pytest.raises(sqlite3.OperationalError, match="full"):
        register.save_checkpoints(rows)
    run("PRAGMA max_page_count=1000000")
    register.save_checkpoints(rows)
    assert len(list(register.checkpoints())) == 500
    register.close()


def test_a_damaged_register_blames_no_request_and_says_what_to_do(tmp_path):
    sd.keyring(tmp_path / "keyring").close()
    spoil(tmp_path / "keyring" / "keyring.db", "device")
    register = Register(tmp_path / "keyring" / "keyring.db")
    server = Server(tmp_path / "sock", lambda *_: register.devices(), print)
    code, said = decode_frame(server._answer(["assemble", ["devices", {}]]))
    server.close()
    register.close()
    assert code == FAILED and "it is damaged" in said and REPAIR in said


@pytest.mark.parametrize("command", ["serve", "status", "restored"])
def test_a_keyring_that_cannot_read_its_register_says_so_in_one_sentence(tmp_path, capsys, command):
    sd.keyring(tmp_path).close()
    (tmp_path / "keyring.db").write_bytes(b"no database at all" * 1000)
    assert keyring_main([command, str(tmp_path)]) == 1
    said = capsys.readouterr().err
    assert said.count("\n") == 1 and "keyring.db: it is not a database" in said and REPAIR in said


def test_a_keyring_whose_folder_cannot_be_written_says_so_in_one_sentence(tmp_path, capsys):
    sd.keyring(tmp_path).close()
    (tmp_path / "keyring.lock").unlink()
    (tmp_path / "keyring.lock").mkdir()
    assert keyring_main(["status", str(tmp_path)]) == 1
    said = capsys.readouterr().err
    assert said.count("\n") == 1 and "choose a folder that exists and may be written" in said


def test_a_ledger_that_is_no_database_is_one_sentence_for_service_and_commands(tmp_path, capsys):
    sd.keyring(tmp_path / "keyring").close()
    (tmp_path / "ledger.db").write_bytes(b"no database at all" * 1000)
    (tmp_path / "ledger.toml").write_text("authority = 244\n[broker]\nport = 1\n")
    assert serve(["--config", str(tmp_path / "ledger.toml")]) == 1
    assert ledger_main(["report", str(tmp_path)]) == 2
    for said in capsys.readouterr().err.strip().splitlines():
        assert "ledger.db: it is not a database" in said and REPAIR in said
