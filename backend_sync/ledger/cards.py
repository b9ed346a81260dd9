"""Cards, announced commits and sightings as one posting group holds them in memory.

A card's row is its head (the highest commit known to be on it), its holes below the head, and
its sums. `claim` is the whole rule of who holds a counter. It must not know SQL or money.
Source: decisions.md D22; trust.md 4.3, 4.7.
"""

from dataclasses import dataclass, field

from backend_sync.ledger import ranges
from backend_sync.ledger.decoding import SEQ_LOW_MASK
from backend_sync.ledger.results import POST_BITS, RULES, UNAUDITED, rule_of, state_of

Identity = tuple[int, int, int]  # device, epoch, seq mod 2^26


@dataclass(slots=True, eq=False)
class Card:
    """One card as the ledger knows it; `id` is also the number of its account."""

    id: int
    pseudonym: bytes
    issuer: int = 0
    issued: int = 0
    h0: bytes = b""
    n: int = 0
    d: int = 0
    l: int = 0  # noqa: E741 - the card's own letter: sum of loads
    h: bytes = b""
    b: int = 0
    balance_cents: int = 0
    debits_cents: int = 0
    loads_cents: int = 0
    posted: int = 0
    voided: int = 0
    missing: ranges.Ranges = field(default_factory=list)
    newest: int | None = None
    unaudited: int = UNAUDITED  # whoever loads a card has news of it
    thread: int | None = None  # `newest` as stored: where a walk through history starts
    fresh: bool = False
    intents: list["Intent"] = field(default_factory=list)
    sightings: list["Sighting"] = field(default_factory=list)

    def holds(self, n: int) -> bool:
        """Say whether a commit is known at counter n."""
        return n <= self.n and not ranges.contains(self.missing, n)

    def claim(self, n: int, d: int, l: int, h: bytes, b: int) -> bool:  # noqa: E741
        """Note a commit at counter n. Return False when another one was known there."""
        if n > self.n:
            if n > self.n + 1:
                self.missing = ranges.joined(self.missing, [(self.n + 1, n - 1)])
            self.n, self.d, self.l, self.h, self.b = n, d, l, h, b
            return True
        if ranges.contains(self.missing, n):
            self.missing = ranges.without(self.missing, n)
            return True
        if n == self.n and h > self.h:
            # Two branches of a copied card: which one is the head must not depend on order.
            self.d, self.l, self.h, self.b = d, l, h, b
        return False


@dataclass(slots=True, eq=False)
class Intent:
    """One announced commit and all evidence about it."""

    id: int
    card: Card
    device: int
    epoch: int
    seq: int
    n: int
    kind: int
    at: int
    source: int
    target: int
    cents: int
    currency: str
    authority: int
    d: int
    l: int  # noqa: E741
    b: int
    h: bytes
    bits: int = 0
    told: int = 0  # all evidence that was met, kept or not
    answered: int = 0
    first: bytes = b""
    verdict: int | None = None
    older: int | None = None
    fresh: bool = False  # written by this group
    listed: bool = False  # has a row in open_intents
    before: int = 0  # bits as stored
    answered_before: int = 0
    claimed: bool = False
    news: list[tuple[str, int | None]] = field(default_factory=list)

    @property
    def identity(self) -> Identity:
        return self.device, self.epoch, self.seq & SEQ_LOW_MASK

    def learn(self, bit: int, entry: int | None) -> None:
        """Add evidence; what would change neither state, rule nor claim is not kept."""
        bits = self.bits | bit
        self.told |= bit
        first_claim = bit & POST_BITS and not self.bits & POST_BITS
        if bits != self.bits and (
            first_claim
            or state_of(bits) != state_of(self.bits)
            or rule_of(bits) != rule_of(self.bits)
        ):
            self.bits = bits
            self.news.append((RULES[bit], entry))


@dataclass(slots=True, eq=False)
class Sighting:
    """A card record somebody read whose entry has not come: a commit by a journal not seen yet."""

    id: int
    card: Card
    n: int
    device: int
    epoch: int
    low: int
    record: bytes
    entry: int
    rival: int = 0
    fresh: bool = False
    matched: bool = False
    changed: bool = False

    @property
    def identity(self) -> Identity:
        return self.device, self.epoch, self.low
