"""A ledger that older programs made is opened by these: brought up to date, and its money the same.

`tests/vectors/ledger_7a760a1.sql` is such a ledger as text, dumped with what it held.
"""

import sqlite3
from pathlib import Path

import pytest
from alembic import command
from alembic.autogenerate import compare_metadata
from alembic.config import Config
from alembic.migration import MigrationContext
from alembic.script import ScriptDirectory
from sqlalchemy import create_engine

from backend_sync.ledger import schema
from backend_sync.ledger.book_tables import BOOKING_VIEWS
from backend_sync.ledger.main import main
from backend_sync.ledger.opening import MIGRATIONS
from backend_sync.ledger.single_tables import SINGLE_VIEWS
from backend_sync.ledger.verify_chain import verify_chain
from backend_sync.ledger.views import VIEWS
from backend_sync.sales import main as sales
from backend_sync.settlement import main as settlement
from backend_sync.storage.database import Database, newest
from tests.backend_sync.builders import World

ROOT = Path(__file__).resolve().parents[2]
DUMP = ROOT / "tests" / "vectors" / "ledger_7a760a1.sql"


def migrations():
    config = Config()
    config.set_main_option("script_location", str(MIGRATIONS))
    return config


@pytest.fixture
def old_url(bare_url):
    """A database with the tables and rows of then, in SQLite and in PostgreSQL."""
    text = DUMP.read_text(encoding="utf-8")
    if bare_url.startswith("sqlite"):
        plain = sqlite3.connect(bare_url.removeprefix("sqlite:///"))
        plain.executescript(text)
        plain.close()
        return bare_url
    plain = sqlite3.connect(":memory:")
    plain.executescript(text)
    engine = create_engine(bare_url)
    with engine.connect() as connection:
        config = migrations()
        config.attributes["connection"] = connection
        command.upgrade(config, "0001")
        for table in schema.metadata.sorted_tables:
            names = [row[1] for row in plain.execute(f"PRAGMA table_info({table.name})")]
            if names:
                marks = ", ".join(["%s"] * len(names))
                quoted = ", ".join(f'"{name}"' for name in names)
                for row in plain.execute(f"SELECT {quoted} FROM {table.name}"):
                    connection.exec_driver_sql(
                        f"INSERT INTO {table.name} ({quoted}) VALUES ({marks})", row
                    )
        connection.commit()
    engine.dispose()
    plain.close()
    return bare_url


def balances(url):
    with Database(url) as database:
        rows = database.rows("SELECT name, cents FROM balances ORDER BY name")
        return [(name, int(cents)) for name, cents in rows]


@pytest.mark.requirement("D20", "D21")
def test_an_older_ledger_is_brought_up_to_date_with_its_money_unchanged(old_url, tmp_path):
    before = balances(old_url)
    assert sum(cents for _, cents in before) == 0 and dict(before)["REV:244:7"] == 420
    world = World(tmp_path / "keyring", old_url)
    database = world.ledger.database
    assert balances(old_url) == before
    head = ScriptDirectory.from_config(migrations()).get_current_head()
    assert database.value("SELECT version_num FROM alembic_version") == head
    found = verify_chain(database)
    assert found["wrong"] == [] and found["rows"] > 30 and found["seals"] > 5
    card, first, second = world.cards[0], world.devices[1], world.devices[2]
    first.load(card, 2000)  # the same slots again, as the devices of then hold them
    first.tap(card, 300)
    second.intent(card)
    world.post()
    assert balances(old_url) == before
    first.tap(world.plastic(70)[0], 120)
    first.tap(card, 250)
    world.post()
    report = world.ledger.report()
    assert (report["lost"], report["doubled"], report["trial_balance_cents"]) == (0, 0, 0)
    assert report["ledger_cards_cents"] == 1580 - 250
    assert verify_chain(database)["wrong"] == []
    world.close()


@pytest.mark.requirement("D20")
def test_the_upgraded_schema_is_the_one_that_new_ledgers_get(old_url, tmp_path):
    World(tmp_path / "keyring", old_url).close()
    with Database(old_url) as database:
        context = MigrationContext.configure(database.connection)
        assert compare_metadata(context, schema.metadata) == []


@pytest.mark.requirement("D20")
def test_views_say_what_the_modules_say(world):
    database = world.ledger.database
    for name, query in {**VIEWS, **SINGLE_VIEWS, **BOOKING_VIEWS}.items():
        database.rows(f"SELECT * FROM {name}")
        if database.sqlite:
            made = database.value("SELECT sql FROM sqlite_master WHERE name = ?", (name,))
            assert made == f"CREATE VIEW {name} AS {query}"


@pytest.mark.requirement("D20")
def test_the_revisions_are_one_chain_and_books_are_never_taken_down():
    scripts = ScriptDirectory.from_config(migrations())
    assert len(scripts.get_heads()) == 1
    for revision in scripts.walk_revisions():
        with pytest.raises(NotImplementedError, match="restore a backup"):
            revision.module.downgrade()


@pytest.mark.requirement("D20")
def test_reading_an_older_ledger_says_how_to_bring_it_up_to_date(old_url, capsys):
    assert main(["open", old_url]) == 2
    assert "brings it up to date" in capsys.readouterr().err
    assert main(["verify-chain", old_url]) == 2
    assert "made before books were sealed" in capsys.readouterr().err
    assert main(["trial-balance", old_url]) == 0


@pytest.mark.parametrize("ask", [settlement.main, lambda words: sales.main(["cash-up", *words])])
def test_a_command_that_only_reads_an_older_ledger_says_what_to_do(tmp_path, capsys, ask):
    plain = sqlite3.connect(tmp_path / "ledger.db")
    plain.executescript(DUMP.read_text(encoding="utf-8"))
    plain.close()
    assert ask(["list", str(tmp_path)]) == 2
    said = capsys.readouterr().err
    assert str(tmp_path) in said and "`tornello ledger lapse`, brings it up to date" in said


@pytest.mark.requirement("D20")
@pytest.mark.parametrize(
    "folder", sorted(ROOT.glob("backend_sync/*/migrations")), ids=lambda folder: folder.parent.name
)
def test_the_newest_revision_is_the_one_that_alembic_knows(folder):
    assert newest(folder) == ScriptDirectory(str(folder)).get_current_head()
