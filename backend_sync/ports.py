"""What the backend asks of the world: a clock, a broker, the keyring, and another person's word.

Services take these in their constructors and never import an adapter. The keyring is the one
place inland that knows card numbers and keys (decision D11): everything else in `backend_sync`
sees pseudonyms. Source: decisions.md D8, D11, D12, D16, D18; architecture.md section 7.
"""

from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple, Protocol

# What became of one slot in `Keyring.unseal`.
OK = 0
BAD_SEAL = 1  # CRC right, tag wrong: forged, foreign, or sealed with another block's key
UNKNOWN_DEVICE = 2  # no such (device, epoch) was ever provisioned, or it is refused
BAD_FORMAT = 3  # not a slot: size, magic, CRC, or another device than the run says
STATUS_NAMES = ("ok", "bad seal", "unknown device", "bad format")

# One run of a batch: (device, epoch, first_seq, H_before 32 B, slots of 128 B).
Run = tuple[int, int, int, bytes, Sequence[bytes]]


class Opened(NamedTuple):
    """One slot as the ledger may see it.

    Fields that could not be read are 0 or b"" when status is BAD_FORMAT; with BAD_SEAL and
    UNKNOWN_DEVICE the header's clear fields are given and `payload` is b"".
    """

    status: int  # OK, BAD_SEAL, UNKNOWN_DEVICE, BAD_FORMAT
    device: int
    epoch: int
    seq: int
    type: int  # entry type, card_layouts.records.entries
    layout: int  # payload layout of this type
    flags: int
    block: int  # ordinal of the journal block whose key sealed it; 0 unless OK
    card: bytes | None  # pseudonym P_L, 16 B; None when the entry names no card
    payload: bytes  # 96 B clear; the seven UID bytes are zero
    known: bool  # False: no issued card has this UID (or no card is named)


# A question of rule P3: the card, the h before (8 B; b"" asks for the start of the chain), and
# (device, epoch, first 36 bytes of the G record) in the order they would have been written.
Question = tuple[bytes, bytes, Sequence[tuple[int, int, bytes]]]


class KeyringError(Exception):
    """The keyring did not do what was asked of it; the message says what and why."""


class KeyringAbsent(KeyringError):
    """The keyring's process does not answer: wait and ask again, nothing is lost."""


class KeyringRefused(KeyringError):
    """The keyring answered no: asking the same again is of no use."""


class Keyring(Protocol):
    """The five calls. All may raise KeyringAbsent; a bad slot is a status, never an error."""

    def unseal(self, runs: Sequence[Run]) -> list[Opened]:
        """Open every slot of the runs: one Opened per slot, in the runs' order."""

    def pseudonyms(self, cards: Sequence[bytes]) -> list[bytes]:
        """Return P_L (16 B) for each card.

        A card is its UID (7 B) or its ISSUE row (64 B); a row also enters the keyring's register
        of issued cards, so the ledger can import rows without looking at the UID.
        Raises: KeyringRefused when a row contradicts the register.
        """

    def recompute(self, questions: Sequence[Question]) -> list[list[bytes]]:
        """Return the chain value h (8 B) after each record of each question.

        An unknown device or card gives b"" from there on: no answer, therefore no evidence.
        """

    def assemble(self, kind: str, request: Mapping[str, Any]) -> Any:
        """Make what holds a UID or a key and travels outwards.

        "hotlist", "overlay": {"entries": [(P_L, g, action) ...], "width": 7 | 5, ...} -> body
        "actions": {"version", "authority", "generation", "lines": [ACTION_ENTRY fields with
        "card" (P_L) for uid and K ...]} -> body; "action_key": {} or {"day"} -> {"generation",
        "chain"} of K_act, a step further when the day is another
        "lease": {"device": ..., "epoch": ..., and the LEASE fields} -> 96 B, MACed
        "certificate": {"device": ..., "epoch": ..., "from_day": ...} -> 106 B, signed
        "dock": {"edge": ..., "month": ..., "devices": [...]} -> [(device, key 16 B) ...]
        "devices": {} -> [{"device", "epoch", "authority", "operator", "edge", "state"} ...]
        "openings": {"slots": [slot 128 B ...]} -> [(K_enc, K_mac) of its block, or None ...]
        "publics": {} -> [(key_id 4 B, public 32 B) ...] of ledger and authorities
        "incarnation": {}, or how far the books are: {"ledger", "seal", "head"} in hex -> int
        "settled": {"batches": [[number, SHA-256 of the body] ...]}, settled batches that stand in
        the books -> every one that was ever said so, in order
        Raises: KeyringRefused naming what is missing, or a batch of another content than was said.
        """

    def sign(self, kind: str, items: Sequence[Any]) -> list[bytes]:
        """Sign for devices and edges.

        "ack": ACK value dicts (device, epoch, seq, H, time, flags; incarnation is filled in when
        missing) -> [one acknowledgement batch, n x 64 | key id 4 | signature 64].
        "manifest": [(device, MANIFEST value dict) ...] -> one envelope for each.
        "settlement": [body of a closed batch ...] -> key id 4 | signature 64 for each.
        Raises: KeyringRefused for an unknown device, epoch, kind or authority, and for a batch
        that contradicts one that "settled" said.
        """


class Clock(Protocol):
    """Two clocks: one for stamping, one for waiting."""

    def utc_seconds(self) -> int:
        """Return UTC seconds since 2020-01-01."""

    def monotonic_ms(self) -> int:
        """Return milliseconds of a clock that never goes back."""


class ApprovalRefused(Exception):
    """No second person agreed to exactly this; the message says what is missing and what to do."""


class Approvals(Protocol):
    """Four eyes (X-14): what one person asked for and another one agreed to.

    kind and amount: "hotlist" entries, "key" uses, "refund" cents (goodwill too),
    "question" questions to the link service about a fraud. digest: SHA-256
    in hex of what is done, with the key under which it is done once.
    """

    def needed(self, kind: str, amount: int) -> bool:
        """Say whether so much takes two people."""

    def take(self, number: int, kind: str, amount: int, digest: str) -> tuple[str, str]:
        """Use approved proposal `number` for this alone; return (who asked, who agreed).

        Before the thing is done. Taken again for the same digest, it answers the same: who was
        stopped between this and his own commit goes on. Raises: ApprovalRefused.
        """


class Message(NamedTuple):
    """One message from the broker; hand it back with `Broker.done` when it is durable here."""

    topic: str
    payload: bytes
    token: int


class Broker(Protocol):
    """A connection to the MQTT broker that comes and goes by itself."""

    @property
    def connected(self) -> bool:
        """Say whether the broker answers at the moment."""

    def receive(self, limit: int, wait_ms: int) -> list[Message]:
        """Return up to `limit` messages, waiting at most `wait_ms` for the first."""

    def done(self, message: Message) -> None:
        """Confirm a message to the broker: it need not be sent again."""

    def publish(self, topic: str, payload: bytes, retain: bool = False) -> bool:
        """Hand a message over (QoS 1); False when there is no connection or no room."""

    def close(self) -> None:
        """Say goodbye and stop."""
