"""A database that was damaged under the agent: refused with a sentence, and the journals keep."""

import sqlite3

import pytest

from edge_agent.app import EdgeAgent
from edge_agent.config import BrokerConfig, EdgeConfig
from edge_agent.dock_session import DockSession
from edge_agent.store import Store, StoreRefused
from tests.edge_agent.soft_board import (
    EDGE,
    MONTH,
    Clock,
    Numbers,
    SoftBoard,
    SoftBroker,
    SoftLink,
    dock_key_of,
)

PAGE = 4096


@pytest.mark.requirement("T17", "D20")
def test_a_page_that_cannot_be_read_closes_the_docks_with_a_sentence(tmp_path):
    path = tmp_path / "edge.db"
    store = Store(path)
    store.parcels.add_dock_keys(MONTH, [(7, dock_key_of(7))])
    asked = "SELECT rootpage FROM sqlite_master WHERE name = 'runs'"
    (page,) = store.connection.execute(asked).fetchone()
    store.close()
    with path.open("r+b") as file:
        file.seek((page - 1) * PAGE)
        file.write(b"\x5a" * PAGE)
    store = Store(path)
    clock, board = Clock(), SoftBoard(7, entries=40)
    link = SoftLink(board)
    session = DockSession("left", EDGE, link, store, clock, Numbers())
    config = EdgeConfig(EDGE, 1, tmp_path, BrokerConfig(), (), {})
    agent = EdgeAgent(config, store, [(session, link)], SoftBroker(), clock, Numbers())
    for _ in range(100):
        clock.ms += 100
        agent.tick(clock.ms)
    assert "it is damaged: stop the agent and restore or export it" in agent.store_problem
    assert board.acked_seq == 0 and len(board.slots) == 40
    agent.close()


@pytest.mark.requirement("T17", "D20")
def test_a_damaged_index_is_the_files_fault_and_a_broken_rule_in_a_sound_file_ours(tmp_path):
    path = tmp_path / "edge.db"
    store = Store(path)
    asked = "SELECT rootpage FROM sqlite_master WHERE name = 'sqlite_autoindex_bodies_1'"
    (page,) = store.connection.execute(asked).fetchone()
    body, row = bytes(32), "INSERT INTO packages VALUES (7, 1, 1, 1, x'00', ?, 0)"
    with pytest.raises(sqlite3.IntegrityError), store.immediate() as connection:
        connection.execute(row, (body,))
    with store.immediate() as connection:
        connection.execute("INSERT INTO bodies VALUES (?, x'00')", (body,))
    store.close()
    with path.open("r+b") as file:
        file.seek((page - 1) * PAGE)
        file.write(b"\x0a" + bytes(4) + (PAGE).to_bytes(2, "big") + bytes(PAGE - 7))  # no rows
    store = Store(path)
    with pytest.raises(StoreRefused, match="damaged: stop the agent.*missing from index"):
        with store.immediate() as connection:
            connection.execute(row, (body,))
    store.close()


@pytest.mark.requirement("T17", "D20")
def test_a_schema_that_is_no_text_any_more_is_refused_with_the_same_sentence(tmp_path):
    path = tmp_path / "edge.db"
    Store(path).close()
    held = path.read_bytes()
    assert held.count(b"CREATE TABLE runs") == 1
    path.write_bytes(held.replace(b"CREATE TABLE runs", b"CREATE\x9bTABLE runs"))
    with pytest.raises(StoreRefused, match="it is damaged: stop the agent"):
        Store(path)
