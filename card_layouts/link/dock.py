"""Who may speak on a dock: the handshake of board and edge, and the session it opens.

Both prove that they know K_dock(device, edge, month), each over the other's fresh nonce; then
every frame carries a counter and 8 bytes of CMAC under a key of this session alone.  A session
authenticates the link only: entries, acknowledgements and packages have seals of their own, so a
dishonest edge can delay, never change.  No I/O, no clock.  Runs on MicroPython and CPython.

Source: SPEC.md "Link"; decision D12; threats T10, T11, trust 6.7.
"""

from card_layouts.crypto.cmac import Cmac, cmac
from card_layouts.crypto.kdf import same
from card_layouts.errors import LayoutError, RangeError, SealError
from card_layouts.link.messages import (
    CHALLENGE_BODY,
    HELLO_BODY,
    NAMES,
    PROOF_BODY,
    PROTOCOL,
    STATEMENT,
    STATEMENT_LAYOUT,
    decode_edge,
    encode_edge,
    unpack_exact,
)

BOARD = b"B"
EDGE = b"E"
COUNTER_MAX = 0xFFFF
MAC_BYTES = 8
SEAL_BYTES = 2 + MAC_BYTES
PAYLOAD_BYTES_MAX = 1024 - SEAL_BYTES


class DockRefused(SealError):
    """What came over the dock is not from whom it claims, or not for us."""


class WrongProtocol(DockRefused):
    """The other side speaks a protocol number this one does not."""


class ForeignDevice(DockRefused):
    """No dock key is held for this device and month."""


class WrongKey(DockRefused):
    """The other side's proof is wrong: it does not know K_dock, or its frame was changed."""


class OutOfTurn(DockRefused):
    """A frame that only makes sense after another one."""


class FrameForged(DockRefused):
    """The frame's MAC is wrong."""


class FrameReplayed(DockRefused):
    """The frame's counter was used already, or is older than one used."""


class SessionSpent(DockRefused):
    """65,535 frames were sent: a new handshake is needed."""


class Session:
    """One opened dock session, seen from one side.

    `ours` is BOARD or EDGE.  Counters rise by one a frame and may leave gaps on the receiving
    side (a garbled frame is simply asked for again); none is ever taken twice.
    """

    def __init__(self, key: bytes, ours: bytes):
        self._mac = Cmac(key)
        self._ours = ours
        self._theirs = EDGE if ours == BOARD else BOARD
        self.sent = 0
        self.taken = 0

    def seal(self, frame_type: int, payload: bytes) -> bytes:
        """Return the frame body counter | payload | MAC; SessionSpent after 65,535 frames."""
        if len(payload) > PAYLOAD_BYTES_MAX:
            raise RangeError(
                "%s: %d bytes, at most %d" % (_name(frame_type), len(payload), PAYLOAD_BYTES_MAX)
            )
        if self.sent == COUNTER_MAX:
            raise SessionSpent("dock session: %d frames sent, open a new one" % self.sent)
        self.sent += 1
        clear = self.sent.to_bytes(2, "big") + payload
        return clear + self._mac_of(self._ours, frame_type, clear)

    def open_seal(self, frame_type: int, body: bytes) -> bytes:
        """Return the payload of a frame from the other side.

        Raises: LayoutError if too short, FrameForged, FrameReplayed.  A refused frame changes
        nothing, so noise and strangers cannot end the session.
        """
        if len(body) < SEAL_BYTES:
            raise LayoutError(
                "%s: %d bytes, wanted at least %d" % (_name(frame_type), len(body), SEAL_BYTES)
            )
        clear, mac = body[:-MAC_BYTES], body[-MAC_BYTES:]
        if not same(self._mac_of(self._theirs, frame_type, clear), mac):
            raise FrameForged("%s: MAC is not of this session" % _name(frame_type))
        counter = clear[0] << 8 | clear[1]
        if counter <= self.taken:
            raise FrameReplayed(
                "%s: counter %d, wanted more than %d" % (_name(frame_type), counter, self.taken)
            )
        self.taken = counter
        return clear[2:]

    def _mac_of(self, side: bytes, frame_type: int, clear: bytes) -> bytes:
        return self._mac.mac(side + bytes([frame_type]) + clear)[:MAC_BYTES]


class DockBoard:
    """The board's half of the handshake.

    `key_of(edge, month)` returns K_dock (16 bytes) or raises DockRefused, for instance for a
    month before the clock's floor; `random_bytes(n)` is the entropy port's.  The running
    `session` stays until a new handshake is proven.
    """

    def __init__(self, device: int, epoch: int, key_of, random_bytes):
        self.device = device
        self.epoch = epoch
        self.session: Session = None
        self.edge: str = None
        self._key_of = key_of
        self._random_bytes = random_bytes
        self._hello: bytes = None

    def hello(self) -> bytes:
        """Return a HELLO body with a fresh nonce; an earlier one can no longer be answered."""
        self._hello = HELLO_BODY.pack(
            {
                "protocol": PROTOCOL,
                "device": self.device,
                "epoch": self.epoch,
                "nonce": self._random_bytes(16),
            }
        )
        return self._hello

    def prove(self, challenge: bytes, statement: dict) -> bytes:
        """Check a CHALLENGE body and return the PROOF body; opens the session.

        Shape: `statement` holds STATEMENT's fields but layout, device and epoch.
        Raises: OutOfTurn, LayoutError, WrongKey, or what `key_of` raises.
        """
        if self._hello is None:
            raise OutOfTurn("CHALLENGE: no HELLO of ours is waiting for it")
        said = unpack_exact(CHALLENGE_BODY, challenge)
        edge = decode_edge(said["edge"])
        key = self._key_of(edge, said["month"])
        spoken = self._hello + challenge[:-16]
        if not same(cmac(key, b"E" + spoken), said["mac"]):
            raise WrongKey(
                "CHALLENGE: edge %s does not know the dock key of month %d" % (edge, said["month"])
            )
        self._hello = None  # a nonce proves once
        values = {"layout": STATEMENT_LAYOUT, "device": self.device, "epoch": self.epoch}
        for name in statement:
            values[name] = statement[name]
        stated = STATEMENT.pack(values)
        self.session = Session(cmac(key, b"S" + spoken), BOARD)
        self.edge = edge
        return PROOF_BODY.pack({"statement": stated, "mac": cmac(key, b"B" + spoken + stated)})


class DockEdge:
    """The edge's half of the handshake, for one dock.

    `key_of(device, month)` returns K_dock (16 bytes) or None; `random_bytes(n)` is fresh
    randomness.  `device`, `epoch` and `session` are those of the last proven handshake.
    """

    def __init__(self, edge: str, key_of, random_bytes):
        self.edge = edge
        self.device = 0
        self.epoch = 0
        self.session: Session = None
        self._field = encode_edge(edge)
        self._key_of = key_of
        self._random_bytes = random_bytes
        self._waiting: tuple = None

    def challenge(self, hello: bytes, month: int) -> bytes:
        """Check a HELLO body and return the CHALLENGE body; `month` counts from 2020-01.

        Raises: LayoutError, WrongProtocol, ForeignDevice.
        """
        said = unpack_exact(HELLO_BODY, hello)
        if said["protocol"] != PROTOCOL:
            raise WrongProtocol("HELLO.protocol: %d, wanted %d" % (said["protocol"], PROTOCOL))
        key = self._key_of(said["device"], month)
        if key is None:
            raise ForeignDevice(
                "HELLO.device: no dock key for device %d in month %d" % (said["device"], month)
            )
        values = {"edge": self._field, "month": month, "nonce": self._random_bytes(16)}
        clear = CHALLENGE_BODY.pack(values)[:-16]
        spoken = hello + clear
        self._waiting = (said["device"], said["epoch"], key, spoken)
        return clear + cmac(key, b"E" + spoken)

    def finish(self, proof: bytes) -> dict:
        """Check a PROOF body and return the board's STATEMENT; opens the session.

        Raises: OutOfTurn, LayoutError, WrongKey.
        """
        if self._waiting is None:
            raise OutOfTurn("PROOF: no CHALLENGE of ours is waiting for it")
        said = unpack_exact(PROOF_BODY, proof)
        device, epoch, key, spoken = self._waiting
        if not same(cmac(key, b"B" + spoken + said["statement"]), said["mac"]):
            raise WrongKey("PROOF: device %d does not know its dock key" % device)
        self._waiting = None
        statement = check_statement(said["statement"], device, epoch)
        self.session = Session(cmac(key, b"S" + spoken), EDGE)
        self.device = device
        self.epoch = epoch
        return statement


def check_statement(body: bytes, device: int, epoch: int) -> dict:
    """Unpack a STATEMENT of this device; LayoutError if it is another's or cannot be read."""
    statement = unpack_exact(STATEMENT, body)
    if statement["layout"] != STATEMENT_LAYOUT:
        raise LayoutError(
            "STATEMENT.layout: %d, wanted %d" % (statement["layout"], STATEMENT_LAYOUT)
        )
    if statement["device"] != device or statement["epoch"] != epoch:
        raise LayoutError(
            "STATEMENT.device: %d epoch %d, wanted %d epoch %d"
            % (statement["device"], statement["epoch"], device, epoch)
        )
    return statement


def _name(frame_type: int) -> str:
    return NAMES[frame_type] if frame_type < len(NAMES) else "frame %d" % frame_type
