"""What a PC/SC reader does for a card that takes no APDUs: here an Ultralight C.

The reader answers the APDUs of PC/SC part 3 itself and speaks to the card in frames: GET DATA (the
UID), READ BINARY and UPDATE BINARY by page, and the transparent session that carries any frame,
the 3DES authentication among them. Everything else is refused as real readers do.
Source: PC/SC part 3 rev. 2.01.09 section 3.2.2 (storage cards), its supplemental document 2.02
(card names; transparent exchange: data object 95 out, C0, 92, 96, 97 back).
"""

from simulator.field import Card

# 3B 8F 80 01 | 80 4F 0C A0 00 00 03 06 | 03 = ISO 14443 A part 3 | 00 3A = Ultralight C | RFU, TCK
STORAGE_ATR = bytes.fromhex("3B8F8001804F0CA000000306 03 003A 00000000 51")
GET_DATA, READ_BINARY, UPDATE_BINARY, TRANSPARENT = 0xCA, 0xB0, 0xD6, 0xC2
MANAGE_SESSION, TRANSPARENT_EXCHANGE = 0x00, 0x01
TRANSCEIVE = 0x95
READ, WRITE, ACK = 0x30, 0xA2, b"\x0a"
PAGE_BYTES, READ_BYTES = 4, 16

DONE = b"\x90\x00"
FAILED = b"\x63\x00"
WRONG_LENGTH, UNSUPPORTED, NO_SUCH_CLASS = b"\x67\x00", b"\x6a\x81", b"\x6e\x00"
# Objects of a transparent answer: all went well; the first data object did not.
ALL_WELL = bytes.fromhex("C003 009000")
FIRST_FAILED = bytes.fromhex("C003 016401")
WHOLE_BYTES, FOUR_BITS = bytes.fromhex("920100"), bytes.fromhex("920104")
NO_COLLISION = bytes.fromhex("96020000")


class StorageCard:
    """APDUs in, APDUs out, frames to the card in between."""

    def __init__(self, card: Card) -> None:
        self.card = card

    def answer(self, command: bytes) -> bytes:
        """Return the answer to one APDU, status word last."""
        if len(command) < 4:
            return WRONG_LENGTH
        if command[0] != 0xFF:
            return NO_SUCH_CLASS
        code, first, second, rest = command[1], command[2], command[3], command[4:]
        if code == GET_DATA:
            return self.card.uid + DONE if first == 0 else UNSUPPORTED
        if code == READ_BINARY:
            return self._read(first << 8 | second, rest)
        if code == UPDATE_BINARY:
            return self._update(first << 8 | second, rest)
        if code == TRANSPARENT and first == 0:
            return self._transparent(second, rest[1 : 1 + rest[0]] if rest else b"")
        return UNSUPPORTED

    def _read(self, page: int, rest: bytes) -> bytes:
        wanted = rest[0] if rest else 0
        if page > 0xFF or wanted > READ_BYTES:
            return WRONG_LENGTH
        found = self._frame(bytes([READ, page]))
        return found[: wanted or READ_BYTES] + DONE if len(found) == READ_BYTES else FAILED

    def _update(self, page: int, rest: bytes) -> bytes:
        if page > 0xFF or len(rest) != 1 + PAGE_BYTES or rest[0] != PAGE_BYTES:
            return WRONG_LENGTH
        return DONE if self._frame(bytes([WRITE, page]) + rest[1:]) == ACK else FAILED

    def _transparent(self, function: int, objects: bytes) -> bytes:
        if function == MANAGE_SESSION:
            return ALL_WELL + DONE  # begins or ends; the field stays as it is
        if function != TRANSPARENT_EXCHANGE:
            return UNSUPPORTED
        if len(objects) < 2 or objects[0] != TRANSCEIVE or objects[1] != len(objects) - 2:
            return WRONG_LENGTH
        said = self._frame(objects[2:])
        if not said:
            return FIRST_FAILED + DONE
        bits = FOUR_BITS if len(said) == 1 else WHOLE_BYTES
        return ALL_WELL + bits + NO_COLLISION + bytes([0x97, len(said)]) + said + DONE

    def _frame(self, frame: bytes) -> bytes:
        """Return what the card said to a frame; after a NAK the reader activates it anew."""
        said = self.card.exchange(frame)
        if len(said) == 1 and said != ACK:
            self.card.power_on()
        return said
