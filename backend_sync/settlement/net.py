"""The lines of a batch less what adopted batches told: what both tell of counts once.

What the books hold as it was told gets no line; what became of it since gets a LATER line with the
difference. What they do not hold again is taken back, and said anew when it comes: so all batches
together are at any closing what the books hold. Source: decision 91; SPEC_SETTLEMENT.md section 1.
"""

import heapq
from collections import defaultdict
from collections.abc import Iterator, Sequence
from itertools import groupby
from typing import NamedTuple

from backend_sync.settlement.gather import Gathered, Window
from backend_sync.settlement.journeys import Journeys
from backend_sync.settlement.told import Told
from card_layouts.settlement import lines as ln
from card_layouts.settlement.lines import Line, order_of

NO_FACTS = bytes(ln.FACTS_BYTES)
POSTING_BYTES = 8  # at the start of REVENUE: restored books number their postings anew


class Said(NamedTuple):
    """What the batches in question told of one slot with these facts, added up."""

    line: Line
    sign: int
    is_left: bool  # it stands: no batch since has said what these books hold of it


class Net:
    """Nets the lines of one batch."""

    def __init__(self, told: Told, window: Window, journeys: Journeys) -> None:
        self.told = told
        self.window = window
        self.journeys = journeys

    def lines(self, gathered: Iterator[Gathered]) -> Iterator[Gathered]:
        """Yield what is left of the lines of a batch, in their order."""
        if not self.told.any:
            yield from gathered
            return
        now = ((_place(row.line), None, row) for row in gathered)
        told = self.told.lines(self.window.entries, self.window.quarantine)
        said = ((_place(line), (counts, line), None) for counts, line in told)
        others = ((_place(line), (True, line), None) for line in self.told.others())
        merged = heapq.merge(now, said, others, key=lambda row: row[0])
        for (is_other, *_), rows in groupby(merged, key=lambda row: row[0]):
            here = list(rows)
            was = [row[1] for row in here if row[1]]
            fresh = [row[2] for row in here if row[2]]
            left = self._of_others(was, fresh) if is_other else self._of_slot(was, fresh)
            yield from sorted(left, key=lambda row: order_of(row.line))

    def _of_slot(
        self, told: Sequence[tuple[bool, Line]], now: Sequence[Gathered]
    ) -> list[Gathered]:
        if not told:
            return list(now)
        said = _added(told)
        digests = {line.digest for _, line in told if line.kind == ln.FORGED}
        is_told = any(line.kind != ln.FORGED for _, line in told)
        found: list[Gathered] = []
        forged: list[Gathered] = []  # that never had the number, for all these books know
        for row in now:
            line, was = row.line, said.pop(row.line.facts, None)
            is_known = line.kind == ln.FORGED and line.digest in digests
            if was is not None:
                kind = ln.FORGED if line.kind == ln.FORGED and not is_known else ln.LATER
                sign = line.sign - was.sign
                if sign or kind == ln.FORGED:
                    line = line._replace(kind=kind, sign=sign, leg=was.line.leg)
                    found.append(row._replace(line=line))
            elif line.kind == ln.FORGED and line.facts == NO_FACTS:
                forged += [] if is_known else [row]
            elif line.kind != ln.UNREAD or not is_told:
                found.append(row)
        for was in (one for one in said.values() if one.is_left):
            # Who had the number in an adopted batch, and came second to books that began anew.
            name = forged.pop().line if forged else None
            if name or was.sign:
                found.append(self._taken_back(was, name))
        return found + forged

    def _taken_back(self, was: Said, forged: Line | None = None) -> Gathered:
        """Return the line that takes back what was said; `forged` names the slot's bytes."""
        line = was.line._replace(kind=ln.LATER, state=ln.OPEN, sign=-was.sign, digest=ln.NO_DIGEST)
        if forged:
            line = line._replace(kind=ln.FORGED, state=ln.FORK, digest=forged.digest)
        return Gathered(line, *self.told.worths.of(line), self.journeys.of_told(line))

    def _of_others(
        self, told: Sequence[tuple[bool, Line]], now: Sequence[Gathered]
    ) -> list[Gathered]:
        """Return revenue that no slot tells of: equal but for the number of its posting is told."""
        waiting: dict[tuple[bytes, int], list[Line]] = defaultdict(list)
        for _, line in told:
            opposite = waiting[_what(line), -line.sign]
            if opposite:
                opposite.pop()
            else:
                waiting[_what(line), line.sign].append(line)
        found = []
        for row in now:
            same = waiting[_what(row.line), row.line.sign]
            if same:
                same.pop()
            else:
                found.append(row)
        for lines in waiting.values():
            for line in lines:
                back = line._replace(sign=-line.sign)
                found.append(Gathered(back, *self.told.worths.of(back), []))
        return found


def _added(told: Sequence[tuple[bool, Line]]) -> dict[bytes, Said]:
    """Return what was told of a slot, by facts; lines before those in question count 0.

    Oldest first: what stands is told last.
    """
    said: dict[bytes, Said] = {}
    for counts, line in told:
        if line.facts != NO_FACTS:
            before = said.get(line.facts, Said(line, 0, False))
            sign = line.sign if counts else 0
            said[line.facts] = Said(line, before.sign + sign, counts)
    return said


def _place(line: Line) -> tuple[bool, int, int, int]:
    return (line.kind == ln.OTHER, *line.slot)


def _what(line: Line) -> bytes:
    return line.facts[POSTING_BYTES:]
