"""Who may do what: access nibbles of files, settings bytes of card and application."""

from simulator.desfire_card.channel import PLAIN, Channel
from simulator.desfire_card.status import AUTHENTICATION, PERMISSION_DENIED, Refused

READ, WRITE, READ_WRITE, CHANGE = 12, 8, 4, 0  # shift of the nibble in the access word
FREE, NEVER = 0xE, 0xF

# Bits of a settings byte (application and card level alike).
MASTER_CHANGEABLE, FREE_LISTING, FREE_CREATE, SETTINGS_CHANGEABLE = 1, 2, 4, 8


def comm_for(
    channel: Channel, comm: int, rights: int, shifts: tuple[int, ...], open_to_all: bool = False
) -> int:
    """Return the mode this session must use on a file, or refuse.

    A key named in one of the nibbles works in the file's mode; otherwise a free nibble (or
    `open_to_all`, the free GetValue flag) allows plain. [L, S]
    Raises: Refused(PERMISSION_DENIED) when every nibble says never, else AUTHENTICATION.
    """
    nibbles = [rights >> shift & 0xF for shift in shifts]
    if channel.key_no is not None and channel.key_no in nibbles:
        return PLAIN if comm == 2 else comm
    if open_to_all or FREE in nibbles:
        return PLAIN
    if all(nibble == NEVER for nibble in nibbles):
        raise Refused(PERMISSION_DENIED)
    raise Refused(AUTHENTICATION)


def need_key(channel: Channel, key_no: int) -> None:
    """Refuse with AUTHENTICATION unless the session is that of `key_no`."""
    if channel.key_no != key_no:
        raise Refused(AUTHENTICATION)


def need_bit_or_master(channel: Channel, settings: int, bit: int) -> None:
    """Refuse with AUTHENTICATION unless the settings bit is set or key 0 is authenticated."""
    if not settings & bit:
        need_key(channel, 0)


def need_bit(settings: int, bit: int) -> None:
    """Refuse with PERMISSION_DENIED unless the settings bit is set."""
    if not settings & bit:
        raise Refused(PERMISSION_DENIED)
