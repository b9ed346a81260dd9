"""The trail tells every change, finds what was changed beside it; a killed move leaves no half."""

import os
import signal

import pytest
from sqlalchemy import create_engine, event
from sqlalchemy.exc import DBAPIError

from backend_sync.registers.card_views import set_place
from backend_sync.registers.names import name_it
from backend_sync.registers.tables import metadata
from backend_sync.registers.trail import every_row
from backend_sync.registers.verify import head_of_all, verify
from backend_sync.storage.append_only import books_of
from simulator.histories.inland import WatchedDriver
from tests import figures
from tests.backend_sync.builders import AUTHORITY
from tests.backend_sync.registers_world import SECRET, RegistersWorld, span

BOOKS = ("card_documents", "names", "proposal_steps", "proposals", "trail")


@pytest.fixture
def lived(bare_url):
    """A register in which something of everything happened."""
    world = RegistersWorld(bare_url)
    live(world)
    yield world
    world.close()


def live(world):
    world.stocked()
    world.cards.move(world.anna, [span(0, 49)], "point:kamppi")
    (sold,) = world.cards.become(world.carl, [span(7)], "with customer")
    world.cards.undo(world.carl, sold.number)
    world.users.grant(world.anna, "carl", "cards.see", taken=True)
    set_place(world.trail, world.anna, AUTHORITY, "stock", 20)
    number = world.proposals.propose(world.anna, "refund", AUTHORITY, 7000, "paid twice").number
    world.proposals.decide(world.add("alma", "authority"), number)
    name_it(world.trail, world.anna, AUTHORITY, "operator", 10, "Koivula Buses", 0)


@pytest.mark.requirement("X-14", "T19", "W-146")
def test_the_trail_says_who_changed_what_when_before_and_after(lived):
    rows = {(row.what, row.subject): row for row in every_row(lived.database)}
    row = rows["revoke", "user:carl"]
    assert (row.by, row.made) == ("anna", lived.clock.now)
    assert "cards.see" in row.before and "cards.see" not in row.after
    assert '"state_after":"with customer"' in rows["hand out", "document:4"].after
    assert rows["hand out", "document:4"].by == "carl"
    assert '"alarm_below":0' in rows["place", f"place:{AUTHORITY}:stock"].before
    assert '"second":"alma"' in rows["approved", "proposal:1"].after
    assert verify(lived.database) == []


def past_triggers(world, statement, table):
    """Change rows as a person would who has the database's own tools."""
    engine = create_engine(world.database.url)
    with engine.begin() as connection:
        if world.database.sqlite:
            for verb in ("update", "delete"):
                connection.exec_driver_sql(f"DROP TRIGGER IF EXISTS {table}_no_{verb}")
        else:
            connection.exec_driver_sql(f"ALTER TABLE {table} DISABLE TRIGGER ALL")
        connection.exec_driver_sql(statement)
    engine.dispose()


@pytest.mark.requirement("X-14")
@pytest.mark.parametrize(
    ("statement", "words"),
    [
        ("UPDATE trail SET by_user = 'eve' WHERE id = 9", "trail: row 9 (distribute of document:3"),
        ("UPDATE trail SET made = made + 1 WHERE id = 2", "trail: row 2 (place of place:244:stock"),
        ("DELETE FROM trail WHERE id = 4", "trail: row 4 is missing"),
        ("UPDATE card_documents SET by_user = 'eve' WHERE id = 2", "document:2 is not what row"),
        ("UPDATE card_documents SET reason = 'ok' WHERE id = 2", "reason is 'ok' now"),
        ("DELETE FROM card_documents WHERE id = 3", "document:3 is gone, but row"),
        ("UPDATE card_ranges SET last = last - 1 WHERE first = 1000", "the documents say it"),
        ("UPDATE card_ranges SET place = 'stock' WHERE first = 1000", "the documents say it"),
        ("DELETE FROM card_ranges WHERE first = 1050", "the documents say it"),
        ("UPDATE users SET disabled = 1 WHERE name = 'carl'", "disabled is 1 now"),
        ("UPDATE users SET secret = '' WHERE name = 'carl'", "user:carl is not what row"),
        ("UPDATE users SET rights = 'cards.kill' WHERE name = 'dora'", "user:dora is not what"),
        ("DELETE FROM users WHERE name = 'carl'", "user:carl is gone"),
        ("UPDATE places SET alarm_below = 0 WHERE name = 'stock'", "alarm_below is 0 now"),
        ("UPDATE proposals SET amount = 9 WHERE id = 1", "amount is 9 now"),
        ("UPDATE names SET name = 'Eve Buses'", "name is 'Eve Buses' now"),
        ("DELETE FROM proposal_steps", "proposal:1 is not what row"),
        ("INSERT INTO places VALUES (244, 'point:eve', 0)", "is in no row of the trail"),
    ],
)
def test_what_was_changed_beside_the_register_is_named(tmp_path, statement, words):
    world = RegistersWorld(f"sqlite:///{tmp_path / 'registers.db'}")
    live(world)
    past_triggers(world, statement, statement.split()[1 if statement[0] == "U" else 2])
    found = verify(world.database)
    world.close()
    assert words in found[0]


@pytest.mark.requirement("X-14")
def test_a_changed_row_is_found_on_both_databases(lived):
    past_triggers(lived, "UPDATE trail SET by_user = 'eve' WHERE id = 9", "trail")
    assert verify(lived.database)[0].startswith("trail: row 9 (distribute of document:3 by eve)")


@pytest.mark.requirement("X-14")
def test_rows_cut_off_the_end_are_missed_by_the_head_that_was_written_down(lived):
    rows, head = head_of_all(lived.database)
    assert verify(lived.database, head[:16]) == []
    past_triggers(lived, f"DELETE FROM trail WHERE id = {rows}", "trail")
    assert [line for line in verify(lived.database, head[:16]) if "its end was cut off" in line]


@pytest.mark.requirement("X-14")
def test_books_refuse_to_be_changed_and_users_to_be_deleted(lived):
    assert tuple(table.name for table in books_of(metadata)) == BOOKS
    wrong = [f"{verb} {name}" for name in BOOKS for verb in ("DELETE FROM", "UPDATE")]
    for statement in [*wrong, "DELETE FROM users"]:
        column = "step" if "steps" in statement else "by_user"
        change = f"{statement} SET {column} = 'eve'" if "UPDATE" in statement else statement
        with pytest.raises(DBAPIError, match="append-only"), lived.database.transaction():
            lived.database.connection.exec_driver_sql(change)


# --- kill -9 ---

MOVED = [span(0, 9), span(20, 29)]


def moved_and_killed(url, statement):
    """Move two ranges in a process that is killed before SQL statement `statement`.

    Return whether it was killed. The commit counts as a statement.
    """
    child = os.fork()
    if child:
        return os.waitpid(child, 0)[1] == signal.SIGKILL
    try:
        world = RegistersWorld.__new__(RegistersWorld)
        world.open(url)
        left = [statement]

        def count(*_):
            left[0] -= 1
            if not left[0]:
                os.kill(os.getpid(), signal.SIGKILL)

        event.listen(world.database.engine, "before_cursor_execute", count)
        if world.database.sqlite:
            world.database.driver = WatchedDriver(world.database.driver, count)
        event.listen(world.database.engine, "commit", count)
        world.cards.move(world.users.get("anna"), MOVED, "point:kamppi")
        os._exit(0)
    finally:
        os._exit(7)  # an exception must not go on as a second pytest


@pytest.mark.system
@pytest.mark.requirement("W-124")
def test_a_bulk_move_killed_before_any_statement_is_whole_or_not_there(bare_url):
    world = RegistersWorld(bare_url)
    world.stocked(30)
    before = world.everything()
    world.close()
    statement = 1
    while moved_and_killed(bare_url, statement):
        world.open(bare_url)
        assert world.everything() == before, statement
        assert verify(world.database) == []
        world.close()
        statement += 1
    world.open(bare_url)
    assert [row[2:] for row in world.ranges()] == [
        ("at point", "point:kamppi"), ("in stock", "stock"), ("at point", "point:kamppi")
    ]  # fmt: skip
    assert verify(world.database) == []
    assert world.users.sign_in("anna", SECRET)
    world.close()
    assert statement > 10
    figures.add("statements of a bulk move killed", statement - 1)
