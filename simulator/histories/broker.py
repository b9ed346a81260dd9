"""The MQTT broker in between: what it may lose, double, reorder and delay, and forget.

Both Broker ports (edge's and ledger's) are here, over one set of mailboxes. A confirmed publish
promises nothing, as with real brokers (trust.md finding 7). `Weather` says what happens to each
message; without one every message arrives once, in order, after some milliseconds.
"""

import heapq
from typing import NamedTuple

from backend_sync.ports import Message as LedgerMessage
from card_layouts.codec import cbor
from edge_agent.ports import Message as EdgeMessage
from simulator.clock import WorldClock
from simulator.prng import Prng

LATENCY_MS = 8
QUEUED_MAX = 2000
LATE_MS_MAX = 7 * 86_400_000


class Weather(NamedTuple):
    """Chances in 100 a message; delays up to `delay_ms`; over at `until_ms`."""

    lose: int = 0
    double: int = 0
    reorder: int = 0
    delay: int = 0
    delay_ms: int = 0
    until_ms: int = 0


class Post:
    """The broker: one mailbox a client, retained states for the ledger."""

    def __init__(self, clock: WorldClock, prng: Prng) -> None:
        self.clock = clock
        self.prng = prng
        self.weather = Weather()
        self.is_up = True
        self.restarts = 1
        self.mail: dict[str, list[tuple[int, int, str, bytes]]] = {}
        self.retained: dict[str, bytes] = {}
        self.taken: set[int] = set()  # numbers of messages that somebody has received
        self.copies: dict[str, int] = {"lost": 0, "doubled": 0, "reordered": 0, "delayed": 0}
        self.seen: dict[str, list[tuple[str, bytes]]] = {}  # what passed, for whoever replays it
        self._down: dict[str, list[bytes]] = {}  # all that went down, package or not
        self._number = 0

    def carry(self, to: str, topic: str, payload: bytes) -> None:
        """Take a message for client `to`, and do to it what the weather does."""
        seen = self.seen.setdefault(to, [])
        if len(seen) < 50:
            seen.append((topic, payload))
        if topic.endswith("/down"):
            self._down.setdefault(to, []).append(payload)
        at_ms, weather = self.clock.now_ms + LATENCY_MS, self.weather
        if self.clock.now_ms >= weather.until_ms:
            self._lay(to, at_ms, topic, payload)
            return
        times = 1
        if self._happens("lost", weather.lose):
            times = 0
        elif self._happens("doubled", weather.double):
            times = 2
        for _ in range(times):
            late = 0
            if self._happens("reordered", weather.reorder):
                late = self.prng.below(3000)
            if self._happens("delayed", weather.delay):
                late += self.prng.below(weather.delay_ms + 1)
            self._lay(to, at_ms + late, topic, payload)

    @property
    def is_carrying(self) -> bool:
        """Say whether a message is still on its way to anybody."""
        return any(self.mail.values())

    def packages(self, to: str) -> list[tuple[int, bytes, bytes]]:
        """Return (device, envelope, body) of every package that went down to an edge."""
        said = [cbor.decode(payload) for payload in self._down.get(to, [])]
        return [(body[2], body[3], body[4]) for body in said if body[1] == "package"]

    def forge(self, to: str, topic: str, payload: bytes) -> int:
        """Put in a message nobody of ours sent; return its number, 0 if there is no room."""
        return self._lay(to, self.clock.now_ms, topic, payload)

    def next_ms(self, to: str) -> int | None:
        """Return when the next message for a client can be taken."""
        box = self.mail.get(to)
        return box[0][0] if box and self.is_up else None

    def take(self, to: str, limit: int) -> list[tuple[str, bytes, int]]:
        """Return (topic, payload, token) of up to `limit` messages that have come."""
        found: list[tuple[str, bytes, int]] = []
        box = self.mail.get(to, [])
        while self.is_up and box and len(found) < limit and box[0][0] <= self.clock.now_ms:
            _, number, topic, payload = heapq.heappop(box)
            found.append((topic, payload, number))
            self.taken.add(number)
        return found

    def restart(self, forgets: bool) -> None:
        """Go down and up: every client connects anew; sessions may be gone."""
        self.restarts += 1
        if forgets:
            self.mail.clear()
            self.retained.clear()

    def _happens(self, name: str, chance: int) -> bool:
        if not chance or not self.prng.chance(chance, 100):
            return False
        self.copies[name] += 1
        return True

    def _lay(self, to: str, at_ms: int, topic: str, payload: bytes) -> int:
        box = self.mail.setdefault(to, [])
        if len(box) >= QUEUED_MAX:
            return 0
        self._number += 1
        heapq.heappush(box, (at_ms, self._number, topic, payload))
        return self._number


class EdgeSide:
    """The edge's Broker port."""

    problem = ""

    def __init__(self, post: Post, name: str, ledger: str) -> None:
        self.post, self.name, self.ledger = post, name, ledger
        self.is_cut = False
        self._lives = 0  # connections made by this process

    @property
    def connected(self) -> bool:
        return self.post.is_up and not self.is_cut

    @property
    def connections(self) -> int:
        return self.post.restarts + self._lives

    def reconnect(self) -> None:
        """Make a new connection after a cut."""
        self.is_cut = False
        self._lives += 1

    def receive(self, limit: int) -> list[EdgeMessage]:
        if not self.connected:
            return []
        return [EdgeMessage(*row) for row in self.post.take(self.name, limit)]

    def done(self, message: EdgeMessage) -> None:
        """Confirm a message."""

    def publish(self, topic: str, payload: bytes, retain: bool = False) -> bool:
        if not self.connected:
            return False
        if retain:
            self.post.retained[topic] = payload
        self.post.carry(self.ledger, topic, payload)
        return True

    def close(self) -> None:
        """Say goodbye."""


class LedgerSide:
    """The ledger's Broker port."""

    dropped = 0

    def __init__(self, post: Post, name: str) -> None:
        self.post, self.name = post, name
        self._restarts = 0
        self._in_hand: dict[int, LedgerMessage] = {}

    @property
    def connected(self) -> bool:
        return self.post.is_up

    def receive(self, limit: int, wait_ms: int) -> list[LedgerMessage]:
        if not self.connected:
            return []
        found = []
        if self._restarts != self.post.restarts:
            self._restarts = self.post.restarts
            found = [LedgerMessage(t, p, -1) for t, p in sorted(self.post.retained.items())]
        found += [LedgerMessage(*row) for row in self.post.take(self.name, limit)]
        self._in_hand.update((m.token, m) for m in found if m.token >= 0)
        return found

    def done(self, message: LedgerMessage) -> None:
        self._in_hand.pop(message.token, None)

    def publish(self, topic: str, payload: bytes, retain: bool = False) -> bool:
        if not self.connected:
            return False
        self.post.carry(topic.split("/")[3], topic, payload)
        return True

    def lost(self) -> None:
        """The process died: what it had not confirmed is delivered again to the next one."""
        for message in self._in_hand.values():
            self.post.forge(self.name, message.topic, message.payload)

    def close(self) -> None:
        """Say goodbye."""
