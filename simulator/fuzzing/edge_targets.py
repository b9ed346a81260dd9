"""Seeds and rules of the edge's side of a dock: a board that has its keys and says anything.

A case is a statement and then what the board says after its handshake: raw bytes, frames with a
right CRC, or payloads sealed for the session. The store is asked and put back as it was.
"""

import hashlib
from binascii import crc32
from typing import Any

from card_layouts.codec.timestamps import day_of, month_of
from card_layouts.crypto.kdf import dock_key
from card_layouts.errors import LayoutError, SealError
from card_layouts.link import messages as m
from card_layouts.link.dock import DockBoard, SessionSpent
from card_layouts.link.frames import FrameReader, encode_frame
from card_layouts.packages.manifest import HOTLIST, MANIFEST, seal_envelope
from card_layouts.records.chain import chain_next, chain_start
from card_layouts.records.slot import SLOT_BYTES, SLOT_HEADER, SLOT_MAGIC, Sealer, check_crc
from edge_agent.dock_session import OPEN, DockSession
from edge_agent.store import Store
from simulator.fuzzing.config_targets import Folder
from simulator.fuzzing.ledger_targets import NOW, Clock
from simulator.fuzzing.mutation import BYTES, in_fields, in_parts
from simulator.fuzzing.shared.lines import DEVICE, EDGE, EPOCH, FRAMED, RAW, SEALED
from simulator.fuzzing.shared.parts import join_parts, split_parts
from simulator.fuzzing.shared.sealed import KEY
from simulator.fuzzing.target import Work, must
from simulator.prng import Prng

SLOTS_HEAD_BYTES = 40
STEP_MS = 700  # between two things that the board says: a question is asked again meanwhile
ENTRIES = 3
BODY = b"the body of a package"


class _Line:
    """The board's end of a dock and the edge's, both in memory."""

    def __init__(self) -> None:
        self.to_edge = b""
        self.from_edge = FrameReader()
        self.asked: list[tuple[int, bytes]] = []

    def read(self) -> bytes:
        """Return what the board said."""
        said, self.to_edge = self.to_edge, b""
        return said

    def write(self, data: bytes) -> None:
        """Take what the edge says."""
        self.asked += self.from_edge.feed(data)


class _Entropy:
    def random_bytes(self, count: int) -> bytes:
        return bytes(range(count))


class _Back(Exception):
    """Everything of this case is to be forgotten."""


def _slots() -> tuple[bytes, ...]:
    """Return the first entries of an honest board."""
    sealer = Sealer(KEY)
    header = {"magic": SLOT_MAGIC, "type": 13, "layout": 1, "epoch": EPOCH, "device": DEVICE,
              "length": 96}  # fmt: skip
    return tuple(
        bytes(sealer.seal(SLOT_HEADER.pack({**header, "seq": seq, "slot": seq - 1}), bytes(96)))
        for seq in range(1, ENTRIES + 1)
    )


def edge_dock_work() -> Work:
    """A hostile board: the edge keeps what fits the chain, counts the rest, and goes on."""
    folder = Folder("unused")
    store = Store(folder.path.parent / "edge.db")
    month = month_of(day_of(NOW))
    key = dock_key(KEY, EDGE.encode(), month)
    store.parcels.add_dock_keys(month, [(DEVICE, key)])
    fields = {"layout": 1, "role": HOTLIST, "version": 9, "size": len(BODY),
              "sha256": hashlib.sha256(BODY).digest()}  # fmt: skip
    envelope = seal_envelope(MANIFEST.pack(fields), [(b"key1", bytes(64))], KEY)
    store.parcels.add_package(DEVICE, envelope, BODY, NOW)

    def read(case: bytes) -> Any:
        try:
            with store.immediate():
                found = _docked(store, key, split_parts(case))
                raise _Back
        except _Back:
            return found

    def check(case: bytes, found: Any) -> None:
        session, stored = found
        chain: dict[int, bytes] = {}
        for seq, slot, before, after in stored:
            must(check_crc(slot), "a damaged slot is stored")
            header = SLOT_HEADER.unpack(slot)
            ours = (header["device"], header["epoch"], header["seq"]) == (DEVICE, EPOCH, seq)
            must(ours, "a slot of another place is stored")
            must(seq > 1 or before == chain_start(DEVICE, EPOCH), "a chain that begins elsewhere")
            must(chain.get(seq - 1, before) == before, "a run that does not go on")
            chain[seq] = chain_next(before, slot)
            must(chain[seq] == after, "another chain value than the slot gives")
        must(len(session.problem) < 500 and session.frames.frames >= 0, "a problem without an end")

    operations = (_kind, in_parts(*BYTES), in_parts(in_fields(m.STATEMENT)), *BYTES)
    work = Work(read, (), _seeds(), operations, check, _sealed_again, (b"\x54", bytes(40)))
    work.lines_max, work.memory_max = 200_000, 1 << 20

    def close() -> None:
        store.close()
        folder.folder.cleanup()

    work.close = close
    return work


def _docked(store: Store, key: bytes, parts: list[bytes]) -> Any:
    """Hold the conversation; return the session and what is stored: (seq, slot, H before, H)."""
    line = _Line()
    link: Any = line
    session = DockSession("one", EDGE, link, store, Clock(), _Entropy())
    board = DockBoard(DEVICE, EPOCH, lambda edge, month: key, _Entropy().random_bytes)
    now_ms = 0
    if parts and len(parts[0]) == m.STATEMENT.size:
        now_ms = _prove(session, board, line, parts[0])
    for part in parts[1:]:
        line.to_edge += _wire(board, part)
        now_ms += STEP_MS
        session.tick(now_ms)
    session.close()
    rows = store.connection.execute(
        "SELECT e.seq, slot, coalesce((SELECT H FROM entries b WHERE b.seq = e.seq - 1),"
        " (SELECT H_before FROM runs r WHERE r.first_seq = e.seq)), H FROM entries e ORDER BY seq"
    )
    return session, rows.fetchall()


def _prove(session: DockSession, board: DockBoard, line: _Line, statement: bytes) -> int:
    """Do the handshake with any statement; return the time by which it is done."""
    line.to_edge = encode_frame(m.HELLO, board.hello())
    session.tick(STEP_MS)
    challenges = [body for kind, body in line.asked if kind == m.CHALLENGE]
    said = m.STATEMENT.unpack(statement)
    line.to_edge = encode_frame(m.PROOF, board.prove(challenges[0], said))
    session.tick(2 * STEP_MS)
    own = (said["layout"], said["device"], said["epoch"]) == (1, DEVICE, EPOCH)
    must(own == (session.state == OPEN), "opened for a statement of another, or not for its own")
    return 2 * STEP_MS


def _wire(board: DockBoard, part: bytes) -> bytes:
    """Return the bytes of one part: its kind, a frame's type and a payload."""
    if len(part) < 2 or part[0] == RAW or part[0] > SEALED:
        return part[1:]
    frame_type, payload = part[1] or 1, part[2:1000]
    if part[0] == SEALED and board.session is not None:
        try:
            payload = board.session.seal(frame_type, payload)
        except (LayoutError, SealError, SessionSpent):
            return b""
    return encode_frame(frame_type, payload)


def _seeds() -> list[bytes]:
    slots = _slots()
    start = chain_start(DEVICE, EPOCH)
    first = m.STATEMENT.pack({"layout": 1, "device": DEVICE, "epoch": EPOCH, "first_seq": 1,
                              "head_seq": ENTRIES})  # fmt: skip
    late = m.STATEMENT.pack({"layout": 1, "device": DEVICE, "epoch": EPOCH, "first_seq": 2,
                             "head_seq": 3, "acked_seq": 1, "v_hotlist": 9})  # fmt: skip
    whole = _said(m.SLOTS, m.encode_slots(1, ENTRIES, start, b"".join(slots)))
    one = _said(m.SLOTS, m.encode_slots(1, 1, start, slots[0]))
    two = _said(m.SLOTS, m.encode_slots(2, 3, chain_next(start, slots[0]), b"".join(slots[1:])))
    none = _said(m.SLOTS, m.encode_slots(ENTRIES + 1, ENTRIES, bytes(32), b""))
    want = _said(m.WANT, m.WANT_BODY.pack({}))
    result = _said(m.RESULT, m.RESULT_BODY.pack({}))
    report = _said(m.REPORT, first)
    return [
        join_parts([first, whole, want, result, report]),
        join_parts([first, one, two, none, want, want, result]),
        join_parts([late, two, result, want, _said(m.BYE, b"")]),
        join_parts([first, whole, whole, bytes([FRAMED, m.HELLO]) + bytes(24)]),
        join_parts([b"", bytes([FRAMED, m.PROOF]) + bytes(112), bytes([RAW]) + b"\0noise\0"]),
    ]


def _said(frame_type: int, payload: bytes) -> bytes:
    return bytes([SEALED, frame_type]) + bytes(payload)


def _kind(case: bytes, prng: Prng, work: Work) -> bytes:
    """Say a part in another way, or as another message."""
    parts = split_parts(case)
    at = prng.below(len(parts)) if parts else 0
    if at and len(parts[at]) > 1:
        kind = prng.below(3) if prng.below(2) else parts[at][0]
        said = prng.below(16) if prng.below(2) else parts[at][1]
        parts[at] = bytes([kind, said]) + parts[at][2:]
    return join_parts(parts)


def _sealed_again(case: bytes, prng: Prng, work: Work) -> bytes:
    """Let every slot that is said have a right CRC, and half of them the device's own header."""
    parts = split_parts(case)
    for number, part in enumerate(parts):
        if number and part[:2] == bytes([SEALED, m.SLOTS]):
            out = bytearray(part)
            for at in range(2 + SLOTS_HEAD_BYTES, len(out) - SLOT_BYTES + 1, SLOT_BYTES):
                if prng.below(2):
                    out[at] = SLOT_MAGIC
                    SLOT_HEADER.put(out, "device", DEVICE, at)
                    SLOT_HEADER.put(out, "epoch", EPOCH, at)
                clear = bytes(out[at : at + SLOT_BYTES - 4])
                out[at + SLOT_BYTES - 4 : at + SLOT_BYTES] = crc32(clear).to_bytes(4, "big")
            parts[number] = bytes(out)
    return join_parts(parts)
