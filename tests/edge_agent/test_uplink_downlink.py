"""Entries go up until a verified acknowledgement, and nothing else ever counts as one."""

import random

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from card_layouts.codec import cbor
from card_layouts.link.batches import BATCH_BYTES_MAX, decode_batch
from card_layouts.packages.ack import ACK
from edge_agent.downlink import Downlink
from edge_agent.store import StoreRefused
from edge_agent.uplink import FLIGHTS_MAX, RESEND_MS, Uplink
from tests.edge_agent.soft_board import (
    EDGE,
    MONTH,
    NOW,
    Clock,
    Numbers,
    SoftBoard,
    SoftBroker,
    SoftLedger,
)

ACKS = f"tornello/v1/1/{EDGE}/ack"
DOWN = f"tornello/v1/1/{EDGE}/down"


class Side:
    """The edge's uplink and downlink over a store, against a ledger the test drives."""

    def __init__(self, store, boards, ledger=None, broker=None):
        self.store = store
        self.boards = {board.device: board for board in boards}
        self.ledger = ledger or SoftLedger()
        self.broker = broker or SoftBroker()
        self.clock = Clock()
        self.uplink = Uplink(EDGE, "up", store, self.broker, Numbers())
        self.downlink = Downlink(store, self.clock, {self.ledger.key_id: self.ledger.public})
        for board in boards:
            if board.slots:
                store.outbox.add(board.device, board.epoch, 1, board.chain[0], board.slots, NOW)

    def tick(self, count=1, step_ms=100):
        for _ in range(count):
            self.clock.ms += step_ms
            self.uplink.tick(self.clock.ms)

    def deliver(self):
        sent, self.broker.sent = self.broker.sent, []
        for batch in sent:
            self.downlink.take(ACKS, self.ledger.take(batch))

    def unsent(self):
        return sum(piece.last_seq - piece.first_seq + 1 for piece in self.store.outbox.unsent())

    def stored(self):
        return self.store.connection.execute("SELECT count(*) FROM entries").fetchone()[0]


def slots_in(batch):
    return sum(len(run[4]) for run in decode_batch(batch)[1])


@pytest.mark.requirement("D17", "W-131")
def test_everything_stored_reaches_the_ledger_in_batches_that_fit(store):
    side = Side(store, [SoftBoard(device, entries=device * 137) for device in range(1, 9)])
    largest = 0
    for _ in range(60):
        side.tick()
        assert len(side.uplink.flights) <= FLIGHTS_MAX
        largest = max([largest, *map(len, side.broker.sent)])
        side.deliver()
    assert side.unsent() == 0
    assert 60_000 < largest <= BATCH_BYTES_MAX
    for device, board in side.boards.items():
        held = [side.ledger.held[device, 0, seq + 1] for seq in range(len(board.slots))]
        assert held == board.slots


@pytest.mark.requirement("T17", "D20")
@pytest.mark.parametrize("what", ["slot", "H"])
def test_what_a_worn_disk_changed_is_not_sent_and_the_sentence_says_what_to_do(store, what):
    """Found by `sim kills --program disk`: half a page of entries, turned over.

    The ledger kept such a slot as evidence and acknowledged another chain than ours: for ever.
    """
    side = Side(store, [SoftBoard(3, entries=40)])
    size = {"slot": 128, "H": 32}[what]
    store.connection.execute(
        f"UPDATE entries SET {what} = ? WHERE seq = ?", [bytes(size), {"slot": 20, "H": 40}[what]]
    )
    with pytest.raises(StoreRefused, match="entries 1 to 40 of device 3 .* move the file away"):
        side.tick(10)
    assert side.broker.sent == []


@pytest.mark.requirement("D17", "T11")
def test_the_broker_may_swallow_everything_it_confirmed(store):
    side = Side(store, [SoftBoard(3, entries=1200)])
    side.tick(10)
    first = len(side.broker.sent)
    side.broker.sent.clear()
    side.tick(10)
    assert side.broker.sent == [], "nothing is sent twice before its time"
    side.tick(1, step_ms=RESEND_MS)
    side.tick(5)
    assert len(side.broker.sent) == first
    assert side.uplink.resends == first


@pytest.mark.requirement("T11")
def test_waiting_doubles_up_to_a_minute_with_jitter_and_starts_again_with_news(store):
    side = Side(store, [SoftBoard(3, entries=10)])
    waits = []
    for _ in range(12):
        waits.append(side.uplink.backoff_ms())
        side.uplink._tries += 1
    assert waits[0] <= RESEND_MS
    assert all(30_000 <= wait <= 60_000 for wait in waits[4:])
    assert len(set(waits[4:])) > 1
    side.tick(5)
    side.deliver()
    side.tick()
    assert side.uplink._tries == 0


@pytest.mark.requirement("T11")
def test_a_new_connection_sends_again_what_is_unacknowledged_beginning_with_half_of_it(store):
    side = Side(store, [SoftBoard(3, entries=900)])
    side.tick(4)
    assert [slots_in(batch) for batch in side.broker.sent] == [500, 400]
    side.broker.connected = False
    side.broker.sent = []
    side.tick(50)
    assert side.broker.sent == []
    side.broker.connected = True
    side.broker.connections += 1
    side.tick(5)
    assert [slots_in(batch) for batch in side.broker.sent] == [450]
    side.deliver()
    side.tick(5)
    assert [slots_in(batch) for batch in side.broker.sent] == [450]
    side.deliver()
    assert side.unsent() == 0


def test_a_broker_without_room_is_asked_again(store):
    side = Side(store, [SoftBoard(3, entries=300)])
    side.broker.takes = False
    side.tick(10)
    assert side.uplink.flights == []
    side.broker.takes = True
    side.tick(3)
    side.deliver()
    assert side.unsent() == 0


@pytest.mark.requirement("D16", "T12")
def test_a_restored_ledger_gets_again_what_it_lost(store):
    side = Side(store, [SoftBoard(3, entries=700)])
    side.tick(10)
    side.deliver()
    assert side.unsent() == 0
    board = side.boards[3]
    restored = SoftLedger(incarnation=2)
    restored.heads[3, 0] = (120, board.chain[120])
    side.ledger = restored
    batch = restored.sign([restored.ack(3, 0, 120, board.chain[120])])
    assert side.downlink.take(ACKS, batch)
    assert side.unsent() == 580
    for _ in range(20):
        side.tick()
        side.deliver()
    assert side.unsent() == 0
    assert restored.heads[3, 0] == (700, board.chain[700])


def refused_acks(side):
    """Well over a hundred acknowledgements that must not be believed, with the counter of each."""
    board, ledger = side.boards[3], side.ledger
    good = ledger.sign([ledger.ack(3, 0, 40, board.chain[40])])
    for length in range(0, len(good), 3):
        yield good[:length], "forged_acks"
    for place in range(len(good)):
        yield (
            good[:place] + bytes([good[place] ^ 1 << place % 8]) + good[place + 1 :],
            "forged_acks",
        )
    stranger = SoftLedger(b"stranger")
    yield stranger.sign([ledger.ack(3, 0, 40, board.chain[40])]), "forged_acks"
    stranger.key_id = ledger.key_id
    yield stranger.sign([ledger.ack(3, 0, 40, board.chain[40])]), "forged_acks"
    for seq in (81, 200, (1 << 30) - 1):
        yield ledger.sign([ledger.ack(3, 0, seq, board.chain[80])]), "early_acks"
    for device, epoch in ((4, 0), (3, 1), ((1 << 20) - 1, 63)):
        yield ledger.sign([ledger.ack(device, epoch, 40, board.chain[40])]), "foreign_acks"
    for seq in range(1, 80):
        yield ledger.sign([ledger.ack(3, 0, seq, board.chain[seq + 1])]), "different_acks"
    other_layout = bytearray(ledger.ack(3, 0, 40, board.chain[40]))
    ACK.put(other_layout, "layout", 2)
    yield ledger.sign([bytes(other_layout)]), "forged_acks"


@pytest.mark.requirement("T12", "I12", "D16")
def test_hundreds_of_forged_cut_early_and_foreign_acknowledgements_delete_nothing(store):
    side = Side(store, [SoftBoard(3, entries=80)])
    expected = {}
    for batch, counter in refused_acks(side):
        assert not side.downlink.take(ACKS, batch)
        expected[counter] = expected.get(counter, 0) + 1
    counters = store.evidence.counters()
    assert {name: counters[name] for name in expected} == expected
    assert expected["forged_acks"] >= 100
    assert side.unsent() == 80
    assert store.marks.expire(NOW + 10**8, 0) == 0
    assert side.stored() == 80


@pytest.mark.requirement("T12", "D16")
def test_replayed_acknowledgements_change_nothing(store):
    side = Side(store, [SoftBoard(3, entries=80)])
    board, ledger = side.boards[3], side.ledger
    old = ledger.sign([ledger.ack(3, 0, 20, board.chain[20])])
    new = ledger.sign([ledger.ack(3, 0, 60, board.chain[60])])
    restored = SoftLedger(incarnation=2)
    back = restored.sign([restored.ack(3, 0, 30, board.chain[30])])
    for batch, unsent in ((old, 60), (new, 20), (old, 20), (new, 20), (back, 50), (new, 50),
                          (old, 50), (back, 50)):  # fmt: skip
        side.downlink.take(ACKS, batch)
        assert side.unsent() == unsent
    assert store.evidence.counters()["stale_acks"] == 5
    assert store.evidence.counters().get("forged_acks", 0) == 0


@pytest.mark.requirement("T12", "I12")
@settings(max_examples=200, deadline=None)
@given(st.binary(max_size=400))
def test_random_bytes_on_the_acknowledgement_topic_are_only_counted(batch):
    class Counting:
        counted = 0

        def count(self, name, by=1):
            assert name == "forged_acks"
            self.counted += 1

    class Untouchable:
        evidence = Counting()

    ledger = SoftLedger()
    downlink = Downlink(Untouchable(), Clock(), {ledger.key_id: ledger.public})
    assert not downlink.take(ACKS, batch)
    assert Untouchable.evidence.counted == 1


@pytest.mark.requirement("D16", "T12")
def test_one_refused_statement_does_not_hold_back_the_others(store):
    side = Side(store, [SoftBoard(3, entries=9), SoftBoard(4, entries=9)])
    ledger = side.ledger
    batch = ledger.sign(
        [ledger.ack(3, 0, 9, bytes(32)), ledger.ack(4, 0, 9, side.boards[4].chain[9])]
    )
    assert side.downlink.take(ACKS, batch)
    assert store.marks.of(3, 0) is None
    assert store.marks.of(4, 0).acked_seq == 9


@pytest.mark.requirement("T11", "D17")
@pytest.mark.parametrize("seed", range(12))
def test_a_broker_that_drops_doubles_reorders_and_delays_still_drains(store, seed):
    dice = random.Random(seed)
    side = Side(store, [SoftBoard(3, entries=700), SoftBoard(4, entries=90)])
    up, down = [], []
    for _ in range(3000):
        side.tick(step_ms=700)
        up += [batch for batch in side.broker.sent for _ in range(dice.choice((0, 1, 1, 2)))]
        side.broker.sent.clear()
        dice.shuffle(up)
        if up and dice.random() < 0.5:
            down += [acks for acks in [side.ledger.take(up.pop())] if acks]
        dice.shuffle(down)
        if down and dice.random() < 0.5:
            side.downlink.take(ACKS, down[-1])
            if dice.random() < 0.7:
                down.pop()
        if not side.unsent():
            break
    assert side.unsent() == 0
    for board in side.boards.values():
        assert side.ledger.heads[board.device, 0] == (len(board.slots), board.chain[-1])
    assert store.evidence.counters().get("forged_acks", 0) == 0


@pytest.mark.requirement("D18", "T10")
@pytest.mark.parametrize(
    "message",
    [
        b"",
        b"\xff",
        cbor.encode([2, "package", 3, b"", b""]),
        cbor.encode([1, "package", 3, bytes(148), b"body"]),
        cbor.encode([1, "package", 1 << 20, bytes(148), b"body"]),
        cbor.encode([1, "package", "3", bytes(148), b"body"]),
        cbor.encode([1, "dock", 80, [[3, bytes(15)]]]),
        cbor.encode([1, "dock", 80, [[3]]]),
        cbor.encode([1, "dock", -1, []]),
        cbor.encode([1, "firmware", 3]),
        cbor.encode("text"),
    ],
)
def test_what_is_no_package_and_no_key_is_refused_and_counted(store, message):
    downlink = Downlink(store, Clock(), {})
    assert not downlink.take(DOWN, message)
    assert store.evidence.counters()["refused_down"] == 1
    assert downlink.problem.startswith("LayoutError: ")


@pytest.mark.requirement("D12")
def test_dock_keys_of_a_month_arrive_and_old_months_go(store):
    downlink = Downlink(store, Clock(), {})
    for month in (MONTH + 1, MONTH + 2, MONTH + 3):
        assert downlink.take(DOWN, cbor.encode([1, "dock", month, [[3, bytes([month]) * 16]]]))
    assert store.parcels.dock_key(3, MONTH) is None
    assert store.parcels.dock_key(3, MONTH + 3) == bytes([MONTH + 3]) * 16
    assert store.parcels.dock_key(4, MONTH + 3) is None


def test_a_lone_entry_waits_a_moment_for_company_and_then_goes(store):
    side = Side(store, [SoftBoard(3, entries=1)])
    side.tick(1, step_ms=50)
    assert side.broker.sent == []
    side.tick(3)
    assert decode_batch(side.broker.sent[0])[1][0][2] == 1


@pytest.mark.requirement("T10", "T12", "D16")
def test_a_restored_ledger_with_forged_bytes_in_a_lost_place_gets_everything_again(store):
    side = Side(store, [SoftBoard(7, entries=30)])
    side.tick(5)
    side.deliver()
    assert side.unsent() == 0
    restored = SoftLedger(incarnation=2)
    forged = restored.sign([restored.ack(7, 0, 12, b"\x55" * 32)])
    side.downlink.take(ACKS, forged)
    assert side.store.marks.of(7, 0).acked_seq == 0 and side.stored() == 30
    assert side.unsent() == 30
    side.ledger = restored
    side.tick(80)
    side.deliver()
    assert side.unsent() == 0 and side.store.marks.of(7, 0).incarnation == 2
