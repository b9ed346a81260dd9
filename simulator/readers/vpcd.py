"""A card in vsmartcard's virtual PC/SC reader: the card dials, the reader (pcscd's vpcd) listens.

A frame is a 16-bit length (big-endian) and a payload. Payloads of one byte 0, 1, 2 and 4 mean
power off, power on, reset (neither of the three is answered) and "your ATR?"; anything else is a
command. Source: desfire.md, "PC/SC pitfalls" [ran].
"""

import select
import socket

from simulator.field import Card
from simulator.readers.pcsc_storage import DONE, STORAGE_ATR, UNSUPPORTED, WRONG_LENGTH, StorageCard

HOST, FIRST_PORT, SLOTS = "127.0.0.1", 35963, 2
POWER_OFF, POWER_ON, RESET, ATR_WANTED = b"\x00", b"\x01", b"\x02", b"\x04"
# PC/SC part 3: the ATR of a contactless card whose ATS has the historical byte 80 (DESFire).
ATR = bytes.fromhex("3B8180018080")
ISO_DEP = 0x20  # bit of SAK
# PC/SC part 3: APDUs of class FF are for the reader, which never passes them to a card.
READER_CLASS, APDU_BYTES_MIN = 0xFF, 4
GET_UID = bytes.fromhex("CA0000")


class ReaderGone(Exception):
    """The virtual reader closed the line."""


class CardSlot:
    """What the virtual reader says to one card, and the card's answers. No I/O."""

    def __init__(self, card: Card) -> None:
        self.card = card
        # A card that takes no APDUs is spoken to by the reader in its place.
        self._storage = None if card.sak & ISO_DEP else StorageCard(card)
        self._stream = b""

    def feed(self, data: bytes) -> bytes:
        """Return the answers to every frame that is complete with these bytes."""
        self._stream += data
        answers = b""
        while len(self._stream) >= 2:
            end = 2 + int.from_bytes(self._stream[:2], "big")
            if len(self._stream) < end:
                break
            payload, self._stream = self._stream[2:end], self._stream[end:]
            answer = self._answer(payload)
            if answer is not None:
                answers += len(answer).to_bytes(2, "big") + answer
        return answers

    def _answer(self, payload: bytes) -> bytes | None:
        if payload == ATR_WANTED:
            return ATR if self._storage is None else STORAGE_ATR
        if payload in (POWER_OFF, RESET):
            self.card.power_off()
        if payload in (POWER_ON, RESET):
            self.card.power_on()
        if payload in (POWER_OFF, POWER_ON, RESET):
            return None
        if not payload:
            return WRONG_LENGTH
        self.card.power_on()  # pcscd may speak to a card that it believes to be on
        if self._storage is not None:
            return self._storage.answer(payload)
        if payload[0] == READER_CLASS and len(payload) >= APDU_BYTES_MIN:
            return self.card.uid + DONE if payload[1:4] == GET_UID else UNSUPPORTED
        return self.card.exchange(payload)


class VpcdLine:
    """One card's line to the virtual reader."""

    def __init__(self, card: Card, port: int = FIRST_PORT, host: str = HOST) -> None:
        """Dial. Raises: OSError, ConnectionRefusedError when nobody listens."""
        self.slot = CardSlot(card)
        self._socket = socket.create_connection((host, port))
        self._socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)

    def fileno(self) -> int:
        """Return the descriptor to select on."""
        return self._socket.fileno()

    def pump(self) -> None:
        """Answer what has arrived; waits if nothing has. Raises: ReaderGone."""
        # vpcd sends length and payload apart: without this, for every frame again, the second
        # waits 40 ms for the delayed ACK of the first.
        self._socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_QUICKACK, 1)
        try:
            data = self._socket.recv(65536)
            self._socket.sendall(self.slot.feed(data))
        except OSError as error:
            raise ReaderGone(str(error)) from None
        if not data:
            raise ReaderGone("closed")

    def close(self) -> None:
        """Take the card out of the reader."""
        self.slot.card.power_off()
        self._socket.close()


def pump_all(lines: list[VpcdLine], timeout_s: float | None = None) -> None:
    """Wait for the reader and answer on every line that has something. Raises: ReaderGone."""
    for line in select.select(lines, [], [], timeout_s)[0]:
        line.pump()
