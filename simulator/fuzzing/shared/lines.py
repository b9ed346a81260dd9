"""Readers of the two serial lines of a board: the reader chip's, and the dock's with its edge.

Shared dialect.
"""

import hashlib

from card_layouts.cards.conversation import LOST, LOST_UNSENT, CardLost
from card_layouts.codec.timestamps import CLOCK_SIGNED, day_of, month_of
from card_layouts.crypto.cmac import cmac
from card_layouts.crypto.kdf import block_key, dock_key
from card_layouts.errors import LayoutError, SealError
from card_layouts.link import messages as m
from card_layouts.link.dock import DockEdge
from card_layouts.link.frames import FrameReader, encode_frame
from card_layouts.packages.hotlist import KIND_BASE, HotlistFile
from card_layouts.packages.manifest import HOTLIST, LEASE
from firmware.dock import Dock
from firmware.drivers.pn532 import Pn532
from firmware.drivers.pn532_frames import ACK, build
from firmware.journal import Journal
from firmware.journal_provision import provision
from firmware.lease import lease_check
from firmware.package_slots import PackageSlots
from firmware.updates import Updates
from simulator.fuzzing.shared.flash import BLOCK_BYTES, MemoryFlash
from simulator.fuzzing.shared.parts import split_parts
from simulator.fuzzing.shared.sealed import KEY

NOW = 200_000_000
DEVICE, EPOCH = 4711, 2
EDGE = "depot-1"
JOURNAL_BLOCKS, FLASH_BLOCKS = 3, 9
ENTRIES = 32  # two in the second block: every case mounts it, and reads each of them
LEASE_AT, HOTLIST_AT = 3, 5  # first blocks: two slots of one, two slots of two
SIGNER_SEED = bytes(range(32))
TICKS_MAX = 400
RAW, FRAMED, SEALED, ACKED, ENVELOPE = range(5)
ACK_FRAME = b"\x00\x00\xff\x00\xff\x00"
ALLOWED_IN_A_FRAME = 1014
assert ACK == 1


# --- the reader chip ---


class Chip:
    """A UART that says the case and then nothing: a part is raw bytes or a frame's body."""

    def __init__(self, parts):
        out = b""
        for part in parts:
            if part[:1] == b"\x01":
                body = part[1:250]
                frame = bytearray(5) + body + bytes(2)
                out += bytes(frame[: build(frame, len(body))])
            elif part[:1] == b"\x02":
                out += ACK_FRAME
            else:
                out += part[1:]
        self._said = out
        self._at = 0
        self.written = 0

    def write(self, buf, n):
        self.written += n
        return n

    def readinto(self, buf, n):
        got = self._said[self._at : self._at + n]
        self._at += len(got)
        buf[: len(got)] = got
        return len(got)


def pn532_of(setup):
    """Return what polls, exchanges twice and lets go, whatever the chip says."""

    def read(case):
        chip = Chip(split_parts(case))
        reader = Pn532(chip)
        found = [reader.poll()]
        frame = bytearray(64)
        for length in (2, 60):
            CardLost.__init__(LOST, True)
            CardLost.__init__(LOST_UNSENT, False)
            frame[0] = 0x5A
            try:
                got = reader.exchange(frame, length)
                found.append(bytes(frame[:got]))
            except CardLost as lost:
                found.append("lost" if lost.sent else "unsent")
        reader.release()
        if len(frame) != 64:
            raise ValueError("the card's frame grew")
        return found, reader.alive, chip.written

    return read


# --- the dock ---


class Line:
    """The Link port: what the edge sent, what the board answered."""

    def __init__(self):
        self.to_board = b""
        self.from_board = b""

    def read(self, buf):
        got = self.to_board[: len(buf)]
        self.to_board = self.to_board[len(got) :]
        buf[: len(got)] = got
        return len(got)

    def write(self, data):
        self.from_board += bytes(data)


class Clock:
    def now(self):
        return NOW, CLOCK_SIGNED


class Keys:
    dock = ack = KEY


def dock_of(setup):
    """Return what docks a board with an edge that says the case. Setup: the signers' public key.

    A part is a kind, a type and a payload: raw bytes, a frame with a right CRC, a payload sealed
    for the session, one that ends with a right MAC of K_ack, or one of K_cfg.
    """
    public = setup[0]
    publics = {hashlib.sha256(public).digest()[:4]: public}
    flash = MemoryFlash(FLASH_BLOCKS)
    provision(flash, 0, JOURNAL_BLOCKS, DEVICE, EPOCH, block_key(KEY * 2))
    journal = Journal(flash, 0, JOURNAL_BLOCKS).mount()
    for number in range(ENTRIES):
        journal.append(13, bytes([number]) * 96)
    blank = bytearray(FLASH_BLOCKS * BLOCK_BYTES)
    flash.read(0, blank)
    image = bytes(blank)

    mounted = []  # the journal of the last case and how it stood at first

    def read(case):
        if not mounted or flash.changed or _standing(mounted[0]) != mounted[1]:
            flash.restore(image)
            journal = Journal(flash, 0, JOURNAL_BLOCKS).mount()
            flash.changed = False
            mounted[:] = journal, _standing(journal)
        journal = mounted[0]
        line = Line()
        slots = {
            LEASE: PackageSlots(flash, LEASE_AT, 1, LEASE),
            HOTLIST: PackageSlots(flash, HOTLIST_AT, 2, HOTLIST),
        }
        for role in slots:
            slots[role].mount(KEY)
        updates = Updates(flash, slots, KEY, publics, journal, Clock(), _checks())
        dock = Dock(line, journal, updates, Keys(), Clock(), _numbers(0x40))
        said = _spoken(dock, line, split_parts(case))
        hasher = hashlib.sha256(said)
        return (
            hasher.digest(),
            len(said),
            dock.refused,
            dock.frames.skipped(),
            dock.installed,
            updates.refusals,
            updates.version(LEASE),
            updates.version(HOTLIST),
            journal.head_seq,
            journal.acked_seq,
            journal.H,
        )

    return read


def _standing(journal):
    """Return what a case can change of a journal without a write: then another one is mounted."""
    return (
        journal.acked_seq,
        journal.incarnation,
        journal.first_kept_seq,
        journal.free_slots(),
        dict(journal.counters.values),
    )


def _checks():
    def hotlist(read, manifest):
        HotlistFile(read, KIND_BASE)

    return {LEASE: lease_check(KEY, DEVICE, EPOCH), HOTLIST: hotlist}


def _numbers(first):
    calls = [first]

    def random_bytes(n):
        calls[0] += 1
        return bytes([calls[0] & 255]) * n

    return random_bytes


def _spoken(dock, line, parts):
    """Say the parts one after another; return all that the board answered."""
    session = None
    if not parts or parts[0] != b"alone":
        session = _proven(dock, line)
    for part in parts:
        line.to_board += _wire(session, part)
        ticks = 0
        while dock.tick():
            ticks += 1
            if ticks > TICKS_MAX:
                raise ValueError("a board that never rests")
    return line.from_board


def _proven(dock, line):
    """Do the handshake as an edge does; return its session."""
    month = month_of(day_of(NOW))

    def key_of(device, month):
        return dock_key(KEY, EDGE.encode(), month)

    edge = DockEdge(EDGE, key_of, _numbers(0x10))
    line.to_board = encode_frame(m.CALL, b"")
    dock.tick()
    ((_hello, body),) = FrameReader().feed(line.from_board)
    line.to_board = encode_frame(m.CHALLENGE, edge.challenge(body, month))
    line.from_board = b""
    dock.tick()
    ((_proof, body),) = FrameReader().feed(line.from_board)
    edge.finish(body)
    line.from_board = b""
    return edge.session


def _wire(session, part):
    """Return the bytes of one part."""
    if len(part) < 2:
        return part
    kind, frame_type, payload = part[0], part[1] or 1, part[2 : 2 + ALLOWED_IN_A_FRAME]
    if kind == RAW or kind > ENVELOPE:
        return part[1:]
    if kind in (ACKED, ENVELOPE):
        payload = payload[:-16] + cmac(KEY, payload[:-16])
    if kind == FRAMED or session is None:
        return encode_frame(frame_type, payload)
    return encode_frame(frame_type, session.seal(frame_type, payload))


READERS = {
    "pn532": (pn532_of, ()),
    "dock": (dock_of, (LayoutError, SealError)),
}
