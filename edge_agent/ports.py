"""What the edge asks of the world: clocks, entropy, a link to a board, and a broker.

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
