"""Commands about the card as a whole: identity, memory, format, configuration."""

from simulator.desfire_card.channel import enciphered_in
from simulator.desfire_card.image import PICC_AID
from simulator.desfire_card.memory import free_bytes
from simulator.desfire_card.rights import need_key
from simulator.desfire_card.state import CardState
from simulator.desfire_card.status import (
    AUTHENTICATION,
    LENGTH,
    PARAMETER,
    PERMISSION_DENIED,
    Refused,
)

STORAGE_CODES = {2048: 0x16, 4096: 0x18, 8192: 0x1A}


def need_length(params: bytes, *allowed: int) -> None:
    """Refuse with LENGTH unless there are exactly so many parameter bytes."""
    if len(params) not in allowed:
        raise Refused(LENGTH)


def get_version(state: CardState, params: bytes) -> list[bytes]:
    """60: hardware 7, software 7, uid | batch | week | year 14; the MAC rides in the last. [T]"""
    need_length(params, 0)
    state.channel.command_in(0x60, params)
    image = state.image
    size = STORAGE_CODES[image.storage_bytes]
    hardware = bytes([4, 1, 1, 1, 0, size, 5])
    software = bytes([4, 1, 1, 1, 4, size, 5])
    uid = bytes(7) if image.random_uid else image.uid
    made = uid + image.batch + bytes([image.production_week, image.production_year])
    secured = state.channel.plain_out(hardware + software + made)
    return [secured[:7], secured[7:14], secured[14:]]


def free_memory(state: CardState, params: bytes) -> bytes:
    """6E: free EEPROM, 3 bytes."""
    need_length(params, 0)
    state.channel.command_in(0x6E, params)
    return state.channel.plain_out(free_bytes(state.image).to_bytes(3, "little"))


def get_card_uid(state: CardState, params: bytes) -> bytes:
    """51: the true UID, enciphered under whatever key is authenticated."""
    need_length(params, 0)
    if state.channel.key_no is None:
        raise Refused(AUTHENTICATION)
    state.channel.command_in(0x51, params)
    return state.channel.enciphered_out(state.image.uid, length_known=True)


def format_picc(state: CardState, params: bytes) -> bytes:
    """FC: forget all applications; the card's own key and settings stay. One write step. [A]"""
    need_length(params, 0)
    need_card_master(state)
    if state.image.no_format:
        raise Refused(PERMISSION_DENIED)
    state.channel.command_in(0xFC, params)
    state.image.transaction = None
    state.step("format", state.image.applications.clear)
    return state.channel.plain_out(b"")


def set_configuration(state: CardState, params: bytes) -> bytes:
    """5C: option 0 no-format and random-UID bits (one-way), 1 default key, 2 ATS. [P, L]"""
    if not params:
        raise Refused(LENGTH)
    need_card_master(state)
    option, sealed = params[:1], params[1:]
    if option == b"\x00":
        flags = enciphered_in(state.channel, 0x5C, option, sealed, 1)[0]
        state.step("configuration", lambda: _configure(state, flags))
    elif option == b"\x01":
        key = enciphered_in(state.channel, 0x5C, option, sealed, 25)
        state.step("default key", lambda: _default_key(state, key))
    elif option == b"\x02":
        _set_ats(state, sealed)
    else:
        raise Refused(PARAMETER)
    return state.channel.plain_out(b"")


def need_card_master(state: CardState) -> None:
    """Refuse with AUTHENTICATION unless the card's own key is authenticated."""
    if state.selected != PICC_AID:
        raise Refused(PERMISSION_DENIED)
    need_key(state.channel, 0)


def _configure(state: CardState, flags: int) -> None:
    state.image.no_format |= bool(flags & 1)
    state.image.random_uid |= bool(flags & 2)


def _default_key(state: CardState, key: bytes) -> None:
    state.image.default_key, state.image.default_version = key[:24], key[24]


def _set_ats(state: CardState, sealed: bytes) -> None:
    # The ATS names its own length in its first byte; 80 00.. pads it because the command
    # does not. [L]
    channel = state.channel
    if not sealed or len(sealed) % channel.block_bytes:
        raise Refused(LENGTH)
    clear = channel.decipher(sealed)
    length = clear[0]
    crc = channel.checksum(b"\x5c\x02", clear[:length])
    rest = clear[length : length + len(crc)]
    padding = clear[length + len(crc) :].rstrip(b"\x00")
    if not 1 <= length <= 20 or rest != crc or padding not in (b"", b"\x80"):
        raise Refused(PARAMETER)

    def change() -> None:
        state.image.ats = clear[:length]

    state.step("ATS", change)
