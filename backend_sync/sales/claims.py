"""A claim of a card's value, and where it stands. Source: requirements R-9 to R-12; X-7."""

from typing import NamedTuple

WAITS, OPEN_CLAIM, SETTLED, REFUSED = "waits", "open", "settled", "refused"


class Claim(NamedTuple):
    """One row of `claims`."""

    id: int
    key: str
    kind: str
    card: int
    new_card: int | None
    action: int
    channel: str
    by: str
    wait_until: int
    received: int


class Status(NamedTuple):
    """What became of a claim; cents paid to the bearer and given back as deposit so far."""

    state: str  # WAITS, OPEN_CLAIM, SETTLED, REFUSED
    words: str
    paid_cents: int
    deposit_cents: int
    loss_cents: int
    actions: list[int]  # that carry value and season to a new card
