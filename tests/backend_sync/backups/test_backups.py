"""A backup of everything is whole or names what is damaged; put back, it brings back no key."""

import fcntl
import json
import os
import shutil
import sqlite3
from contextlib import closing

import pytest

from backend_sync.api.opening import open_database as open_api
from backend_sync.api.restored import settle_keys
from backend_sync.backups import putting_back
from backend_sync.backups.parts import PARTS
from backend_sync.backups.putting_back import put_back_all
from backend_sync.backups.whole import back_up_all, verify_backup
from backend_sync.keyring.keyfile import KeyFileError
from backend_sync.keyring.local import LocalKeyring
from backend_sync.ledger.backup import BackupError
from backend_sync.ledger.main import main
from backend_sync.office.main import main as serve
from backend_sync.office.opening import open_database as open_office
from backend_sync.registers.opening import open_database as open_register
from backend_sync.reports.opening import open_database as open_reports
from backend_sync.storage.database import Database
from tests.backend_sync.api.api_world import Api, once, sale
from tests.backend_sync.operating.planners import three_owners

WITHDRAWN_NOW = 99


class Lived(Api):
    """Keys, a session, a request that was answered, a code, three timetables; a backup `copy`."""

    def __init__(self, folder, copy):
        super().__init__(folder)
        self.kept, self.gone = self.key("olli"), self.key("otto")
        self.session = self.office.client("alma").cookies["session"]
        self.body, self.head = sale(self), once("lived")
        assert self.client("carl").post("/sales", json=self.body, headers=self.head).is_success
        code = {"card": self.card}
        assert self.client("dora").post("/card-codes", json=code, headers=once(7)).is_success
        three_owners(folder, self.clock)
        open_reports(folder).close()
        self.manifest = back_up_all(folder, folder / "ledger.db", copy)
        self.copy = copy
        boss = self.boss(1)
        self.keys.withdraw(boss, self.gone.split("_")[1])
        self.new = self.key("ole")
        self.close()


@pytest.fixture(scope="module")
def lived(tmp_path_factory):
    folder = tmp_path_factory.mktemp("lived") / "place"
    folder.mkdir()
    return Lived(folder, folder.parent / "copy")


@pytest.fixture
def place(lived, tmp_path):
    """A copy of the folder and of its backup, which a test may spoil."""
    shutil.copytree(lived.copy, tmp_path / "copy")
    shutil.copytree(lived.folder, tmp_path / "place")
    return tmp_path / "place"


def rows(path, sql):
    with closing(sqlite3.connect(path)) as database:
        return database.execute(sql).fetchall()


def restored(place, capsys, *more):
    words = ["restore", str(place), str(place.parent / "copy"), "--register", str(place), *more]
    code = main(words)
    return code, "".join(capsys.readouterr())


def spoil(path, at=3000):
    body = bytearray(path.read_bytes())
    body[at] ^= 0x41
    path.write_bytes(body)


@pytest.mark.requirement("D16", "D20")
def test_a_backup_holds_everything_whole(lived, capsys):
    names = set(lived.manifest["files"])
    assert {"ledger.db", "office.db", "operating.db", "reports.db", "api.db"} <= names
    assert {name.split("/")[0] for name in names if "/" in name} == {"operating", "tariffs"}
    assert len([name for name in names if name.endswith(".zip")]) == 3
    assert main(["verify-backup", str(lived.copy)]) == 0
    assert "all whole" in capsys.readouterr().out
    assert not [name for name in names if "key" in name or "register" in name]
    assert rows(lived.copy / "operating.db", "SELECT count(*) FROM versions") == [(3,)]
    assert (lived.copy.stat().st_mode & 0o777) == 0o700


@pytest.mark.requirement("T20", "D11", "W-148")
def test_no_backup_holds_a_session_an_answer_a_code_or_a_key_of_pseudonyms(lived):
    kept = rows(lived.folder / "office.db", "SELECT id FROM sessions")
    code = rows(lived.folder / "api.db", "SELECT hash FROM card_codes")
    assert kept and code and rows(lived.folder / "api.db", "SELECT * FROM api_requests")
    for part in PARTS:
        for table in (*part.passing, *part.secret):
            if (lived.copy / part.file).exists():
                assert rows(lived.copy / part.file, f"SELECT count(*) FROM {table}") == [(0,)]
    assert kept[0][0].encode() not in (lived.copy / "office.db").read_bytes()
    assert code[0][0].encode() not in (lived.copy / "api.db").read_bytes()
    assert rows(lived.copy / "api.db", "SELECT count(*) FROM api_keys")[0][0] >= 4


@pytest.mark.requirement("D16")
def test_every_damaged_file_is_named(place):
    copy = place.parent / "copy"
    for name in sorted(json.loads((copy / "manifest.json").read_text())["files"]):
        body = (copy / name).read_bytes()
        spoiled = body[:100] + bytes((body[100] ^ 0x41,)) + body[101:]
        for damaged in (spoiled, body[:-1], body + b"x", None):
            (copy / name).unlink()
            if damaged is not None:
                (copy / name).write_bytes(damaged)
            assert [said.split(":")[0] for said in verify_backup(copy)["wrong"]] == [name]
            (copy / name).write_bytes(body)
    (copy / "strange").touch()
    assert verify_backup(copy)["wrong"] == ["strange: is not in the manifest"]


@pytest.mark.requirement("D16")
def test_what_is_written_by_another_hand_is_no_backup(place, capsys):
    copy = place.parent / "copy"
    found = json.loads((copy / "manifest.json").read_text())
    for wrong in ({}, {**found, "schema": 2}, {**found, "files": {}},
                  {**found, "files": {"../x": {"bytes": 0, "sha256": ""}}}):  # fmt: skip
        (copy / "manifest.json").write_text(json.dumps(wrong))
        assert main(["verify-backup", str(copy)]) == 2
        assert "manifest.json: " in capsys.readouterr().err
    (copy / "manifest.json").unlink()
    assert main(["verify-backup", str(copy)]) == 2
    assert "no backup that was finished" in capsys.readouterr().err


@pytest.mark.requirement("D16", "T20", "W-138")
def test_what_is_whole_stays_and_everybody_signs_in_and_asks_anew(place, capsys):
    assert rows(place / "api.db", "SELECT count(*) FROM api_requests WHERE status > 0") != [(0,)]
    before = rows(place / "api.db", "SELECT id, withdrawn FROM api_keys ORDER BY id")
    code, said = restored(place, capsys)
    assert code == 0 and "incarnation 2" in said and "api.db: whole, and newer" in said
    assert rows(place / "api.db", "SELECT id, withdrawn FROM api_keys ORDER BY id") == before
    for part in PARTS:
        for table in part.passing if (place / part.file).exists() else ():
            assert rows(place / part.file, f"SELECT count(*) FROM {table}") == [(0,)], table
    assert not list(place.glob("*.arriving"))


@pytest.mark.requirement("D16", "T20")
@pytest.mark.parametrize("cut", ["forget", "_replace"])
def test_a_restore_that_was_cut_is_said_until_it_was_done_again(
    lived, place, capsys, monkeypatch, cut
):
    spoil(place / "api.db", 0)

    def power_goes(*_):
        raise SystemExit(9)

    with monkeypatch.context() as patch, pytest.raises(SystemExit):
        patch.setattr(putting_back, cut, power_goes)
        restored(place, capsys)
    assert serve(["serve", str(place), "--register", str(place)]) == 2
    assert f"ledger restore {place} {place.parent / 'copy'}` again" in capsys.readouterr().err
    gone = lived.gone.split("_")[1]
    code, _ = restored(place, capsys)
    assert code == 0 and not (place / "restore-unfinished").exists()
    assert (gone,) not in rows(place / "api.db", "SELECT id FROM api_keys WHERE withdrawn = 0")
    putting_back.refuse_unfinished(place)


@pytest.mark.requirement("D16")
def test_a_restore_that_changed_nothing_leaves_no_mark(place):
    with closing(LocalKeyring(place / "keyring")), pytest.raises(KeyFileError, match="stop it"):
        put_back_all(place, place / "ledger.db", place.parent / "copy", lambda path: [])
    assert not (place / "restore-unfinished").exists()


@pytest.mark.requirement("T20", "X-14")
def test_a_key_that_was_withdrawn_since_is_not_good_again(lived, place, capsys):
    spoil(place / "api.db", 0)
    code, said = restored(place, capsys)
    gone, new = lived.gone.split("_")[1], lived.new.split("_")[1]
    assert code == 0 and "api.db: no SQLite database: the copy was put back" in said
    assert f"api.db: keys withdrawn: {gone} (otto)\n" in said
    assert f"to be made again: {new} (ole)" in said
    good = rows(place / "api.db", "SELECT id FROM api_keys WHERE withdrawn = 0")
    assert (lived.kept.split("_")[1],) in good and (gone,) not in good
    assert (place / "api.db.before-1").exists()


@pytest.mark.requirement("T20", "X-14")
@pytest.mark.parametrize("why", ["none", "changed"])
def test_without_a_trail_that_holds_no_restored_key_is_good(place, tmp_path, why):
    shutil.copy(place.parent / "copy" / "api.db", tmp_path / "api.db")
    with open_api(tmp_path) as keys, open_register(str(place)) as register:
        if why == "changed":
            with register.transaction():
                register.execute("DROP TRIGGER trail_no_update")
                register.execute("UPDATE trail SET by_user = 'x' WHERE id = 3")
        found = settle_keys(keys, register if why == "changed" else None, WITHDRAWN_NOW)
        assert len(found.withdrawn) >= 4 and found.reason
        assert keys.value("SELECT count(*) FROM api_keys WHERE withdrawn = 0") == 0


@pytest.mark.requirement("T20")
def test_a_key_that_the_trail_has_never_heard_of_is_not_good(lived, place, tmp_path):
    shutil.copy(place.parent / "copy" / "api.db", tmp_path / "api.db")
    with closing(sqlite3.connect(tmp_path / "api.db")) as plain:
        plain.execute("INSERT INTO api_keys SELECT 'abcdefabcdef', hash, name, rights, label,"
                      " made_by, made, expires, 0 FROM api_keys LIMIT 1")  # fmt: skip
        plain.commit()
    with open_api(tmp_path) as keys, open_register(str(place)) as register:
        found = settle_keys(keys, register, WITHDRAWN_NOW)
    assert any(said.startswith("abcdefabcdef") for said in found.withdrawn)
    assert len(found.withdrawn) == 2 and found.reason == ""


@pytest.mark.requirement("D16", "W-20")
def test_files_that_are_missing_or_damaged_come_back_and_newer_ones_stay(place, capsys):
    zips = sorted((place / "operating").glob("*.zip"))
    tariffs = sorted((place / "tariffs").glob("*.ttar"))
    bodies = zips[0].read_bytes(), zips[1].read_bytes(), tariffs[0].read_bytes()
    zips[0].unlink()
    spoil(zips[1], 50)
    spoil(tariffs[0], 50)
    (place / "tariffs" / "9-9.ttar").write_bytes(b"newer")
    code, said = restored(place, capsys, "--also", "operating.db")
    assert code == 0 and "operating.db: asked for: the copy was put back" in said
    assert (zips[0].read_bytes(), zips[1].read_bytes(), tariffs[0].read_bytes()) == bodies
    assert (place / "tariffs" / "9-9.ttar").read_bytes() == b"newer"
    assert said.count(": put back") == 3 and "is kept as" in said
    code, said = restored(place, capsys, "--also", "keyring.db")
    assert code == 2 and "keyring.db: no database that this backup holds" in said


@pytest.mark.requirement("D16")
def test_a_damaged_backup_changes_nothing(place, capsys):
    spoil(place.parent / "copy" / "reports.db")
    spoil(place / "office.db", 0)
    before = {path: path.read_bytes() for path in place.rglob("*") if path.is_file()}
    code, said = restored(place, capsys)
    assert code == 2 and "nothing was changed: reports.db: damaged" in said
    assert {path: path.read_bytes() for path in place.rglob("*") if path.is_file()} == before


@pytest.mark.requirement("D16", "D20")
def test_a_damaged_folder_is_not_copied_and_nothing_is_left(place):
    spoil(place / "reports.db", 0)
    with pytest.raises(BackupError, match=r"reports.db: no SQLite database; nothing was kept"):
        back_up_all(place, place / "ledger.db", place.parent / "second")
    assert not list(place.parent.glob("second*"))
    with pytest.raises(BackupError, match="is there already"):
        back_up_all(place, place / "ledger.db", place.parent / "copy")


def test_two_backups_at_once_into_one_name_do_not_mix(place):
    target = place.parent / "again"
    unfinished = target.with_name("again.unfinished")
    unfinished.mkdir()
    (unfinished / "ledger.db").write_bytes(b"of the other")
    other = os.open(unfinished, os.O_RDONLY)
    fcntl.flock(other, fcntl.LOCK_EX)
    with pytest.raises(BackupError, match="another backup writes there"):
        back_up_all(place, place / "ledger.db", target)
    assert (unfinished / "ledger.db").read_bytes() == b"of the other"
    os.close(other)  # killed: what it left is no hindrance and gets into no backup
    back_up_all(place, place / "ledger.db", target)
    assert verify_backup(target)["wrong"] == []
    assert not unfinished.exists()


@pytest.mark.requirement("D20")
def test_where_the_books_are_in_postgresql_the_rest_is_copied_and_put_back(place):
    copy = place.parent / "beside"
    manifest = back_up_all(place, None, copy)
    assert "ledger.db" not in manifest["files"] and manifest["head"] == ""
    (place / "office.db").unlink()
    said = put_back_all(place, None, copy, lambda path: [])["said"]
    assert any(line.startswith("office.db: missing: the copy was put back") for line in said)
    with pytest.raises(BackupError, match="its books were in PostgreSQL"):
        put_back_all(place, place / "ledger.db", copy, lambda path: [])


def test_what_a_backup_empties_are_tables_that_there_are(lived):
    with open_office(lived.folder) as office, open_api(lived.folder) as machines:
        for database, file in ((office, "office.db"), (machines, "api.db")):
            part = next(part for part in PARTS if part.file == file)
            there = {row[0] for row in Database.rows(database, "SELECT name FROM sqlite_master")}
            assert {*part.tables, *part.passing, *part.secret} <= there
