"""What evidence does to an announced commit: P1 P2 P3, V1 V2 V3, X, and contradictions."""

import pytest

from card_layouts.cards.card_layout import KIND_BLOCK, KIND_KILL
from card_layouts.records import entries as types
from card_layouts.records.entries_tap import (
    HOW_ABANDONED,
    HOW_LATER,
    HOW_NOT_SENT,
    OUTCOME_ABORTED,
    OUTCOME_ORPHAN,
)
from tests.backend_sync.builders import NO_RECORD

DAY = 86_400


def found(world):
    report = world.ledger.report()
    assert report["trial_balance_cents"] == report["unbalanced"] == report["doubled"] == 0
    return report


def rules(world):
    return {rule: count for rule, count in found(world)["resolved_by"].items() if count}


def liab(world):
    return world.ledger.report()["ledger_cards_cents"]


@pytest.fixture
def one(world):
    """A card with 20.00 on it, and devices 1, 2, 3."""
    world.devices[1].load(world.cards[0])
    return world, world.cards[0], world.devices[1], world.devices[2], world.devices[3]


@pytest.mark.requirement("R-6", "R-7", "D15")
def test_p1_the_devices_own_outcome_posts_the_charge(one):
    world, card, first, *_ = one
    first.tap(card, 300)
    world.post()
    assert rules(world) == {"P1": 2}
    assert liab(world) == card.cents == 1700


@pytest.mark.requirement("D15", "D22")
def test_an_intent_without_outcome_waits_and_moves_no_money(one):
    world, card, first, *_ = one
    first.intent(card, 300)
    world.post()
    report = found(world)
    assert report["open_intents"] == report["torn_unknown"] == 1
    assert report["suspense_cents"] == 300
    assert liab(world) == 2000


@pytest.mark.requirement("D22")
def test_p2_the_record_read_by_another_device_posts_a_lost_outcome(one):
    world, card, first, second, _ = one
    card.commit(first.intent(card, 300))
    second.refuse(card)
    world.post()
    assert rules(world) == {"P1": 1, "P2": 1}
    assert liab(world) == card.cents


@pytest.mark.requirement("D22")
@pytest.mark.parametrize("step", ["OBS", "INSPECTION"])
def test_p2_every_entry_that_carries_a_record_is_a_witness(one, step):
    world, card, first, second, _ = one
    card.commit(first.intent(card, 300))
    first.tap(card, 100)
    if step == "OBS":
        second.put(
            types.OBS,
            {"uid": card.uid, "newer": card.newest, "older": card.records[-2], "count": 2},
        )
    else:
        second.put(types.INSPECTION, {"uid": card.uid, "observed": card.records[-2]})
    world.post(first.run(last=3), second.run())
    assert rules(world) == {"P1": 1, "P2": 1}


@pytest.mark.requirement("D15", "D22")
def test_p3_a_later_intents_h_proves_the_commit_before_it(one):
    world, card, first, second, _ = one
    card.commit(first.intent(card, 300))
    second.intent(card, 300)  # power cut: no OUTCOME, so nobody tells which record it read
    world.post()
    report = found(world)
    assert report["resolved_by"]["P3"] == 1 and report["open_intents"] == 1
    assert liab(world) == card.cents == 1700


@pytest.mark.requirement("D22")
def test_p3_a_span_of_twelve_open_counters_resolves_from_its_end(one):
    world, card, first, second, third = one
    for i in range(12):
        card.commit((first, second, third)[i % 3].intent(card, 100))
    world.post()
    assert rules(world) == {"P1": 1, "P3": 11}
    third.refuse(card)
    world.post()
    assert rules(world) == {"P1": 1, "P2": 1, "P3": 11}
    assert liab(world) == card.cents == 800


@pytest.mark.requirement("D22")
def test_p3_voids_the_rival_of_the_commit_the_chain_went_through(one):
    world, card, first, second, third = one
    first.intent(card, 300)  # torn, never on the card
    card.commit(second.intent(card, 150))
    third.intent(card, 100)
    world.post()
    assert rules(world) == {"P1": 1, "P3": 1, "V2": 1}
    assert liab(world) == 1850


@pytest.mark.requirement("D15")
@pytest.mark.parametrize(
    ("how", "rule"), [(HOW_NOT_SENT, "V1"), (HOW_ABANDONED, "V1"), (HOW_LATER, "V3")]
)
def test_v1_and_v3_the_devices_own_outcome_voids(one, how, rule):
    world, card, first, *_ = one
    first.outcome(first.intent(card, 300), OUTCOME_ABORTED, how)
    world.post()
    assert rules(world) == {"P1": 1, rule: 1}
    assert liab(world) == 2000 and found(world)["open_intents"] == 0


@pytest.mark.requirement("D22")
def test_v2_another_commit_at_the_same_counter_voids_a_torn_intent(one):
    world, card, first, second, _ = one
    first.intent(card, 300)
    second.tap(card, 150)
    world.post()
    assert rules(world) == {"P1": 2, "V2": 1}
    assert liab(world) == card.cents


@pytest.mark.requirement("D22")
def test_v2_holds_for_an_intent_that_comes_long_after_the_commit(one):
    world, card, first, second, _ = one
    second.intent(card, 300)
    for _ in range(5):
        first.tap(card, 100)
    world.post(first.run())
    world.post(second.run())
    assert rules(world) == {"P1": 6, "V2": 1}


@pytest.mark.requirement("D22")
def test_v2_a_mere_sighting_of_another_devices_commit_voids(one):
    world, card, first, second, third = one
    first.intent(card, 300)
    card.commit(third.intent(card, 150))  # third's journal is never delivered
    second.refuse(card)
    world.post(first.run(), second.run())
    report = found(world)
    assert report["resolved_by"]["V2"] == 1 and report["sightings_unmatched"] == 1


@pytest.mark.requirement("D16")
def test_an_orphan_outcome_is_no_evidence_and_a_record_still_resolves_it(one):
    world, card, first, second, _ = one
    announced = first.intent(card, 300)
    card.commit(announced)
    first.outcome(announced, OUTCOME_ORPHAN, HOW_ABANDONED, NO_RECORD)
    world.post()
    assert found(world)["open_intents"] == 1
    second.refuse(card)
    world.post()
    assert rules(world) == {"P1": 1, "P2": 1}


@pytest.mark.requirement("D22")
def test_x_after_ninety_days_the_passenger_keeps_the_value_and_late_evidence_still_posts(one):
    world, card, first, second, _ = one
    card.commit(first.intent(card, 300))
    world.post()
    world.clock.now += 90 * DAY
    assert world.ledger.lapse() == 0
    world.clock.now += 1
    assert world.ledger.lapse() == 1
    assert world.ledger.lapse() == 0
    report = found(world)
    assert report["resolved_by"]["X"] == 1 and report["open_intents"] == 0
    assert liab(world) == 2000
    second.refuse(card)
    world.post()
    assert rules(world) == {"P1": 1, "P2": 1}
    assert liab(world) == 1700


@pytest.mark.requirement("D22")
def test_fork_a_copied_card_posts_neither_branch_and_says_so(one):
    world, card, first, second, _ = one
    twin = card.copy()
    first.tap(card, 300)
    world.post()
    assert liab(world) == 1700
    second.tap(twin, 150)
    world.post()
    report = found(world)
    assert report["forks"] == 2 and report["alarms"]["FORK"] == 2
    assert liab(world) == 2000
    assert report["accounts"]["REV"] == 0


@pytest.mark.requirement("D22")
def test_fork_evidence_for_and_against_one_intent_posts_nothing(one):
    world, card, first, second, _ = one
    announced = first.intent(card, 300)
    card.commit(announced)
    first.outcome(announced, OUTCOME_ABORTED, HOW_NOT_SENT)  # a device that says the wrong thing
    second.refuse(card)
    world.post()
    assert found(world)["forks"] == 1
    assert liab(world) == 2000


@pytest.mark.requirement("D22")
def test_two_outcomes_of_one_intent_that_differ_are_a_fork(one):
    world, card, first, *_ = one
    announced = first.tap(card, 300)
    first.outcome(announced, OUTCOME_ABORTED, HOW_LATER)
    world.post()
    assert found(world)["forks"] == 1 and liab(world) == 2000


@pytest.mark.requirement("D22")
def test_an_outcome_before_its_intent_waits_for_it(one):
    world, card, first, *_ = one
    first.tap(card, 300)
    world.post(first.run(first=4))
    assert found(world)["outcomes_unmatched"] == 1
    world.post(first.run(last=3))
    report = found(world)
    assert report["outcomes_unmatched"] == 0 and report["resolved_by"]["P1"] == 2
    assert liab(world) == 1700


@pytest.mark.requirement("D4", "W-93")
@pytest.mark.parametrize("kind", [KIND_BLOCK, KIND_KILL])
def test_block_and_kill_take_a_counter_and_move_no_money(one, kind):
    world, card, first, second, _ = one
    second.intent(card, 300)  # torn at the counter the block takes
    announced = first.announce(card, kind, 0, types.BLOCK)
    card.commit(announced)
    first.outcome(announced)
    world.post()
    report = found(world)
    assert report["resolved_by"]["V2"] == 1 and liab(world) == 2000
    [row] = [r for r in world.ledger.report(True)["card_rows"] if r["posted"]]
    assert row["n"] == 2 and row["b"] == (kind == KIND_BLOCK)


@pytest.mark.requirement("D1")
def test_the_record_matches_by_the_low_bits_of_a_seq_beyond_two_to_the_26(tmp_path):
    from tests.backend_sync.builders import World

    world = World(tmp_path)
    late = world.device(5, first_seq=(1 << 26) + 7)
    card = world.cards[0]
    world.devices[1].load(card)
    card.commit(late.intent(card, 300))
    world.devices[2].refuse(card)
    world.post(world.devices[1].run(), late.run())
    world.post(world.devices[2].run())
    assert rules(world) == {"P1": 1, "P2": 1}
    world.close()


@pytest.mark.requirement("D22")
def test_a_record_that_names_an_entry_which_says_otherwise_is_an_alarm_and_no_evidence(one):
    world, card, first, second, _ = one
    announced = first.intent(card, 300)
    forged = bytearray(announced.record)
    forged[17] ^= 1  # another amount
    forged[40] ^= 1
    second.refuse(card, bytes(forged))
    world.post()
    report = found(world)
    assert report["alarms"] == {"RECORD_DIFFERS": 1}
    assert report["open_intents"] == 1 and liab(world) == 2000


@pytest.mark.requirement("D5")
def test_an_issue_record_with_another_h_is_an_alarm(one):
    world, _, _, second, _ = one
    forged = bytearray(world.cards[1].newest)
    forged[-1] ^= 1
    second.refuse(world.cards[1], bytes(forged))
    world.post()
    assert found(world)["alarms"] == {"RECORD_DIFFERS": 1}
