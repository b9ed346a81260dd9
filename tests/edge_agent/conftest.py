"""A store in a folder of its own, and whatever else the edge's tests share."""

import pytest

from edge_agent.store import Store
from tests.edge_agent.soft_board import MONTH, dock_key_of


@pytest.fixture
def store(tmp_path):
    store = Store(tmp_path / "edge.db")
    store.parcels.add_dock_keys(MONTH, [(device, dock_key_of(device)) for device in range(1, 20)])
    yield store
    store.close()
