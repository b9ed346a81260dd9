"""Commands about keys and settings bytes."""

from dataclasses import replace

from simulator.desfire_card.channel import Channel, OpenChannel, enciphered_in
from simulator.desfire_card.commands_card import need_length
from simulator.desfire_card.image import (
    KEY_BYTES,
    KIND_BITS,
    KIND_OF_BITS,
    PICC_AID,
    CardKey,
)
from simulator.desfire_card.rights import (
    FREE_LISTING,
    MASTER_CHANGEABLE,
    NEVER,
    SETTINGS_CHANGEABLE,
    need_bit,
    need_bit_or_master,
    need_key,
)
from simulator.desfire_card.state import CardState
from simulator.desfire_card.status import (
    AUTHENTICATION,
    INTEGRITY,
    LENGTH,
    NO_SUCH_KEY,
    PERMISSION_DENIED,
    Refused,
)


def key_of(state: CardState, key_no: int) -> CardKey:
    """Return the selected level's key. Raises: Refused(NO_SUCH_KEY)."""
    if state.selected == PICC_AID:
        if key_no != 0:
            raise Refused(NO_SUCH_KEY)
        return state.image.picc_key
    if key_no >= len(state.application.keys):
        raise Refused(NO_SUCH_KEY)
    return state.application.keys[key_no]


def get_key_version(state: CardState, params: bytes) -> bytes:
    """64: one byte; needs no authentication."""
    need_length(params, 1)
    state.channel.command_in(0x64, params)
    return state.channel.plain_out(bytes([key_of(state, params[0]).version]))


def get_key_settings(state: CardState, params: bytes) -> bytes:
    """45: settings, key count | kind bits."""
    need_length(params, 0)
    need_bit_or_master(state.channel, state.settings, FREE_LISTING)
    state.channel.command_in(0x45, params)
    if state.selected == PICC_AID:
        keys = 1 | KIND_BITS[state.image.picc_key.kind]
    else:
        keys = len(state.application.keys) | KIND_BITS[state.application.kind]
    return state.channel.plain_out(bytes([state.settings, keys]))


def change_key_settings(state: CardState, params: bytes) -> bytes:
    """54: enciphered settings byte; needs key 0 and the bit that keeps settings changeable."""
    need_key(state.channel, 0)
    need_bit(state.settings, SETTINGS_CHANGEABLE)
    settings = enciphered_in(state.channel, 0x54, b"", params, 1)[0]

    def change() -> None:
        if state.selected == PICC_AID:
            state.image.picc_settings = settings
        else:
            state.application.settings = settings

    state.step("key settings", change)
    return state.channel.plain_out(b"")


def change_key(state: CardState, params: bytes) -> bytes:
    """C4: own key: new | version | CRC; other key: new xor old | version | CRC | CRC of new. [T]

    The version byte is there for AES only. Changing the authenticated key ends the session
    and is answered without a MAC. Two write steps: the new key aside, then the switch.
    """
    if len(params) < 2:
        raise Refused(LENGTH)
    channel = state.channel
    key_no, kind = _which(state, params[0])
    old = key_of(state, key_no)
    own = channel.key_no == key_no
    _need_change_right(state, key_no)
    new = _new_key(channel, params, kind, None if own else old)
    state.step("new key aside")
    state.step("switch to new key", lambda: _put_key(state, key_no, new))
    if own:
        state.channel = OpenChannel()
        return b""
    return channel.plain_out(b"")


def _which(state: CardState, named: int) -> tuple[int, str]:
    """Return key number and kind; at card level the top bits choose the new kind."""
    if state.selected != PICC_AID:
        return named, state.application.kind
    kind = KIND_OF_BITS.get(named & 0xC0)
    if kind is None:
        raise Refused(NO_SUCH_KEY)
    return named & 0x3F, kind


def _need_change_right(state: CardState, key_no: int) -> None:
    """Settings bits 7-4: 0..D that key changes, E each key itself, F frozen; key 0 by itself.

    With a change key 1..D the model lets that key change itself as well. [?]
    """
    session = state.channel.key_no
    if session is None:
        raise Refused(AUTHENTICATION)
    if key_no == 0 or state.selected == PICC_AID:
        need_bit(state.settings, MASTER_CHANGEABLE)
        need_key(state.channel, 0)
        return
    changer = state.settings >> 4
    if changer == NEVER:
        raise Refused(PERMISSION_DENIED)
    if session != (key_no if changer == 0xE else changer):
        raise Refused(AUTHENTICATION)


def _new_key(channel: Channel, params: bytes, kind: str, old: CardKey | None) -> CardKey:
    size = KEY_BYTES[kind]
    data_bytes = size + (1 if kind == "AES" else 0)
    cryptogram = params[1:]
    crc_bytes = len(channel.checksum(b"", b""))
    wanted = data_bytes + crc_bytes * (1 if old is None else 2)
    block = channel.block_bytes
    if len(cryptogram) != -(-wanted // block) * block:
        raise Refused(LENGTH)
    clear = channel.decipher(cryptogram)
    data, rest = clear[:data_bytes], clear[data_bytes:]
    value = data[:size]
    expected = channel.checksum(b"\xc4" + params[:1], data)
    if old is not None:
        value = bytes(a ^ b for a, b in zip(value, old.value, strict=True))
        expected += channel.checksum(b"", value)
    if rest != expected + bytes(len(rest) - len(expected)):
        raise Refused(INTEGRITY)
    return CardKey(kind, value, data[size] if kind == "AES" else _des_version(value))


def _des_version(value: bytes) -> int:
    """Return the version a DES key carries in the parity bits of its first 8 bytes."""
    version = 0
    for byte in value[:8]:
        version = version << 1 | byte & 1
    return version


def _put_key(state: CardState, key_no: int, new: CardKey) -> None:
    if state.selected == PICC_AID:
        state.image.picc_key = replace(new)
    else:
        state.application.keys[key_no] = new
