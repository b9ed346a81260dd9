"""What changes in the ledger service's status, said in the log: one event a change.

Of an error its kind alone: its words may hold what somebody sent, and stand in the status file.
"""

from collections.abc import Mapping
from typing import Any

from backend_sync.log_lines import ERROR, INFO, WARNING, LogLines

ERRORS = ("last_error", "publisher_error", "audit_error")
LOSSES = (("quarantined", "put aside"), ("dropped", "no room for messages"))


class StatusEvents:
    """Looks at each status; says nothing about one like the last."""

    def __init__(self, log: LogLines) -> None:
        self.log = log
        self.last: Mapping[str, Any] = {}

    def look(self, status: Mapping[str, Any]) -> None:
        """Say what is other than in the last status."""
        last, self.last = self.last, dict(status)
        if status["state"] != last.get("state"):
            self.log.say(status["state"], posted=status["posted"])
        if status["broker"] != last.get("broker", False):
            there = status["broker"]
            self.log.say("broker", INFO if there else WARNING, connected=there)
        if status["edges"] != last.get("edges", []):
            for edge in sorted({*status["edges"]} ^ {*last.get("edges", ())}):
                self.log.say("edge", edge=edge, online=edge in status["edges"])
        for name, words in LOSSES:
            more = status[name] - last.get(name, 0)
            if more > 0:
                self.log.say(words, WARNING, count=more, all=status[name])
        for name in ERRORS:
            if status[name] != last.get(name, ""):
                self._trouble(name.removesuffix("_error"), status[name])

    def _trouble(self, where: str, words: str) -> None:
        kind = words.partition(":")[0]
        if kind.isidentifier():
            self.log.say("trouble", ERROR, at=where, error=kind)
        else:
            self.log.say("trouble over" if not words else "trouble",
                         ERROR if words else INFO, at=where)  # fmt: skip
