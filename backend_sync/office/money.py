"""Amounts as people write and read them; inside, everything is whole cents."""

import re

EUROS = re.compile(r"([0-9]{1,3})(?:[.,]([0-9]{2}))?")


def euros(cents: int) -> str:
    """Return cents as 12.34."""
    return f"{'-' if cents < 0 else ''}{abs(cents) // 100}.{abs(cents) % 100:02d}"


def cents_of(text: str) -> int:
    """Return the cents of an amount such as 20, 20.00 or 20,00. Raises: ValueError."""
    found = EUROS.fullmatch(text.strip())
    if not found:
        raise ValueError(f"amount {text[:20]!r}: wanted euros such as 20 or 20.00")
    return 100 * int(found[1]) + int(found[2] or 0)
