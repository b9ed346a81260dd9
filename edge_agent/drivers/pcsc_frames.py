"""How a card's own frames travel through PC/SC, which knows APDUs only. No I/O here.

DESFire: native frames go in ISO 7816-4 clothes (90 code 00 00 Lc data 00, answer data 91 status),
the form every PC/SC reader passes; 55 bytes of data fill the card's frame of 64, so a longer
native frame travels as two. Ultralight C: PC/SC's READ and UPDATE BINARY cannot authenticate, so
the raw command goes one of two ways, whichever the reader has:
  transparent session (PC/SC part 3, FF C2): Identiv uTrust, HID Omnikey 5x22, ACS ACR1252 and later
  direct transmit (FF 00 00 00) to a PN53x inside: ACS ACR122U and its relatives
Source: desfire.md "PC/SC pitfalls", "Framing"; PC/SC part 3 with supplement 2.02; ACS API manuals;
NXP UM0701-02 for the chip's commands. Which reader has which way is from their manuals, not tried.
"""

from collections.abc import Callable

from edge_agent.ports import DESFIRE, OTHER, ULTRALIGHT

Transmit = Callable[[bytes], bytes]  # an APDU -> its answer, status word last

GET_UID, GET_ATS = bytes.fromhex("FFCA000000"), bytes.fromhex("FFCA010000")
GET_VERSION, GET_MORE = bytes.fromhex("9060000000"), bytes.fromhex("90AF000000")
START_SESSION = bytes.fromhex("FFC20000 02 8100")
CHIP_VERSION = bytes.fromhex("FF000000 02 D402")
DONE = b"\x90\x00"
NATIVE, MORE, ILLEGAL_COMMAND = 0x91, 0xAF, 0x1C
WRAPPED_BYTES_MAX = 55

# 3B 8F 80 01 | 80 4F 0C A0 00 00 03 06 | standard | name, 2 bytes | ...
STORAGE_ATR = bytes.fromhex("3B8F8001804F0CA000000306")
ISO_14443A_3 = 0x03
ULTRALIGHT_NAMES = (0x0003, 0x003A, 0x003D)  # Ultralight, Ultralight C, Ultralight EV1
DESFIRE_HISTORICAL = b"\x80"

TRANSPARENT_STATUS, TRANSPARENT_ANSWER = 0xC0, 0x97
READ, AUTHENTICATE = 0x30, 0x1A
CHIP_EXCHANGE, CHIP_THROUGH = b"\xd4\x40\x01", b"\xd4\x42"
CHIP_TIMEOUT, NAK = 0x01, b"\x00"


class NoAnswer(Exception):
    """The reader says that the card did not answer."""


def kind_of(atr: bytes) -> str:
    """Return the kind of card an ATR tells of: DESFIRE, ULTRALIGHT or OTHER."""
    if atr.startswith(STORAGE_ATR) and len(atr) >= 15 and atr[12] == ISO_14443A_3:
        return ULTRALIGHT if int.from_bytes(atr[13:15], "big") in ULTRALIGHT_NAMES else OTHER
    # A card with ISO 14443-4: 3B 8n 80 01, n historical bytes of its ATS, check byte.
    if len(atr) > 4 and atr[0] == 0x3B and atr[1] & 0xF0 == 0x80 and atr[2:4] == b"\x80\x01":
        return DESFIRE if atr[4 : 4 + (atr[1] & 15)] == DESFIRE_HISTORICAL else OTHER
    return OTHER


def uid_and_ats(transmit: Transmit, kind: str) -> tuple[bytes, bytes]:
    """Return UID and ATS; a reader that answers no GET DATA lets a DESFire say its UID itself."""
    uid, ats = (_data(transmit(command)) for command in (GET_UID, GET_ATS))
    if not uid and kind == DESFIRE:
        if transmit(GET_VERSION)[-1:] == transmit(GET_MORE)[-1:] == bytes((MORE,)):
            uid = transmit(GET_MORE)[:7]
    return uid, bytes((len(ats) + 1,)) + ats if ats and ats[0] != len(ats) else ats


def _data(answer: bytes) -> bytes:
    return answer[:-2] if answer[-2:] == DONE else b""


def native(transmit: Transmit, frame: bytes) -> bytes:
    """Carry a native DESFire frame; return the native answer, status first."""
    code, data = frame[0], frame[1:]
    while len(data) > WRAPPED_BYTES_MAX:
        answer = _wrapped(transmit, code, data[:WRAPPED_BYTES_MAX])
        if answer[0] != MORE:
            return answer
        code, data = MORE, data[WRAPPED_BYTES_MAX:]
    return _wrapped(transmit, code, data)


def _wrapped(transmit: Transmit, code: int, data: bytes) -> bytes:
    body = bytes((len(data),)) + data if data else b""
    answer = transmit(bytes((0x90, code, 0, 0)) + body + b"\x00")
    if len(answer) < 2:
        raise NoAnswer
    if answer[-2] != NATIVE:  # reader or card takes no such APDU: no DESFire talks here
        return bytes((ILLEGAL_COMMAND,))
    return answer[-1:] + answer[:-2]


def raw_way(transmit: Transmit) -> Callable[[Transmit, bytes], bytes] | None:
    """Return how this reader carries raw frames (`transparent`, `through_chip`), None if not."""
    if transmit(START_SESSION)[-2:] == DONE:
        return transparent
    if transmit(CHIP_VERSION)[:2] == b"\xd5\x03":
        return through_chip
    return None


def transparent(transmit: Transmit, frame: bytes) -> bytes:
    """Carry a raw frame by the transparent session. Raises: NoAnswer."""
    objects = bytes((0x95, len(frame))) + frame
    answer = transmit(bytes.fromhex("FFC20001") + bytes((len(objects),)) + objects + b"\x00")
    found = _objects(_data(answer))
    if found.get(TRANSPARENT_STATUS, b"")[-2:] != DONE or not found.get(TRANSPARENT_ANSWER):
        raise NoAnswer
    return found[TRANSPARENT_ANSWER]


def _objects(data: bytes) -> dict[int, bytes]:
    found, at = {}, 0
    while at + 2 <= len(data):
        end = at + 2 + data[at + 1]
        found[data[at]] = data[at + 2 : end]
        at = end
    return found


def through_chip(transmit: Transmit, frame: bytes) -> bytes:
    """Carry a raw frame through the reader's PN53x. Raises: NoAnswer.

    The authentication goes past the chip's protocol, which does not know it; everything else with
    it, because only so the chip understands an ACK of 4 bits (and keeps it: the answer is b"").
    """
    past = frame[0] in (AUTHENTICATE, MORE)
    command = (CHIP_THROUGH if past else CHIP_EXCHANGE) + frame
    answer = _data(transmit(b"\xff\x00\x00\x00" + bytes((len(command),)) + command))
    if len(answer) < 3 or answer[0] != 0xD5 or answer[1] != command[1] + 1:
        raise NoAnswer
    if answer[2]:
        if frame[0] == READ and answer[2] != CHIP_TIMEOUT:
            return NAK  # harmless to believe of a read; of a write nobody knows
        raise NoAnswer
    return answer[3:]
