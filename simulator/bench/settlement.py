"""Bench rows of the settlement: closing a day, against one sum over the same rows, and checking it.

Making and posting the entries is not timed. The day is closed in two sizes, so that a row says
whether the time grows as the number of entries does. Source: decisions.md D28; issue 6.
"""

import hashlib
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

from backend_sync.settlement.close import close_day, lines_of
from card_layouts.settlement.batch import encode_batch
from card_layouts.settlement.check import Checker
from card_layouts.settlement.witness import Witness
from simulator.bench.books import opened_books, postgresql, size_of
from simulator.bench.ledger_traffic import flat_package
from simulator.bench.row import BenchError, Row

ENTRIES = 1_000_000
SMALL = 10  # the other size is so many times smaller
SUM = "SELECT count(*), sum(cents) FROM postings"


class Closing(NamedTuple):
    """What closing a day of so many entries took, in seconds."""

    entries: int
    close: float
    reference: float  # one count and sum over the postings
    check: float  # an outsider's
    lines: int


def rows(plant: str | None = None, entries: int = ENTRIES) -> Iterator[Row]:
    """Yield the settlement's rows; on PostgreSQL a tenth of the entries, where there is one."""
    small = measure(entries // SMALL, check=True)
    whole = measure(entries)
    reference = f"count and sum over its postings, {whole.reference * 1000:,.0f} ms"
    yield Row("settlement.close_s", round(whole.close, 2), "s", reference, limit="<= 120")
    yield Row(
        "settlement.ratio_to_sum", round(whole.close / whole.reference, 1), "", reference, 1.0
    )
    growth = whole.close / whole.entries / (small.close / small.entries)
    beside = f"{small.close * 1e6 / small.entries:.1f} us an entry of {small.entries:,}"
    yield Row("settlement.us_an_entry_growth", round(growth, 2), "", beside, 1.0, "<= 1.5")
    yield Row("settlement.lines_checked_per_s", round(small.lines / small.check), "lines/s")
    with tempfile.TemporaryDirectory(prefix="tornello-bench-") as name, postgresql(name) as url:
        if url:
            there = measure(entries // SMALL, url=url)
            ratio = there.close / small.close
            yield Row("settlement.postgresql_ratio", round(ratio, 2), "", beside, 1.0, "<= 5")
            summed = f"count and sum there, {there.reference * 1000:,.0f} ms"
            ratio = there.close / there.reference
            yield Row("settlement.postgresql_ratio_to_sum", round(ratio, 1), "", summed, 1.0)


def measure(entries: int, check: bool = False, url: str = "") -> Closing:
    """Post so many entries and close their day. Raises: BenchError when a cent is left over."""
    witness, body = Witness(), flat_package()
    with (
        tempfile.TemporaryDirectory(prefix="tornello-bench-") as name,
        opened_books(Path(name), size_of(entries), url) as books,
    ):
        ledger = books.ledger
        for group in books.post(entries):
            for _, runs in group if check else ():
                for run in runs:
                    witness.add(run)
        start = time.perf_counter()
        ledger.database.rows(SUM)
        summed = time.perf_counter()
        closed = close_day(ledger, 1, books.hashes)
        ended = time.perf_counter()
        if closed.values["sums"][3]:
            raise BenchError(f"settlement: {closed.values['sums'][3]} cents are unassigned")
        if check:
            public = ledger.keyring.assemble("publics", {})[0][1]
            checker = Checker(public, {hashlib.sha256(body).digest(): body}, witness)
            batch = encode_batch(closed.body, closed.signature)
            found = checker.check(batch, lines_of(ledger.database, 1))
            if found.findings:
                raise BenchError(f"settlement: {found.findings[0]}")
        checked = time.perf_counter()
    count = closed.values["lines"]
    return Closing(entries, ended - summed, summed - start, checked - ended, count)
