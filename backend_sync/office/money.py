"""Amounts as people write and read them; inside, everything is whole cents."""

import re

from backend_sync.refusal import Refusal

EUROS = re.compile(r"([0-9]+)(?:[.,]([0-9]{2}))?")
DIGITS = 3  # of the euros of a sale


def euros(cents: int) -> str:
    """Return cents as 12.34."""
    return f"{'-' if cents < 0 else ''}{abs(cents) // 100}.{abs(cents) % 100:02d}"


class NoAmount(Refusal, ValueError):
    """A text is no amount; the message says what is wanted."""


def cents_of(text: str, digits: int = DIGITS) -> int:
    """Return the cents of an amount such as 20, 20.00 or 20,00. Raises: NoAmount."""
    found = EUROS.fullmatch(text.strip()) if text.isascii() else None
    if not found or len(found[1]) > digits:
        raise NoAmount("amount {text!r}: wanted euros such as 20 or 20.00", text=text[:20])
    return 100 * int(found[1]) + int(found[2] or 0)
