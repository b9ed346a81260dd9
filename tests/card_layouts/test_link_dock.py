"""The dock's handshake and session: who does not know the key gets nowhere."""

import pathlib
import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from card_layouts.crypto.kdf import dock_key
from card_layouts.errors import LayoutError, RangeError
from card_layouts.link import messages
from card_layouts.link.dock import (
    COUNTER_MAX,
    DockBoard,
    DockEdge,
    DockRefused,
    ForeignDevice,
    FrameForged,
    FrameReplayed,
    OutOfTurn,
    SessionSpent,
    WrongKey,
    WrongProtocol,
)

ROOT = bytes(range(16))
SPEC = pathlib.Path(messages.__file__).with_name("SPEC_LINK.md").read_text()
DEVICE, EPOCH, EDGE, MONTH = 77, 3, "depot-1", 82
STATED = {"first_seq": 1, "head_seq": 30, "acked_seq": 0, "cash_cents": 1250, "H": bytes(32)}


class Numbers:
    """Bytes that never come twice."""

    def __init__(self):
        self.calls = 0

    def __call__(self, count):
        self.calls += 1
        return self.calls.to_bytes(4, "big") * (count // 4)


def board(root=ROOT, device=DEVICE):
    return DockBoard(
        device, EPOCH, lambda edge, month: dock_key(root, edge.encode(), month), Numbers()
    )


def edge(root=ROOT, edge_id=EDGE, known=(DEVICE,)):
    def key_of(device, month):
        return dock_key(root, edge_id.encode(), month) if device in known else None

    return DockEdge(edge_id, key_of, Numbers())


def opened():
    ours, theirs = board(), edge()
    theirs.finish(ours.prove(theirs.challenge(ours.hello(), MONTH), STATED))
    return ours, theirs


@pytest.mark.requirement("D12", "W-131")
def test_both_sides_prove_themselves_and_the_statement_arrives():
    ours, theirs = board(), edge()
    statement = theirs.finish(ours.prove(theirs.challenge(ours.hello(), MONTH), STATED))
    assert (theirs.device, theirs.epoch, ours.edge) == (DEVICE, EPOCH, EDGE)
    assert statement["cash_cents"] == 1250
    body = theirs.session.seal(messages.PULL, b"12345")
    assert ours.session.open_seal(messages.PULL, body) == b"12345"
    body = ours.session.seal(messages.SLOTS, b"")
    assert theirs.session.open_seal(messages.SLOTS, body) == b""


@pytest.mark.requirement("D12", "T10")
def test_an_edge_without_the_key_is_refused_by_the_board():
    ours, theirs = board(), edge(root=bytes(16))
    with pytest.raises(WrongKey, match="edge depot-1 does not know the dock key of month 82"):
        ours.prove(theirs.challenge(ours.hello(), MONTH), STATED)
    assert ours.session is None


@pytest.mark.requirement("D12", "T10")
def test_a_board_without_the_key_is_refused_by_the_edge():
    ours, theirs = board(), edge()
    challenge = theirs.challenge(ours.hello(), MONTH)
    proof = bytearray(ours.prove(challenge, STATED))
    proof[-1] ^= 1
    with pytest.raises(WrongKey, match="device 77"):
        theirs.finish(bytes(proof))
    assert theirs.session is None


@pytest.mark.requirement("D12")
def test_keys_of_another_edge_or_month_open_nothing():
    for challenger in (edge(edge_id="depot-2"), edge()):
        ours = board()
        hello = ours.hello()
        challenge = bytearray(challenger.challenge(hello, MONTH))
        place = messages.CHALLENGE_BODY.find("month")[0] // 8
        if challenger.edge == EDGE:
            challenge[place + 1] ^= 1
        else:
            challenge[:24] = messages.encode_edge(EDGE)
        with pytest.raises(WrongKey):
            ours.prove(bytes(challenge), STATED)


def test_an_unknown_device_is_foreign_and_another_protocol_is_named():
    with pytest.raises(ForeignDevice, match="no dock key for device 78"):
        edge().challenge(board(device=78).hello(), MONTH)
    with pytest.raises(WrongProtocol, match="200, wanted 1"):
        edge().challenge(b"\xc8" + board().hello()[1:], MONTH)


@pytest.mark.requirement("T10", "T11")
def test_a_recorded_handshake_cannot_be_played_again():
    ours, theirs = board(), edge()
    hello = ours.hello()
    challenge = theirs.challenge(hello, MONTH)
    proof = ours.prove(challenge, STATED)
    theirs.finish(proof)
    with pytest.raises(OutOfTurn):
        ours.prove(challenge, STATED)
    ours.hello()
    with pytest.raises(WrongKey):
        ours.prove(challenge, STATED)
    with pytest.raises(OutOfTurn):
        theirs.finish(proof)
    theirs.challenge(hello, MONTH)
    with pytest.raises(WrongKey):
        theirs.finish(proof)


@pytest.mark.requirement("T10")
@pytest.mark.parametrize("step", ["hello", "challenge", "proof"])
def test_a_man_in_the_middle_who_changes_any_byte_is_noticed(step):
    ours, theirs = board(), edge()
    size = {"hello": 21, "challenge": 58, "proof": 112}[step]
    for place in range(size):
        with pytest.raises((DockRefused, LayoutError)):
            hello = ours.hello()
            heard = _changed(hello, place) if step == "hello" else hello
            challenge = theirs.challenge(heard, MONTH)
            heard = _changed(challenge, place) if step == "challenge" else challenge
            proof = ours.prove(heard, STATED)
            theirs.finish(_changed(proof, place) if step == "proof" else proof)


@pytest.mark.requirement("T10", "T11")
def test_session_frames_are_taken_once_in_order_and_only_from_the_other_side():
    ours, theirs = opened()
    first, second, third = (theirs.session.seal(messages.PULL, bytes([i])) for i in range(3))
    assert ours.session.open_seal(messages.PULL, first) == b"\x00"
    assert ours.session.open_seal(messages.PULL, third) == b"\x02"
    for old in (first, second, third):
        with pytest.raises(FrameReplayed, match="wanted more than 3"):
            ours.session.open_seal(messages.PULL, old)
    with pytest.raises(FrameForged):
        theirs.session.open_seal(messages.PULL, theirs.session.seal(messages.PULL, b""))


@pytest.mark.requirement("T10")
def test_a_frame_of_another_session_or_another_type_is_forged():
    ours, theirs = opened()
    body = theirs.session.seal(messages.ACK, bytes(64))
    with pytest.raises(FrameForged):
        ours.session.open_seal(messages.OFFER, body)
    other, _ = opened()
    theirs.finish(ours.prove(theirs.challenge(ours.hello(), MONTH), STATED))
    with pytest.raises(FrameForged):
        ours.session.open_seal(messages.ACK, body)
    assert other.session.open_seal(messages.ACK, body) == bytes(64), "same nonces, same session"


@given(st.integers(0, 1 << 20), st.integers(1, 255))
def test_any_changed_byte_breaks_a_sessions_frame(place, change):
    ours, theirs = opened()
    body = bytearray(theirs.session.seal(messages.CHUNK, bytes(60)))
    body[place % len(body)] ^= change
    with pytest.raises(FrameForged):
        ours.session.open_seal(messages.CHUNK, bytes(body))
    assert ours.session.taken == 0


def test_a_stranger_cannot_end_a_running_session():
    ours, theirs = opened()
    session = ours.session
    ours.hello()
    with pytest.raises(WrongKey):
        ours.prove(edge(root=bytes(16)).challenge(ours.hello(), MONTH), STATED)
    assert ours.session is session
    assert session.open_seal(messages.PULL, theirs.session.seal(messages.PULL, b"x")) == b"x"


def test_a_session_ends_after_65535_frames():
    _, theirs = opened()
    theirs.session.sent = COUNTER_MAX
    with pytest.raises(SessionSpent):
        theirs.session.seal(messages.PULL, b"")
    with pytest.raises(RangeError, match="CHUNK: 1015 bytes"):
        theirs.session.seal(messages.CHUNK, bytes(1015))


@pytest.mark.parametrize("size", [0, 1, 20, 22, 57, 59, 111, 113])
def test_handshake_frames_of_another_size_are_layout_errors(size):
    ours, theirs = board(), edge()
    theirs.challenge(ours.hello(), MONTH)
    for call in (
        lambda: theirs.challenge(bytes(size), MONTH),
        lambda: ours.prove(bytes(size), STATED),
        lambda: theirs.finish(bytes(size)),
    ):
        with pytest.raises((LayoutError, DockRefused)):
            call()


def test_messages_are_tables_that_add_up():
    for layout in messages.LAYOUTS:
        assert sum(width for _, width, _ in layout.rows()) == layout.size * 8, layout.name


@given(st.binary(max_size=1000))
def test_slots_and_chunks_from_outside_are_read_or_refused_by_name(body):
    for decode in (messages.decode_slots, messages.decode_chunk):
        try:
            decode(body)
        except LayoutError as error:
            assert "wanted" in str(error)


def test_slots_and_chunks_come_back_as_they_were_sent():
    slots = [bytes([i]) * 128 for i in range(7)]
    body = messages.encode_slots(9, 15, bytes(32), b"".join(slots))
    assert messages.decode_slots(body) == (9, 15, bytes(32), slots)
    assert messages.decode_slots(messages.encode_slots(16, 15, bytes(32), b"")) == (
        16, 15, bytes(32), [],
    )  # fmt: skip
    assert messages.decode_chunk(messages.encode_chunk(768, b"part")) == (768, b"part")
    with pytest.raises(RangeError):
        messages.encode_slots(1, 8, bytes(32), bytes(8 * 128))
    with pytest.raises(RangeError):
        messages.encode_chunk(0, bytes(769))


@pytest.mark.parametrize("name", ["", "a" * 25, "Depot", "depot_1", "dépôt", "a b"])
@pytest.mark.requirement("D17")
def test_an_edge_id_is_refused_unless_it_is_small_letters_digits_and_hyphens(name):
    with pytest.raises(RangeError, match="edge"):
        messages.encode_edge(name)


def test_an_edge_field_from_outside_is_checked():
    assert messages.decode_edge(messages.encode_edge("depot-1")) == "depot-1"
    for field in (bytes(24), b"a\x00b" + bytes(21), b"A" + bytes(23), b"\xff" * 24):
        with pytest.raises(LayoutError, match="CHALLENGE.edge"):
            messages.decode_edge(field)


def _changed(body, place):
    changed = bytearray(body)
    changed[place] ^= 0x10
    return bytes(changed)


@pytest.mark.requirement("W-95")
@pytest.mark.parametrize("layout", messages.LAYOUTS, ids=lambda layout: layout.name)
def test_the_tables_of_the_specification_are_the_layouts(layout):
    section = SPEC.split(f"#### {layout.name}\n\n")[1].split("\n\n#")[0]
    assert section.startswith(f"{layout.size} bytes, ")
    rows = re.findall(r"^\| (\d+) \| (\d+) \| (\S+) \| \S", section, re.MULTILINE)
    assert [(int(bit), int(width), name) for bit, width, name in rows] == list(layout.rows())


def test_the_specification_lists_every_message_and_answer():
    for number, name in enumerate(messages.NAMES):
        assert not name or f"| {number} | {name} | " in SPEC
    for names in (messages.ACK_NAMES, messages.WANT_NAMES, messages.RESULT_NAMES):
        assert ", ".join(f"{value} {name}" for value, name in enumerate(names)) in SPEC
