"""What the agent says while it runs: one JSON line an event, or words where a person looks on.

Callers name an event and its fields; numbers of cards, UIDs, slots and keys are no fields of any
event. The backend has the same form of line. Source: T5, T19.
"""

import json
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any, Protocol

from card_layouts.codec.timestamps import to_unix
from edge_agent.ports import Clock

INFO, WARNING, ERROR = "info", "warning", "error"
# Counters of the status that tell of harm when they rise.
HARM = ("quarantined", "refused_slots", "forged_acks", "foreign_acks", "different_acks",
        "refused_down", "acks_refused_by_device")  # fmt: skip
DOCK = ("state", "device", "drained")


class Stream(Protocol):
    """Where lines go: standard error."""

    def write(self, text: str, /) -> object: ...

    def flush(self) -> object: ...

    def isatty(self) -> bool: ...


class LogLines:
    """Says events; a stream that cannot be written to ends nothing."""

    def __init__(self, stream: Stream, clock: Clock) -> None:
        self._stream = stream
        self._clock = clock
        self._is_read = stream.isatty()

    def say(self, event: str, level: str = INFO, **fields: Any) -> None:
        """Write one line. Shape: {time: ISO, level, event, and the fields that are not None}."""
        time = datetime.fromtimestamp(to_unix(self._clock.utc_seconds()), UTC)
        said = {name: value for name, value in fields.items() if value is not None}
        line = {"time": f"{time:%Y-%m-%dT%H:%M:%SZ}", "level": level, "event": event, **said}
        try:
            self._stream.write((_in_words(line) if self._is_read else json.dumps(line)) + "\n")
            self._stream.flush()
        except OSError:
            pass  # nobody listens any more, or the disk is full


class StatusEvents:
    """Looks at each status and says what has changed; of a problem that there is one.

    What it is stands in the status: it may hold what somebody sent.
    """

    def __init__(self, log: LogLines) -> None:
        self._log = log
        self._last: Mapping[str, Any] = {}

    def look(self, status: Mapping[str, Any]) -> None:
        """Say what is other than in the last status."""
        last, self._last = self._last, status
        if status["state"] != last.get("state"):
            self._log.say(status["state"], edge=status["edge"], unsent=status["unsent"])
        there = status["broker"]["connected"]
        if there != last.get("broker", {}).get("connected", False):
            self._log.say("broker", INFO if there else WARNING, connected=there)
        if (status["store"] == "ok") != (last.get("store", "ok") == "ok"):
            is_well = status["store"] == "ok"
            self._log.say("store", INFO if is_well else ERROR, ok=is_well)
        for name in HARM:
            more = status[name] - last.get(name, status[name])
            if more > 0:
                self._log.say(name.replace("_", " "), WARNING, count=more, all=status[name])
        before = {dock["name"]: dock for dock in last.get("docks", ())}
        for dock in status["docks"]:
            self._look_at(dock, before.get(dock["name"], {}))

    def _look_at(self, dock: Mapping[str, Any], before: Mapping[str, Any]) -> None:
        if [dock[name] for name in DOCK] != [before.get(name) for name in DOCK]:
            said = {name: dock[name] for name in DOCK}
            self._log.say("dock", dock=dock["name"], pulled=dock["pulled"], **said)


def _in_words(line: dict[str, Any]) -> str:
    rest = " ".join(f"{name}={line[name]}" for name in list(line)[3:])
    return f"{line['time'][11:19]} {line['level']:<7} {line['event']:<10} {rest}"
