"""What a page holds when power failed while it was being written: injected, one choice a card.

A choice is a function (old 4 bytes, new 4 bytes) -> 4 bytes. Only user, AUTH and key pages tear so:
OTP, lock bytes and the counter have anti-tearing and are whole old or whole new (data sheet 7.5.3,
7.5.4 [S]; for the counter [?]).
"""

from collections.abc import Callable

Torn = Callable[[bytes, bytes], bytes]


def old(before: bytes, after: bytes) -> bytes:
    """Leave the page as it was."""
    return before


def new(before: bytes, after: bytes) -> bytes:
    """Leave the page as it was meant to become, though nobody heard so."""
    return after


def half(before: bytes, after: bytes) -> bytes:
    """Leave two new bytes and two old ones."""
    return after[:2] + before[2:]


def erased(before: bytes, after: bytes) -> bytes:
    """Leave the page erased: the new bits were not programmed yet."""
    return bytes(len(after))


def garbage(random_bytes: Callable[[int], bytes]) -> Torn:
    """Return a choice that leaves random bytes."""

    def torn(before: bytes, after: bytes) -> bytes:
        return random_bytes(len(after))

    return torn
