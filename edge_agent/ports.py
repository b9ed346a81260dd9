"""What the edge asks of the world: clocks, entropy, a link to a board, a broker, a card reader.

Services take these in their constructors and never import an adapter. SQLite is not a port: it is
real everywhere, and its failures are provoked for real. Source: house-style.md section 6.
"""

from typing import NamedTuple, Protocol


class Clock(Protocol):
    """Two clocks: one for stamping, one for waiting."""

    def utc_seconds(self) -> int:
        """Return UTC seconds since 2020-01-01."""

    def monotonic_ms(self) -> int:
        """Return milliseconds of a clock that never goes back."""


class Entropy(Protocol):
    """Fresh random bytes, for nonces and for spreading retries."""

    def random_bytes(self, count: int) -> bytes:
        """Return `count` bytes nobody can foresee."""


class LinkDown(Exception):
    """The serial port is gone, or was never there. The message says which and what to do."""


class BoardLink(Protocol):
    """The bytes of one dock, whoever stands in it."""

    def read(self) -> bytes:
        """Return what has come since last time, b"" for nothing. Raises: LinkDown."""

    def write(self, data: bytes) -> None:
        """Hand bytes over. Raises: LinkDown."""


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

    @property
    def connections(self) -> int:
        """Return how often a connection was made: a rise means the broker may have forgotten."""

    def receive(self, limit: int) -> list[Message]:
        """Return up to `limit` messages that have come; does not wait."""

    def done(self, message: Message) -> None:
        """Confirm a message to the broker: it need not be sent again."""

    def publish(self, topic: str, payload: bytes, retain: bool = False) -> bool:
        """Hand a message over (QoS 1); False when there is no connection or no room."""

    def close(self) -> None:
        """Say goodbye and stop."""


DESFIRE, ULTRALIGHT, OTHER = "DESFire", "Ultralight", "other"  # kinds of card


class CardFound(NamedTuple):
    """The one card on the reader, as its activation shows it. Nothing of its contents."""

    uid: bytes  # 4 (random: first byte 08), 7 or 10 bytes
    kind: str  # ULTRALIGHT is the whole family: a plain one answers Authenticate with a NAK
    atqa: bytes = b""  # 2 bytes as sent, least significant first; b"" where the reader hides it
    sak: int = -1  # -1 where the reader hides it
    ats: bytes = b""  # with its length byte; b"" for a card without ISO 14443-4
    atr: bytes = b""  # what PC/SC makes of all this; b"" elsewhere


class ReaderError(Exception):
    """There is no such reader, or it went away. The message says which and what to do."""


class ManyCards(Exception):
    """Two cards or more lie on the reader: ask for one card, exchange nothing."""


class CardReader(Protocol):
    """A reader of contactless cards that runs the conversations of card_layouts.

    `converse(steps, frame, reader.exchange)` is the whole of it; `frame` is shared with the
    session and has FRAME_BYTES bytes.
    """

    name: str  # for people

    def wait(self, timeout_ms: int) -> CardFound | None:
        """Wait for a card, activate it anew and return it; None when the time is up.

        0 looks once. A card that lies there already is found again, with a fresh session.
        Raises: ManyCards, ReaderError.
        """

    def exchange(self, frame: bytearray, length: int) -> int:
        """Send frame[:length], leave the answer in frame, return its length in bytes.

        DESFire: native framing, status byte first. Ultralight: the raw command; an ACK comes as
        the byte 0A (or nothing), a NAK as another single byte.
        Raises: CardLost (card_layouts); ReaderError if this reader cannot carry such frames.
        """

    def release(self) -> None:
        """Let the card go: it loses power and session."""

    def wait_empty(self, timeout_ms: int) -> bool:
        """Wait until no card lies on the reader; False when the time is up. Raises: ReaderError."""

    def close(self) -> None:
        """Give the reader back."""
