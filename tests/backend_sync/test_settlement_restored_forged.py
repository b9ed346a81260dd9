"""A thief's slots and books that were put back: who had a number before may come second now."""

import pytest

from backend_sync.settlement.holds import differences
from card_layouts.settlement import lines as ln
from tests.backend_sync.adopting_worlds import Restorable
from tests.backend_sync.settled_worlds import DAY, MORNING
from tests.backend_sync.test_settlement_forged import OTHER, STOLEN, thief_of

pytestmark = pytest.mark.requirement("T6", "I9", "I10")


@pytest.fixture
def world(tmp_path, ledger_url):
    made = Restorable(tmp_path / "keyring", ledger_url, revenue="per_leg")
    yield made
    made.close()


def robbed(world):
    """Device 1 took a fare and sold a ticket; its thief did under the same numbers. Return him."""
    first, second, *_ = world.cards
    world.ride(STOLEN, first, MORNING)
    world.paper(STOLEN, MORNING + 60, [(0, 1)])
    thief = thief_of(world)
    world.ride(thief, second.copy(), MORNING + 100, operator=OTHER)
    world.paper(thief, MORNING + 150, [(0, 2)], operator=OTHER)
    return thief


def thief_came_first(world):
    """Lost batch 2 counts the thief's slots; it was adopted. Return (thief, batch 1, batch 2)."""
    world.ride(3, world.cards[3], MORNING - 60)
    first = world.close_with(DAY, 3)
    thief = robbed(world)
    copied = world.copy()
    second = world.close_with(DAY + 1, thief)
    world.restore(copied)
    world.adopt()
    return thief, first, second


def counted(world, batches):
    """Return the sum of what batches settle by operator."""
    sums = {}
    for closed in batches:
        for row in closed.values["operators"]:
            sums[row[1]] = sums.get(row[1], 0) + row[6]
    return {operator: cents for operator, cents in sums.items() if cents}


@pytest.mark.parametrize("when", ("at once", "later"))
def test_a_thiefs_slots_that_a_lost_batch_took_back_are_taken_back_once(world, when):
    """Batch 1 counts the forged ones, lost batch 2 the genuine ones; the books know 1 only."""
    thief = robbed(world)
    first = world.close_with(DAY, thief)
    copied = world.copy()
    second = world.close_with(DAY + 1, STOLEN)
    world.restore(copied)
    world.adopt()
    world.agree(is_closed=False)
    third = world.close_with(DAY + 2, *([STOLEN] if when == "at once" else []))
    fourth = world.close_with(DAY + 3, STOLEN)
    if when == "at once":
        assert world.told(3) == world.told(4) == []
        world.agree()
    assert counted(world, (first, second, third, fourth)) == {10: 240 + 300}


def test_a_thief_who_came_first_in_a_lost_batch_comes_second_now(world):
    """Lost batch 2 counts the forged ones; the books get the genuine ones before them.

    The money is right, and an outsider is told of the numbers that stand for two things.
    """
    thief, first, second = thief_came_first(world)
    third = world.close_with(DAY + 2, STOLEN)
    fourth = world.close_with(DAY + 3, thief)
    assert counted(world, (first, second, third, fourth)) == {10: 240 + 240 + 300}
    assert differences(world.ledger.database, world.public) == []
    named = [
        finding for finding in world.findings() if "a slot that an earlier line told of" in finding
    ]
    assert len(named) == 2


def test_a_thief_who_came_first_and_is_found_out_before_the_next_closing(world):
    thief, first, second = thief_came_first(world)
    world.post(world.devices[thief].run())
    third = world.close_with(DAY + 2, STOLEN)
    assert [(kind, sign) for kind, sign, *_ in world.told(3)] == [
        (ln.FORGED, -1), (ln.RIDE, 1), (ln.FORGED, 0), (ln.FORGED, -1), (ln.SALE, 1),
    ]  # fmt: skip
    assert counted(world, (first, second, third)) == {10: 240 + 240 + 300}
    assert differences(world.ledger.database, world.public) == []
    # Its forged OUTCOME stood under number 2 when batch 2 was closed: no line can tell.
    assert [words.partition(": ")[0] for words in world.findings()] == ["device 1 epoch 0 seq ..3"]
