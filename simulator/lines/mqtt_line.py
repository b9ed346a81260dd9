"""An MQTT line that loses, doubles and delays messages between a program and its broker.

TCP loses nothing, brokers do: one that is killed has confirmed what it never delivers. So a message
that is lost here is confirmed to its sender all the same. Confirmations go back in the order of the
messages, as MQTT 3.1.1 section 4.6 wants. Reads MQTT's frame and no payload.
"""

import selectors
import socket
import time
from collections import Counter, deque
from collections.abc import Callable

from backend_sync.mqtt import Unconfirmed
from simulator.lines.relay import Relay
from simulator.prng import Prng

PUBLISH, PUBACK = 3, 4
LOST, DOUBLED, LATE = "lost", "doubled", "late"
FATES = (LOST, DOUBLED, LATE, "", "", "")  # dealt like cards: each comes once in so many messages
LATE_MESSAGES = 3  # overtake a late one, or so many seconds pass
LATE_S = 0.4
LOOK_S = 0.05
PIECE_BYTES = 1 << 16


class MqttLine(Relay):
    """A line of messages; `fates` counts them by what became of them."""

    def __init__(self, target: int, seed: int, door: socket.socket | None = None) -> None:
        super().__init__(target, door)
        self._prng = Prng(seed)
        self.fates: Counter[str] = Counter()
        self.start()

    def pass_on(self, near: socket.socket, far: socket.socket) -> None:
        """Pass messages on, each with its fate."""
        up = _Way(near, far, self._deal, self.fates)
        down = _Way(far, near, self._deal, self.fates)
        up.back, down.back = down, up
        with selectors.DefaultSelector() as selector:
            selector.register(near, selectors.EVENT_READ, up)
            selector.register(far, selectors.EVENT_READ, down)
            try:
                while not self._over.is_set():
                    for key, _ in selector.select(LOOK_S):
                        if not key.data.take():
                            return
                    up.release()
                    down.release()
            except OSError:
                return  # one of them is gone; so is what was on its way

    def _deal(self) -> Callable[[], str]:
        """Return what says the fate of the next message: each once in a deck of FATES."""
        deck: list[str] = []

        def fate() -> str:
            if not deck:
                deck.extend(FATES)
                self._prng.shuffle(deck)
            return deck.pop()

        return fate


class _Way:
    """Messages of one direction, and the confirmations of those of the other."""

    back: "_Way"

    def __init__(
        self,
        source: socket.socket,
        sink: socket.socket,
        deal: Callable[[], Callable[[], str]],
        fates: Counter[str],
    ) -> None:
        self._source, self._sink, self._fate, self._fates = source, sink, deal(), fates
        self._rest = b""
        self._tokens: dict[int, int] = {}  # number of a message -> token of its confirmation
        self._unconfirmed = Unconfirmed(lambda mid: source.sendall(_puback(mid)))
        self._held: deque[tuple[float, int, bytes]] = deque()  # (until, passed until, packet)
        self._passed = 0

    def take(self) -> bool:
        """Read what came and pass it on; False at the end."""
        part = self._source.recv(PIECE_BYTES)
        self._rest += part
        while packet := self._packet():
            kind = packet[0] >> 4
            if kind == PUBLISH and packet[0] >> 1 & 3 == 1:
                self._message(packet)
            elif kind == PUBACK:
                self.back.confirmed(int.from_bytes(packet[2:4], "big"))
            else:
                self._sink.sendall(packet)
        return bool(part)

    def confirmed(self, mid: int) -> None:
        """The receiver has message `mid`: tell its sender, once."""
        self._unconfirmed.done(self._tokens.pop(mid, 0))

    def release(self) -> None:
        """Send what was late enough."""
        for _ in range(len(self._held)):
            until, passed, packet = self._held.popleft()
            if time.monotonic() < until and self._passed < passed:
                self._held.append((until, passed, packet))
            else:
                self._sink.sendall(packet)

    def _message(self, packet: bytes) -> None:
        fate, mid = self._fate(), _number(packet)
        self._tokens[mid] = token = self._unconfirmed.add(mid)
        self._fates[fate or "in time"] += 1
        self._passed += 1
        if fate == LOST:
            del self._tokens[mid]
            self._unconfirmed.done(token)
        elif fate == LATE:
            until = time.monotonic() + LATE_S
            self._held.append((until, self._passed + LATE_MESSAGES, packet))
        else:
            self._sink.sendall(packet)
            if fate == DOUBLED:
                self._sink.sendall(bytes([packet[0] | 8]) + packet[1:])  # DUP

    def _packet(self) -> bytes:
        """Return the next whole packet, b"" while it is not whole."""
        length = shift = 0
        for at in range(1, min(len(self._rest), 5)):
            length |= (self._rest[at] & 127) << shift
            shift += 7
            if self._rest[at] < 128:
                end = at + 1 + length
                if len(self._rest) < end:
                    return b""
                packet, self._rest = self._rest[:end], self._rest[end:]
                return packet
        return b""


def _number(packet: bytes) -> int:
    """Return the packet identifier of a PUBLISH with QoS 1: behind the topic."""
    at = 1
    while packet[at] & 128:
        at += 1
    at += 1
    at += 2 + int.from_bytes(packet[at : at + 2], "big")
    return int.from_bytes(packet[at : at + 2], "big")


def _puback(mid: int) -> bytes:
    return bytes([PUBACK << 4, 2]) + mid.to_bytes(2, "big")
