"""Bugs that histories found and that were mended: how to put each back, for as long as one likes.

A pinned history (tests/simulator/pinned/NAME.json) must fail with its bug and hold without.
"""

from collections.abc import Callable
from contextlib import ExitStack, nullcontext
from unittest.mock import patch

from edge_agent import app as edge_app
from firmware import station_services, tap_ticket


def _unexplained(stack: ExitStack) -> None:
    stack.enter_context(patch.object(edge_app, "explained", lambda _: nullcontext()))


def _no_trip(stack: ExitStack) -> None:
    stack.enter_context(patch.object(tap_ticket, "TRIP_NONE", -1))


def _written_over(stack: ExitStack) -> None:
    stack.enter_context(patch.object(station_services, "free_place", lambda _, slot, __: slot))


# Name -> what was wrong, and how it comes back.
MENDED: dict[str, tuple[str, Callable[[ExitStack], None]]] = {
    "unexplained": ("a damaged edge database ends the agent", _unexplained),
    "no-trip": ("a gate that stands on no trip takes no tourist ticket", _no_trip),
    "written-over": ("a pass is sold over one that still runs", _written_over),
}
