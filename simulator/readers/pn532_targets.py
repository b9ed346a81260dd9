"""Cards a PN532 has activated: its half of ISO-DEP for each, and the raw way past it.

A card with the ISO-DEP bit in SAK gets RATS and blocks, any other one its commands as they are.
"""

from collections.abc import Callable

from simulator.field import Card, CardGone, Field
from simulator.readers.air import Air, Garbled
from simulator.readers.iso_dep import RATS, BlockCounts, IsoDepCard
from simulator.readers.iso_dep_reader import BlocksLost, IsoDepReader

OK, TIMEOUT, CRC_ERROR, BAD_FORMAT = 0x00, 0x01, 0x02, 0x13
COMPATIBILITY_WRITE, MIFARE_ACK = b"\xa0", b"\x0a"
ISO_DEP = 0x20  # bit of SAK
READER_SIZE_CODE = 5  # the chip takes frames of 64 bytes
ANSWER_BYTES_MAX = 262  # what one host frame can carry


class Target:
    """One activated card; `counts` adds up what its blocks went through."""

    def __init__(
        self, field: Field, card: Card, air: Air, waits: Callable[[bytes], int], cid: int = 0
    ) -> None:
        self.card = card
        self.cid = cid
        self._field, self._air = field, air
        self._blocks: IsoDepCard | None = None
        if card.sak & ISO_DEP:
            self._blocks = IsoDepCard(card.ats, self._application, waits)
        self._reader: IsoDepReader | None = None

    @property
    def counts(self) -> BlockCounts:
        """What the card's blocks went through so far."""
        return self._blocks.counts if self._blocks else BlockCounts()

    def activate(self) -> bytes:
        """Send RATS; return the ATS, or b"" if the card has none or did not answer."""
        if self._blocks is None:
            return b""
        request = bytes([RATS, READER_SIZE_CODE << 4 | self.cid])
        for _ in range(2):  # a lost RATS is sent once more
            status, ats = self.communicate(request)
            if status == OK:
                self._reader = IsoDepReader(self._carry, ats[1] & 0x0F, self.cid)
                return ats
        return b""

    def exchange(self, command: bytes) -> tuple[int, bytes]:
        """Do InDataExchange: return status and the card's answer."""
        if self._blocks is None:
            return self._type_2_exchange(command)
        if self._reader is None:
            return self.communicate(command)
        try:
            return OK, self._reader.exchange(command)[:ANSWER_BYTES_MAX]
        except BlocksLost as lost:
            return CRC_ERROR if lost.garbled else TIMEOUT, b""

    def _type_2_exchange(self, command: bytes) -> tuple[int, bytes]:
        """Carry a command of the MIFARE family; 4-bit answers stay in the chip. [P, codes ?]"""
        frames = [command]
        if command[:1] == COMPATIBILITY_WRITE and len(command) == 18:
            frames = [command[:2], command[2:]]  # the host gives both parts at once
        for frame in frames:
            status, answer = self.communicate(frame)
            if status != OK:
                return status, b""
            if len(answer) == 1 and answer != MIFARE_ACK:
                return BAD_FORMAT, b""
        return OK, b"" if answer == MIFARE_ACK else answer

    def communicate(self, frame: bytes) -> tuple[int, bytes]:
        """Do InCommunicateThru: one frame out, at most one back, nothing repeated."""
        try:
            answer = self._carry(frame)
        except Garbled:
            return CRC_ERROR, b""
        return (TIMEOUT, b"") if answer is None else (OK, answer)

    def is_four_bits(self, answer: bytes) -> bool:
        """Tell whether this answer is an ACK or NAK of the MIFARE family, which has no CRC."""
        return self._blocks is None and len(answer) == 1

    def deselect(self) -> None:
        """Tell the card to go; it keeps its field and forgets its session."""
        if self._reader is not None:
            self._reader.deselect()
        self._reader = None
        self.card.power_off()

    def is_there(self) -> bool:
        """Tell whether the card could answer."""
        return self.card.powered and any(card is self.card for card in self._field.cards)

    def _carry(self, frame: bytes) -> bytes | None:
        if not self.is_there():
            return None
        try:
            arrived = self._air.carry("to card", frame)
        except Garbled:
            return None  # a card does not answer noise
        if arrived is None:
            return None
        try:
            answer = self._answer(arrived)
        except CardGone:
            return None
        return None if answer is None else self._air.carry("to reader", answer)

    def _answer(self, frame: bytes) -> bytes | None:
        if self._blocks is None:
            return self._application(frame)
        answer = self._blocks.receive(frame)
        if self._blocks.deselected:
            self.card.power_off()  # HALT: session and transaction are gone
        return answer

    def _application(self, command: bytes) -> bytes:
        return self._field.exchange(self.card, command)
