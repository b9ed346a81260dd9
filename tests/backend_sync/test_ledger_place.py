"""A folder whose books are in PostgreSQL is a ledger's folder like any other, and can be bound."""

import pytest
from sqlalchemy import create_engine

from backend_sync.ledger import main as ledger
from backend_sync.ledger.place import Place, PlaceError
from backend_sync.registers import main as register
from backend_sync.sales.main import main as sales
from backend_sync.storage.database import Database
from tests.backend_sync.builders import AUTHORITY, World
from tests.backend_sync.ledger_databases import make_database
from tests.backend_sync.registers_world import CHEAP, RegistersWorld, secret_file

pytestmark = pytest.mark.requirement("X-14", "W-10", "D20")
TILL = ("--till", "--device", "31", "--shift", "1", "--clerk", "5", "--authority", str(AUTHORITY))


@pytest.fixture
def folder(tmp_path, url):
    """A keyring and the register of its people; the books are in a server."""
    made = tmp_path / "office"
    World(made, url).close()
    (made / "keyring").mkdir()
    for path in made.glob("key*.*"):
        path.rename(made / "keyring" / path.name)
    RegistersWorld(f"sqlite:///{made}/registers.db").close()
    return made


@pytest.fixture
def url(postgresql):
    return make_database(postgresql)


def run(main, capsys, *words):
    """Return (exit code, what was said)."""
    code = main([str(word) for word in words])
    said = capsys.readouterr()
    return code, said.out + said.err


def test_a_folder_with_its_books_in_a_server_is_bound_and_wants_who_signs_in(folder, url, capsys):
    assert run(ledger.main, capsys, "verify", folder)[0] == 2
    assert run(ledger.main, capsys, "at", folder, "--url", url)[0] == 0
    assert (folder / "ledger.place").stat().st_mode & 0o077 == 0, "a URL may hold a password"
    assert run(ledger.main, capsys, "verify", folder)[0] == 0
    count = ("cash-up", "count", folder, *TILL, "--cents", "50", "--by", "anna")
    words = ("bind", folder / "registers.db", "--folder", folder)
    code = register.main([str(word) for word in words], CHEAP)
    assert code == 0, capsys.readouterr().err
    capsys.readouterr()
    wrong = secret_file(folder, "not it at all", "wrong")
    code, said = run(sales, capsys, *count, "--secret", wrong)
    assert code == 1 and "the secret is wrong" in said
    code, said = run(sales, capsys, *count, "--secret", secret_file(folder))
    assert (code, said) == (0, "count of 50 cents entered\n")
    with Database(url) as database:
        assert [tuple(row) for row in database.rows("SELECT cents, by FROM cash_counts")] == [
            (50, "anna")
        ]
    # Who names the books themselves gets past no binding: he may read, as whoever has their URL.
    code, said = run(sales, capsys, "cash-up", "count", url, *count[3:])
    assert code == 2 and "ledger at FOLDER --url URL" in said
    assert run(ledger.main, capsys, "verify", url)[0] == 0


def test_a_folder_never_changes_its_books_and_has_them_once(folder, url, postgresql, capsys):
    other = make_database(postgresql)
    for _ in range(2):
        assert run(ledger.main, capsys, "at", folder, "--url", other)[0] == 0, "an empty one"
    assert run(ledger.main, capsys, "verify", folder)[0] == 0
    code, said = run(ledger.main, capsys, "at", folder, "--url", url)
    assert code == 2 and "names other books already" in said
    code, said = run(ledger.main, capsys, "backup", folder, folder / "copy.db")
    assert code == 2 and "pg_dump" in said
    code, said = run(ledger.main, capsys, "restore", folder, folder / "copy.db")
    assert code == 2 and "pg_restore" in said
    (folder / "ledger.db").touch()
    code, said = run(ledger.main, capsys, "verify", folder)
    assert code == 2 and "which are the books?" in said


def test_what_is_no_ledger_and_no_folder_is_refused_by_name(folder, postgresql, tmp_path, capsys):
    strange = make_database(postgresql)
    engine = create_engine(strange)
    with engine.begin() as connection:
        connection.exec_driver_sql("CREATE TABLE others (id INTEGER)")
    engine.dispose()
    for to, url, words in (
        (folder, strange, "holds something else"),
        (folder, "sqlite:///x.db", "wanted a URL postgresql+psycopg://"),
        (tmp_path / "nowhere", strange, "no such folder"),
    ):
        code, said = run(ledger.main, capsys, "at", to, "--url", url)
        assert code == 2 and words in said, said
    assert not (folder / "ledger.place").exists()
    words = ("bind", str(folder / "registers.db"), "--folder", strange)
    assert register.main(list(words), CHEAP) == 1
    assert "bound by the folder whose ledger.place" in capsys.readouterr().err


@pytest.mark.parametrize("text", ("", "one\ntwo\n", "sqlite:///x.db\n", "\x00\n"))
def test_a_file_that_names_no_books_is_said_so(tmp_path, text):
    (tmp_path / "ledger.place").write_text(text)
    with pytest.raises(PlaceError, match="wanted one: a URL"):
        Place(str(tmp_path)).url()
