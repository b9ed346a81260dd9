"""A world for each test that buys; afterwards every booking sums to 0."""

import pytest

from tests.backend_sync.shop.shop_world import Passenger


@pytest.fixture
def passenger(tmp_path):
    made = Passenger(tmp_path)
    yield made
    made.money()
    made.close()
