"""A copy of the books is whole, an older one is noticed, and putting one back loses nothing."""

import errno
import os
import shutil
import socket
import sqlite3
from contextlib import closing
from pathlib import Path

import pytest

from backend_sync.keyring.local import LocalKeyring
from backend_sync.ledger.backup import BackupError, back_up, examine, put_back
from backend_sync.ledger.head_watch import LedgerIsOlder
from backend_sync.ledger.ledger import Ledger
from backend_sync.ledger.verify_chain import head_from, verify_chain
from backend_sync.ports import KeyringAbsent, KeyringRefused
from card_layouts.packages.ack import FLAG_QUARANTINED
from tests.backend_sync.builders import AUTHORITY, FixedClock, World

SALE = [("CASH:kiosk", AUTHORITY, -500), ("REV:244:7", AUTHORITY, 500)]


@pytest.fixture
def lived(tmp_path):
    """A ledger in a folder as the demo keeps it, with taps posted; and what is to come."""
    world = World(tmp_path / "keyring", f"sqlite:///{tmp_path / 'ledger.db'}")
    card, device = world.cards[0], world.devices[1]
    device.load(card, 2000)
    device.tap(card, 300)
    world.post()
    yield world
    world.close()


def copy_of(world):
    """Return what a copy made beside our command holds: the file with everything committed."""
    path = world.folder.parent / "copied.db"
    with closing(sqlite3.connect(world.folder.parent / "ledger.db")) as plain:
        plain.execute("VACUUM INTO ?", (str(path),))
    return path


def reopened(world):
    """Open the books again with the keyring of before."""
    keyring = LocalKeyring(world.folder)
    return keyring, Ledger(world.url, FixedClock(), keyring, {}, AUTHORITY)


def replace_books(world, copy):
    world.close()
    books = world.folder.parent / "ledger.db"
    for suffix in ("-wal", "-shm"):
        books.with_name(f"ledger.db{suffix}").unlink(missing_ok=True)
    shutil.copy(copy, books)


def groups_of(world):
    """Return everything the devices hold, as they would send it."""
    return [("edge", [device.run()]) for device in world.devices.values()]


@pytest.mark.requirement("D16", "D20")
def test_a_backup_is_whole_and_lies_on_the_chain(lived, tmp_path):
    found = back_up(tmp_path / "ledger.db", tmp_path / "b1.db")
    assert found["bytes"] == (tmp_path / "b1.db").stat().st_size and found["seals"] >= 2
    assert examine(tmp_path / "b1.db")["head"] == found["head"]
    lived.devices[1].tap(lived.cards[0], 100)
    lived.post()
    assert verify_chain(lived.ledger.database, head_from(found["head"]))["wrong"] == []
    assert sorted(path.name for path in tmp_path.glob("b1*")) == ["b1.db"]
    assert (tmp_path / "b1.db").stat().st_mode & 0o777 == 0o600


@pytest.mark.requirement("D16")
def test_an_older_copy_put_in_place_is_refused_until_the_keyring_is_told(lived, tmp_path):
    copy = copy_of(lived)
    lived.devices[1].tap(lived.cards[0], 100)
    lived.post()
    replace_books(lived, copy)
    keyring, ledger = reopened(lived)
    before = ledger.database.value("SELECT count(*) FROM entries")
    with pytest.raises(LedgerIsOlder, match="an older copy was put in its place"):
        ledger.post(groups_of(lived))
    with pytest.raises(LedgerIsOlder), ledger.books() as books:
        books.transfer("sales:1", "SALE", SALE)
    with pytest.raises(LedgerIsOlder):
        ledger.import_sales([("s9", 1, 2000, "counter", 5)])
    assert ledger.database.value("SELECT count(*) FROM entries") == before
    keyring.restored()
    acknowledged = ledger.post(groups_of(lived))
    assert {ack["incarnation"] for ack in acknowledged} == {2}
    assert ledger.report()["lost"] == 0
    ledger.close()
    keyring.close()


@pytest.mark.requirement("D16")
def test_also_when_only_a_module_had_moved_money_since(lived):
    copy = copy_of(lived)
    with lived.ledger.books() as books:
        books.transfer("sales:1", "SALE", SALE)
    replace_books(lived, copy)
    keyring, ledger = reopened(lived)
    with pytest.raises(LedgerIsOlder), ledger.books():
        pass
    ledger.close()
    keyring.close()


@pytest.mark.requirement("D16")
def test_an_older_keyring_is_refused_too(lived):
    lived.keyring.restored()
    lived.ledger.head.checked = False
    lived.ledger.head.refuse_older()
    lived.keyring.register.database.execute("UPDATE state SET value = 1")
    lived.ledger.head.checked = False
    with pytest.raises(LedgerIsOlder, match="incarnation 1, but this ledger has lived in 2"):
        lived.ledger.post(groups_of(lived))


@pytest.mark.requirement("D16")
def test_books_begun_anew_beside_an_old_keyring_are_refused_until_somebody_means_it(lived):
    lived.close()
    for path in lived.folder.parent.glob("ledger.db*"):
        path.unlink()
    keyring, ledger = reopened(lived)
    with pytest.raises(LedgerIsOlder, match="up to seal .*emptied or exchanged.*ledger restore"):
        ledger.post(groups_of(lived))
    assert ledger.database.value("SELECT count(*) FROM entries") == 0
    keyring.restored()
    acknowledged = ledger.post(groups_of(lived))
    assert {ack["incarnation"] for ack in acknowledged} == {2}
    assert ledger.database.value("SELECT count(*) FROM entries")
    ledger.close()
    keyring.close()


@pytest.mark.requirement("D16", "I3")
def test_restoring_a_backup_loses_nothing_when_devices_send_again(lived, tmp_path):
    back_up(tmp_path / "ledger.db", tmp_path / "b1.db")
    card, device = lived.cards[0], lived.devices[1]
    for cents in (100, 150, 200):
        device.tap(card, cents)
    lived.post()
    with lived.ledger.books() as books:
        books.transfer("sales:1", "SALE", SALE)
    lived.close()
    said = put_back(tmp_path / "ledger.db", tmp_path / "b1.db", lived.folder)
    assert said["incarnation"] == 2
    keyring, ledger = reopened(lived)
    acknowledged = ledger.post(groups_of(lived))
    assert {ack["incarnation"] for ack in acknowledged} == {2}
    assert not any(ack["flags"] & FLAG_QUARANTINED for ack in acknowledged)
    report = ledger.report()
    assert (report["lost"], report["doubled"], report["trial_balance_cents"]) == (0, 0, 0)
    assert report["ledger_cards_cents"] == card.cents == 2000 - 300 - 450
    with ledger.books() as books:  # what modules moved since comes again under its key
        assert books.transfer("sales:1", "SALE", SALE) is True
    assert verify_chain(ledger.database)["wrong"] == []
    ledger.close()
    keyring.close()
    kept = sqlite3.connect(said["kept"])
    assert kept.execute("SELECT count(*) FROM bookings").fetchone() == (1,)
    kept.close()


def broken(tmp_path, how):
    path = tmp_path / "b.db"
    if how == "text":
        path.write_text("no database")
    elif how == "other":
        sqlite3.connect(path).execute("CREATE TABLE t (a)").connection.close()
    elif how == "edited":
        back_up(tmp_path / "ledger.db", path)
        with sqlite3.connect(path) as plain:
            plain.execute("DROP TRIGGER postings_no_update")
            plain.execute("UPDATE postings SET cents = 0 WHERE id = 1")
        plain.close()
    elif how == "cut":
        back_up(tmp_path / "ledger.db", path)
        path.write_bytes(path.read_bytes()[:40_000])
    return path


@pytest.mark.requirement("D16")
@pytest.mark.parametrize(
    ("how", "words"),
    [("none", "no such file"), ("text", "not a backup"), ("other", "not a ledger with seals"),
     ("edited", "postings 1 was changed"), ("cut", "damaged|malformed")],
)  # fmt: skip
def test_what_is_no_whole_backup_is_refused_and_nothing_is_changed(lived, tmp_path, how, words):
    copy = broken(tmp_path, how)
    lived.close()
    before = (tmp_path / "ledger.db").read_bytes()
    with pytest.raises(BackupError, match=words):
        put_back(tmp_path / "ledger.db", copy, lived.folder)
    assert (tmp_path / "ledger.db").read_bytes() == before
    keyring = LocalKeyring(lived.folder)
    assert keyring.register.incarnation() == 1
    keyring.close()


def test_a_backup_is_never_replaced_and_needs_a_folder(lived, tmp_path):
    back_up(tmp_path / "ledger.db", tmp_path / "b1.db")
    with pytest.raises(BackupError, match="is there already"):
        back_up(tmp_path / "ledger.db", tmp_path / "b1.db")
    with pytest.raises(BackupError, match="no such folder"):
        back_up(tmp_path / "ledger.db", tmp_path / "nowhere" / "b1.db")


def elsewhere(lived, tmp_path):
    """Close the books; return the folder as it is where the keyring is another user's."""
    lived.close()
    folder = tmp_path / "place" / "keyring"
    folder.mkdir(parents=True)
    (folder / "keyring.sock").symlink_to(tmp_path / "run.sock")
    return folder


@pytest.mark.requirement("D16")
def test_books_are_put_back_where_the_keyring_is_another_users_and_it_refuses_them(lived, tmp_path):
    back_up(tmp_path / "ledger.db", tmp_path / "b1.db")
    lived.devices[1].tap(lived.cards[0], 100)
    lived.post()
    said = put_back(tmp_path / "ledger.db", tmp_path / "b1.db", elsewhere(lived, tmp_path))
    assert said["incarnation"] == 0 and said["kept"].endswith("ledger.db.before-1")
    assert examine(tmp_path / "ledger.db")["head"] == said["head"]
    keyring, ledger = reopened(lived)
    with pytest.raises(LedgerIsOlder, match="tornello keyring restored"):
        ledger.post(groups_of(lived))
    keyring.restored()
    ledger.post(groups_of(lived))
    ledger.close()
    keyring.close()


def test_nothing_is_put_back_while_a_keyring_elsewhere_answers(lived, tmp_path):
    back_up(tmp_path / "ledger.db", tmp_path / "b1.db")
    folder = elsewhere(lived, tmp_path)
    with closing(socket.socket(socket.AF_UNIX)) as keyring:
        keyring.bind(str(tmp_path / "run.sock"))
        keyring.listen()
        with pytest.raises(BackupError, match="a keyring answers; stop it"):
            put_back(tmp_path / "ledger.db", tmp_path / "b1.db", folder)
    assert not list(tmp_path.glob("ledger.db.*"))


@pytest.mark.parametrize("keyring", ["none", "full disk"])
def test_a_restore_that_cannot_be_says_what_to_do_and_leaves_nothing(
    lived, tmp_path, monkeypatch, keyring
):
    back_up(tmp_path / "ledger.db", tmp_path / "b1.db")
    lived.close()
    folder, words = tmp_path / "nothing", "bring its own copy back first"
    if keyring == "full disk":
        folder, words = lived.folder, "nothing was changed; make room"

        def full(source, target):
            target.write_bytes(source.read_bytes()[:4096])
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC), str(source))

        monkeypatch.setattr(shutil, "copyfile", full)
    with pytest.raises(BackupError, match=words):
        put_back(tmp_path / "ledger.db", tmp_path / "b1.db", folder)
    assert not list(tmp_path.glob("ledger.db.*"))


@pytest.mark.requirement("D16")
def test_cut_off_before_its_last_step_the_books_of_before_are_there(lived, tmp_path, monkeypatch):
    back_up(tmp_path / "ledger.db", tmp_path / "b1.db")
    lived.devices[1].tap(lived.cards[0], 100)
    lived.post()
    lived.close()
    with closing(sqlite3.connect(tmp_path / "ledger.db")) as plain:
        before = plain.execute("SELECT count(*) FROM entries").fetchone()
    rename = Path.rename

    def cut(path, target):
        if path.name.endswith(".arriving"):
            raise OSError("cut off")
        return rename(path, target)

    monkeypatch.setattr(Path, "rename", cut)
    with pytest.raises(OSError, match="cut off"):
        put_back(tmp_path / "ledger.db", tmp_path / "b1.db", lived.folder)
    assert not (tmp_path / "ledger.db.arriving").exists()
    with closing(sqlite3.connect(tmp_path / "ledger.db")) as plain:
        assert plain.execute("SELECT count(*) FROM entries").fetchone() == before


def test_another_ledgers_backup_is_refused(lived, tmp_path):
    other = World(tmp_path / "other", f"sqlite:///{tmp_path / 'other.db'}")
    other.close()
    back_up(tmp_path / "other.db", tmp_path / "b1.db")
    lived.close()
    with pytest.raises(BackupError, match="a backup of ledger"):
        put_back(tmp_path / "ledger.db", tmp_path / "b1.db", lived.folder)


@pytest.mark.requirement("D16")
def test_the_keyring_takes_a_head_again_but_never_an_older_or_another_one(lived):
    def ask(**said):
        return lived.keyring.assemble("incarnation", {"ledger": "ab" * 16, **said})

    lived.keyring.restored()
    assert ask(seal=5, head="01" * 32) == ask(seal=5, head="01" * 32) == 2
    assert ask(seal=7, head="02" * 32) == 2
    for seal, head in ((5, "01" * 32), (7, "03" * 32)):
        with pytest.raises(KeyringRefused, match="an older copy"):
            ask(seal=seal, head=head)
    for wrong in ({"seal": 8}, {"seal": -1, "head": "0" * 64}, {"seal": "8", "head": "0" * 64},
                  {"seal": 8, "head": "xyz"}, {"seal": 8, "head": 5}):  # fmt: skip
        with pytest.raises(KeyringRefused):
            ask(**wrong)


@pytest.mark.requirement("D11", "D16")
def test_a_keyring_that_is_away_stops_nothing_that_is_committed(lived):
    class Away:
        def assemble(self, kind, request):
            raise KeyringAbsent("away")

    lived.ledger.head.refuse_older()
    lived.ledger.head.keyring = Away()
    with lived.ledger.books() as books:
        assert books.transfer("sales:1", "SALE", SALE) is True
    assert lived.ledger.database.value("SELECT count(*) FROM bookings") == 1
