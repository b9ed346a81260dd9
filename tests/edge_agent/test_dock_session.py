"""A dock: everything is pulled once, checked, resumed after any cut, and strangers get nowhere."""

import hashlib

import pytest

from card_layouts.crypto.kdf import device_label
from card_layouts.link import messages
from card_layouts.link.frames import encode_frame
from card_layouts.packages.manifest import MANIFEST, seal_envelope
from edge_agent.dock_session import ABSENT, OPEN, REFUSED, DockSession
from edge_agent.marks import Mark
from tests.edge_agent.soft_board import (
    EDGE,
    NOW,
    Clock,
    Numbers,
    SoftBoard,
    SoftLedger,
    SoftLink,
    slot_of,
)


class Dock:
    def __init__(self, store, board):
        self.clock = Clock()
        self.link = SoftLink(board)
        self.session = DockSession("left", EDGE, self.link, store, self.clock, Numbers())

    def tick(self, count=1, step_ms=10):
        for _ in range(count):
            self.clock.ms += step_ms
            self.session.tick(self.clock.ms)
        return self

    def drain(self, most=3000):
        for _ in range(most):
            if self.session.is_drained and not self.link.waiting:
                return self
            self.tick()
        raise AssertionError(f"not drained: {self.session.state} {self.session.problem}")


def stored(store, device=7, epoch=0):
    head = store.outbox.head(device, epoch)
    return store.outbox.slots(device, epoch, 1, head.seq) if head else []


@pytest.mark.requirement("W-131", "D12", "R-7", "R-23")
@pytest.mark.parametrize("entries", [0, 1, 7, 8, 139, 140, 141, 300])
def test_a_whole_journal_is_pulled_in_order(store, entries):
    board = SoftBoard(entries=entries)
    dock = Dock(store, board).drain()
    assert stored(store) == board.slots
    assert dock.session.pulled == entries
    if entries:
        assert store.outbox.head(7, 0).H == board.chain[-1]


@pytest.mark.requirement("W-131")
def test_taps_made_while_docked_follow_by_themselves(store):
    board = SoftBoard(entries=10)
    dock = Dock(store, board).drain()
    board.append(5)
    dock.tick(250).drain()
    assert stored(store) == board.slots


@pytest.mark.requirement("W-131", "T17")
@pytest.mark.parametrize("answers", range(1, 26))
def test_a_board_pulled_out_after_any_frame_loses_nothing(store, answers):
    board = SoftBoard(entries=60)
    board.answers_until = answers
    dock = Dock(store, board).tick(40)
    dock.link.board = None
    dock.tick(2)
    assert dock.session.state == ABSENT
    board.answers_until = None
    dock.link.board = board
    dock.drain()
    assert stored(store) == board.slots
    assert store.evidence.counters()["stored"] == 60


@pytest.mark.requirement("T17")
def test_a_board_that_falls_silent_is_called_again(store):
    board = SoftBoard(entries=20)
    board.answers_until = 3
    dock = Dock(store, board).tick(1000, step_ms=20)
    assert dock.session.state != OPEN
    board.answers_until = None
    dock.tick(100, step_ms=20).drain()
    assert stored(store) == board.slots


class SlowLink(SoftLink):
    """A line on which every answer arrives `delay_ms` late."""

    def __init__(self, board, clock, delay_ms):
        super().__init__(board)
        self._clock, self.delay_ms, self._due = clock, delay_ms, []

    def write(self, data):
        super().write(data)
        self._due.append((self._clock.ms + self.delay_ms, self.waiting))
        self.waiting = b""

    def read(self):
        while self._due and self._due[0][0] <= self._clock.ms:
            self.waiting += self._due.pop(0)[1]
        return super().read()


@pytest.mark.requirement("T11", "I9")
def test_a_slow_board_that_answers_a_repeated_question_twice_is_not_refused(store):
    board = SoftBoard(entries=40)
    dock = Dock(store, board)
    dock.link = dock.session._link = SlowLink(board, dock.clock, delay_ms=0)
    while dock.session.state != OPEN:
        dock.tick()
    dock.link.delay_ms = 2000
    for _ in range(3000):
        dock.tick(step_ms=100)
        if dock.session.is_drained and len(stored(store)) == 40:
            break
    assert stored(store) == board.slots
    assert store.evidence.counters().get("refused_slots", 0) == 0


@pytest.mark.requirement("T11")
def test_noise_on_the_line_only_costs_time(store):
    board = SoftBoard(entries=200)
    dock = Dock(store, board)
    numbers = Numbers(b"noise")

    def spoil(data):
        dice = numbers.random_bytes(3)
        if dice[0] < 40 and data:
            data = bytearray(data)
            data[dice[1] % len(data)] ^= dice[2] | 1
        return bytes(data)

    dock.link.spoil = spoil
    for _ in range(20_000):
        dock.tick(step_ms=100)
        if dock.session.is_drained and len(stored(store)) == 200:
            break
    assert stored(store) == board.slots
    assert dock.session.frames.skipped() > 0
    assert store.evidence.counters().get("refused_slots", 0) == 0


@pytest.mark.requirement("T10", "D12")
def test_a_device_without_a_dock_key_is_refused_by_name(store):
    dock = Dock(store, SoftBoard(device=99, entries=5)).tick(10)
    assert dock.session.state == REFUSED
    assert dock.session.problem.startswith("ForeignDevice: HELLO.device: no dock key for device 99")
    assert store.outbox.head(99, 0) is None


@pytest.mark.requirement("T10")
def test_frames_of_a_stranger_inside_a_session_change_nothing(store):
    board = SoftBoard(entries=30)
    dock = Dock(store, board).tick(8)
    assert dock.session.state == OPEN
    forged = messages.encode_slots(1, 30, bytes(32), bytes(128))
    dock.link.waiting += encode_frame(messages.SLOTS, b"\x00\x63" + forged + bytes(8))
    dock.link.waiting += encode_frame(messages.BYE, b"\x00\x64" + bytes(8))
    dock.link.waiting += encode_frame(200, b"whatever")
    dock.drain()
    assert dock.session.refused_frames == 3
    assert stored(store) == board.slots


def spoilt(board, seq, slot):
    board.slots[seq - 1] = slot
    return board


@pytest.mark.requirement("T10", "T11", "W-133")
@pytest.mark.parametrize(
    ("seq", "slot", "name", "why"),
    [
        (5, lambda b: slot_of(b.sealer, 8, 0, 5), "SlotForeign", "foreign"),
        (5, lambda b: slot_of(b.sealer, 7, 1, 5), "SlotForeign", "foreign"),
        (5, lambda b: slot_of(b.sealer, 7, 0, 6), "SlotOutOfOrder", "out of order"),
        (5, lambda b: b.slots[4][:-1] + b"?", "SlotDamaged", "damaged"),
        (5, lambda b: bytes(128), "SlotDamaged", "damaged"),
        (12, lambda b: slot_of(b.sealer, 8, 0, 12), "SlotForeign", "foreign"),
        # Entry 12 was replaced by another well-formed one: the next answer's chain tells.
        (7, lambda b: slot_of(b.sealer, 7, 0, 7, b"x" * 96), "ChainBroken", "chain broken"),
    ],
)
def test_a_slot_that_does_not_fit_is_refused_and_kept_as_evidence(store, seq, slot, name, why):
    board = SoftBoard(entries=20)
    dock = Dock(store, spoilt(board, seq, slot(board))).tick(60)
    assert dock.session.state == REFUSED
    assert dock.session.problem.startswith(name), dock.session.problem
    rows = store.connection.execute("SELECT device, seq, why FROM quarantine").fetchall()
    assert rows == [(7, seq if name != "ChainBroken" else 8, why)]
    whole_answers = (seq - 1) // 7 * 7 + (7 if name == "ChainBroken" else 0)
    assert len(stored(store)) == whole_answers, "what came before and fits is stored"


@pytest.mark.requirement("T11", "I9")
def test_a_journal_that_differs_from_what_is_stored_is_refused(store):
    Dock(store, SoftBoard(entries=10)).drain()
    other = SoftBoard(entries=0)
    for seq in range(1, 21):
        other.slots.append(slot_of(other.sealer, 7, 0, seq, b"forged".ljust(96)))
        other.chain.append(bytes([seq]) * 32)
    dock = Dock(store, other).tick(60)
    assert dock.session.problem.startswith("ChainBroken: device 7 seq 11")
    assert store.outbox.head(7, 0).seq == 10


@pytest.mark.requirement("T11", "W-133", "W-134")
def test_missing_entries_are_a_gap_and_the_rest_is_still_stored(store):
    board = SoftBoard(entries=10)
    Dock(store, board).drain()
    board.append(20)
    board.first_seq = 16
    Dock(store, board).drain()
    assert store.evidence.gaps() == [(7, 0, 11, 15)]
    assert store.outbox.slots(7, 0, 16, 30) == board.slots[15:]
    assert store.outbox.unsent() == [(7, 0, 1, 10), (7, 0, 16, 30)]


@pytest.mark.requirement("T11")
def test_entries_acknowledged_through_another_depot_are_no_gap(store):
    board = SoftBoard(entries=30)
    board.first_seq, board.acked_seq = 12, 20
    Dock(store, board).drain()
    assert store.evidence.gaps() == []
    assert store.outbox.unsent() == [(7, 0, 21, 30)]


@pytest.mark.requirement("D16")
def test_the_device_gets_its_acknowledgement_once(store):
    board, ledger = SoftBoard(entries=30), SoftLedger()
    dock = Dock(store, board).drain()
    statement = ledger.ack(7, 0, 25, board.chain[25])
    store.marks.take(7, 0, Mark(25, 1, statement), NOW)
    dock.tick(400)
    assert board.acks == [statement]
    assert board.acked_seq == 25
    Dock(store, board).tick(400)
    assert len(board.acks) == 1, "its statement says that it has it"


@pytest.mark.requirement("D16", "T12")
def test_a_device_that_refuses_its_acknowledgement_is_heard(store):
    board, ledger = SoftBoard(entries=5), SoftLedger()
    board.ack_status = messages.ACK_DIFFERENT
    dock = Dock(store, board).drain()
    store.marks.take(7, 0, Mark(5, 1, ledger.ack(7, 0, 5, bytes(32))), NOW)
    dock.tick(400)
    assert len(board.acks) == 1
    assert dock.session.problem == "device 7 refuses its acknowledgement: different"
    assert store.evidence.counters()["acks_refused_by_device"] == 1


@pytest.mark.requirement("D16", "T12")
def test_a_ledger_restored_beyond_our_retention_gets_the_entries_from_the_board(store):
    board = SoftBoard(entries=40)
    Dock(store, board).drain()
    store.marks.take(7, 0, Mark(40, 1, bytes(64)), NOW)
    assert store.marks.expire(NOW + 100, 100) == 40
    ledger = SoftLedger(incarnation=2)
    store.marks.take(7, 0, Mark(10, 2, ledger.ack(7, 0, 10, board.chain[10])), NOW + 200)
    assert store.outbox.unsent() == []
    board.acked_seq, board.incarnation = 40, 1
    Dock(store, board).drain().tick(50)
    assert store.outbox.unsent() == [(7, 0, 11, 40)]
    assert store.outbox.slots(7, 0, 11, 40) == board.slots[10:]


def package(board, role, version, body):
    manifest64 = MANIFEST.pack(
        {"layout": 1, "role": role, "authority": 1, "version": version, "size": len(body),
         "sha256": hashlib.sha256(body).digest()}
    )  # fmt: skip
    signatures = [(bytes(4), bytes(64))]
    return seal_envelope(manifest64, signatures, device_label(board.k_dev, b"cfg")), body


@pytest.mark.requirement("W-132", "D18")
@pytest.mark.parametrize("size", [1, 768, 769, 5000])
def test_a_package_reaches_the_device_whole_and_is_offered_once(store, size):
    board = SoftBoard(entries=3)
    envelope, body = package(board, 2, 9, bytes(range(256)) * (size // 256) + b"t" * (size % 256))
    assert store.parcels.add_package(7, envelope, body, NOW)
    dock = Dock(store, board).drain().tick(800)
    assert board.packages[hashlib.sha256(body).digest()] == body
    assert board.installed == {2: 9}
    assert dock.session.installed == ["hotlist 9 of authority 1"]
    assert dock.session.statement["v_hotlist"] == 9
    sent = board.dock.session.sent
    dock.tick(100)
    assert board.dock.session.sent - sent <= 2, "nothing but a poll now and then"


@pytest.mark.requirement("W-132", "D18")
def test_a_package_transfer_goes_on_where_it_was_cut(store):
    board = SoftBoard(entries=0)
    envelope, body = package(board, 2, 9, bytes(range(200)) * 30)
    store.parcels.add_package(7, envelope, body, NOW)
    board.answers_until = 6
    dock = Dock(store, board).tick(1000, step_ms=20)
    part = len(board.packages[hashlib.sha256(body).digest()])
    assert 0 < part < len(body)
    board.answers_until = None
    board.sent_bytes = part
    dock.tick(1000, step_ms=20)
    assert board.installed == {2: 9}


@pytest.mark.requirement("W-132", "D18")
def test_older_or_installed_packages_are_not_offered(store):
    board = SoftBoard()
    newer, body = package(board, 2, 9, b"newer")
    older, old_body = package(board, 2, 8, b"older")
    assert store.parcels.add_package(7, newer, body, NOW)
    assert not store.parcels.add_package(7, older, old_body, NOW)
    writes = store.connection.total_changes
    assert not store.parcels.add_package(7, newer, body, NOW + 3600)
    assert store.connection.total_changes == writes, "what is held is not written again each hour"
    board.installed = {2: 9}
    Dock(store, board).drain().tick(300)
    assert board.packages == {}


@pytest.mark.requirement("T17", "D20")
def test_a_disk_that_refuses_leaves_everything_on_the_board(store):
    from edge_agent.store import StoreRefused

    board = SoftBoard(entries=300)
    dock = Dock(store, board)
    dock.tick(4)
    pages = store.connection.execute("PRAGMA page_count").fetchone()[0]
    store.connection.execute(f"PRAGMA max_page_count={pages}")
    with pytest.raises(StoreRefused, match="make room"):
        dock.drain()
    dock.session.abandon("full")
    store.connection.execute("PRAGMA max_page_count=1000000")
    dock.tick(120).drain()
    assert stored(store) == board.slots


@pytest.mark.requirement("W-132")
def test_several_packages_follow_one_another_without_waiting(store):
    board = SoftBoard(entries=0)
    for role in (1, 2, 3, 4, 5):
        store.parcels.add_package(7, *package(board, role, 4, bytes([role]) * 900), NOW)
    Dock(store, board).tick(60)
    assert board.installed == {1: 4, 2: 4, 3: 4, 4: 4, 5: 4}
