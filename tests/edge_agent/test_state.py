"""What the agent says of itself to the ledger: a birth, changes, and again what may be lost."""

import json

import pytest

from edge_agent.app import EXPIRE_MS, STATE_AGAIN_RESENDS, STATE_RESENDS, EdgeAgent
from edge_agent.config import BrokerConfig, EdgeConfig
from edge_agent.downlink import Downlink
from edge_agent.store import Store
from tests.edge_agent.soft_board import (
    EDGE,
    MONTH,
    NOW,
    Clock,
    Numbers,
    SoftBoard,
    SoftBroker,
    SoftLedger,
    dock_key_of,
)


@pytest.fixture
def agent(tmp_path):
    config = EdgeConfig(EDGE, 1, tmp_path, BrokerConfig(), (), {})
    store = Store(config.database)
    made = EdgeAgent(config, store, [], SoftBroker(), Clock(), Numbers())
    made.store, made.soon_ms = store, STATE_RESENDS * config.resend_ms
    made.again_ms = STATE_AGAIN_RESENDS * config.resend_ms
    yield made
    made.close()


def said(agent, now_ms):
    """Tick at this time; return the states that went out."""
    broker = agent._broker
    broker.states.clear()
    agent.tick(now_ms)
    return [json.loads(state) for state in broker.states]


@pytest.mark.requirement("T11", "D17")
def test_a_state_is_said_once_and_again_now_and_then_because_a_broker_may_lose_it(agent):
    (birth,) = said(agent, 0)
    assert birth["online"] and birth["holds"] == {"packages": [], "dock_months": []}
    assert said(agent, agent.soon_ms) == said(agent, agent.again_ms - 1) == []
    assert said(agent, agent.again_ms) == [birth]


@pytest.mark.requirement("T11", "D18")
def test_what_is_held_is_said_as_soon_as_it_is(agent):
    said(agent, 0)
    agent.store.parcels.add_dock_keys(MONTH, [(3, dock_key_of(3))])
    assert said(agent, agent.soon_ms - 1) == []
    (state,) = said(agent, agent.soon_ms)
    assert state["holds"]["dock_months"] == [MONTH]


@pytest.mark.requirement("D17")
def test_a_new_connection_is_a_new_birth(agent):
    (first,) = said(agent, 0)
    agent._broker.connections += 1
    (second,) = said(agent, 1)
    assert first["birth"] != second["birth"]


@pytest.mark.requirement("T15", "D16", "I12")
def test_a_calendar_that_is_weeks_ahead_deletes_nothing(agent):
    """Found by `sim gate`: a ledger restored after it asked for entries that nobody held."""
    board, ledger = SoftBoard(3, entries=9), SoftLedger()
    agent.downlink = Downlink(agent.store, agent._clock, {ledger.key_id: ledger.public})
    agent.store.outbox.add(3, 0, 1, board.chain[0], board.slots, NOW)
    agent.downlink.take_acks(ledger.sign([ledger.ack(3, 0, 5, board.chain[5])]))
    agent._clock.now += 40 * 86_400
    agent.tick(EXPIRE_MS)
    assert agent.store.outbox.oldest(3, 0) == 1
    month_later = NOW + 31 * 86_400
    agent.downlink.take_acks(ledger.sign([ledger.ack(3, 0, 6, board.chain[6], time=month_later)]))
    agent.tick(2 * EXPIRE_MS)
    assert agent.store.outbox.oldest(3, 0) == 6, "what was acknowledged a month ago has gone"
