"""The status file: what the ledger service is doing, for people and for other programs.

Rewritten whole, so a reader never sees half of it; once a second at most, and at the end.
"""

import json
import os
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

    def write(self, status: Mapping[str, Any], now_ms: int, at_once: bool = False) -> None:
        """Write the status unless it was written just now or says the same."""
        if status == self.last:
            return
        if not at_once and self.written_ms is not None and now_ms < self.written_ms + EVERY_MS:
            return
        temporary = self.path.with_suffix(".new")
        temporary.write_text(json.dumps({"pid": os.getpid(), **status}, indent=1) + "\n")
        temporary.replace(self.path)
        self.written_ms = now_ms
        self.last = dict(status)
