"""The card's half of ISO/IEC 14443-4: RATS and PPS, then I, R and S blocks.

Knows nothing of what the blocks carry: `application(command) -> answer` is the card behind it.
A block repeated for the reader is never carried out again. Rule letters and numbers are those of
ISO/IEC 14443-4:2018, 7.5.4 [P]; the rules for the reader are in iso_dep_reader.py.
"""

from collections.abc import Callable
from dataclasses import dataclass

RATS, PPS = 0xE0, 0xD0
I_BLOCK, R_ACK, R_NAK, S_DESELECT, S_WTX = 0x02, 0xA2, 0xB2, 0xC2, 0xF2
CHAINING, CID_FOLLOWS, NAD_FOLLOWS, NUMBER = 0x10, 0x08, 0x04, 0x01

FRAME_BYTES = (16, 24, 32, 40, 48, 64, 96, 128, 256)  # by FSDI or FSCI, PCB and CRC included
WTXM_MAX = 59


@dataclass
class BlockCounts:
    """How often the parts of the protocol that are rare on a good day were really used."""

    nak: int = 0
    repeated: int = 0
    wtx: int = 0
    chained_in: int = 0
    chained_out: int = 0
    deselect: int = 0

    def add(self, other: "BlockCounts") -> None:
        """Add another link's counts."""
        for name, count in vars(other).items():
            setattr(self, name, getattr(self, name) + count)


def no_wait(command: bytes) -> int:
    """Return 0: the card never asks for more time."""
    return 0


def frame_bytes(size_code: int) -> int:
    """Return the frame size of an FSDI or FSCI; codes beyond the table mean 256."""
    return FRAME_BYTES[min(size_code, len(FRAME_BYTES) - 1)]


class IsoDepCard:
    """One activated card. `waits(command)` = 0, or the WTXM it asks for before carrying it out."""

    def __init__(
        self,
        ats: bytes,
        application: Callable[[bytes], bytes],
        waits: Callable[[bytes], int] = no_wait,
    ) -> None:
        self.ats = ats
        self.application = application
        self.waits = waits
        self.counts = BlockCounts()
        self.active = False  # RATS was answered
        self.deselected = False
        self._fresh = False  # PPS is allowed directly after RATS only
        self._cid = 0
        self._reader_frame_bytes = FRAME_BYTES[0]
        self._number = 1  # rule C
        self._last = b""
        self._with_cid = False
        self._incoming = b""
        self._outgoing = b""
        self._delayed: bytes | None = None  # a command whose WTX is not answered yet

    def receive(self, block: bytes) -> bytes | None:
        """Return the answer to one block (no CRC); None is silence."""
        if not block or self.deselected:
            return None
        if not self.active:
            return self._activate(block)
        fresh, self._fresh = self._fresh, False
        if block[0] & 0xF0 == PPS and fresh:
            return block[:1] if block[0] & 0x0F == self._cid else None
        pcb = block[0]
        self._with_cid = bool(pcb & CID_FOLLOWS)
        if len(block) > frame_bytes(self.ats[1] & 0x0F) - 2 or not self._is_for_us(block):
            return None
        rest = block[2:] if self._with_cid else block[1:]
        if pcb & 0xE2 == I_BLOCK and not pcb & NAD_FOLLOWS:  # the ATS says: no NAD
            return self._take(pcb, rest)
        if pcb & 0xE6 == R_ACK and not rest:
            return self._acknowledged(pcb)
        if pcb & 0xF7 == S_DESELECT and not rest:
            return self._deselect(block)
        if pcb & 0xF7 == S_WTX and self._delayed is not None:
            command, self._delayed = self._delayed, None
            return self._carry_out(command)
        return None

    def _activate(self, block: bytes) -> bytes | None:
        if block[0] != RATS or len(block) != 2:
            return None
        self._reader_frame_bytes, self._cid = frame_bytes(block[1] >> 4), block[1] & 0x0F
        self.active = self._fresh = True
        return self.ats

    def _is_for_us(self, block: bytes) -> bool:
        if not self._with_cid:
            return self._cid == 0
        return len(block) > 1 and block[1] & 0x0F == self._cid

    def _take(self, pcb: int, part: bytes) -> bytes:
        self._number ^= 1  # rule D
        self._outgoing, self._delayed = b"", None
        self._incoming += part
        if pcb & CHAINING:
            self.counts.chained_in += 1
            return self._say(R_ACK | self._number, b"")  # rule 2
        command, self._incoming = self._incoming, b""
        wtxm = min(self.waits(command), WTXM_MAX)
        if wtxm == 0:
            return self._carry_out(command)
        self.counts.wtx += 1
        self._delayed = command
        return self._say(S_WTX, bytes([wtxm]))  # rule 9

    def _carry_out(self, command: bytes) -> bytes:
        self._outgoing = self.application(command)
        return self._next_part()

    def _next_part(self) -> bytes:
        room = self._reader_frame_bytes - 3 - self._with_cid
        part, self._outgoing = self._outgoing[:room], self._outgoing[room:]
        if not self._outgoing:
            return self._say(I_BLOCK | self._number, part)
        self.counts.chained_out += 1
        return self._say(I_BLOCK | CHAINING | self._number, part)

    def _acknowledged(self, pcb: int) -> bytes | None:
        is_nak = bool(pcb & R_NAK & ~R_ACK)
        self.counts.nak += is_nak
        if pcb & NUMBER == self._number:
            self.counts.repeated += 1
            return self._last  # rule 11
        if is_nak:
            return self._framed(R_ACK | self._number, b"")  # rule 12
        if not self._outgoing:
            return None
        self._number ^= 1  # rule E
        return self._next_part()  # rule 13

    def _deselect(self, block: bytes) -> bytes:
        self.counts.deselect += 1
        self.active, self.deselected = False, True
        return block

    def _say(self, pcb: int, rest: bytes) -> bytes:
        self._last = self._framed(pcb, rest)
        return self._last

    def _framed(self, pcb: int, rest: bytes) -> bytes:
        if self._with_cid:
            return bytes([pcb | CID_FOLLOWS, self._cid]) + rest
        return bytes([pcb]) + rest
