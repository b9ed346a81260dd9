"""Takes batches over that books put back from an older copy had lost, as they were signed.

A batch is signed once under its number, so books that forgot one may not close its days again.
They learn it from a folder of `settlement export`: signature, chain and lines are checked, totals
added up anew, and what closing booked is booked. The next closing says what differs (`net.py`).
One transaction: killed in the middle nothing was adopted; done twice it is done once.
Source: decision 91; trust.md I10.
"""

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, NamedTuple

from backend_sync.ledger.books import Books
from backend_sync.ledger.ledger import Ledger
from backend_sync.settlement.bookings import book
from backend_sync.settlement.close import (
    Closed,
    SettlementError,
    every_batch,
    fix_batches,
    window_of,
    write_lines,
)
from backend_sync.settlement.given_out import remembered
from backend_sync.settlement.journeys import Journeys
from backend_sync.settlement.pass_book import PassBook
from backend_sync.settlement.tables import (
    settlement_adoptions,
    settlement_batches,
    settlement_told,
)
from backend_sync.settlement.told import Told, own_batch
from backend_sync.storage.database import Database
from card_layouts.errors import LayoutError, SealError
from card_layouts.settlement.batch import TOTALS, body_hash, decode_body, split_batch
from card_layouts.settlement.lines import LINE_BYTES, NO_SLOT, OTHER, Line, decode_line
from card_layouts.settlement.totals import Totals

AT_ONCE = 5000
WANTED = "wanted a folder that `tornello settlement export` wrote; nothing was adopted"
ABSENT = (
    "SELECT t.device, t.epoch, count(DISTINCT t.seq) FROM settlement_told t WHERE t.batch > ?"
    " AND NOT EXISTS (SELECT 1 FROM held_entries e WHERE e.device = t.device"
    " AND e.epoch = t.epoch AND e.seq = t.seq)"
    " GROUP BY t.device, t.epoch ORDER BY t.device, t.epoch"
)


class Absent(NamedTuple):
    """How many slots of a device batches told of that the books do not hold again yet."""

    device: int
    epoch: int
    slots: int

    def __str__(self) -> str:
        return (
            f"device {self.device} epoch {self.epoch}: {self.slots} slots of adopted batches are"
            " not in the books again yet"
        )


class Adopted(NamedTuple):
    """What became of a folder: numbers of what was new, and what is not in the books again yet."""

    batches: list[int]
    absent: list[Absent]


class Signed(NamedTuple):
    """A batch as it lies in a folder; `where` is its file, its lines lie beside it."""

    where: Path
    values: dict[str, Any]
    body: bytes
    signature: bytes

    def lines(self) -> bytes:
        """Read its lines: those of the many that the books know are not. Raises: as `_read`."""
        return _read(
            self.where.with_name(self.where.name.replace("batch-", "lines-")).with_suffix(".bin")
        )


def adopt(ledger: Ledger, folder: Path) -> Adopted:
    """Take over what `folder` holds behind the newest batch of the books.

    Raises: SettlementError; then nothing was changed.
    """
    found = read_signed(folder, ledger.keyring.assemble("publics", {})[0][1])
    given = remembered(ledger.keyring)
    with ledger.books() as books:
        database = ledger.database
        known = {closed.number: closed for closed in every_batch(database)}
        fresh = []
        for signed in found:
            number = signed.values["number"]
            if number not in known:
                fresh.append(signed)
            elif known[number].body != signed.body:
                raise SettlementError(
                    f"{signed.where}: the books have a batch {number} of another content, closed by"
                    " themselves; nothing was adopted, and somebody must compare the two"
                )
        before = max(known.values(), key=lambda closed: closed.number, default=None)
        for signed in fresh:
            before = _Adoption(ledger, books, signed).enter(before, given)
    fix_batches(ledger.keyring, every_batch(database))
    return Adopted([signed.values["number"] for signed in fresh], absent(database))


def absent(database: Database) -> list[Absent]:
    """Return what adopted batches told since the last closing and the books do not hold again."""
    return [Absent(*map(int, row)) for row in database.rows(ABSENT, (own_batch(database),))]


def read_signed(folder: Path, public: bytes) -> list[Signed]:
    """Return the batches of a folder in order, signatures checked. Raises: SettlementError."""
    found = []
    for path in sorted(folder.glob("batch-*.cbor")):
        try:
            body, signature = split_batch(_read(path), public)
            found.append(Signed(path, decode_body(body), body, signature))
        except (LayoutError, SealError) as error:
            raise SettlementError(f"{path}: {error}; nothing was adopted") from None
    if not found:
        raise SettlementError(f"{folder}: no batch-*.cbor; {WANTED}")
    return sorted(found, key=lambda signed: signed.values["number"])


def _read(path: Path) -> bytes:
    """Return what a file of the folder holds. Raises: SettlementError naming it."""
    try:
        return path.read_bytes()
    except OSError as error:
        raise SettlementError(f"{path}: {error.strerror}; {WANTED}") from None


class _Adoption:
    """One batch on its way into the books."""

    def __init__(self, ledger: Ledger, books: Books, signed: Signed) -> None:
        self.ledger = ledger
        self.books = books
        self.database = ledger.database
        self.signed = signed
        self.lines = b""
        self.values = signed.values
        self.number: int = self.values["number"]

    def enter(self, before: Closed | None, given: Mapping[int, bytes]) -> Closed:
        """Write the batch behind `before`; return it. `given`: what the keyring remembers."""
        self._refuse_another(before, given)
        self.lines = self.signed.lines()
        self.database.insert(settlement_adoptions, [(self.number, self.books.now)])
        self._write_lines()
        totals = self._totals()
        figures = totals.figures()
        for name in TOTALS:
            if figures[name] != self.values[name]:
                raise self._refused(
                    f"its lines give other {name} than were signed: a tariff that priced it is"
                    " missing or another; wanted all of the folder's tariffs/ beside the ledger"
                )
        book(self.books, totals, self.values["loads"], self.number)
        PassBook(self.database).write(self.number, totals)
        # None of the rows of these books is in it: what comes since their own batch is the next's.
        last = [first - 1 for first, _ in window_of(self.database)]
        self.database.insert(
            settlement_batches,
            [(self.number, self.values["day"], self.values["closed_at"], *last,
              self.values["lines"], self.signed.body, self.signed.signature)],
        )  # fmt: skip
        return Closed(self.number, False, self.signed.body, self.signed.signature)

    def _refuse_another(self, before: Closed | None, given: Mapping[int, bytes]) -> None:
        digest = body_hash(self.signed.body)
        if given.get(self.number, digest) != digest:
            raise self._refused(
                f"the keyring remembers that a batch {self.number} of another content"
                f" ({given[self.number].hex()[:8]}) was given out: wanted the folder with that one"
            )
        wanted = before.number + 1 if before else 1
        if self.number != wanted:
            raise self._refused(f"batch {self.number} is no next one, wanted batch {wanted}")
        if self.values["previous"] != (body_hash(before.body) if before else b""):
            raise self._refused(
                f"it follows another batch {wanted - 1} than these books have: a folder of another"
                " ledger, or they closed that one anew"
            )
        if self.values["currency"] != self.ledger.currency:
            found, books = self.values["currency"], self.ledger.currency
            raise self._refused(f"it is in {found}, these books are in {books}")

    def _write_lines(self) -> None:
        """Write its lines, and those of slots by slot."""
        data = self.lines
        records = [data[at : at + LINE_BYTES] for at in range(0, len(data), LINE_BYTES)]
        tree = write_lines(self.database, self.number, records)
        if (tree.root(), tree.count) != (self.values["root"], self.values["lines"]):
            raise self._refused(
                f"its {tree.count} lines beside it have another root than the"
                f" {self.values['lines']} that were signed: the file is damaged or another's"
            )
        row, waiting = self.database.next_id(settlement_told), []
        for record, line in zip(records, self._lines(), strict=True):
            if line.kind != OTHER:
                waiting.append((row, self.number, *line.slot, line.sign, record))
                row += 1
            if len(waiting) == AT_ONCE:
                self.database.insert(settlement_told, waiting)
                waiting = []
        self.database.insert(settlement_told, waiting)

    def _lines(self) -> Iterator[Line]:
        data = self.lines
        for at in range(0, len(data), LINE_BYTES):
            try:
                yield decode_line(data[at : at + LINE_BYTES])
            except LayoutError as error:
                raise self._refused(f"leaf {at // LINE_BYTES}: {error}") from None

    def _totals(self) -> Totals:
        """Add its lines up, as closing did."""
        terms = self.ledger.rerater.terms
        told = Told(self.database, terms)
        totals = Totals(terms, PassBook(self.database))
        first = window_of(self.database).entries[0]
        journeys = Journeys(self.database, (first, first - 1), [], told)
        for line in self._lines():
            if line.sign:
                worth = told.worths.of(line)
                totals.add(worth.key, line.sign, worth.charged, worth.billed, worth.full)
                if line.leg != NO_SLOT:
                    totals.split(worth.key, line.sign, journeys.of_told(line))
        return totals

    def _refused(self, words: str) -> SettlementError:
        return SettlementError(f"{self.signed.where}: {words}; nothing was adopted")
