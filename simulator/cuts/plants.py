"""Mistakes planted on purpose, each of which `sim cuts --plant NAME` must find: it ends with 1.

Each is the firmware's own class with one rule broken, for as long as the plant is in.
"""

import hashlib
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any, NamedTuple

from firmware.card_writer import CardWriter
from firmware.flash_rows import FlashRows
from firmware.journal import Journal
from firmware.journal_counters import Counters
from firmware.package_slots import SlotWriter
from firmware.updates import Updates
from simulator.cuts.stage import DOUBLED, LOST, MIXED, MOUNT, SENT, WRONG

LIVES = "lives"  # in the place of a flow: shown by --lives


class Plant(NamedTuple):
    """A mistake: what it is, the flow that shows it, as what, and how it is put in.

    `seed`: of the life that shows it, if it is not a flow.
    """

    what: str
    flow: str
    found: str
    put: Callable[[Callable[[Any, str, Any], None]], None]
    seed: int = 0


@contextmanager
def planted(plant: Plant) -> Iterator[None]:
    """Break the rule while the block runs."""
    sound: list[tuple[Any, str, Any]] = []

    def replace(owner: Any, name: str, broken: Any) -> None:
        sound.append((owner, name, getattr(owner, name)))
        setattr(owner, name, broken)

    plant.put(replace)
    try:
        yield
    finally:
        for owner, name, whole in sound:
            setattr(owner, name, whole)


def _unread(replace: Callable[[Any, str, Any], None]) -> None:
    def program(self: Any, place: int) -> bool:
        self._flash.program(place, self._slot)
        return True

    replace(Journal, "_program_slot", program)


def _key_first(replace: Callable[[Any, str, Any], None]) -> None:
    change = Journal._change_block

    def key_dies_first(self: Any) -> None:
        self._blocks.zero_keys(self._ordinal)
        change(self)

    replace(Journal, "_change_block", key_dies_first)


def _trusting(replace: Callable[[Any, str, Any], None]) -> None:
    replace(Journal, "_make_sure", lambda self, newest, torn, was_wiped: None)


def _outcome_before(replace: Callable[[Any, str, Any], None]) -> None:
    def commit(self: Any, seen: Any, kind: int, payload: bytes, seq: int, gate: int) -> Any:
        journal, append = self.journal, self.journal.append
        late: list[Any] = []

        def later(*entry: Any) -> int:
            late.append(entry)
            return seq

        journal.append = later
        steps = whole(self, seen, kind, payload, seq, gate)
        try:
            answer = next(steps)
            journal.append = append
            while True:
                try:
                    answer = steps.send((yield answer))
                finally:
                    for entry in late:
                        append(*entry)
                    late.clear()
        except StopIteration as end:
            return end.value
        finally:
            journal.append = append

    whole = CardWriter.commit
    replace(CardWriter, "commit", commit)


def _received(replace: Callable[[Any, str, Any], None]) -> None:
    def write(self: Any, part: bytes) -> None:
        if not self.offset:
            self.received = hashlib.sha256()
        self.received.update(part)
        whole(self, part)

    def digest_steps(self: Any) -> Any:
        yield
        return self.received.digest()

    whole = SlotWriter.write
    replace(SlotWriter, "write", write)
    replace(SlotWriter, "digest_steps", digest_steps)


def _uncounted(replace: Callable[[Any, str, Any], None]) -> None:
    replace(Updates, "settle", lambda self: None)


def _next_slot(replace: Callable[[Any, str, Any], None]) -> None:
    replace(Journal, "_leave_out", lambda self: None)


def _half_page(replace: Callable[[Any, str, Any], None]) -> None:
    replace(Journal, "_drop_pages", lambda self: None)


def _half_begun(replace: Callable[[Any, str, Any], None]) -> None:
    replace(Journal, "_make_begun", lambda self, index: None)


def _eager(replace: Callable[[Any, str, Any], None]) -> None:
    replace(
        Journal, "_may_reuse", lambda self, ordinal: ordinal - self._blocks.count < self._ordinal
    )


def _headless(replace: Callable[[Any, str, Any], None]) -> None:
    def begin_block(self: Any) -> None:
        place = self._block_at(self._number + 1)
        self._flash.erase(place)
        self._program_head(place, self._number + 1)
        self._number += 1
        self._next = self._size

    replace(FlashRows, "begin_block", begin_block)


def _unvoided(replace: Callable[[Any, str, Any], None]) -> None:
    def count(self: Any, name: str, more: int, limit: int = 2**16 - 1) -> None:
        whole(self, name, abs(more), limit)

    whole = Counters._count
    replace(Counters, "_count", count)


PLANTS = {
    "unread": Plant("what was programmed is not read back", "pair", LOST, _unread),
    "key-first": Plant("the old key dies before the next header", "change", MOUNT, _key_first),
    "trusting": Plant("a slot that read well once is believed", "pair", LOST, _trusting),
    "late-intent": Plant("the commit leaves before its entry", "debit", SENT, _outcome_before),
    "received": Plant("a body is checked as received, not as kept", "hotlist", MIXED, _received),
    "uncounted": Plant("a lease that a cut switched is not counted", "lease", WRONG, _uncounted),
    "eager": Plant("a block is erased before it is acknowledged", "full", LOST, _eager),
    "headless": Plant("a block of orders is used with its head unread", "sale", DOUBLED, _headless),
    "unvoided": Plant("a void adds to the cash that is due", "void", WRONG, _unvoided),
    "next-slot": Plant("a slot that reads blank after a start is used", "pair", LOST, _next_slot),
    "half-page": Plant("a torn page stays where it is", LIVES, LOST, _half_page, 1642),
    "half-begun": Plant(
        "what may read blank stays before a wipe", LIVES, LOST, _half_begun, 600554
    ),
}
