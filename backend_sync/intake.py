"""From MQTT to the ledger and back: batches in, signed acknowledgements out.

A batch that cannot be read is kept in quarantine with a named error and never stops the others.
A keyring or broker that is away stops nothing for good: batches in hand wait, edges send the rest
again. An acknowledgement leaves only after the ledger's commit. Source: decisions D16, D17.
"""

import logging
from collections.abc import Sequence
from typing import NamedTuple, Protocol

from backend_sync.due import Ack, Due, Proves
from backend_sync.ports import Broker, Clock, Keyring, KeyringError, KeyringRefused, Message, Run
from backend_sync.quarantine import Quarantine
from backend_sync.topics import ACK, UP, parse_topic, topic
from card_layouts.errors import LayoutError
from card_layouts.link.batches import decode_batch

log = logging.getLogger("ledger.intake")


class Posts(Proves, Protocol):
    """What intake needs of the ledger."""

    def post(self, batches: Sequence[tuple[str, Sequence[Run]]]) -> Sequence[Ack]:
        """Post or quarantine every entry, durably; return the acknowledgements due."""


class Refused(LayoutError):
    """A batch from an edge that is not what its topic says."""


class Batch(NamedTuple):
    """One decoded batch and the message it came in."""

    message: Message
    authority: int
    edge: str
    runs: Sequence[Run]
    entry_count: int


class Counts:
    """What happened so far, for the status file."""

    def __init__(self) -> None:
        self.batches = 0
        self.posted = 0  # entries handed to the ledger and durable there
        self.quarantined = 0  # batches nobody could read
        self.acks = 0  # acknowledgement batches handed to the broker
        self.last_ack_s = 0
        self.last_error = ""


class Intake:
    """Collects batches to groups of about `group_entries` and posts each group in one commit."""

    def __init__(
        self,
        broker: Broker,
        ledger: Posts,
        keyring: Keyring,
        quarantine: Quarantine,
        clock: Clock,
        group_entries: int = 5000,
        waits_for: tuple[type[Exception], ...] = (KeyringError,),
    ) -> None:
        self.broker = broker
        self.ledger = ledger
        self.keyring = keyring
        self.quarantine = quarantine
        self.clock = clock
        self.group_entries = group_entries
        self.waits_for = waits_for
        self.group: list[Batch] = []
        self.counts = Counts()
        self.due = Due(ledger)

    def take(self, message: Message) -> None:
        """Read one message of an edge into the group."""
        try:
            self.group.append(_read(message))
        except LayoutError as error:
            self._refuse(message, f"{type(error).__name__}: {error}")

    def is_full(self) -> bool:
        return sum(batch.entry_count for batch in self.group) >= self.group_entries

    def post(self) -> bool:
        """Post the group, sign, publish; False when it must wait for keyring or database."""
        if not self.group:
            return True
        try:
            self._post_group()
        except self.waits_for as error:
            self.counts.last_error = f"{type(error).__name__}: {error}"
            return False
        return True

    def _post_group(self) -> None:
        try:
            self._post(self.group)
            self.group = []
        except Exception as error:  # noqa: BLE001 - the border: see _check_poison
            self._check_poison(error)
            # One batch spoils the commit for all: post each alone, keep the bad one as evidence.
            while self.group:
                self._post_alone(self.group[0])
                self.group.pop(0)

    def _post_alone(self, batch: Batch) -> None:
        try:
            self._post([batch])
        except Exception as error:
            self._check_poison(error)
            if not isinstance(error, ValueError | KeyringRefused):
                log.exception("a batch of %s could not be posted", batch.edge)
            self._refuse(batch.message, f"{type(error).__name__}: {error}")

    def _check_poison(self, error: Exception) -> None:
        """Raise the error again if the world failed; else the batch is to blame, or we are.

        Bytes from outside must not end this process, nor hold up the other edges, even over a
        mistake of ours: the batch is kept, never acknowledged, and its edge keeps it too.
        """
        if isinstance(error, self.waits_for) and not isinstance(error, KeyringRefused):
            raise error

    def _post(self, group: Sequence[Batch]) -> None:
        acks = self.ledger.post([(batch.edge, batch.runs) for batch in group])
        delivered = [((batch.authority, batch.edge), batch.runs) for batch in group]
        for (authority, edge), due in self.due.take(delivered, acks).items():
            for signed in self._sign(due):
                # Not sent is not lost: the edge sends its batch again and is answered again.
                if self.broker.publish(topic(authority, edge, ACK), signed):
                    self.counts.acks += 1
                    self.counts.last_ack_s = self.clock.utc_seconds()
        for batch in group:
            self.broker.done(batch.message)
            self.counts.batches += 1
            self.counts.posted += batch.entry_count

    def _sign(self, due: Sequence[Ack]) -> list[bytes]:
        """Return signed acknowledgement batches: one, or one each when the keyring refuses some."""
        try:
            return self.keyring.sign("ack", due)
        except KeyringRefused as error:
            self.counts.last_error = str(error)
            if len(due) == 1:
                return []  # a device nobody provisioned: held as evidence, never answered
        return [signed for ack in due for signed in self._sign([ack])]

    def _refuse(self, message: Message, reason: str) -> None:
        self.counts.last_error = reason
        try:
            self.quarantine.keep(message.payload, message.topic, reason, self.clock.utc_seconds())
            self.counts.quarantined += 1
        except OSError as error:  # never acknowledged, so its edge sends it again some day
            self.counts.last_error = f"quarantine: {error}: make room; a batch was {reason}"
        self.broker.done(message)


def _read(message: Message) -> Batch:
    """Return the batch of an edge's message. Raises: LayoutError naming what is wrong."""
    authority, edge, kind = parse_topic(message.topic)
    if kind != UP:
        raise Refused(f"topic {message.topic!r}: no batches come here")
    said, runs = decode_batch(message.payload)
    if said != edge:
        # The broker's access list binds the topic to the edge; what the batch says is only text.
        raise Refused(f"batch.edge: {said!r}, but it came on the topic of {edge!r}")
    return Batch(message, authority, edge, runs, sum(len(run[4]) for run in runs))
