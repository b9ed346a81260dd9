"""What programs say while they run: one JSON line an event, or words where a person looks on.

Callers name an event and its fields; numbers of cards, UIDs, codes, secrets and addresses that were
asked for are no fields of any event. A test feeds such and looks for them. Source: T5, T19, T20.
"""

import json
import logging
from datetime import UTC, datetime
from typing import Any, Protocol

from backend_sync.ports import Clock
from card_layouts.codec.timestamps import to_unix

INFO, WARNING, ERROR = "info", "warning", "error"


class Stream(Protocol):
    """Where lines go: standard error."""

    def write(self, text: str, /) -> object: ...

    def flush(self) -> object: ...

    def isatty(self) -> bool: ...


class LogLines:
    """Says events; a stream that cannot be written to ends nothing."""

    def __init__(self, stream: Stream, clock: Clock) -> None:
        self.stream = stream
        self.clock = clock
        self.is_read = stream.isatty()

    def say(self, event: str, level: str = INFO, **fields: Any) -> None:
        """Write one line. Shape: {time: ISO, level, event, and the fields that are not None}."""
        time = datetime.fromtimestamp(to_unix(self.clock.utc_seconds()), UTC)
        said = {name: value for name, value in fields.items() if value is not None}
        line = {"time": f"{time:%Y-%m-%dT%H:%M:%SZ}", "level": level, "event": event, **said}
        try:
            self.stream.write((_in_words(line) if self.is_read else json.dumps(line)) + "\n")
            self.stream.flush()
        except OSError:
            pass  # nobody listens any more, or the disk is full


class Handler(logging.Handler):
    """Says what libraries log, so that there is one form of line; never what they were given."""

    def __init__(self, lines: LogLines) -> None:
        super().__init__(logging.WARNING)
        self.lines = lines

    def emit(self, record: logging.LogRecord) -> None:
        kind = record.exc_info[0] if record.exc_info else None
        self.lines.say("library", record.levelname.lower(), name=record.name,
                       words=str(record.msg).splitlines()[0][:200],
                       error=kind.__name__ if kind else None)  # fmt: skip


def _in_words(line: dict[str, Any]) -> str:
    rest = " ".join(f"{name}={line[name]}" for name in list(line)[3:])
    return f"{line['time'][11:19]} {line['level']:<7} {line['event']:<10} {rest}"
