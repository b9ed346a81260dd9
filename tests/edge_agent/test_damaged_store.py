"""A database that was damaged under the agent: refused with a sentence, and the journals keep."""

import pytest

from edge_agent.app import EdgeAgent
from edge_agent.config import BrokerConfig, EdgeConfig
from edge_agent.dock_session import DockSession
from edge_agent.store import Store
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
