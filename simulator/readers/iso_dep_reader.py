"""The reader's half of ISO/IEC 14443-4, as the PN532 plays it for InDataExchange.

`carry(block)` is the way to the card and back: None is silence, Garbled a broken frame.
A block that got no good answer is asked for with R(NAK), so that nothing is carried out twice.
Rule numbers: ISO/IEC 14443-4:2018, 7.5.5 [P].
"""

from collections.abc import Callable

from simulator.readers.air import Garbled
from simulator.readers.iso_dep import (
    CHAINING,
    CID_FOLLOWS,
    I_BLOCK,
    NUMBER,
    R_ACK,
    R_NAK,
    S_DESELECT,
    S_WTX,
    frame_bytes,
)

RETRIES_MAX = 3
WAITS_MAX = 64  # a card may not keep a reader waiting for ever


class BlocksLost(Exception):
    """The card does not answer any more; `garbled` tells whether the last answer was noise."""

    def __init__(self, garbled: bool) -> None:
        super().__init__("garbled" if garbled else "silence")
        self.garbled = garbled


class IsoDepReader:
    """One activated card as the reader sees it."""

    def __init__(
        self, carry: Callable[[bytes], bytes | None], card_size_code: int, cid: int = 0
    ) -> None:
        self.carry = carry
        self.cid = cid
        self._part_bytes = frame_bytes(card_size_code) - 3 - (1 if cid else 0)
        self._number = 0  # rule A

    def exchange(self, command: bytes) -> bytes:
        """Return the card's answer to a command of any length. Raises: BlocksLost."""
        size = self._part_bytes
        parts = [command[at : at + size] for at in range(0, len(command), size)] or [b""]
        for part in parts[:-1]:
            said = self._deliver(self._framed(I_BLOCK | CHAINING | self._number, part), R_NAK)
            self._need(said, said[0] & 0xE6 == R_ACK)
        said = self._deliver(self._framed(I_BLOCK | self._number, parts[-1]), R_NAK)
        self._need(said, said[0] & 0xE2 == I_BLOCK)
        answer = self._rest(said)
        while said[0] & CHAINING:
            said = self._deliver(self._framed(R_ACK | self._number, b""), R_ACK)  # rules 2, 5
            self._need(said, said[0] & 0xE2 == I_BLOCK)
            answer += self._rest(said)
        return answer

    def deselect(self) -> bool:
        """Send S(DESELECT); return whether the card confirmed it."""
        block = self._framed(S_DESELECT, b"")
        try:
            return self.carry(block) == block or self.carry(block) == block  # rule 8: once more
        except Garbled:
            return False

    def _deliver(self, block: bytes, recovery: int) -> bytes:
        """Send a block until something answers it; WTX requests are granted on the way."""
        sending, failures, waits = block, 0, 0
        while True:
            said, garbled = self._heard(sending)
            if said is None:
                failures += 1
                if failures > RETRIES_MAX:
                    raise BlocksLost(garbled)
                sending = self._framed(recovery | self._number, b"")  # rules 4 and 5
            elif said[0] & 0xF7 == S_WTX:
                waits += 1
                if waits > WAITS_MAX:
                    raise BlocksLost(garbled=False)
                sending = self._framed(S_WTX, bytes([self._rest(said)[0] & 0x3F]))  # rule 3
            elif said[0] & 0xE6 == R_ACK and said[0] & NUMBER != self._number:
                failures += 1
                if failures > RETRIES_MAX:
                    raise BlocksLost(garbled=False)
                sending = block  # rule 6: it never arrived
            else:
                return said

    def _heard(self, block: bytes) -> tuple[bytes | None, bool]:
        try:
            return self.carry(block) or None, False
        except Garbled:
            return None, True

    def _need(self, said: bytes, fits: bool) -> None:
        if not fits or said[0] & NUMBER != self._number:
            raise BlocksLost(garbled=False)  # rule 9: a protocol error cannot be repaired
        self._number ^= 1  # rule B

    def _rest(self, said: bytes) -> bytes:
        return said[2:] if said[0] & CID_FOLLOWS else said[1:]

    def _framed(self, pcb: int, rest: bytes) -> bytes:
        if self.cid:
            return bytes([pcb | CID_FOLLOWS, self.cid]) + rest
        return bytes([pcb]) + rest
