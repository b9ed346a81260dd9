"""The fiscal port: what a country's fiscal device says of a slip, and the chain used without one.

A country with a device of its own brings another `Fiscal`; nothing else changes. Source: X-15.
"""

import hashlib
from collections.abc import Iterable
from typing import Any, NamedTuple, Protocol

from backend_sync.storage.database import Database

MARK_LENGTH = 32
FIRST_MARK = "0" * MARK_LENGTH
COLUMNS = ("device, place, key, kind, of, card, action, product, cents, rounding, paid, channel,"
           " clerk, shift")  # fmt: skip


class Slip(NamedTuple):
    """One row of `slips` without its mark and time; cents and rounding below 0 are given back."""

    device: int
    place: int
    key: str
    kind: str
    of: int
    card: int | None
    action: int
    product: int
    cents: int
    rounding: int
    paid: str
    channel: str
    clerk: int
    shift: int


class Fiscal(Protocol):
    """Marks slips in the order of their numbers, inside the transaction that books them."""

    def mark(self, slip: Slip, before: str) -> str:
        """Return the mark of a slip, at most 64 characters; `before`: that of the slip before."""


class FiscalChain:
    """Each slip's mark is the hash of it and of the mark before: none can be left out later."""

    def mark(self, slip: Slip, before: str) -> str:
        text = "|".join(map(str, (before, *slip)))
        return hashlib.sha256(text.encode()).hexdigest()[:MARK_LENGTH]


def check_slips(database: Database, fiscal: Fiscal, devices: Iterable[int] = ()) -> list[str]:
    """Return every gap in the numbers and every mark that does not fit, in sentences."""
    found: list[str] = []
    wanted = set(devices)
    place, before, device = 0, FIRST_MARK, None
    rows: list[Any] = database.rows(f"SELECT {COLUMNS}, fiscal FROM slips ORDER BY device, place")
    for *values, mark in rows:
        slip = Slip(*values)
        if slip.device != device:
            device, place, before = slip.device, 0, FIRST_MARK
        if wanted and device not in wanted:
            continue
        if slip.place != place + 1:
            found.append(f"device {device}: slip {place + 1} is missing before {slip.place}")
        if fiscal.mark(slip, before) != mark:
            found.append(f"device {device}: slip {slip.place} does not fit the one before")
        place, before = slip.place, mark
    return found
