"""The status file: what the ledger service is doing, for people and for other programs.

Rewritten whole, so a reader never sees half of it; once a second at most, and at the end. A full
disk leaves the last one standing: posting does not end because nobody can be told of it.
"""

import json
import os
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any

EVERY_MS = 1000


class StatusFile:
    """One JSON file of counts and last events."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self.written_ms: int | None = None
        self.last: Mapping[str, Any] = {}
        self.problem = ""

    def write(self, status: Mapping[str, Any], now_ms: int, at_once: bool = False) -> None:
        """Write the status unless it was written just now or says the same."""
        if status == self.last:
            return
        if not at_once and self.written_ms is not None and now_ms < self.written_ms + EVERY_MS:
            return
        self.written_ms = now_ms
        temporary = self.path.with_suffix(".new")
        try:
            temporary.write_text(json.dumps({"pid": os.getpid(), **status}, indent=1) + "\n")
            temporary.replace(self.path)
        except OSError as error:
            if str(error) != self.problem:
                print(f"ledger: the status is not written: {error}", file=sys.stderr, flush=True)
            self.problem = str(error)
            return
        self.problem = ""
        self.last = dict(status)
