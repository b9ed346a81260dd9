"""What the tables may hold, how they are made, and that a person can read them with sqlite3."""

import re
import sqlite3
from pathlib import Path

import pytest
from alembic.autogenerate import compare_metadata
from alembic.migration import MigrationContext
from sqlalchemy.exc import DBAPIError

from backend_sync.ledger import ranges, results, schema
from backend_sync.ledger.append_only import books_of
from backend_sync.ledger.decoding import body_of, first_of, read_record_a
from backend_sync.ledger.tickets import TicketSale
from backend_sync.ledger.views import VIEWS
from card_layouts.cards.card_layout import G
from card_layouts.records import entries as types
from card_layouts.records.entries import record_from
from card_layouts.records.entries_tap import HOW_ANSWER, OUTCOME_COMMITTED
from tests.backend_sync.builders import World
from tests.backend_sync.card_traces import traces

SPEC = (Path(__file__).parents[2] / "backend_sync" / "SPEC.md").read_text(encoding="utf-8")


@pytest.fixture
def lived(world):
    """A ledger with a row in nearly every table."""
    first, second, card = world.devices[1], world.devices[2], world.cards[0]
    world.ledger.import_sales([("s1", 1, 2000, "counter", 5)])
    first.load(card)
    first.tap(card)
    card.commit(world.devices[3].intent(card))
    second.refuse(card)
    second.tap(world.plastic(70)[0])
    first.outcome(first.intent(world.cards[1])._replace(seq=99))
    ticket = world.plastic(71)[0]
    world.ledger.import_tickets([TicketSale("t1", ticket.uid, bytes(12), "counter", 5)])
    of = first.put(types.TICKET, {"uid": ticket.uid, "counter": 1})
    first.put(types.OUTCOME, {"of": of, "outcome": OUTCOME_COMMITTED, "how": HOW_ANSWER})
    world.post(first.run(), second.run())
    return world


@pytest.mark.requirement("D11")
def test_no_table_holds_a_uid_or_a_printed_number(lived):
    """Looked through behind every test of the ledger too: the modules' tables have rows there."""
    cards = [*lived.cards, *(lived.plastic(i)[0] for i in (70, 71))]
    assert traces(lived.ledger.database, cards, (0, 1, 70, 71)) == []
    rows = [
        lived.ledger.database.value(f"SELECT count(*) FROM {t}") for t in schema.metadata.tables
    ]
    assert sum(count > 0 for count in rows) > 20


@pytest.mark.requirement("D11")
def test_no_column_of_any_module_is_named_after_a_uid_or_a_number_of_a_card(world):
    assert {"actions", "rides", "slips", "settlement_batches"} <= schema.metadata.tables.keys()
    names = {column.name for table in schema.metadata.tables.values() for column in table.columns}
    assert not [n for n in names if re.search("uid|serial|printed|number|holder", n)]


# Tables that are not books: all that is in them follows from books, or is a word of settings.
WORKING = {
    *("accounts", "cards", "devices", "open_intents", "sightings", "early_outcomes", "settings"),
    *("holdings", "waiting_taps", "choices", "differences"),
    *("card_actions", "device_times", "action_carriers", "action_states"),
    *("action_dropped", "action_leases"),
    *("card_sightings", "device_leases", "earlier_leases"),
    *("checkpoints", "folded_chains", "kept_detail", "card_uses"),
}


@pytest.mark.requirement("D21")
def test_every_table_of_every_module_is_a_book_or_said_to_be_none(world):
    database, books = world.ledger.database, {table.name for table in books_of(schema.metadata)}
    listed = "name FROM sqlite_master WHERE type = 'table' AND name NOT LIKE 'sqlite%'"
    if not database.sqlite:
        listed = "tablename FROM pg_tables WHERE schemaname = 'public'"
    found = {row[0] for row in database.rows(f"SELECT {listed}")} - {"alembic_version"}
    assert found - books == WORKING and found == schema.metadata.tables.keys()


@pytest.mark.requirement("D21")
def test_every_book_of_every_module_has_its_triggers(world):
    database, books = world.ledger.database, {table.name for table in books_of(schema.metadata)}
    if database.sqlite:
        rows = database.rows("SELECT name FROM sqlite_master WHERE type = 'trigger'")
        wanted = {f"{name}_no_{verb}" for name in books for verb in ("update", "delete")}
    else:
        rows = database.rows(
            "SELECT tgname FROM pg_trigger WHERE NOT tgisinternal AND tgenabled = 'O'"
        )
        wanted = {f"{name}_append_only" for name in books}
    assert {row[0] for row in rows} == wanted


@pytest.mark.requirement("D22")
def test_no_index_lies_on_card_and_counter_over_history():
    for name in ("entries", "pendings", "resolutions", "postings"):
        table = schema.metadata.tables[name]
        indexed = [[c.name for c in index.columns] for index in table.indexes]
        indexed += [
            [c.name for c in constraint.columns]
            for constraint in table.constraints
            if type(constraint).__name__ == "UniqueConstraint"
        ]
        assert not [columns for columns in indexed if "card" in columns or "n" in columns]


@pytest.mark.requirement("D21")
def test_books_are_append_only(lived):
    database, tried = lived.ledger.database, 0
    for table in books_of(schema.metadata):
        rows = database.value(f"SELECT count(*) FROM {table.name}")
        column = table.columns.keys()[0]
        statements = (
            f'UPDATE {table.name} SET "{column}" = "{column}"',
            f"DELETE FROM {table.name}",
        )
        # SQLite asks a trigger for each row: where there is none, nothing could be changed.
        for sql in statements if rows or not database.sqlite else ():
            with pytest.raises(DBAPIError, match="append-only"), database.transaction():
                database.execute(sql)
            tried += 1
        assert database.value(f"SELECT count(*) FROM {table.name}") == rows
    assert tried > 20


@pytest.mark.requirement("D20")
def test_the_migrations_make_exactly_the_schema(world):
    context = MigrationContext.configure(world.ledger.database.connection)
    found = compare_metadata(context, schema.metadata)
    world.ledger.database.connection.rollback()
    assert found == []


@pytest.mark.requirement("D20")
def test_plain_sqlite3_sums_the_money_on_cards(tmp_path):
    world = World(tmp_path)
    world.devices[1].load(world.cards[0], 2000)
    world.devices[1].tap(world.cards[0], 300)
    world.post()
    world.close()
    line = re.search(r'sqlite3 \S*ledger.db "([^"]*liab[^"]*)"', SPEC).group(1)
    plain = sqlite3.connect(tmp_path / "ledger.db")
    assert plain.execute(line).fetchone() == (1700,)
    assert plain.execute("SELECT sum(cents) FROM postings").fetchone() == (0,)
    for view in VIEWS:
        plain.execute(f"SELECT * FROM {view}").fetchall()
    assert plain.execute("PRAGMA journal_mode").fetchone() == ("wal",)
    plain.close()


@pytest.mark.requirement("D20")
def test_the_ledger_syncs_fully_and_takes_the_write_lock_at_once(tmp_path):
    world = World(tmp_path)
    database = world.ledger.database
    assert database.value("PRAGMA synchronous") == 2
    other = sqlite3.connect(tmp_path / "ledger.db", timeout=0)
    with database.transaction(), pytest.raises(sqlite3.OperationalError, match="locked"):
        other.execute("BEGIN IMMEDIATE")
    other.close()
    world.close()


@pytest.mark.parametrize("name", [*results.BITS, *results.RESULTS, *results.ALARMS])
def test_every_member_of_the_closed_lists_is_in_spec(name):
    assert f"| {name} |" in SPEC


@pytest.mark.parametrize(
    ("bits", "state", "rule"),
    [
        (0, results.OPEN, ""),
        (results.X, results.LAPSED, "X"),
        (results.P1 | results.P2, results.POSTED, "P1"),
        (results.X | results.P3, results.POSTED, "P3"),
        (results.V2 | results.V3, results.VOIDED, "V3"),
        (results.P2 | results.V2, results.FORK, "FORK"),
        (results.EQ, results.FORK, "FORK"),
    ],
)
def test_the_state_follows_from_all_evidence_together(bits, state, rule):
    assert (results.state_of(bits), results.rule_of(bits)) == (state, rule)


def test_ranges_are_sets_of_numbers():
    found = ranges.parse("3-7,9")
    assert ranges.text(found) == "3-7,9" and ranges.size(found) == 6
    assert ranges.text(ranges.without(found, 5)) == "3-4,6-7,9"
    assert ranges.text(ranges.joined(found, [(8, 8)])) == "3-9"
    assert ranges.text(ranges.above(found, 4)) == "5-7,9"
    assert ranges.text(ranges.holes(found, 1, 10)) == "1-2,8,10"
    assert ranges.parse("") == [] and ranges.text([]) == ""


@pytest.mark.requirement("D14")
def test_the_short_ways_of_reading_equal_the_tables():
    first = G.pack(
        {
            "layout": 1,
            "epoch": 3,
            "device": 4711,
            "seq": (1 << 26) - 1,
            "n": 57,
            "amount": 338,
            "D": 8712,
            "L": 12_000,
            "authority": 244,
            "kind": 2,
            "time": 180_000_000,
            "b": 3,
            "a": 41,
        }
    )
    assert read_record_a(first) == [41]
    header = {"epoch": 3, "device": 4711, "seq": (1 << 27) - 1}
    assert first_of(4711, 3, (1 << 27) - 1, first) == record_from(header, first)[:36]
    body = body_of(first)
    assert body == (2, 57, 3, 180_000_000, 338, 8712, 12_000, 244, 41)
