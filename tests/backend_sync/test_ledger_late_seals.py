"""A stolen device, numbers from before the theft: what an earlier block sealed stays."""

import random

import pytest

from backend_sync.ledger.verify_chain import verify_chain
from card_layouts.records import entries as types
from card_layouts.records.entries_tap import OUTCOME_ABORTED, OUTCOME_COMMITTED
from card_layouts.records.slot import SLOTS_PER_BLOCK
from tests.backend_sync.builders import AUTHORITY, Device, World
from tests.backend_sync.ledger_histories import cut, groups, play, state

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
        chance.shuffle(runs)
        other = World(tmp_path / str(turn))
        other.ledger.post([("edge-1", [run]) for run in runs])
        assert state(other.ledger) == wanted
        other.close()


def test_two_entries_of_one_block_are_equivocation_and_a_later_one_changes_nothing(sold):
    twin = Device(sold.keys, 1)
    twin.load(sold.cards[1])
    sold.post()
    sold.post(twin.run(1, 1), sold.thief.under(1, types.BOOT, {}))
    report = sold.ledger.report()
    assert report["quarantine"] == {"EQUIVOCATION": 1, "LATE_SEAL": 1}
    assert report["forks"] == 1


def test_a_number_used_twice_may_be_sent_again_before_what_it_ends_has_come(sold):
    twins = [Device(sold.keys, 3) for _ in range(2)]
    for how, twin in enumerate(twins, 1):
        twin.put(types.OUTCOME, {"of": 9, "outcome": OUTCOME_COMMITTED, "how": how})
    for _ in range(2):
        sold.post(*(twin.run() for twin in twins))
    assert sold.ledger.report()["equivocations"] == 1


def test_a_forged_entry_that_came_first_gives_its_number_to_the_genuine_one(sold):
    for run in forged(sold):
        sold.post(run)
    assert sold.ledger.report()["accounts"]["CASH"] == -640
    told = sold.post()
    report = sold.ledger.report()
    assert report["quarantine"] == {"LATE_SEAL": 5} and report["alarms"]["LATE_SEAL"] == 5
    assert (report["forks"], report["lost"], report["doubled"]) == (0, 0, 0)
    assert report["accounts"] == {"CASH": -320, "LIAB": 1400, "PREPAID": -2000, "REV": 920}
    assert report["trial_balance_cents"] == report["unbalanced"] == 0
    # The device compares H before it believes the acknowledgement.
    assert [ack["H"] for ack in told if ack["device"] == 1] == [sold.devices[1].chain[-1]]


def test_in_whatever_groups_they_come_the_books_are_those_of_the_earliest_blocks(sold, tmp_path):
    sold.devices[2].tap(sold.cards[0])
    runs = [*sold.run_all(), *forged(sold)]
    sold.post(*runs)
    wanted = state(sold.ledger)
    chance = random.Random(11)
    for turn in range(6):
        chance.shuffle(runs)
        other = World(tmp_path / str(turn))
        for run in runs:
            other.post(run)
            assert other.ledger.report()["trial_balance_cents"] == 0
        assert state(other.ledger) == wanted, turn
        assert verify_chain(other.ledger.database)["wrong"] == []
        other.close()


LIES = ("boot", "paid", "undone", "done", "seen", "ticket", "product")


def lie(thief, world, chance, seq):
    """Return a run with a lie of a random kind under number `seq`."""
    card = chance.choice(world.cards)
    body = thief.intent(card, chance.choice((150, 300))).record
    thief.slots.pop()
    spent = {"uid": card.uid, "body": body[7:36], "h": body[36:], "operator": 9, "kind": 3}
    of = chance.randrange(1, SLOTS_PER_BLOCK)
    sale = {"total": 640, "rounding": 8, "authority": AUTHORITY, "ticket": seq}
    kind, values = {
        "boot": (types.BOOT, {}),
        "paid": (types.INTENT, {k: v for k, v in spent.items() if k != "kind"}),
        "undone": (types.OUTCOME, {"of": of, "outcome": OUTCOME_ABORTED, "how": 1}),
        "done": (types.OUTCOME, {"of": of, "outcome": OUTCOME_COMMITTED, "how": 1,
                                 "observed": body}),
        "seen": (types.REFUSAL, {"uid": card.uid, "observed": body, "reason": 1}),
        "ticket": (types.CASH_SALE, sale),
        "product": (types.ACTION, {**spent, "action": 4711, "k": 1}),
    }[chance.choice(LIES)]  # fmt: skip
    return thief.under(seq, kind, values)


@pytest.mark.parametrize("seed", range(8))
def test_no_history_loses_an_entry_to_a_later_block(tmp_path, seed):
    """Honest journals with torn taps and clones, and lies of a stolen device before and behind."""
    chance = random.Random(seed)
    worlds = [World(tmp_path / name) for name in ("honest first", "lies first")]
    play(worlds[0], chance, steps=40)
    journals = worlds[0].run_all()
    size = len(worlds[0].devices[1].slots)
    thief = Thief(worlds[0].keys, 1)
    numbers = chance.sample(range(1, min(size, SLOTS_PER_BLOCK) + 1), 8)
    lies = [lie(thief, worlds[0], chance, seq) for seq in numbers]
    lies.append(thief.under(numbers[0], types.BOOT, {"time": 1}))  # twice in one block
    for run in [*journals, *lies]:
        worlds[0].post(run)
    mixed = cut(journals, chance) + lies
    chance.shuffle(mixed)
    for group in groups(lies, chance) + groups(mixed, chance):
        worlds[1].ledger.post(group)
    first, second = (state(made.ledger) for made in worlds)
    for found in (first, second):  # two lies of one block contradict each other, seen or not
        found["report"].pop("quarantine"), found["report"].pop("equivocations")
        found["report"]["accounts"] = {k: v for k, v in found["report"]["accounts"].items() if v}
    assert second == first
    for made in worlds:
        report = made.ledger.report()
        assert (report["lost"], report["doubled"], report["trial_balance_cents"]) == (0, 0, 0)
        assert verify_chain(made.ledger.database)["wrong"] == []
        made.close()
