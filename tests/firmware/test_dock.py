"""The board's side of the dock against strangers, noise and acknowledgements that do not fit."""

import pytest

from card_layouts.codec.timestamps import CLOCK_SIGNED, CLOCK_UNSET, day_of, month_of
from card_layouts.crypto.kdf import device_label, dock_key
from card_layouts.link import messages as m
from card_layouts.link.dock import DockEdge
from card_layouts.link.frames import FrameReader, encode_frame
from card_layouts.packages.ack import seal_ack
from firmware.dock import SLOTS_AT_ONCE, Dock
from firmware.updates import Updates
from simulator.flash import BLOCK_BYTES, Flash
from simulator.prng import Prng
from tests.firmware.journal_builders import DEVICE, EPOCH, K_DEV, ack_of, mounted, new_flash, tap
from tests.firmware.package_builders import CFG, PUBLICS

pytestmark = pytest.mark.requirement("D12", "D16", "T10", "T11")

NOW = 180_000_000
MONTH = month_of(day_of(NOW))


class Keys:
    ack = device_label(K_DEV, b"ack")
    cfg = CFG
    dock = device_label(K_DEV, b"dock")


class Watch:
    source = CLOCK_SIGNED

    def now(self):
        return NOW, self.source


class Line:
    """What the board reads and has written."""

    def __init__(self):
        self.arrived, self.sent = b"", b""

    def read(self, buf):
        part, self.arrived = self.arrived[: len(buf)], self.arrived[len(buf) :]
        buf[: len(part)] = part
        return len(part)

    def write(self, data):
        self.sent += bytes(data)


class Docked:
    """A board with `taps` in its journal, and an edge that knows its dock key."""

    def __init__(self, taps=10, key=None):
        self.journal = mounted(new_flash())
        for number in range(taps):
            tap(self.journal, number)
        self.line, self.watch, self.frames = Line(), Watch(), FrameReader()
        flash = Flash(BLOCK_BYTES)
        updates = Updates(flash, {}, CFG, PUBLICS, self.journal, self.watch, {})
        self.dock = Dock(self.line, self.journal, updates, Keys, self.watch, Prng(1).bytes)
        self.edge = DockEdge(
            "depot", lambda device, month: key or dock_key(Keys.dock, b"depot", month),
            Prng(2).bytes,
        )  # fmt: skip

    def say(self, data):
        """Give the board bytes; return the frames it answers with."""
        self.line.arrived += data
        while self.dock.tick():
            pass
        sent, self.line.sent = self.line.sent, b""
        return self.frames.feed(sent)

    def handshake(self, month=MONTH):
        ((kind, hello),) = self.say(encode_frame(m.CALL, b""))
        assert kind == m.HELLO
        answers = self.say(encode_frame(m.CHALLENGE, self.edge.challenge(hello, month)))
        if not answers:
            return None
        return self.edge.finish(answers[0][1])

    def ask(self, kind, payload):
        """Ask in the session; return the answer's payload, None for silence."""
        answers = self.say(encode_frame(kind, self.edge.session.seal(kind, payload)))
        if not answers:
            return None
        return self.edge.session.open_seal(*answers[0])


def test_both_sides_prove_themselves_and_the_board_states_what_it_holds():
    docked = Docked()
    statement = docked.handshake()
    assert (statement["device"], statement["epoch"]) == (DEVICE, EPOCH)
    assert (statement["first_seq"], statement["head_seq"]) == (1, 20)
    assert statement["H"] == docked.journal.H and statement["flags"] == m.STATE_NO_LEASE


def test_an_edge_without_the_key_learns_and_changes_nothing():
    docked = Docked(key=b"k" * 16)
    assert docked.handshake() is None
    assert docked.dock.session is None and docked.dock.refused == 1


@pytest.mark.parametrize(("months", "opened"), [(-2, False), (-1, True), (1, True), (2, False)])
def test_a_dock_key_of_another_season_opens_nothing(months, opened):
    docked = Docked()
    assert (docked.handshake(MONTH + months) is not None) == opened


def test_an_unset_clock_takes_a_later_month_but_no_earlier_one():
    docked = Docked()
    docked.watch.source = CLOCK_UNSET
    assert docked.handshake(MONTH + 30) is not None
    assert Docked().handshake(MONTH - 30) is None


def test_entries_come_in_order_with_the_chain_before_them():
    docked = Docked()
    docked.handshake()
    seq, slots = 1, []
    while seq <= 20:
        pull = m.PULL_BODY.pack({"from_seq": seq, "count": 7})
        first, head, h_before, part = m.decode_slots(docked.ask(m.PULL, pull))
        assert (first, head, h_before) == (seq, 20, docked.journal.chain_at(seq - 1))
        assert 1 <= len(part) <= SLOTS_AT_ONCE
        slots += part
        seq += len(part)
    slot = bytearray(128)
    for number, found in enumerate(slots, 1):
        assert docked.journal.read_slot(number, slot) and found == bytes(slot)
    empty = docked.ask(m.PULL, m.PULL_BODY.pack({"from_seq": 500, "count": 7}))
    assert m.decode_slots(empty)[3] == []


@pytest.mark.parametrize(
    ("changed", "status"),
    [
        ({}, m.ACK_TAKEN),
        ({"seq": 21, "H": bytes(32)}, m.ACK_EARLY),
        ({"H": bytes(32)}, m.ACK_DIFFERENT),
        ({"device": 4712}, m.ACK_FOREIGN),
        ({"epoch": 3}, m.ACK_FOREIGN),
    ],
)
def test_an_acknowledgement_is_taken_or_refused_by_name(changed, status):
    docked = Docked()
    docked.handshake()
    values = {**ack_of(docked.journal, 20), **changed}
    said = m.ACKED_BODY.unpack(docked.ask(m.ACK, seal_ack(values, Keys.ack)))
    acked = 20 if status == m.ACK_TAKEN else 0
    assert (said["status"], said["acked_seq"], docked.journal.acked_seq) == (status, acked, acked)


@pytest.mark.requirement("T12", "I12")
def test_a_hundred_forged_acknowledgements_delete_nothing():
    docked = Docked()
    docked.handshake()
    good = seal_ack(ack_of(docked.journal, 20), Keys.ack)
    for bit in range(0, 512, 5):
        bad = bytearray(good)
        bad[bit >> 3] ^= 1 << (bit & 7)
        said = m.ACKED_BODY.unpack(docked.ask(m.ACK, bytes(bad)))
        assert said["status"] == m.ACK_FORGED
    assert docked.journal.acked_seq == 0
    assert m.ACKED_BODY.unpack(docked.ask(m.ACK, b"short"))["status"] == m.ACK_FORGED


def test_noise_and_frames_of_strangers_are_counted_and_change_nothing():
    docked = Docked()
    docked.handshake()
    before = docked.journal.head_seq
    noise = Prng(7)
    for _ in range(200):
        docked.say(noise.bytes(1 + noise.below(60)) + b"\x00")
    assert docked.dock.frames.skipped() >= 150
    for kind in range(1, 256):
        if kind not in (m.CALL, m.CHALLENGE):
            assert docked.say(encode_frame(kind, bytes(40))) == []
    assert docked.dock.refused >= 250 and docked.journal.head_seq == before
    assert docked.ask(m.REPORT, b"") is not None, "the session is still the edge's"


def test_a_question_heard_twice_is_answered_once():
    docked = Docked()
    docked.handshake()
    frame = encode_frame(m.REPORT, docked.edge.session.seal(m.REPORT, b""))
    assert len(docked.say(frame)) == 1 and docked.say(frame) == []


def test_after_bye_nothing_is_answered_until_a_new_handshake():
    docked = Docked()
    docked.handshake()
    docked.say(encode_frame(m.BYE, docked.edge.session.seal(m.BYE, b"")))
    assert docked.ask(m.REPORT, b"") is None
    assert docked.handshake()["head_seq"] == 20
