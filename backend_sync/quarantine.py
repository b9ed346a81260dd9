"""Batches nobody can read, kept as evidence with the reason; bounded, oldest first to go.

Entries that can be read but not posted are the ledger's own to quarantine. Source: D16.
"""

import hashlib
import json
import os
from pathlib import Path

FILES_MAX = 1000
REASON_LETTERS_MAX = 400


class Quarantine:
    """A folder of pairs: SHA of the bytes .bin, and .json saying where from and why."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.folder.mkdir(parents=True, exist_ok=True)

    def keep(self, payload: bytes, topic: str, reason: str, time: int) -> None:
        """Store one payload; the same bytes again add nothing."""
        name = hashlib.sha256(payload).hexdigest()[:32]
        path = self.folder / f"{name}.bin"
        if path.exists():
            return
        self._make_room()
        note = {"topic": topic, "reason": reason[:REASON_LETTERS_MAX], "time": time}
        (self.folder / f"{name}.json").write_text(json.dumps(note) + "\n", encoding="utf-8")
        path.write_bytes(payload)

    def reasons(self) -> list[str]:
        """Return why each stored payload was refused, oldest first."""
        return [
            str(json.loads(path.read_text(encoding="utf-8"))["reason"])
            for path in sorted(self.folder.glob("*.json"), key=os.path.getmtime)
        ]

    def _make_room(self) -> None:
        stored = sorted(self.folder.glob("*.bin"), key=os.path.getmtime)
        for path in stored[: max(0, len(stored) - FILES_MAX + 1)]:
            path.with_suffix(".json").unlink(missing_ok=True)
            path.unlink(missing_ok=True)
