"""What a stolen key sealed and a batch settled is taken back to the cent, and an outsider sees why.

A stolen validator of its second block seals numbers of its first one; its entries are settled
before the genuine ones come, which waited at another edge.
"""

import random

import pytest

from backend_sync.settlement.close import close_day, every_batch, lines_of
from backend_sync.settlement.export import openings
from backend_sync.settlement.holds import differences
from card_layouts.crypto.kdf import next_block_key
from card_layouts.records.entries_tap import OUTCOME_ABORTED
from card_layouts.records.slot import SLOTS_PER_BLOCK, Sealer
from card_layouts.settlement import lines as ln
from card_layouts.settlement.forged import digest
from card_layouts.settlement.openings import check_openings, decode_openings
from tests.backend_sync.builders import Device
from tests.backend_sync.settled_worlds import DAY, MORNING, Settled, dishonest, lines_in

pytestmark = pytest.mark.requirement("T6", "I9", "D25")
STOLEN = 1  # the device
OTHER = 11  # an operator who pays the thief


class Thief(Device):
    """Numbers from 1 on, sealed with the key of a later block."""

    def __init__(self, keys, number, block):
        super().__init__(keys, number)
        self.ahead = block * SLOTS_PER_BLOCK
        for _ in range(block):
            self.k_block = next_block_key(self.k_block)
        self.sealer = Sealer(self.k_block)

    def sealed(self, kind, values, seq, index, layout=1, sealer=None):
        return super().sealed(kind, values, seq, index + self.ahead, layout, sealer)


@pytest.fixture
def world(tmp_path, ledger_url):
    made = Settled(tmp_path / "keyring", ledger_url, revenue="per_leg")
    yield made
    made.close()


def thief_of(world, block=1):
    """Return the name under which a thief of device 1 rides in this world."""
    name = f"thief {block}"
    world.devices[name] = Thief(world.keys, STOLEN, block)
    return name


def close(world, day, *names):
    """Post what these devices wrote, nothing else, and close the day."""
    if names:
        world.post(*(world.devices[name].run() for name in names))
    return close_day(world.ledger, day, world.hashes)


def lines(world, number):
    return [ln.decode_line(one) for one in lines_in(lines_of(world.ledger.database, number))]


def told(world, number):
    return [(line.kind, line.state, line.sign, line.seq) for line in lines(world, number)]


def holds(world):
    """Nothing differs, from outside and from inside."""
    assert world.findings() == []
    assert differences(world.ledger.database, world.keyring.signing.ledger.public) == []
    assert world.ledger.report()["trial_balance_cents"] == 0


def revenue(world):
    return int(world.ledger.database.value(
        "SELECT sum(p.cents) FROM postings p JOIN accounts a ON a.id = p.account"
        " WHERE a.kind IN ('REV', 'VAT')"))  # fmt: skip


def settled(world):
    """Return {operator: cents} over all batches."""
    sums = {}
    for closed in every_batch(world.ledger.database):
        for row in closed.values["operators"]:
            sums[row[1]] = sums.get(row[1], 0) + row[6]
    return {operator: cents for operator, cents in sums.items() if cents}


def honest_and_forged(world):
    """Device 1 took a fare, sold a ticket and refused; its thief did more under the same numbers.

    Returns the thief's name. Numbers 1, 2 are a ride, 3 a sale, 4 a refusal.
    """
    first, second, third, _ = world.cards
    world.ride(STOLEN, first, MORNING)
    world.paper(STOLEN, MORNING + 60, [(0, 1)])
    world.devices[STOLEN].refuse(third)
    thief = thief_of(world)
    world.ride(thief, second.copy(), MORNING + 100, operator=OTHER)
    world.paper(thief, MORNING + 150, [(0, 2)], operator=OTHER)
    world.intent(thief, third.copy(), MORNING + 200, operator=OTHER)
    return thief


def test_what_was_settled_for_a_thief_is_taken_back_to_the_cent_in_the_next_batch(world):
    thief = honest_and_forged(world)
    first = close(world, DAY, thief)
    assert [row[1] for row in first.values["operators"]] == [OTHER]
    second = close(world, DAY + 1, STOLEN)
    assert told(world, 2) == [
        (ln.FORGED, ln.FORK, -1, 1), (ln.RIDE, ln.POSTED, 1, 1),
        (ln.FORGED, ln.FORK, 0, 2),  # its OUTCOME: no line told of it
        (ln.FORGED, ln.FORK, -1, 3), (ln.SALE, ln.POSTED, 1, 3),
        (ln.FORGED, ln.FORK, 0, 4),  # an INTENT that never was posted; a REFUSAL earns nothing
    ]  # fmt: skip
    alone = Settled(world.folder.parent / "alone", revenue="per_leg")
    alone.ride(STOLEN, alone.cards[0], MORNING)
    alone.paper(STOLEN, MORNING + 60, [(0, 1)])
    alone.settle()
    assert settled(world) == settled(alone)
    alone.close()
    assert first.values["sums"][0] + second.values["sums"][0] == revenue(world)
    holds(world)


@pytest.mark.parametrize("honest_first", (True, False))
def test_what_a_thief_sealed_within_one_day_is_named_and_moves_nothing(world, honest_first):
    thief = honest_and_forged(world)
    names = (STOLEN, thief) if honest_first else (thief, STOLEN)
    world.post(world.devices[names[0]].run())
    closed = close(world, DAY, names[1])
    assert [row for row in told(world, 1) if row[0] == ln.FORGED] == [
        (ln.FORGED, ln.REFUSED, 0, seq) for seq in (1, 2, 3, 4)
    ]
    assert [row[1] for row in closed.values["operators"]] == [10]
    holds(world)


def test_a_thief_of_a_thief_is_taken_back_one_after_the_other(world):
    for block, index in ((3, 1), (2, 2)):
        world.ride(thief_of(world, block), world.cards[index].copy(), MORNING, operator=OTHER)
    world.ride(STOLEN, world.cards[0], MORNING)
    close(world, DAY, "thief 3")
    close(world, DAY + 1, "thief 2")
    close(world, DAY + 2, STOLEN)
    for number in (2, 3):
        assert told(world, number)[:2] == [
            (ln.FORGED, ln.FORK, -1, 1), (ln.RIDE, ln.POSTED, 1, 1)]  # fmt: skip
    assert list(settled(world)) == [10]
    holds(world)


def test_the_shares_of_a_forged_leg_go_back_and_those_of_the_ride_behind_it_stay(world):
    card = world.cards[0]
    world.ride(2, card, MORNING)
    thief = thief_of(world)
    world.ride(thief, card, MORNING + 600, operator=OTHER)
    onward = world.intent(3, card, MORNING + 1200, operator=12)
    card.commit(onward)
    world.devices[3].outcome(onward)
    assert close(world, DAY, 2, thief, 3).values["operators"][0][4:6] != [0, 0]
    world.ride(STOLEN, world.cards[1], MORNING)
    close(world, DAY + 1, STOLEN)
    assert [line.leg for line in lines(world, 2) if line.kind == ln.FORGED] == [
        (2, 0, 1), ln.NO_SLOT]  # fmt: skip
    assert world.findings() == []
    # What went on from the forged leg is taken back too: it names a leg that is none any more.
    world.devices[3].outcome(onward, OUTCOME_ABORTED)
    close(world, DAY + 2, 3)
    assert [line.sign for line in lines(world, 3)] == [-1]
    holds(world)


@pytest.mark.parametrize("seed", range(6))
def test_in_whatever_order_and_batches_they_come_the_cents_are_those_of_the_genuine(
    world, tmp_path, seed
):
    chance = random.Random(seed)
    alone = Settled(tmp_path / "alone", revenue="per_leg")
    for place in range(4):
        for made in (world, alone):
            made.ride(STOLEN, made.cards[place], MORNING + 60 * place)
            made.ride(2, made.cards[place], MORNING + 40_000 + 60 * place, operator=12)
    runs = [world.devices[name].run() for name in (STOLEN, 2)]
    for block in (1, 2):
        thief = thief_of(world, block)
        for place in range(chance.randrange(1, 4)):
            card = world.cards[chance.randrange(4)].copy()
            card.records = card.records[: chance.randrange(1, len(card.records) + 1)]
            if chance.random() < 0.5:
                world.ride(thief, card, MORNING + 5000 + place, operator=OTHER)
            else:
                world.paper(thief, MORNING + 5000 + place, [(0, 1)], operator=OTHER)
        runs.append(world.devices[thief].run())
    chance.shuffle(runs)
    for day, run in enumerate(runs):
        world.post(run)
        if chance.random() < 0.6:
            close(world, DAY + day)
    close(world, DAY + 9)
    alone.settle()
    assert settled(world) == settled(alone)
    alone.close()
    holds(world)


# A ledger that calls forged what is not ----------------------------------------------------


def judged(world, records):
    """Return (checker, findings) of a ledger that settles and signs these lines."""
    checker = world.checker()
    batch, data = dishonest(world, records)
    checker.foresee([data])
    return checker, checker.check(batch, data).findings


def forged_line(slot, seq, **values):
    return ln.encode_line(ln.Line(
        ln.FORGED, ln.REFUSED, 0, 0, STOLEN, 0, seq, ln.NO_SLOT, bytes(ln.FACTS_BYTES),
        digest(slot))._replace(**values))  # fmt: skip


def test_a_ride_that_is_only_called_forged_is_missing_all_the_same(world):
    world.ride(STOLEN, world.cards[0], MORNING)
    world.ride(STOLEN, world.cards[1], MORNING + 60)
    close(world, DAY, STOLEN)
    records = lines_in(lines_of(world.ledger.database, 1))
    slot = world.devices[STOLEN].slots[2]
    _, said = judged(world, [records[0], forged_line(slot, 3)])
    assert any("seq 3: called forged, and no edge carried the slot" in words for words in said)
    _, said = judged(world, [*records, forged_line(slot, 3)])
    assert any("not in the order" in words for words in said)
    _, said = judged(world, [records[0], forged_line(bytes(128), 3), records[1]])
    assert said == [], "a slot that no edge carried: nothing hangs on it"
    for wrong in ({"sign": -1}, {"state": ln.FORK, "sign": -1}, {"state": ln.POSTED}):
        _, said = judged(world, [records[0], forged_line(bytes(128), 3, **wrong), records[1]])
        assert said, wrong


def test_an_opened_block_shows_which_of_two_slots_was_forged(world):
    world.ride(STOLEN, world.cards[0], MORNING)
    thief = thief_of(world)
    world.devices[thief].slots = list(world.devices[STOLEN].slots)
    world.devices[thief].chain = list(world.devices[STOLEN].chain)
    world.paper(thief, MORNING + 150, [(0, 2)], operator=OTHER)
    close(world, DAY, thief)
    world.paper(STOLEN, MORNING + 60, [(0, 1)])  # carried, and kept from the books
    assert any("two different slots" in words for words in world.findings())
    records = lines_in(lines_of(world.ledger.database, 1))
    genuine = forged_line(world.devices[STOLEN].slots[2], 3)
    checker, said = judged(world, [records[0], genuine, records[1]])
    assert said == [], "without a key it is the ledger's word"
    with world.ledger.database.transaction():
        data, _ = openings(world.ledger.database, world.keyring, [(STOLEN, 0, 1)])
    assert check_openings(checker, decode_openings(data))[1] == [
        "device 1 epoch 0 seq 3: called forged, but of its own number's block"
    ]
    # The honest ledger says so of the other one, and its opened block agrees.
    close(world, DAY + 1, STOLEN)
    checker = world.checker()
    assert [report.findings for report in world.check(checker)] == [[], []]
    assert check_openings(checker, decode_openings(data))[1] == []
