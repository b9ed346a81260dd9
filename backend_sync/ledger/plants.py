"""Faults planted on purpose, so that a person can see the checks find them. One place, one hook.

`TORNELLO_PLANT=drop-one-entry` loses the postings of one resolved entry; `post-twice` writes them
twice. Each fault happens once in the life of a ledger object. Nothing else reads the variable.
"""

import os

DROP_ONE_ENTRY = "drop-one-entry"
POST_TWICE = "post-twice"
LEDGER_PLANTS = (DROP_ONE_ENTRY, POST_TWICE)


class Plant:
    """How many times a posting is written: 1, unless a fault is planted and still waiting."""

    def __init__(self, name: str = "") -> None:
        self.waiting = name

    def copies(self, cents: int) -> int:
        """Return 1; once 0 or 2 when a fault waits and money moves."""
        if not self.waiting or not cents:
            return 1
        name, self.waiting = self.waiting, ""
        return 0 if name == DROP_ONE_ENTRY else 2


def from_environment() -> Plant:
    """Return the fault named by TORNELLO_PLANT, if it is one of the ledger's."""
    name = os.environ.get("TORNELLO_PLANT", "")
    return Plant(name if name in LEDGER_PLANTS else "")
