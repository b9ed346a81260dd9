"""A keyring that is damaged or in the way: every command says one sentence and does nothing."""

import shutil

import pytest

from backend_sync.ledger import main as ledger
from backend_sync.sales import main as sales
from backend_sync.settlement import main as settlement
from tests.backend_sync.settled_worlds import MORNING, Settled

COMMANDS = (
    (ledger, ("lapse",)),
    (sales, ("slip", "refunds")),
    (settlement, ("close", "--day", "2026-06-05")),
)


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    place = tmp_path_factory.mktemp("place")
    made = Settled(place / "keyring", f"sqlite:///{place / 'ledger.db'}")
    made.ride(1, made.cards[0], MORNING)
    made.settle()
    made.close()
    return place


@pytest.mark.requirement("T17", "T24")
@pytest.mark.parametrize("damage", ["no database", "cut", "a folder in the way"])
@pytest.mark.parametrize(("program", "words"), COMMANDS)
def test_a_damaged_keyring_is_a_sentence_and_nothing_is_done(
    folder, tmp_path, capsys, program, words, damage
):
    place = tmp_path / "place"
    shutil.copytree(folder, place)
    file = place / "keyring" / ("keyring.lock" if damage.startswith("a folder") else "keyring.db")
    whole = file.read_bytes()
    file.unlink()
    if damage.startswith("a folder"):
        file.mkdir()
    else:
        file.write_bytes(whole[:9000] if damage == "cut" else b"rubbish " * 2000)
    before = (place / "ledger.db").read_bytes()
    at = 2 if words[0] == "slip" else 1
    assert program.main([*words[:at], str(place), *words[at:]]) == 2
    said = capsys.readouterr()
    assert said.out == "" and len(said.err.splitlines()) == 1 and "Errno" not in said.err
    wanted = "keyring.lock: Is a directory" if file.is_dir() else "put back the last backup"
    assert wanted in said.err
    assert (place / "ledger.db").read_bytes() == before


@pytest.mark.requirement("T24")
@pytest.mark.parametrize("word", ["s3cret", "s3/cret", "p@ss:w"])
def test_no_message_shows_the_password_of_a_url(capsys, word):
    pytest.importorskip("psycopg")
    url = f"postgresql+psycopg://anna:{word}@127.0.0.1:1/books"
    assert settlement.main(["list", url]) == 2
    said = capsys.readouterr().err
    assert word not in said and "anna:***@" in said and "older programs" not in said


@pytest.mark.parametrize(
    ("program", "words"),
    [
        (sales, "slip void --key k --clerk 1 --slip 1 --device"),
        (sales, "dormant policy --by a --second b --months 12 --notice-days 30 --words w --issuer"),
        (ledger, "retention --weeks"),
    ],
)
def test_a_number_that_no_database_holds_is_wrong_use(capsys, program, words):
    with pytest.raises(SystemExit) as ended:
        program.main([*words.split(), "9" * 20])
    assert ended.value.code == 2 and "at most 15 digits" in capsys.readouterr().err
