"""What waits is shown by age, what lapsed is not hidden, and holds stand beside it."""

import pytest

from backend_sync.ledger.suspense import AGES, LAPSED, age_of, suspense
from tests.backend_sync.builders import AUTHORITY

DAY = 86_400


@pytest.mark.requirement("I16")
@pytest.mark.parametrize(
    ("seconds", "age"),
    [(-5, "under a day"), (0, "under a day"), (DAY - 1, "under a day"), (DAY, "1 to 7 days"),
     (7 * DAY - 1, "1 to 7 days"), (7 * DAY, "7 to 30 days"), (30 * DAY, "30 to 90 days"),
     (90 * DAY - 1, "30 to 90 days"), (90 * DAY, "90 days and more")],
)  # fmt: skip
def test_classes_of_age_meet_without_a_gap(seconds, age):
    assert age_of(seconds) == age


@pytest.mark.requirement("I16", "D21")
def test_intents_and_holds_age_together_and_lapsed_ones_stay_visible(world):
    clock, device = world.clock, world.devices[1]
    empty = suspense(world.ledger.database, clock.now)
    assert empty == {"intents": [], "holds": [], "ages": {n: [0, 0] for _, n in AGES}
                     | {LAPSED: [0, 0]}}  # fmt: skip
    device.intent(world.cards[0], 300)
    world.post()
    with world.ledger.books() as books:
        lines = [("CASH:kiosk", AUTHORITY, -700), ("REV:244:7", AUTHORITY, 700)]
        books.hold("refunds:1", "REFUND", lines)
    clock.now += 8 * DAY
    device.intent(world.cards[1], 200)
    world.post()
    found = suspense(world.ledger.database, clock.now)
    assert [(row["cents"], row["days"]) for row in found["intents"]] == [(300, 8), (200, 0)]
    assert [(row["account"], row["cents"]) for row in found["holds"]] == [
        ("CASH:kiosk", -700),
        ("REV:244:7", 700),
    ]
    assert found["ages"]["7 to 30 days"] == [2, 1000]
    assert found["ages"]["under a day"] == [1, 200]
    clock.now += 85 * DAY
    assert world.ledger.lapse() == 1
    with world.ledger.books() as books:
        books.release_hold("refunds:1")
    ages = suspense(world.ledger.database, clock.now)["ages"]
    assert ages[LAPSED] == [1, 300] and ages["30 to 90 days"] == [1, 200]
    assert ages["90 days and more"] == [0, 0]
