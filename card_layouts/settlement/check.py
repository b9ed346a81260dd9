"""Checks settled batches from what lies outside the ledger: tariffs, lines and sealed slots.

Nothing here opens a seal or asks a database. What does not fit is a finding in words, with device,
seq and the line's place; the checks go on, so that the first finding is the nearest to the cause.
Left out of the board's image. Source: SPEC_SETTLEMENT.md section 6; decision D25; trust.md T13.
"""

from __future__ import annotations

from typing import Any, NamedTuple

from card_layouts.cards.card_layout import G
from card_layouts.errors import LayoutError
from card_layouts.fares.mounted import Tariff
from card_layouts.fares.package import BROKEN, memory_reader
from card_layouts.fares.repeat import DIFFERENT, RATEABLE, SAME, UNRATED
from card_layouts.records.entries import CASH_SALE, INTENT
from card_layouts.records.entries_service import CASH_SALE as SALE_LAYOUT
from card_layouts.records.entries_tap import INTENT as INTENT_LAYOUT
from card_layouts.settlement import batch as b
from card_layouts.settlement import lines as ln
from card_layouts.settlement.journeys import goes_on
from card_layouts.settlement.lines import LINE_BYTES, Line, Slot
from card_layouts.settlement.merkle import Tree
from card_layouts.settlement.passes import Pools
from card_layouts.settlement.pricing import (
    DAY_SECONDS,
    Answer,
    DayTerms,
    candidates,
    ride_answer,
    sale_answer,
)
from card_layouts.settlement.shares import Leg
from card_layouts.settlement.totals import (
    Key,
    Totals,
    billed,
    key_of,
    other_facts,
    ride_facts,
    sale_facts,
)
from card_layouts.settlement.witness import Witness

LEGS_MAX = 16
NEW = (ln.RIDE, ln.SALE, ln.UNREAD)


class Standing(NamedTuple):
    """What the batches so far say of a slot."""

    facts: bytes
    sign: int  # 1: it counts
    leg: Slot  # of its journey before it
    state: int  # of the newest line


class Report(NamedTuple):
    """What was found of one batch."""

    number: int
    body: b.Body
    lines: int
    sum: int  # cents of the lines, added up here
    unpriced: int  # lines whose price cannot be asked of the line alone
    on_trust: int  # cents that no slot tells of: the ledger's word
    unread: int  # slots that the ledger says nobody can open: its word too
    findings: list[str]

    @classmethod
    def unreadable(cls, number: int, words: str) -> Report:
        """Return the report of what is no batch of this ledger."""
        return cls(number, {}, 0, 0, 0, 0, 0, [words])


class Checker:
    """Checks batches one after the other, from the first on."""

    def __init__(self, public: bytes, packages: dict[bytes, bytes], witness: Witness) -> None:
        self.public = public
        self.packages = packages  # SHA-256 -> body
        self.witness = witness
        self.standing: dict[Slot, Standing] = {}
        self.pools = Pools()
        self.before: b.Body | None = None
        self._previous = b""
        self._findings: list[str] = []

    def check(self, data: bytes, lines: bytes) -> Report:
        """Check the next batch file and its lines. Raises: LayoutError, SealError: no batch."""
        body_bytes = b.open_batch(data, self.public)
        body = b.decode_body(body_bytes)
        self._findings = []
        self._check_order(body)
        tariffs = self._tariffs(body)
        reading = _Reading(self, body, tariffs)
        reading.read(lines)
        for row in body["devices"]:
            self._check_device(row, reading.here)
        self._check_named(body, reading.here)
        reading.split()
        if reading.tree.root() != body["root"] or reading.tree.count != body["lines"]:
            self.find(
                "the %d lines have the root %s, signed are %d lines and %s"
                % (reading.tree.count, reading.tree.root().hex()[:16], body["lines"],
                   body["root"].hex()[:16])
            )  # fmt: skip
        self._check_totals(body, reading.totals)
        self.pools.add(reading.totals.paid().items(), reading.totals.taps().items())
        self.before, self._previous = body, b.body_hash(body_bytes)
        return Report(
            body["number"], body, reading.tree.count, reading.totals.sum(), reading.unpriced,
            reading.on_trust, reading.unread, self._findings,
        )  # fmt: skip

    def end(self) -> list[str]:
        """Return what is missing after the last batch: devices that no batch names."""
        rows = self.before["devices"] if self.before else []
        unnamed = self.witness.devices() - {(row[0], row[1]) for row in rows}
        return ["device %d epoch %d: edges carried its slots, no batch names it" % name
                for name in sorted(unnamed)]  # fmt: skip

    def waiting(self) -> int:
        """Return how many slots that could earn edges carried and no batch has told of."""
        return sum(name not in self.standing for name in self.witness.names())

    def find(self, words: str) -> None:
        """Note a finding."""
        self._findings.append(words)

    def _check_order(self, body: b.Body) -> None:
        wanted = self.before["number"] + 1 if self.before else 1
        if body["number"] != wanted:
            self.find("batch %d follows, wanted batch %d" % (body["number"], wanted))
        if body["previous"] != self._previous:
            self.find("it follows another batch than the one before it here")
        if self.before:
            for now, then in zip(body["ranges"], self.before["ranges"]):
                if now[0] != then[1] + 1:
                    self.find("it begins at row %d, the one before ended at %d" % (now[0], then[1]))

    def _tariffs(self, body: b.Body) -> dict[tuple[int, int], Tariff]:
        found = {}
        for authority, version, digest in body["tariffs"]:
            package = self.packages.get(digest)
            if package is None:
                self.find("tariff %d of authority %d: no package has SHA-256 %s"
                          % (version, authority, digest.hex()))  # fmt: skip
                continue
            try:
                tariff = Tariff(memory_reader(package))
                tariff.mount()
                found[authority, version] = tariff
            except BROKEN as error:
                self.find("tariff %d of authority %d: %s" % (version, authority, error))
        return found

    def _check_device(self, row: list[Any], here: dict[Slot, int]) -> None:
        """Compare what the edges carried of a device with what the batch says of it."""
        device, epoch = row[:2]
        before = self._row_before(device, epoch)
        for words in self.witness.check_chain(row, before):
            self.find(words)
        told = {slot[2]: place for slot, place in here.items() if slot[:2] == (device, epoch)}
        missing = [
            seq
            for seq in sorted(self.witness.earning(row, before))
            if (device, epoch, seq) not in self.standing
        ]
        for low, high in _runs(missing):
            several = sum(low <= seq <= high for seq in missing)
            before_it = (place for slot, place in here.items() if slot < (device, epoch, low))
            leaf = max(before_it, default=-1) + 1
            self.find("device %d epoch %d seq %s: %d slots without a line, wanted at leaf %d"
                      % (device, epoch, _span(low, high), several, leaf))  # fmt: skip
        for seq in sorted(told):
            if not self.witness.carried(device, epoch, seq):
                slot = (device, epoch, seq)
                self.find("%s: no edge carried such a slot" % name_of(told[seq], slot))

    def _check_named(self, body: b.Body, here: dict[Slot, int]) -> None:
        named = {(row[0], row[1]) for row in body["devices"]}
        for slot, place in here.items():
            if slot[:2] not in named:
                self.find("%s: the batch names no such device" % name_of(place, slot))

    def _row_before(self, device: int, epoch: int) -> list[Any] | None:
        rows = self.before["devices"] if self.before else []
        return next((row for row in rows if row[:2] == [device, epoch]), None)

    def _check_totals(self, body: b.Body, totals: Totals) -> None:
        found = totals.figures()
        for name in b.TOTALS:
            if found[name] != body[name]:
                self.find(_difference(name, found[name], body[name]))
        operators = sum(int(row[6]) for row in found["operators"])
        lines, said, moved, left = body["sums"]
        if [lines, said, left] != [totals.sum(), operators, 0] or moved != lines:
            self.find(
                "the lines sum to %d cents; the batch says lines %d, operators %d, REV %d,"
                " unassigned %d" % (totals.sum(), lines, said, moved, left)
            )


class _Reading:
    """The lines of one batch, read in order."""

    def __init__(self, checker: Checker, body: b.Body, tariffs: dict) -> None:
        self.checker = checker
        self.tariffs = tariffs
        self.terms = DayTerms(tariffs)
        self.totals = Totals(self.terms, checker.pools)
        self.tree = Tree()
        self.here: dict[Slot, int] = {}  # new slots: their line's place
        self.unpriced = self.on_trust = self.unread = 0
        self._answers: dict[tuple[int, bytes], Answer] = {}
        self._last: tuple = ()
        self._going_on: list[tuple[Line, int, Key, Leg]] = []

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
        order = (line.kind == ln.OTHER, *line.slot, line.kind, line.facts if not line.type else b"")
        if self._last and order <= self._last:
            return "not in the order of device, epoch and seq"
        self._last = order
        if not ln.is_blank(line):
            return "its facts tell of a card or a person"
        before = self.checker.standing.get(line.slot)
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
        if line.kind in NEW:
            self.here[line.slot] = place
        before = self.checker.standing.get(line.slot)
        sign = line.sign + (before.sign if before and line.kind == ln.LATER else 0)
        self.checker.standing[line.slot] = Standing(line.facts, sign, line.leg, line.state)
        self.unread += line.kind == ln.UNREAD
        if line.kind == ln.UNREAD or not line.sign:
            return ""
        is_sale = line.type == CASH_SALE
        facts = sale_facts(line.facts) if is_sale else ride_facts(line.facts)
        answer = self._answer(line, facts.authority)
        payer = answer.payer
        key = key_of(facts, self.terms.day(facts.authority, facts.tariff, facts.seconds), payer)
        owed = billed(facts, payer)
        self.totals.add(key, line.sign, facts.charged, owed, facts.full)
        if line.leg != ln.NO_SLOT:
            last = Leg(facts.operator, facts.charged + owed, line.facts)
            self._going_on.append((line, place, key, last))
        return self._price(line, answer)

    def split(self) -> None:
        """Divide the journeys, when all of their legs are known."""
        for line, place, key, last in self._going_on:
            legs, words = self._legs(line, last)
            if words:
                self.checker.find("%s: %s" % (name_of(place, line.slot), words))
            else:
                self.totals.split(key, line.sign, legs)

    def _take_other(self, line: Line) -> str:
        facts = other_facts(line.facts)
        payer = self.terms.payer(facts.authority, facts.tariff, facts.payer)
        owed = billed(facts, payer)
        key = key_of(facts, facts.seconds // DAY_SECONDS, payer)
        self.totals.add(key, line.sign, facts.charged, owed, facts.full)
        self.on_trust += facts.charged + owed
        return "" if line.sign == 1 else "revenue of the books that does not count"

    def _answer(self, line: Line, authority: int) -> Answer:
        key = (line.type, line.facts)
        found = self._answers.get(key)
        if found is None:
            if line.type == INTENT:
                found = ride_answer(self.tariffs, authority, INTENT_LAYOUT.unpack(line.facts))
            else:
                sale = SALE_LAYOUT.unpack(line.facts)
                found = sale_answer(self.tariffs, sale)
                if sale["void_of"]:
                    found = found._replace(verdict=SAME)
            self._answers[key] = found
        return found

    def _price(self, line: Line, answer: Answer) -> str:
        """Return what the tariff has against the line."""
        if answer.verdict == DIFFERENT:
            return "the tariff does not price it so: " + _words_of(line)
        if answer.verdict == UNRATED:
            rateable = line.type != INTENT or G.get(line.facts, "kind") in RATEABLE
            facts = ride_facts(line.facts) if line.type == INTENT else sale_facts(line.facts)
            if not rateable and facts.charged:
                return "it takes money and is no ride: " + _words_of(line)
            if rateable and not candidates(self.tariffs, facts.authority, facts.tariff)[1]:
                return "no tariff %d of authority %d is here" % (facts.tariff, facts.authority)
            self.unpriced += 1
        return ""

    def _legs(self, line: Line, last: Leg) -> tuple[list[Leg], str]:
        """Return (all legs of the journey up to this line, what does not fit)."""
        legs, at, facts = [last], line.leg, line.facts
        while at != ln.NO_SLOT and len(legs) < LEGS_MAX:
            before = self.checker.standing.get(at)
            if before is None:
                return [], "its journey's leg before, device %d seq %d, has no line" % (
                    at[0],
                    at[2],
                )
            if not goes_on(before.facts, facts):
                return [], "device %d seq %d is not the leg before it" % (at[0], at[2])
            found = ride_facts(before.facts)
            payer = self._answer(line._replace(facts=before.facts), found.authority).payer
            cents = found.charged + billed(found, payer)
            legs.append(Leg(found.operator, cents, before.facts))
            facts, at = before.facts, before.leg
        return legs[::-1], ""


def name_of(place: int, slot: Slot) -> str:
    """Return where a line stands, in words."""
    if slot == ln.NO_SLOT:
        return "leaf %d" % place
    return "leaf %d, device %d epoch %d seq %d" % (place, *slot)


def _words_of(line: Line) -> str:
    facts = ride_facts(line.facts) if line.type == INTENT else sale_facts(line.facts)
    return "charged %d of %d cents, rule %d.%d, zones %04x, group %d, tariff %d of authority %d" % (
        facts.charged, facts.full, facts.product, facts.rule & 15, facts.zones, facts.group,
        facts.tariff, facts.authority,
    )  # fmt: skip


def _difference(name: str, found: list, said: list) -> str:
    for mine, theirs in zip(found, said):
        if mine != theirs:
            return "%s: the lines give %s, the batch says %s" % (name, mine, theirs)
    return "%s: the lines give %d rows, the batch says %d" % (name, len(found), len(said))


def _runs(seqs: list[int]) -> list[tuple[int, int]]:
    """Return the spans of slots without a line: with nothing but such slots in between."""
    spans: list[tuple[int, int]] = []
    for seq in seqs:
        if spans and seq - spans[-1][1] <= 2:  # an INTENT's OUTCOME stands between
            spans[-1] = spans[-1][0], seq
        else:
            spans.append((seq, seq))
    return spans


def _span(low: int, high: int) -> str:
    return str(low) if low == high else "%d-%d" % (low, high)
