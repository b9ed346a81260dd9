"""Entries to the ledger: batches, a few in flight, sent again until acknowledged.

Only a verified acknowledgement (`downlink.py`) ends a flight. What the broker confirms means
nothing: it may drop, double, reorder and delay. A flight that is not acknowledged in time is
forgotten and cut anew from the store, later and later, with jitter so that a depot of edges does
not shout in chorus. A line that ends in the middle of what is in flight gets half of it next, and
more with every acknowledgement: however short its connections live, something gets across, and the
acknowledgement is not behind it in a queue. Source: decisions.md D17; dependencies.md findings 1,
2; slow start as in RFC 5681 section 3.1.
"""

from collections.abc import Sequence
from typing import NamedTuple

from card_layouts.link.batches import (
    BATCH_BYTES_MAX,
    BATCH_SLOTS_MAX,
    batch_bytes_max,
    encode_batch,
)
from card_layouts.records.chain import chain_next
from card_layouts.records.slot import check_crc
from edge_agent.outbox import Piece
from edge_agent.ports import Broker, Entropy
from edge_agent.store import Store, StoreRefused

FLIGHTS_MAX = 4
WINDOW_MAX = FLIGHTS_MAX * BATCH_SLOTS_MAX  # slots in flight
WINDOW_MIN = 16  # 2 KB: a line that ends before it is over carries no birth either
RESEND_MS = 5000
RESEND_MS_MAX = 60_000
LINGER_MS = 200  # a lone entry waits so long for company


class Flight(NamedTuple):
    """One batch on its way."""

    pieces: tuple[Piece, ...]
    due_ms: int


class Uplink:
    """Keeps at most four batches in flight."""

    def __init__(
        self,
        edge: str,
        topic: str,
        store: Store,
        broker: Broker,
        entropy: Entropy,
        resend_ms: int = RESEND_MS,
    ) -> None:
        self._edge = edge
        self._topic = topic
        self._store = store
        self._broker = broker
        self._entropy = entropy
        self._resend_ms = resend_ms
        self.flights: list[Flight] = []
        self.sent = 0
        self.resends = 0
        self._window = WINDOW_MAX
        self._tries = 0
        self._connections = 0
        self._seen = (-1, -1)
        self._rewinds = 0
        self._pieces: list[Piece] = []
        self._linger_until_ms: int | None = None

    def tick(self, now_ms: int) -> bool:
        """Send what may be sent now; say whether anything was."""
        if not self._broker.connected:
            return False
        if self._broker.connections != self._connections:
            # A broker that was away may have forgotten everything it confirmed.
            self._connections = self._broker.connections
            if self.flights:
                self._window = max(WINDOW_MIN, self._flying() // 2)
            self.send_again()
        self._look()
        self._drop_late(now_ms)
        sent = False
        while len(self.flights) < FLIGHTS_MAX:
            pieces = self._cut()
            if not pieces or self._lingers(pieces, now_ms) or not self._send(pieces, now_ms):
                break
            sent = True
        return sent

    def send_again(self) -> None:
        """Forget what is in flight, so that everything unacknowledged is sent at once."""
        self.flights = []
        self._tries = 0

    def backoff_ms(self) -> int:
        """Return how long to wait for an acknowledgement: doubled each time, with jitter."""
        longest = min(RESEND_MS_MAX, self._resend_ms << min(self._tries, 10))
        jitter = int.from_bytes(self._entropy.random_bytes(2), "big")
        return longest // 2 + (longest * jitter >> 17)

    def _look(self) -> None:
        """Read again what is unsent, if entries or acknowledgements have come since."""
        store = self._store
        seen = (store.outbox.changes, store.marks.changes)
        if seen == self._seen:
            return
        if seen[1] != self._seen[1]:
            self._tries = 0
        self._seen = seen
        self._pieces = store.outbox.unsent()
        if store.marks.rewinds != self._rewinds:
            self._rewinds = store.marks.rewinds
            self.flights = []
        flying = self._flying()
        self.flights = [
            flight for flight in self.flights if not self._is_acknowledged(flight.pieces)
        ]
        self._window = min(WINDOW_MAX, self._window + flying - self._flying())

    def _flying(self) -> int:
        """Return how many slots are in flight."""
        return sum(_slot_count(flight.pieces) for flight in self.flights)

    def _is_acknowledged(self, pieces: tuple[Piece, ...]) -> bool:
        for piece in pieces:
            mark = self._store.marks.of(piece.device, piece.epoch)
            if mark is None or mark.acked_seq < piece.last_seq:
                return False
        return True

    def _drop_late(self, now_ms: int) -> None:
        kept = [flight for flight in self.flights if flight.due_ms > now_ms]
        if len(kept) < len(self.flights):
            self.resends += len(self.flights) - len(kept)
            self._tries += 1
            self.flights = kept

    def _cut(self) -> tuple[Piece, ...]:
        """Return the next pieces for one batch: not in flight, at most 500 slots and 64 KiB."""
        chosen: list[Piece] = []
        slot_count = 0
        slots_max = min(BATCH_SLOTS_MAX, self._window - self._flying())
        for piece in self._not_in_flight():
            room = slots_max - slot_count
            while room and batch_bytes_max(len(chosen) + 1, slot_count + room) > BATCH_BYTES_MAX:
                room -= 1
            if room <= 0:
                break
            last_seq = min(piece.last_seq, piece.first_seq + room - 1)
            chosen.append(piece._replace(last_seq=last_seq))
            slot_count += last_seq - piece.first_seq + 1
        return tuple(chosen)

    def _not_in_flight(self) -> list[Piece]:
        flying = [piece for flight in self.flights for piece in flight.pieces]
        free = []
        for piece in self._pieces:
            parts = [piece]
            for taken in flying:
                parts = [rest for part in parts for rest in _without(part, taken)]
            free.extend(parts)
        return free

    def _lingers(self, pieces: tuple[Piece, ...], now_ms: int) -> bool:
        """Wait a moment for a fuller batch, but never let one wait twice."""
        if _slot_count(pieces) >= min(BATCH_SLOTS_MAX // 2, self._window):
            self._linger_until_ms = None
            return False
        if self._linger_until_ms is None:
            self._linger_until_ms = now_ms + LINGER_MS
        if now_ms < self._linger_until_ms:
            return True
        self._linger_until_ms = None
        return False

    def _send(self, pieces: tuple[Piece, ...], now_ms: int) -> bool:
        outbox = self._store.outbox
        runs = []
        for piece in pieces:
            before = outbox.chain_at(piece.device, piece.epoch, piece.first_seq - 1)
            slots = outbox.slots(*piece)
            self._check(piece, before, slots)
            runs.append((piece.device, piece.epoch, piece.first_seq, before, slots))
        if not self._broker.publish(self._topic, encode_batch(self._edge, runs)):
            return False
        self.flights.append(Flight(pieces, now_ms + self.backoff_ms()))
        self.sent += 1
        return True

    def _check(self, piece: Piece, before: bytes | None, slots: Sequence[bytes]) -> None:
        """See that a piece is still what was stored. Raises: StoreRefused.

        The ledger would keep a damaged slot as evidence, and ours would never be acknowledged.
        """
        chain = before or b""
        for slot in slots:
            chain = chain_next(chain, slot) if check_crc(slot) else b""
        whole = len(slots) == piece.last_seq - piece.first_seq + 1
        if not whole or chain != self._store.outbox.chain_at(*piece[:2], piece.last_seq):
            raise StoreRefused(
                f"{self._store.path}: entries {piece.first_seq} to {piece.last_seq} of device"
                f" {piece.device} are not what was stored; it is damaged: stop the agent and move"
                " the file away, the validators still have what is not acknowledged"
            )


def _slot_count(pieces: Sequence[Piece]) -> int:
    return sum(piece.last_seq - piece.first_seq + 1 for piece in pieces)


def _without(piece: Piece, taken: Piece) -> list[Piece]:
    """Return what is left of a piece when another is taken out of it."""
    if (piece.device, piece.epoch) != (taken.device, taken.epoch):
        return [piece]
    left = []
    if piece.first_seq < taken.first_seq:
        left.append(piece._replace(last_seq=min(piece.last_seq, taken.first_seq - 1)))
    if piece.last_seq > taken.last_seq:
        left.append(piece._replace(first_seq=max(piece.first_seq, taken.last_seq + 1)))
    return left
