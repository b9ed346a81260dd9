"""Mistakes planted on purpose, each of which `sim tears --plant NAME` must find: it ends with 1.

A terminal's mistakes are the firmware's own classes with one rule broken; the card's is a commit
without its journal mark.
"""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import partial
from typing import Any, NamedTuple

from card_layouts.cards.card_layout import FILE_V
from card_layouts.records.entries_tap import GATE_SHUT, HOW_NOT_SENT, OUTCOME_ABORTED
from firmware.card_writer import NOT_SENT, UNKNOWN
from firmware.tap import Tap
from simulator.desfire_card import transaction
from simulator.desfire_card.state import CardState
from simulator.desfire_card.status import NO_CHANGES, Refused
from simulator.tears.flow import Flow
from simulator.tears.taps import Debit
from simulator.tears.ticket import TicketTap


class OpensEarly(Tap):
    """Opens the gate when everything is staged."""

    def commit(self, seen: Any, entry_type: int, payload: bytes, seq: int, gate: int) -> Any:
        """Open, then commit."""
        self.signals.signal("gate", "open")
        return (yield from super().commit(seen, entry_type, payload, seq, gate))


class TakesSilenceForNo(Tap):
    """Says that nothing happened when the answer to a commit is lost."""

    def commit(self, seen: Any, entry_type: int, payload: bytes, seq: int, gate: int) -> Any:
        """Write "aborted" without asking the card."""
        known = yield from super().commit(seen, entry_type, payload, seq, gate)
        if known == UNKNOWN:
            self._append_outcome(seq, OUTCOME_ABORTED, HOW_NOT_SENT, seen, GATE_SHUT)
            known = NOT_SENT
        return known


class ForgetsTheMoney(Tap):
    """Commits counter and record and leaves the purse alone."""

    def __init__(self, *parts: Any) -> None:
        super().__init__(*parts)
        session: Any = self.session
        debit = session.debit

        def only_counters(file_no: int, amount: int) -> Any:
            if file_no != FILE_V:
                yield from debit(file_no, amount)

        session.debit = only_counters


def commit_unmarked(state: CardState) -> None:
    """Put staged files in place one by one, with nothing that says how far it got."""
    waiting = state.image.transaction
    if waiting is None or not waiting.staged:
        raise Refused(NO_CHANGES)
    files = state.image.applications[waiting.aid].files
    state.step("nothing")
    for number in sorted(waiting.staged):
        whole = {number: transaction.finished(waiting.staged[number])}
        state.step(f"file {number} in place", partial(files.update, whole))
    state.step("end", partial(setattr, state.image, "transaction", None))


@contextmanager
def no_journal_mark() -> Iterator[None]:
    """Have every card commit without its mark."""
    sound = transaction.commit
    transaction.commit = commit_unmarked
    try:
        yield
    finally:
        transaction.commit = sound


@contextmanager
def sound_card() -> Iterator[None]:
    """Leave the cards alone."""
    yield


class Plant(NamedTuple):
    """A mistake: what it is, the flow that has it, the card that has it."""

    what: str
    flow: Callable[[], Flow]
    card: Callable[[], Any] = sound_card


def _debit_at(tap: type[Tap]) -> Callable[[], Flow]:
    return lambda: type("PlantedDebit", (Debit,), {"tap": tap})()


PLANTS = {
    "no-mark": Plant("the card commits without a journal mark", Debit, no_journal_mark),
    "early-gate": Plant("the gate opens before the commit", _debit_at(OpensEarly)),
    "silence-is-no": Plant("a lost answer is taken for a no", _debit_at(TakesSilenceForNo)),
    "free-ride": Plant("the purse is left out of the commit", _debit_at(ForgetsTheMoney)),
    "count-first": Plant(
        "a ticket's counter is raised before its slot is written",
        lambda: type("PlantedTicket", (TicketTap,), {"stage_first": False})(),
    ),
}
