"""Lock bytes: which pages they make read-only, and which of their own bits can still be set.

Every bit only ever goes from 0 to 1. Source: MF0ICU2 data sheet, figures 6 and 7: lock bytes 0 and
1 in page 2 (one bit a page), 2 and 3 in page 40 (one bit for four pages, then counter, AUTH0,
AUTH1 and key).
"""

from simulator.ultralight_c.image import (
    PAGE_AUTH0,
    PAGE_AUTH1,
    PAGE_COUNTER,
    PAGE_KEY,
    PAGE_OTP,
    PAGES,
)

# Lock bit (byte, bit) of every page that has one, and block-locking bit of every lock bit.
_BIT_OF_PAGE: dict[int, tuple[int, int]] = {PAGE_OTP: (0, 3)}
_BIT_OF_PAGE |= {page: (page // 8, page % 8) for page in range(4, 16)}
_BIT_OF_PAGE |= {page: (2, 1 + (page - 16) // 4) for page in range(16, 28)}
_BIT_OF_PAGE |= {page: (2, 5 + (page - 28) // 4) for page in range(28, 40)}
_BIT_OF_PAGE |= {PAGE_COUNTER: (3, 4), PAGE_AUTH0: (3, 5), PAGE_AUTH1: (3, 6)}
_BIT_OF_PAGE |= dict.fromkeys(range(PAGE_KEY, PAGES), (3, 7))


def is_locked(lock: bytes, page: int) -> bool:
    """Tell whether the four lock bytes make this page read-only."""
    if page not in _BIT_OF_PAGE:
        return False
    byte, bit = _BIT_OF_PAGE[page]
    return bool(lock[byte] >> bit & 1)


def merged(lock: bytes, first: int, two: bytes) -> bytes:
    """Return the lock bytes after `two` are written at lock byte `first` (0 or 2).

    A lock bit whose block-locking bit is set already stays as it is.
    """
    out = bytearray(lock)
    for number, byte in enumerate(two, start=first):
        out[number] |= byte & ~_frozen(lock, number)
    return bytes(out)


def _frozen(lock: bytes, number: int) -> int:
    """Return the bits of lock byte `number` that can no longer be set."""
    frozen = 0
    for low, bits in _BLOCKS[number]:
        blocking_byte, blocking_bit = low
        if lock[blocking_byte] >> blocking_bit & 1:
            frozen |= bits
    return frozen


# For each lock byte: (block-locking byte and bit, the lock bits it freezes).
_BLOCKS: tuple[tuple[tuple[tuple[int, int], int], ...], ...] = (
    (((0, 0), 0x08), ((0, 1), 0xF0)),  # OTP; pages 4..7
    (((0, 1), 0x03), ((0, 2), 0xFC)),  # pages 8, 9; pages 10..15
    (((2, 0), 0x0E), ((2, 4), 0xE0)),  # pages 16..27; pages 28..39
    tuple(((3, bit), 0x10 << bit) for bit in range(4)),  # counter, AUTH0, AUTH1, key
)
