"""Checks settled batches from what lies outside the ledger: tariffs, lines and sealed slots.

Nothing here opens a seal or asks a database. What does not fit is a finding in words, with device,
seq and the line's place; the checks go on, so that the first finding is the nearest to the cause.
Left out of the board's image. Source: SPEC_SETTLEMENT.md section 6; decision D25; trust.md T13.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any, NamedTuple

from card_layouts.fares.mounted import Tariff
from card_layouts.fares.package import BROKEN, memory_reader
from card_layouts.settlement import batch as b
from card_layouts.settlement.lines import Slot
from card_layouts.settlement.passes import Pools
from card_layouts.settlement.reading import Reading, Standing, name_of
from card_layouts.settlement.remembered import Remembered
from card_layouts.settlement.totals import (
    Totals,
)
from card_layouts.settlement.witness import Held, Witness


class Report(NamedTuple):
    """What was found of one batch."""

    number: int
    body: b.Body
    lines: int
    sum: int  # cents of the lines, added up here
    unpriced: int  # lines whose price cannot be asked of the line alone
    on_trust: int  # cents that no slot tells of: the ledger's word
    unread: int  # slots that the ledger says nobody can open: its word too
    forged: int  # slots that it says a stolen key sealed: its word, until their blocks are opened
    findings: list[str]
    # The last batch that its books remembered, where they had been put back from an older copy and
    # took over those in between as they were signed; 0: they remembered none.
    put_back_to: int | None = None

    @classmethod
    def unreadable(cls, number: int, words: str) -> Report:
        """Return the report of what is no batch of this ledger."""
        return cls(number, {}, 0, 0, 0, 0, 0, 0, [words])


class Checker:
    """Checks batches one after the other, from the first on."""

    def __init__(self, public: bytes, packages: dict[bytes, bytes], witness: Witness) -> None:
        self.public = public
        self.packages = packages  # SHA-256 -> body
        self.witness = witness
        self.standing: dict[Slot, Standing] = {}
        self.replaced: dict[Slot, list[Standing]] = {}  # what was said of slots called forged
        self.pools = Pools()
        # Batches that told of OTHER facts and count them still: restored books may take back those
        # that they took over, however old. Beside what stands of slots it is little.
        self.others: dict[bytes, list[int]] = {}
        self.remembered = Remembered()
        self.before: b.Body | None = None
        self.number = 0
        self._previous = b""
        self._findings: list[str] = []

    def foresee(self, batches: Iterable[bytes]) -> None:
        """Read ahead in the lines of all batches: later ones say what earlier ones took wrongly."""
        self.witness.forgeries.foresee(batches)

    def check(self, data: bytes, lines: bytes) -> Report:
        """Check the next batch file and its lines. Raises: LayoutError, SealError: no batch."""
        self.number += 1
        body_bytes = b.open_batch(data, self.public)
        body = b.decode_body(body_bytes)
        self._findings = []
        put_back_to = self._check_order(body)
        tariffs = self._tariffs(body)
        reading = Reading(self, body, tariffs)
        reading.read(lines)
        for row in body["devices"]:
            self._check_device(row, reading, b.EARNING[body["schema"]])
        self._check_named(body, reading.here)
        if put_back_to is not None:
            self._check_held(body)
        reading.split()
        if reading.tree.root() != body["root"] or reading.tree.count != body["lines"]:
            self.find(
                "the %d lines have the root %s, signed are %d lines and %s"
                % (reading.tree.count, reading.tree.root().hex()[:16], body["lines"],
                   body["root"].hex()[:16])
            )  # fmt: skip
        self._check_totals(body, reading.totals)
        self.pools.add(reading.totals.paid().items(), reading.totals.taps().items())
        self.remembered.add(body)
        self.before, self._previous = body, b.body_hash(body_bytes)
        return Report(
            body["number"], body, reading.tree.count, reading.totals.sum(), reading.unpriced,
            reading.on_trust, reading.unread, len(reading.forged), self._findings,
            put_back_to,
        )  # fmt: skip

    def end(self) -> list[str]:
        """Return what is missing after the last batch: devices that it does not name.

        Those that only batches taken over named are to come again, as slots are (`waiting`).
        """
        rows = self.before["devices"] if self.before else []
        unnamed = self.witness.devices() - {(row[0], row[1]) for row in rows}
        unnamed -= self.remembered.lost_devices()
        words = "device %d epoch %d: edges carried its slots, the last batch does not name it"
        return [words % name for name in sorted(unnamed)]

    def waiting(self) -> tuple[int, int]:
        """Return how many slots that could earn edges carried and no batch has told of yet.

        And how many were told of and are to come again, since the books were put back.
        """
        held, new, again = self.held(), 0, 0
        for slot in self.witness.names():
            if slot not in self.standing:
                new += 1
            elif not held.has(slot):
                again += 1
        return new, again

    def held(self) -> Held:
        """Return what the books held when the last batch was closed."""
        return Held(self.before["devices"] if self.before else [])

    def find(self, words: str) -> None:
        """Note a finding."""
        self._findings.append(words)

    def _check_order(self, body: b.Body) -> int | None:
        """Return the batch that it goes on from, where that is not the one before it."""
        wanted = self.before["number"] + 1 if self.before else 1
        if body["number"] != wanted:
            self.find("batch %d follows, wanted batch %d" % (body["number"], wanted))
        if body["previous"] != self._previous:
            self.find("it follows another batch than the one before it here")
        firsts = [first for first, _ in body["ranges"]]
        last = self.remembered.ended_before(firsts)
        if last is None:
            for first, end in zip(firsts, self.remembered.ends):
                if first != end + 1:
                    self.find("it begins at row %d, the one before ended at %d" % (first, end))
        elif last != self.remembered.last:
            self.remembered.put_back(last)
            return last
        return None

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

    def _check_device(self, row: list[Any], reading: Reading, kinds: Sequence[int]) -> None:
        """Compare what the edges carried of a device with what the batch says of it."""
        device, epoch = row[:2]
        here, forged = reading.here, reading.forged
        rows = self.remembered.rows.setdefault((device, epoch), [])
        before = rows[-1] if rows else None
        since = self.remembered.last + 1
        for words in self.witness.check_chain(row, rows, since, self.number):
            self.find(words)
        rows.append(row)
        replaced = {slot[2] for slot in forged if slot[:2] == (device, epoch)}
        for seq in self.witness.absent(row, self.number, replaced):
            self.find("device %d epoch %d seq %d: called forged, and no edge carried the slot that"
                      " has its number" % (device, epoch, seq))  # fmt: skip
        told = {slot[2]: place for slot, place in here.items() if slot[:2] == (device, epoch)}
        missing = [
            seq
            for seq in sorted(self.witness.earning(row, before, self.number, replaced, kinds))
            if (device, epoch, seq) not in self.standing
        ]
        for low, high in _runs(missing):
            several = sum(low <= seq <= high for seq in missing)
            before_it = (place for slot, place in here.items() if slot < (device, epoch, low))
            leaf = max(before_it, default=-1) + 1
            self.find("device %d epoch %d seq %s: %d slots without a line, wanted at leaf %d"
                      % (device, epoch, _span(low, high), several, leaf))  # fmt: skip
        for seq in sorted(told):
            if self.witness.slot(device, epoch, seq, self.number) is None:
                slot = (device, epoch, seq)
                self.find("%s: no edge carried such a slot" % name_of(told[seq], slot))

    def _check_named(self, body: b.Body, here: dict[Slot, int]) -> None:
        named = {(row[0], row[1]) for row in body["devices"]}
        for slot, place in here.items():
            if slot[:2] not in named:
                self.find("%s: the batch names no such device" % name_of(place, slot))

    def _check_held(self, body: b.Body) -> None:
        """Find what books that were put back let count although they do not hold it any more."""
        held = Held(body["devices"])
        counted = (slot for slot, standing in self.standing.items() if standing.sign)
        for slot in sorted(slot for slot in counted if not held.has(slot)):
            self.find("device %d epoch %d seq %d: its line counts, and the books that were put back"
                      " do not hold it" % slot)  # fmt: skip

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
