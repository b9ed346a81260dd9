"""What happened, one line an event, and a hash of it: same seed, same lines, same hash.

A line is (virtual ms, actor, sentence). Nothing here may depend on the machine: no paths, no
process numbers, no wall clock. Source: decisions.md D19; models.md on TigerBeetle.
"""

import hashlib
from collections.abc import Sequence
from typing import NamedTuple

from simulator.clock import WorldClock

COLUMN = 22
DAY_MS = 86_400_000


class Line(NamedTuple):
    """One thing that happened; `fault` names the atlas row that caused it, "" for none."""

    at_ms: int
    actor: str
    said: str
    fault: str = ""


class Trace:
    """The lines of one history and their hash so far."""

    def __init__(self, clock: WorldClock) -> None:
        self.clock = clock
        self.lines: list[Line] = []
        self._digest = hashlib.sha256()

    def say(self, actor: str, said: str, fault: str = "") -> None:
        """Note that something happened now."""
        line = Line(self.clock.now_ms, actor, said, fault)
        self.lines.append(line)
        self._digest.update(f"{line.at_ms}|{actor}|{said}|{fault}\n".encode())

    def hash(self) -> str:
        """Return 16 hexadecimal digits over all lines."""
        return self._digest.hexdigest()[:16]


def moment(at_ms: int) -> str:
    """Return a moment as people read it: day, hours, minutes, seconds, milliseconds."""
    days, rest = divmod(at_ms, DAY_MS)
    seconds, ms = divmod(rest, 1000)
    hours, seconds = divmod(seconds, 3600)
    return f"{days}d {hours:02}:{seconds // 60:02}:{seconds % 60:02}.{ms:03}"


def table(lines: Sequence[Line], actors: Sequence[str] | None = None) -> str:
    """Return the lines with a column for every actor, in the order they first appear."""
    kinds = list(actors or dict.fromkeys(line.actor for line in lines))
    width = max([len(name) for name in kinds] + [8]) + 2
    rows = ["moment".ljust(17) + "".join(name.ljust(width) for name in kinds) + "what happened"]
    for line in lines:
        marks = "".join(("*" if name == line.actor else ".").ljust(width) for name in kinds)
        fault = f"  [{line.fault}]" if line.fault else ""
        rows.append(f"{moment(line.at_ms):<17}{marks}{line.said}{fault}")
    return "\n".join(rows)


def state_hash(parts: Sequence[bytes]) -> str:
    """Return 16 hexadecimal digits over the final state, part by part."""
    digest = hashlib.sha256()
    for part in parts:
        digest.update(len(part).to_bytes(8, "big") + part)
    return digest.hexdigest()[:16]
