"""What happens to a demo's broker and its lines, on purpose: asked for, injected, counted.

Between edge, broker and ledger: messages that are confirmed and lost, doubled, late (`mqtt_line`),
connections cut in the middle of what is sent (`bad_line`), the broker killed with SIGKILL, and the
edge cut off by a pulled cable (`cable`). The programs are the real ones; nobody tells them.
"""

import os
import signal
import time
from contextlib import ExitStack
from typing import Any, NamedTuple

from simulator.demo.services import Service
from simulator.lines.bad_line import BadLine
from simulator.lines.cable import SHORE, Cable, NoCable
from simulator.lines.mqtt_line import DOUBLED, LATE, LOST, MqttLine
from simulator.prng import Prng

CHANCES = 13  # moments at which something may strike: two each time validators dock, one at the end
LIVES_BYTES = (6_000, 120_000)  # of a connection: the longest message passes now and then
PULLED_MS = (300, 3_000)
LOOPBACK = "127.0.0.1"


class Asked(NamedTuple):
    """What the options ask for."""

    bad_line: int = 0  # seed, 0 = good lines
    kill_broker: int = 0
    partition: int = 0
    broker: str = "iotcore"


class Faults:
    """The faults of one demo; `strike` is called at moments when something is on its way."""

    def __init__(self, asked: Asked) -> None:
        self.asked = asked
        self._prng = Prng(asked.bad_line).fork("faults")
        self._due = ["kill"] * asked.kill_broker + ["pull"] * asked.partition
        self._prng.shuffle(self._due)
        self._chances = CHANCES
        self._messages: list[MqttLine] = []
        self._cut: list[BadLine] = []
        self._cable: Cable | None = None
        self._plug_at = 0.0
        self._stack = ExitStack()
        self._kills = 0
        self.no_cable = ""
        self.broker: Service | None = None

    @property
    def on_island(self) -> list[str]:
        """What stands before the edge's command."""
        return self._cable.on_island if self._cable else []

    def lines(self, port: int) -> tuple[int, str, int]:
        """Lay the lines to the broker at `port`: (ledger's port, edge's host, edge's port)."""
        if self.asked.partition:
            try:
                self._cable = Cable()
                self._stack.callback(self._cable.close)
            except NoCable as error:
                self.no_cable = str(error)
        ledger = self._laid(port, "ledger")
        if self._cable:
            return ledger, SHORE, self._laid(port, "edge", self._cable)
        return ledger, LOOPBACK, self._laid(port, "edge")

    def strike(self, last: bool = False) -> list[str]:
        """Do what is due at this moment, at the `last` one the next of all that is left; say it."""
        self.look(at_once=last)
        now = min(len(self._due), 1) if last else -(-len(self._due) // max(self._chances, 1))
        self._chances -= 1
        said = []
        for what in [self._due.pop() for _ in range(now)]:
            if what == "kill" and self.broker is not None and self.broker.alive:
                os.killpg(self.broker.pid, signal.SIGKILL)
                self._kills += 1
                said.append("the broker is killed")
            elif what == "pull" and self._cable and not self._plug_at:
                self._cable.pull()
                self._plug_at = time.monotonic() + self._prng.between(*PULLED_MS) / 1000
                said.append("the edge's cable is pulled")
            elif what == "kill" or self._cable:
                self._due.insert(0, what)  # not now: it is down already
        return said

    def look(self, at_once: bool = False) -> None:
        """Plug the cable in when it is time."""
        if self._cable and self._plug_at and (at_once or time.monotonic() >= self._plug_at):
            self._cable.plug()
            self._plug_at = 0.0

    def injected(self) -> dict[str, int]:
        """Return how often each fault that was asked for came to pass."""
        found: dict[str, int] = {}
        if self.asked.bad_line:
            for fate in (LOST, DOUBLED, LATE):
                found[f"messages {fate}"] = sum(line.fates[fate] for line in self._messages)
            found["connections cut"] = sum(line.cuts for line in self._cut)
        if self.asked.kill_broker:
            found["broker killed"] = self._kills
        if self.asked.partition and not self.no_cable:
            found["cable pulled"] = self._cable.pulls if self._cable else 0
        return found

    def missed(self) -> int:
        """Return how many of the faults that were asked for did not come to pass."""
        found = self.injected()
        kinds = sum(count == 0 for count in found.values())
        short = self.asked.kill_broker - found.get("broker killed", 0)
        if self._cable:
            short += self.asked.partition - self._cable.pulls
        return max(kinds, short)

    def close(self) -> None:
        """Take the lines away."""
        self._stack.close()

    def _laid(self, port: int, whose: str, cable: Cable | None = None) -> int:
        """Lay one program's line; without a bad one it is the broker's own port."""
        if self.asked.bad_line:
            seed = self._prng.fork(whose)
            cut = BadLine(port, seed.u32(), *LIVES_BYTES)
            self._stack.callback(cut.close)
            self._cut.append(cut)
            messages = MqttLine(cut.port, seed.u32(), cable.listen() if cable else None)
            self._stack.callback(messages.close)
            self._messages.append(messages)
            return messages.port
        if cable:
            whole = BadLine(port, 1, door=cable.listen())
            whole.heal()
            self._stack.callback(whole.close)
            return whole.port
        return port


def in_words(injected: dict[str, Any], no_cable: str) -> str:
    """Return the faults in one line, "" where none was asked for."""
    words = [f"{what} {count}" for what, count in injected.items()]
    return ", ".join(words + ([f"partitions skipped: {no_cable}"] if no_cable else []))
