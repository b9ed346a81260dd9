"""Bugs that histories found and that were mended: how to put each back, for as long as one likes.

A pinned history (tests/simulator/pinned/NAME.json) must fail with its bug and hold without.
"""

from contextlib import ExitStack, nullcontext
from typing import Any
from unittest.mock import patch

from backend_sync.actions import facts
from backend_sync.actions.publishing import WaitingActions
from backend_sync.keyring.batches import Batches
from backend_sync.ledger import report
from backend_sync.ledger.report import missing_money
from backend_sync.storage.database import Database
from card_layouts.records import chain
from card_layouts.records.slot import SEALED_BYTES, SLOT_BYTES
from edge_agent import app as edge_app
from edge_agent.parcels import Parcels
from firmware import station_services, tap_ticket
from firmware.journal_mount import MountedJournal
from simulator.histories import agreement
from simulator.histories.planting import Plant, instead


def _made_sure_in_place(self: Any, newest: int, torn: list[int], was_wiped: bool) -> None:
    """Wipe the last slot at once if it is torn, else program it again, wiped before or not."""
    last = self._index - 1
    if last >= 0:
        place = self._blocks.slot_place(self._ordinal, last)
        if last in torn:
            self._flash.program(place, bytes(SLOT_BYTES))
        elif last == newest:
            self._program_slot(place)


def _forgotten_lists(stack: ExitStack) -> None:
    stack.enter_context(patch.object(facts, "forgotten_until", lambda database: 0))


def _forgetful(stack: ExitStack) -> None:
    """Let the keyring forget what it has signed before, as it did."""
    stack.enter_context(patch.object(Batches, "known", lambda self, first=1: {}))
    stack.enter_context(patch.object(Batches, "_refuse_other", lambda *_: None))


def _unexplained_only(database: Database) -> list[dict[str, Any]]:
    """Return the cards whose sums differ; a record that fits may say anything."""
    return [row for row in missing_money(database) if row["cents"] or row["missing_counters"]]


# Name -> what was wrong, and how it comes back.
MENDED: dict[str, tuple[str, Plant]] = {
    "unexplained": (
        "a damaged edge database ends the agent",
        instead(edge_app, "explained", lambda _: nullcontext()),
    ),
    "forgotten-lists": ("restored books pay back what a gate may still load", _forgotten_lists),
    "closed-anew": (
        "restored books close their days again, in other batches that are signed as well",
        _forgetful,
    ),
    "old-leases": (
        "a withdrawn order waits for a gate whose lease refuses every list with it",
        instead(WaitingActions, "_note_dropped", lambda *_: None),
    ),
    "changed-version": (
        "a package whose version a line changed stands before every later one for ever",
        instead(Parcels, "drop", lambda *_: None),
    ),
    "tag-changed": (
        "an entry whose tag was changed on the way is acknowledged to an edge that holds it sound",
        instead(chain, "SLOT_BYTES", SEALED_BYTES),
    ),
    "no-trip": (
        "a gate that stands on no trip takes no tourist ticket",
        instead(tap_ticket, "TRIP_NONE", -1),
    ),
    "written-over": (
        "a pass is sold over one that still runs",
        instead(station_services, "free_place", lambda _, slot, __: slot),
    ),
    "half-wiped": (
        "an entry whose wiping was cut is taken for sound, and all after it are lost",
        instead(MountedJournal, "_make_sure", _made_sure_in_place),
    ),
    "overdrawn": (
        "a thief's record that takes more than its card held is told to nobody while it fits",
        instead(report, "missing_money", _unexplained_only),
    ),
    "hole": (
        "a dead block makes a gate offer entries that it has forgotten, and no others",
        instead(MountedJournal, "_reaches", lambda *_: True),
    ),
    "old-image": (
        "(in the checker) a gate's word about an older image of a card is called wrong",
        instead(agreement, "_shows_another", lambda *_: False),
    ),
}
