"""Books put back from a copy close no day again in another batch, and nothing of them leaves."""

import json
import shutil
import sqlite3
import subprocess
import sys
from contextlib import closing
from pathlib import Path

import pytest

from backend_sync.keyring.local import LocalKeyring
from backend_sync.keyring.main import main as keyring_main
from backend_sync.ledger.ledger import Ledger
from backend_sync.ports import KeyringRefused
from backend_sync.settlement.close import close_day, every_batch
from backend_sync.settlement.main import main
from card_layouts.settlement.batch import body_hash
from tests.backend_sync.builders import AUTHORITY
from tests.backend_sync.settled_worlds import DAY, MORNING, Settled
from tests.backend_sync.test_settlement_files import ACCOUNTS, KILLED

ROOT = Path(__file__).resolve().parents[2]
pytestmark = pytest.mark.requirement("D25", "I10", "W-23")
GIVEN = "batch {} was given out before with another content"
LOST = r"batch {} was given out \([0-9a-f]{{8}}\) and is not in these books"


@pytest.fixture
def world(tmp_path):
    """A ledger in a folder, as commands find it; one ride is posted, no day is closed."""
    made = Settled(tmp_path / "keyring", f"sqlite:///{tmp_path / 'ledger.db'}")
    (tmp_path / "tariffs").mkdir()
    for (authority, _), body in made.bodies.items():
        (tmp_path / "tariffs" / f"{authority}.ttar").write_bytes(body)
    (tmp_path / "parties.toml").write_text(ACCOUNTS)
    made.ride(1, made.cards[0], MORNING)
    made.post()
    yield made
    made.close()


def copied(world):
    """Return a copy of the books as they are."""
    path = world.folder.parent / f"copy-{len(every_batch(world.ledger.database))}.db"
    with closing(sqlite3.connect(world.folder.parent / "ledger.db")) as plain:
        plain.execute("VACUUM INTO ?", (str(path),))
    return path


def put_back(world, copy):
    """Put a copy in the books' place, as `ledger restore` does, beside the same keyring."""
    world.ledger.close()
    shutil.copy(copy, world.folder.parent / "ledger.db")
    world.keyring.restored()
    opened(world)


def opened(world):
    world.ledger = Ledger(world.url, world.clock, world.keyring, world.tariffs, AUTHORITY)


def later_ride(world, minutes=10):
    """What reaches the books after they were put back: their day is another one now."""
    world.ride(2, world.cards[1], MORNING + 60 * minutes, operator=11)
    world.post()


def of_hand(world, *words):
    """Run a settlement command on the world's folder; return its exit code."""
    world.close()
    return main([words[0], str(world.folder.parent), *map(str, words[1:])])


def files(folder):
    return [path for path in folder.rglob("*") if path.is_file()]


def known(world):
    return world.keyring.assemble("settled", {"batches": []})


def test_a_closed_day_is_known_to_the_keyring_once_it_stands(world):
    closed = close_day(world.ledger, DAY, world.hashes)
    assert known(world) == [[1, body_hash(closed.body)]]
    assert not close_day(world.ledger, DAY, world.hashes).fresh
    assert known(world) == [[1, body_hash(closed.body)]]


def test_books_put_back_close_no_day_again_in_another_batch(world):
    copy = copied(world)
    closed = close_day(world.ledger, DAY, world.hashes)
    put_back(world, copy)
    later_ride(world)
    postings = world.ledger.database.value("SELECT count(*) FROM postings")
    with pytest.raises(KeyringRefused, match=GIVEN.format(1)):
        close_day(world.ledger, DAY, world.hashes)
    assert every_batch(world.ledger.database) == []
    assert world.ledger.database.value("SELECT count(*) FROM postings") == postings
    assert known(world) == [[1, body_hash(closed.body)]]


def test_the_command_says_which_batch_the_books_forgot_and_what_to_do(world, capsys):
    copy = copied(world)
    close_day(world.ledger, DAY, world.hashes)
    put_back(world, copy)
    later_ride(world)
    assert of_hand(world, "close", "--day", "2026-06-04") == 1
    said = capsys.readouterr().err
    assert said.startswith("settlement close: batch 1 was given out (")
    assert "tornello settlement adopt" in said and "forget-batches FOLDER --from 1" in said


@pytest.mark.requirement("T17")
def test_books_that_forgot_a_batch_write_nothing_into_a_new_folder_and_order_nothing(
    world, tmp_path, capsys
):
    close_day(world.ledger, DAY, world.hashes)
    copy = copied(world)
    later_ride(world)
    close_day(world.ledger, DAY + 1, world.hashes)
    put_back(world, copy)
    assert of_hand(world, "export", "--to", tmp_path / "new") == 1
    assert "batch 2 was given out (" in capsys.readouterr().err
    pay = ("pay", "--parties", tmp_path / "parties.toml", "--to", tmp_path / "bank")
    assert of_hand(world, *pay) == 1
    assert "is not in these books" in capsys.readouterr().err
    assert files(tmp_path / "new") + files(tmp_path / "bank") == []
    with closing(sqlite3.connect(tmp_path / "ledger.db")) as plain:
        assert plain.execute("SELECT count(*) FROM bank_orders").fetchone() == (0,)


def test_each_command_on_books_that_forgot_a_batch_says_how_to_adopt_it(world, tmp_path, capsys):
    """An export into the folder that has it, a look at the books, and one of another folder."""
    close_day(world.ledger, DAY, world.hashes)
    assert of_hand(world, "export", "--to", tmp_path / "older") == 0
    world.is_open, world.keyring = True, LocalKeyring(world.folder)
    opened(world)
    copy = copied(world)
    later_ride(world)
    close_day(world.ledger, DAY + 1, world.hashes)
    assert of_hand(world, "export", "--to", tmp_path / "out") == 0
    world.is_open, world.keyring = True, LocalKeyring(world.folder)
    opened(world)
    put_back(world, copy)
    capsys.readouterr()
    assert of_hand(world, "export", "--to", tmp_path / "out") == 1
    assert f"tornello settlement adopt PLACE --from {tmp_path / 'out'}" in capsys.readouterr().err
    assert of_hand(world, "verify") == 1
    assert "batch 2 was given out (" in capsys.readouterr().out
    assert of_hand(world, "adopt", "--from", tmp_path / "older") == 1
    said = capsys.readouterr().out
    assert "the books know every batch of" in said and "batch 2 was given out (" in said
    assert of_hand(world, "adopt", "--from", tmp_path / "out") == 0
    assert "slots of adopted batches are not in the books again yet" in capsys.readouterr().out
    assert of_hand(world, "verify") == 0
    assert "was given out" not in capsys.readouterr().out
    assert of_hand(world, "list") == 0
    assert [line.endswith("  adopted") for line in capsys.readouterr().out.splitlines()[1:]] == [
        False, True,
    ]  # fmt: skip
    assert of_hand(world, "close", "--day", "2026-06-06") == 0
    said = capsys.readouterr().out
    assert "not in the books again yet: taken back until they come" in said
    assert of_hand(world, "close", "--day", "2026-06-06") == 0
    assert "taken back" not in capsys.readouterr().out


def closed_by_an_older_program(world):
    """Let the books of a copy close the day in another batch that the keyring is not told of."""
    copy = copied(world)
    closed = close_day(world.ledger, DAY, world.hashes)
    world.keyring.assembly.batches.forget(1)
    put_back(world, copy)
    later_ride(world)
    close_day(world.ledger, DAY, world.hashes)
    world.keyring.assembly.batches.forget(1)
    world.keyring.assemble("settled", {"batches": [[1, body_hash(closed.body)]]})


def test_another_batch_of_a_known_number_leaves_by_no_command(world, tmp_path, capsys):
    closed_by_an_older_program(world)
    with pytest.raises(KeyringRefused, match=GIVEN.format(1)):
        close_day(world.ledger, DAY, world.hashes)
    pay = ("pay", "--parties", tmp_path / "parties.toml", "--to", tmp_path / "bank")
    for words in (("export", "--to", tmp_path / "new"), pay):
        assert of_hand(world, *words) == 2
        assert f"settlement {words[0]}: {GIVEN.format(1)}" in capsys.readouterr().err
    assert files(tmp_path / "new") + files(tmp_path / "bank") == []


def test_a_folder_that_holds_another_batch_is_not_overruled_by_the_books(world, tmp_path, capsys):
    """The books are asked second: what the folder knows better is never said to the keyring."""
    copy = copied(world)
    close_day(world.ledger, DAY, world.hashes)
    assert of_hand(world, "export", "--to", tmp_path / "out") == 0
    world.keyring = LocalKeyring(world.folder)
    world.keyring.assembly.batches.forget(1)
    opened(world)
    put_back(world, copy)
    later_ride(world)
    close_day(world.ledger, DAY, world.hashes)
    world.keyring.assembly.batches.forget(1)  # an older program closed it
    world.is_open = True
    assert of_hand(world, "export", "--to", tmp_path / "out") == 1
    assert "the books have another batch of that number" in capsys.readouterr().err
    with closing(LocalKeyring(world.folder)) as keyring:
        assert keyring.assemble("settled", {"batches": []}) == []


def test_who_forgets_batches_that_nobody_has_closes_on(world, tmp_path, capsys):
    copy = copied(world)
    close_day(world.ledger, DAY, world.hashes)
    put_back(world, copy)
    later_ride(world)
    world.close()
    assert keyring_main(["forget-batches", str(world.folder), "--from", "1"]) == 0
    assert "forgot batch 1" in capsys.readouterr().out
    assert of_hand(world, "close", "--day", "2026-06-04") == 0
    assert of_hand(world, "export", "--to", tmp_path / "new") == 0
    assert (tmp_path / "new" / "batch-000001.cbor").exists()


# Runs a command and kills it with SIGKILL when a function of the settlement is called, or returns.
KILLED_AT = KILLED.replace("left = [int(sys.argv[1])]\n", "").replace(
    """    left[0] -= event == "line"
    if left[0] < 0 and frame.f_code.co_name not in ("<module>", "_parser", "main", "_day"):
""",
    """    if f"{event} {frame.f_code.co_name}" == sys.argv[1]:
""",
)


def killed_at(world, event):
    world.close()
    words = [sys.executable, "-c", KILLED_AT, event, "settlement", "close",
             str(world.folder.parent), "--day", "2026-06-04"]  # fmt: skip
    assert subprocess.run(words, cwd=ROOT).returncode == -9


@pytest.mark.system
@pytest.mark.requirement("T17")
def test_a_closing_killed_before_the_keyring_knew_is_made_good_by_the_next_export(world, tmp_path):
    killed_at(world, "call fix_batches")
    status = [sys.executable, "-m", "backend_sync", "keyring", "status", str(world.folder)]
    said = subprocess.run(status, cwd=ROOT, capture_output=True, check=True).stdout
    assert json.loads(said)["last_batch"] is None  # committed, and nobody was told
    assert of_hand(world, "list") == 0
    assert of_hand(world, "export", "--to", tmp_path / "out") == 0
    said = subprocess.run(status, cwd=ROOT, capture_output=True, check=True).stdout
    assert json.loads(said)["last_batch"]["number"] == 1


@pytest.mark.system
@pytest.mark.requirement("T17")
def test_a_closing_killed_between_signature_and_commit_closes_again_with_what_came_since(world):
    killed_at(world, "return _write")
    world.is_open, world.keyring = True, LocalKeyring(world.folder)
    opened(world)
    assert every_batch(world.ledger.database) == []
    later_ride(world)
    assert close_day(world.ledger, DAY, world.hashes).values["lines"] == 2
