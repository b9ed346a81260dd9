"""Books that are put back from copies, and the batches that they and those before gave out.

The batch that restored books close first says what they hold since the last batch they remember,
less what the batches said that they took over. Here it is put together from outside: the books
close a day by themselves, and what all batches given out say already is taken off its lines.
"""

import sqlite3
from collections import Counter
from typing import NamedTuple

from backend_sync.settlement.close import close_day, every_batch, lines_of
from card_layouts.settlement import lines as ln
from card_layouts.settlement.batch import body_hash, decode_body, open_batch
from card_layouts.settlement.ciphertext import write_run
from card_layouts.settlement.lines import REVENUE, Line
from tests.backend_sync.settled_worlds import DAY, Settled, lines_in, signed_anew

POSTING = REVENUE.find("posting")[1] // 8  # bytes: the only fact that restored books say anew


class Said(NamedTuple):
    """What lines say of a slot in all."""

    line: Line  # the first
    sign: int
    state: int


def said(lines):
    """Return ({slot: what was said}, facts of OTHER lines that count, forged ones)."""
    slots, others, forged = {}, Counter(), set()
    for line in lines:
        if line.kind == ln.OTHER:
            others[line.facts] += line.sign
        elif line.kind == ln.FORGED:
            forged.add(line)
            if line.state == ln.FORK:
                slots.pop(line.slot, None)
        else:
            before = slots.get(line.slot, Said(line, 0, 0))
            slots[line.slot] = Said(before.line, before.sign + line.sign, line.state)
    return slots, list(others.elements()), forged


def less(own, given):
    """Return the lines that make what was `given` out say what the books' `own` lines do."""
    slots, others, forged = said(own)
    lines = [line for line in forged if line not in given]
    told, sold, _ = said([*given, *lines])
    for slot in slots.keys() | told.keys():
        now = slots.get(slot) or Said(told[slot].line, 0, ln.OPEN)
        was = told.get(slot)
        if was is None:
            lines.append(now.line._replace(sign=now.sign, state=now.state))
        elif now.sign != was.sign:
            lines.append(was.line._replace(kind=ln.LATER, sign=now.sign - was.sign,
                                           state=now.state))  # fmt: skip
    for found, besides, sign in ((others, sold, 1), (sold, others, -1)):
        for what in {facts[POSTING:] for facts in found}:
            alike = [facts for facts in found if facts[POSTING:] == what]
            held = sum(facts[POSTING:] == what for facts in besides)
            lines += [other(facts, sign) for facts in alike[held:]]
    return [ln.encode_line(line) for line in sorted(lines, key=ln.order_of)]


def other(facts, sign):
    return Line(ln.OTHER, ln.POSTED, sign, 0, 0, 0, 0, ln.NO_SLOT, facts)


class Story:
    """One set of devices and cards, its books, and all batches that were given out."""

    def __init__(self, folder):
        self.folder = folder
        self.world = self.first = Settled(folder / "books", revenue="per_leg")
        self.given = []  # (batch file, lines)
        self.worlds = [self.world]

    def close(self):
        for world in self.worlds:
            world.close()

    def copy(self, name):
        """Copy the books as a nightly backup does."""
        path = self.folder / f"{name}.db"
        with sqlite3.connect(self.world.folder / "ledger.db") as books:
            with sqlite3.connect(path) as copy:
                books.backup(copy)
            copy.close()
        books.close()
        return path

    def put_back(self, path):
        """Go on with books put back from a copy; devices keep what they wrote."""
        name = self.folder / f"books {len(self.worlds)}"
        name.mkdir()
        with sqlite3.connect(path) as copy, sqlite3.connect(name / "ledger.db") as books:
            copy.backup(books)
        copy.close()
        books.close()
        self.world = Settled(name, revenue="per_leg")
        self.world.devices, self.world.cards = self.first.devices, self.first.cards
        self.worlds.append(self.world)

    def sell(self, key, cents):
        """Sell something at a counter: no slot tells of it."""
        with self.world.ledger.books() as books:
            books.transfer(key, "SALE", [("CASH:x", 1, -cents), ("REV:1:0", 1, cents)])

    def send(self, *runs):
        self.world.post(*(self.world.devices[run[0]].run(*run[1:]) for run in runs))

    def settle(self, change=lambda records: records, **changes):
        """Close the next service day, take off what is said already, and give it out."""
        number = len(self.given) + 1
        database = self.world.ledger.database
        closed = close_day(self.world.ledger, DAY + number - 1, self.world.hashes)
        own = b"".join(lines_of(database, batch.number) for batch in every_batch(database))
        records = change(less(decoded(own), decoded(b"".join(line for _, line in self.given))))
        values = {**closed.values, "number": number, "previous": self.previous(),
                  "tariffs": [[*name, found] for name, found in self.world.hashes.items()],
                  **changes}  # fmt: skip
        behind = self.checker(records)
        for files in self.given:
            behind.check(*files)
        self.given.append(signed_anew(self.world, behind, values, records, **changes))
        return decode_body(open_batch(self.given[-1][0], self.public))

    def previous(self):
        return body_hash(open_batch(self.given[-1][0], self.public)) if self.given else b""

    @property
    def public(self):
        return self.world.keyring.signing.ledger.public

    def checker(self, *more):
        found = self.world.checker()
        found.foresee([*(lines for _, lines in self.given), *map(b"".join, more)])
        return found

    def reports(self, end=True):
        """Return the auditor's reports on all batches; what is missing at the end in the last."""
        checker = self.checker()
        found = [checker.check(*files) for files in self.given]
        found[-1].findings.extend(checker.end() if end else ())
        return found

    def findings(self, **how):
        return [finding for report in self.reports(**how) for finding in report.findings]

    def told(self, number):
        """Return (kind, sign, device, seq) of a batch's lines."""
        lines = decoded(self.given[number - 1][1])
        return [(line.kind, line.sign, line.device, line.seq) for line in lines]

    def bodies(self):
        return [decode_body(open_batch(data, self.public)) for data, _ in self.given]

    def earned(self):
        """Return {operator: gross over all batches}."""
        found = Counter()
        for body in self.bodies():
            for row in body["operators"]:
                found[row[1]] += row[6]
        return {operator: cents for operator, cents in found.items() if cents}

    def revenue(self):
        """Return (what all batches say, what the books say), cents."""
        books = self.world.ledger.database.value(
            "SELECT sum(p.cents) FROM postings p JOIN accounts a ON a.id = p.account"
            " WHERE a.kind IN ('REV', 'VAT')")  # fmt: skip
        return sum(body["sums"][0] for body in self.bodies()), int(books or 0)


def decoded(data):
    return [ln.decode_line(record) for record in lines_in(data)]


def outside(story, folder):
    """Write what an outsider has."""
    for name in ("tariffs", "ciphertext"):
        (folder / name).mkdir(parents=True)
    (folder / "publics.txt").write_text(story.public.hex())
    for number, (batch, lines) in enumerate(story.given, 1):
        (folder / f"batch-{number:06}.cbor").write_bytes(batch)
        (folder / f"lines-{number:06}.bin").write_bytes(lines)
    for number, body in enumerate(story.world.bodies.values()):
        (folder / "tariffs" / f"{number}.ttar").write_bytes(body)
    with (folder / "ciphertext" / "edge-1.slots").open("wb") as file:
        for run in story.world.run_all():
            write_run(file, "edge-1", run)
    return str(folder)
