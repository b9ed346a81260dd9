"""Bugs planted in what an authority's office does at night, as `canary.py` plants others.

Service days are closed over the wrong rows, in ways that the closing's own sums do not notice;
suspense is written off before its time. Source: trust.md 4.3 rule X, I10, I16; decision D25.
"""

from contextlib import ExitStack
from typing import Any
from unittest.mock import patch

from backend_sync.ledger import ledger
from backend_sync.settlement import close
from backend_sync.settlement.gather import Window
from backend_sync.settlement.journeys import Journeys
from simulator.histories.planting import Plant


def _settles_twice(stack: ExitStack) -> None:
    """Let every batch take all rows there are."""
    window = close.window_of

    def everything(database: Any) -> Window:
        return Window._make((1, last) for _, last in window(database))

    stack.enter_context(patch.object(close, "window_of", everything))
    stack.enter_context(patch.object(Journeys, "named", lambda self: []))  # each leg has one row


def _settles_late_never(stack: ExitStack) -> None:
    """Let all batches but the first take no rows, and say all the same that they go so far."""
    window = close.window_of

    def taken(database: Any) -> Window:
        found = window(database)
        if found.postings[0] == 1:
            return found
        return Window._make((last + 1, last) for _, last in found)

    stack.enter_context(patch.object(close, "window_of", taken))


def _lapses_at_once(stack: ExitStack) -> None:
    stack.enter_context(patch.object(ledger, "SUSPENSE_DAYS", 0))


# Name -> what is wrong, and how it gets in.
OFFICE: dict[str, tuple[str, Plant]] = {
    "settles-twice": ("every batch begins where the first one began", _settles_twice),
    "settles-late-never": ("what comes after the first batch is in none", _settles_late_never),
    "lapses-at-once": ("silence is written off without waiting 90 days", _lapses_at_once),
}
