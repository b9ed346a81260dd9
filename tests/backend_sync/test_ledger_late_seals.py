"""A stolen device, numbers from before the theft: what an earlier block sealed stays."""

import random

import pytest

from backend_sync.ledger import Ledger
from card_layouts.records import entries as types
from card_layouts.records.entries_tap import OUTCOME_ABORTED
from card_layouts.records.slot import SLOTS_PER_BLOCK
from tests.backend_sync.builders import AUTHORITY, Device
from tests.backend_sync.ledger_histories import state

pytestmark = pytest.mark.requirement("T6", "I9", "D13")


class Thief(Device):
    """A stolen device in its second block: the key of its first is gone."""

    def __init__(self, keys, number):
        super().__init__(keys, number)
        while len(self.slots) <= SLOTS_PER_BLOCK:
            self.put(types.BOOT, {})

    def under(self, seq, kind, values):
        """Return a run with one entry sealed today, under a number of the first block."""
        slot = self.sealed(kind, values, seq, SLOTS_PER_BLOCK + 1)
        return self.number, self.epoch, seq, bytes(32), [slot]


@pytest.fixture
def sold(world):
    """A world in which device 1 loaded a card, took two fares and sold a ticket; and its thief."""
    first, card = world.devices[1], world.cards[0]
    first.load(card)
    first.tap(card)
    first.tap(card)
    first.put(types.CASH_SALE, {"total": 320, "rounding": 8, "authority": 244, "operator": 7})
    world.thief = Thief(world.keys, 1)
    return world


def forged(world):
    """Return runs that would undo or change every number of device 1, were they believed."""
    thief, card = world.thief, world.cards[1]
    body = thief.intent(card).record[7:36]
    thief.slots.pop()
    intent = {"uid": card.uid, "body": body, "h": bytes(8), "operator": 9}
    undone = {"of": 3, "outcome": OUTCOME_ABORTED, "how": 1}
    sale = {"total": 640, "rounding": 8, "authority": 244, "operator": 7}
    return [
        thief.under(1, types.INTENT, intent),
        thief.under(3, types.INTENT, intent),
        thief.under(4, types.OUTCOME, undone),
        thief.under(6, types.OUTCOME, {**undone, "of": 5}),
        thief.under(7, types.CASH_SALE, sale),
    ]


def test_todays_key_cannot_take_back_what_an_earlier_block_sealed(sold):
    sold.post()
    wanted = state(sold.ledger)
    for run in forged(sold):
        sold.post(run)
    found = state(sold.ledger)
    assert found["report"].pop("quarantine") == {"LATE_SEAL": 5}
    wanted["report"].pop("quarantine")
    assert found == wanted
    assert sold.ledger.report()["alarms"] == {"LATE_SEAL": 5}
    assert sold.ledger.report()["forks"] == 0


def test_a_late_seal_says_since_when_the_key_is_in_other_hands_and_says_it_once(sold):
    sold.post()
    for _ in range(2):
        sold.post(sold.thief.under(1, types.BOOT, {}))
    [row] = sold.ledger.database.rows("SELECT kind, device, seq, detail FROM alarms")
    assert tuple(row[:3]) == ("LATE_SEAL", 1, 1)
    assert "in other hands from block 1 on" in row[3]


def test_within_one_group_the_earliest_block_counts_whatever_came_first(sold, tmp_path):
    runs = [sold.devices[1].run(), *forged(sold)]
    sold.post(*runs)
    wanted = state(sold.ledger)
    assert wanted["report"]["quarantine"] == {"LATE_SEAL": 5}
    chance = random.Random(7)
    for turn in range(4):
        url = f"sqlite:///{tmp_path / str(turn)}.db"
        ledger = Ledger(url, sold.clock, sold.keyring, {}, AUTHORITY)
        ledger.import_issues([sold.plastic(i)[1] for i in range(2)])
        chance.shuffle(runs)
        ledger.post([("edge-1", [run]) for run in runs])
        assert state(ledger) == wanted
        ledger.close()


def test_two_entries_of_one_block_are_equivocation_and_a_later_one_changes_nothing(sold):
    twin = Device(sold.keys, 1)
    twin.load(sold.cards[1])
    sold.post()
    sold.post(twin.run(1, 1), sold.thief.under(1, types.BOOT, {}))
    report = sold.ledger.report()
    assert report["quarantine"] == {"EQUIVOCATION": 1, "LATE_SEAL": 1}
    assert report["forks"] == 1


def test_a_forged_entry_of_an_earlier_group_and_the_genuine_one_are_a_case_for_people(sold):
    sold.post(sold.thief.under(7, types.CASH_SALE, {"total": 640, "rounding": 8, "authority": 244}))
    assert sold.ledger.report()["accounts"] == {"CASH": -640, "REV": 640}
    sold.post()
    report = sold.ledger.report()
    assert report["quarantine"] == {"EQUIVOCATION": 1} and report["accounts"]["CASH"] == 0
    assert report["alarms"]["EQUIVOCATION"] == 1 and report["trial_balance_cents"] == 0
