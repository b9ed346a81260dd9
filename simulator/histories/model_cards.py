"""What lies on a chip and how it came there, as the oracle keeps it: commits, orders, chips.

As the rest of the model it imports nothing of ours. Source: trust.md 4.1, 4.5.
"""

from typing import NamedTuple

LOAD, PASS, UNBLOCK, ONLINE = "load", "pass", "unblock", "online"  # ONLINE: done by gates

Writer = tuple[int, int]  # device, seq


class Tx(NamedTuple):
    """One commit that is on a chip: what it changed, and who wrote it."""

    chip: int
    card: int
    n: int
    device: int
    seq: int
    cents: int  # of the purse: below 0 a charge
    actions: int
    blocks: int
    at_s: int
    k: int = 0  # the action it did, as its card counts them; 0 = none
    did: str = ""  # what its record says it did
    is_timed: bool = True  # its record says the world's time

    @property
    def writer(self) -> Writer:
        return self.device, self.seq

    @property
    def is_ride(self) -> bool:
        """Whether it let somebody ride: it is neither an action nor a block."""
        return not self.actions and not self.blocks


class Order(NamedTuple):
    """Something paid for: a load, a pass from one second to another, or a block taken away."""

    kind: str
    cents: int
    from_s: int = 0
    until_s: int = 0


class Chip:
    """What one chip holds; of its blocks `free` are forgiven."""

    def __init__(self, card: int, purse: int, n: int, b: int, a: int) -> None:
        self.card, self.purse, self.n, self.b, self.a = card, purse, n, b, a
        self.txs: list[Tx] = []
        self.free = 0
        self.passes: list[Order] = []
