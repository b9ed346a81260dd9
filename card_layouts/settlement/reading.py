"""Reads the lines of one batch: each is judged by itself, and against what was said before.

Whether all of them together are what the edges carried and what was signed is for `check.py`.
Left out of the board's image. Source: SPEC_SETTLEMENT.md sections 1, 3, 6; decision D25.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from card_layouts.cards.card_layout import G
from card_layouts.errors import LayoutError
from card_layouts.fares.repeat import DIFFERENT, RATEABLE, UNRATED
from card_layouts.records.entries import INTENT
from card_layouts.settlement import batch as b
from card_layouts.settlement import lines as ln
from card_layouts.settlement.journeys import goes_on
from card_layouts.settlement.lines import LINE_BYTES, Line, Slot
from card_layouts.settlement.merkle import Tree
from card_layouts.settlement.pricing import DayTerms, candidates
from card_layouts.settlement.shares import Leg
from card_layouts.settlement.totals import Totals, facts_of
from card_layouts.settlement.worth import Worth, Worths

if TYPE_CHECKING:
    from card_layouts.settlement.check import Checker

LEGS_MAX = 16
NEW = (ln.RIDE, ln.SALE, ln.UNREAD)


class Standing(NamedTuple):
    """What the batches so far say of a slot."""

    facts: bytes
    sign: int  # 1: it counts
    leg: Slot  # of its journey before it
    state: int  # of the newest line


class Reading:
    """The lines of one batch, read in order."""

    def __init__(self, checker: Checker, body: b.Body, tariffs: dict) -> None:
        self.checker = checker
        self.tariffs = tariffs
        self.terms = DayTerms(tariffs)
        self.worths = Worths(self.terms)
        self.totals = Totals(self.terms, checker.pools)
        self.tree = Tree()
        self.here: dict[Slot, int] = {}  # new slots: their line's place
        self.forged: set[Slot] = set()
        self.unpriced = self.on_trust = self.unread = 0
        self._last: tuple = ()
        self._going_on: list[tuple[Line, int, Worth]] = []

    def read(self, data: bytes) -> None:
        """Read every line; note what does not fit."""
        if len(data) % LINE_BYTES:
            self.checker.find("lines: %d bytes, wanted a multiple of 120" % len(data))
        for at in range(0, len(data) - LINE_BYTES + 1, LINE_BYTES):
            record = data[at : at + LINE_BYTES]
            place = self.tree.count
            self.tree.add(record)
            try:
                line = ln.decode_line(record)
            except LayoutError as error:
                self.checker.find("leaf %d: %s" % (place, error))
                continue
            words = self._refused(line) or self._take(line, place)
            if words:
                self.checker.find("%s: %s" % (name_of(place, line.slot), words))

    def _refused(self, line: Line) -> str:
        """Return why the line cannot stand here, or ""."""
        order = ln.order_of(line)
        if self._last and order <= self._last:
            return "not in the order of device, epoch and seq"
        self._last = order
        if not ln.is_blank(line):
            return "its facts tell of a card or a person"
        before = self.checker.standing.get(line.slot)
        if line.kind == ln.FORGED:
            return _refused_forged(line, before)
        if line.kind == ln.LATER:
            if before is None:
                return "told of later, and no batch told of it before"
            if before.facts != line.facts:
                return "its facts are others than in the batch before"
            if before.sign + line.sign not in (0, 1) or not line.sign:
                return "counted twice, or taken back without being counted"
            if before.leg != line.leg:
                return "its journey's leg before is another than in the batch before"
        elif line.kind in NEW and before is not None and before.facts != bytes(ln.FACTS_BYTES):
            return "a slot that an earlier line told of"
        return ""

    def _take(self, line: Line, place: int) -> str:
        """Add a line up; return what does not fit, or ""."""
        if line.kind == ln.OTHER:
            return self._take_other(line)
        if line.kind == ln.FORGED:
            self._take_out(line)
            return self._add(line, place) if line.sign else ""
        if line.kind in NEW:
            self.here[line.slot] = place
        before = self.checker.standing.get(line.slot)
        sign = line.sign + (before.sign if before and line.kind == ln.LATER else 0)
        self.checker.standing[line.slot] = Standing(line.facts, sign, line.leg, line.state)
        self.unread += line.kind == ln.UNREAD
        if line.kind == ln.UNREAD or not line.sign:
            return ""
        return self._add(line, place)

    def _take_out(self, line: Line) -> None:
        """Forget what was said of a slot: another one may have its number now."""
        self.forged.add(line.slot)
        if line.state == ln.FORK and line.slot in self.checker.standing:
            was = self.checker.standing.pop(line.slot)
            self.checker.replaced.setdefault(line.slot, []).append(was)

    def _add(self, line: Line, place: int) -> str:
        worth = self.worths.of(line)
        self.totals.add(worth.key, line.sign, worth.charged, worth.billed, worth.full)
        if line.leg != ln.NO_SLOT:
            self._going_on.append((line, place, worth))
        return self._price(line)

    def split(self) -> None:
        """Divide the journeys, when all of their legs are known."""
        for line, place, worth in self._going_on:
            legs, words = self._legs(line, worth.leg(line.facts))
            if words:
                self.checker.find("%s: %s" % (name_of(place, line.slot), words))
            else:
                self.totals.split(worth.key, line.sign, legs)

    def _take_other(self, line: Line) -> str:
        worth = self.worths.of(line)
        self.totals.add(worth.key, line.sign, worth.charged, worth.billed, worth.full)
        self.on_trust += line.sign * (worth.charged + worth.billed)
        told = self.checker.others.setdefault(line.facts, [])
        if line.sign == 1:
            told.append(self.checker.number)
        elif line.sign and told and told[-1] > self.checker.remembered.last:
            told.pop()  # a batch told of it that these books took over: they do not hold it
        else:
            return "revenue of the books that does not count"
        return ""

    def _price(self, line: Line) -> str:
        """Return what the tariff has against the line."""
        answer = self.worths.answer(line.type, line.facts)
        if answer.verdict == DIFFERENT:
            return "the tariff does not price it so: " + _words_of(line)
        if answer.verdict == UNRATED:
            rateable = line.type != INTENT or G.get(line.facts, "kind") in RATEABLE
            facts = facts_of(line.type, line.facts)
            if not rateable and facts.charged:
                return "it takes money and is no ride: " + _words_of(line)
            if rateable and not candidates(self.tariffs, facts.authority, facts.tariff)[1]:
                return "no tariff %d of authority %d is here" % (facts.tariff, facts.authority)
            self.unpriced += 1
        return ""

    def _leg_before(self, at: Slot, facts: bytes, taken_back: bool) -> tuple[Standing | None, str]:
        """Return (what was said of the leg at slot `at` before a ride, what does not fit).

        A ride that is taken back may have gone on from a leg that was called forged since.
        """
        now = self.checker.standing.get(at)
        found = [now] if now is not None else []
        if taken_back:
            found += self.checker.replaced.get(at, [])
        if not found:
            words = "its journey's leg before, device %d seq %d, has no line" % (at[0], at[2])
            return None, words
        for before in found:
            if goes_on(before.facts, facts):
                return before, ""
        return None, "device %d seq %d is not the leg before it" % (at[0], at[2])

    def _legs(self, line: Line, last: Leg) -> tuple[list[Leg], str]:
        """Return (all legs of the journey up to this line, what does not fit)."""
        legs, at, facts = [last], line.leg, line.facts
        while at != ln.NO_SLOT and len(legs) < LEGS_MAX:
            before, words = self._leg_before(at, facts, line.sign < 0)
            if before is None:
                return [], words
            worth = self.worths.of(line._replace(facts=before.facts))
            legs.append(worth.leg(before.facts))
            facts, at = before.facts, before.leg
        return legs[::-1], ""


def name_of(place: int, slot: Slot) -> str:
    """Return where a line stands, in words."""
    if slot == ln.NO_SLOT:
        return "leaf %d" % place
    return "leaf %d, device %d epoch %d seq %d" % (place, *slot)


def _refused_forged(line: Line, before: Standing | None) -> str:
    """Return why a FORGED line cannot stand after what was said `before` of its slot, or ""."""
    held = line.state == ln.FORK
    if not held and line.state != ln.REFUSED:
        return "a forged slot is a fork, or refused"
    told = before if held else None
    wanted = (told.facts, -told.sign, told.leg) if told else (bytes(ln.FACTS_BYTES), 0, ln.NO_SLOT)
    if (line.facts, line.sign, line.leg) != wanted:
        return "it takes back something else than the batches before said of it"
    return ""


def _words_of(line: Line) -> str:
    facts = facts_of(line.type, line.facts)
    return "charged %d of %d cents, rule %d.%d, zones %04x, group %d, tariff %d of authority %d" % (
        facts.charged, facts.full, facts.product, facts.rule & 15, facts.zones, facts.group,
        facts.tariff, facts.authority,
    )  # fmt: skip
