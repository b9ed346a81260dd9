"""Closes service days, and checks what was closed (I10).

Days are closed while entries are still on their way: what comes late falls into a later batch, and
the last closing, when all has come, must leave nothing over. Source: trust.md I10; decision D25.
"""

import hashlib
from collections import Counter

from backend_sync.settlement.close import close_day
from backend_sync.settlement.export import hashes_of, read_packages
from card_layouts.records.entries import INTENT
from card_layouts.settlement.lines import (
    LATER,
    LINE_BYTES,
    OTHER,
    REVENUE,
    RIDE,
    SALE,
    Line,
    decode_line,
)
from simulator.histories.depot import Killed
from simulator.histories.events import Event
from simulator.histories.invariants import Books, Writer, wrong
from simulator.histories.prices import day_on_walls
from simulator.histories.world import World

OF_ENTRIES = (RIDE, SALE, LATER)  # lines of other kinds may name what is kept as evidence only
REV_SQL = "SELECT coalesce(sum(p.cents), 0) FROM postings p JOIN accounts a ON a.id = p.account"
POSTED_SQL = (  # what each debit of the books has moved on REV
    "SELECT e.device, e.seq, sum(o.cents) FROM postings o JOIN pendings p ON p.id = o.pending"
    f" JOIN entries e ON e.id = p.id AND e.type = {INTENT}"
    " JOIN accounts a ON a.id = o.account AND a.kind = 'REV' GROUP BY e.id"
)


def close_yesterday(world: World, event: Event) -> None:
    """Close the service day that is over, if the ledger is up."""
    closed, books = len(world.books.batches), world.books
    _close(world, day_on_walls(world.now_s) - 1)
    late = [(d, s) for d, b in world.boards.items() for s in b.slots if (d, s) not in books.entries]
    if len(books.batches) > closed and late:
        world.live("day closed", "ledger", f"{len(late)} entries are still on their way")


def close_all(world: World) -> None:
    """Close today: everything has come. Wanted of the ledger: it is up. Raises: Violation."""
    assert world.inland.service is not None
    _close(world, day_on_walls(world.now_s))
    i10_all_settled(world)


def _close(world: World, day: int) -> None:
    service = world.inland.service
    if service is None:
        return
    hashes = hashes_of(read_packages(world.inland.folder / "packages"))
    try:
        close_day(service.ledger, day, hashes)
    except Killed:
        world.inland.die()
        world.ledger_died()
    world.books.after_commit()
    i10_settled_once(world)


def i10_settled_once(world: World) -> Counter[Writer]:
    """Each debit counts in at most one batch; none changes; sum of lines = movement of REV.

    Return the debits that count after the newest batch.
    """
    world.checked["I10"] += 1
    books, owed, last = world.books, _debits(world.books), 0
    settled: Counter[Writer] = Counter()
    batches = books.rows(
        "SELECT id, postings_last, body, signature FROM settlement_batches ORDER BY id"
    )
    if len(batches) < len(books.batches):
        wrong(world, "I10", f"{len(books.batches)} batches were closed, {len(batches)} are there")
    for number, postings_last, body, signature in batches:
        lines = _lines(books, number)
        _is_as_closed(world, number, len(lines), body + signature + b"".join(lines))
        cents = _counted(world, lines, settled, owed)
        ((moved,),) = books.rows(
            f"{REV_SQL} WHERE a.kind = 'REV' AND p.id > ? AND p.id <= ?", last, postings_last
        )
        if cents != moved:
            wrong(world, "I10", f"batch {number}: lines sum {cents} cents, REV moved {moved}")
        last = postings_last
    return settled


def i10_all_settled(world: World) -> None:
    """After the last closing each posted debit counts in one batch, and REV has not moved since."""
    books, owed = world.books, _debits(world.books)
    settled = {writer for writer, times in i10_settled_once(world).items() if times}
    posted = {(device, seq) for device, seq, cents in books.rows(POSTED_SQL) if cents}
    for writer in sorted(posted - settled):
        wrong(world, "I10", f"entry {writer} is posted and in no batch")
    for writer in sorted(settled - posted):
        if owed.get(writer):  # not a tourist ticket's use, which costs nothing
            wrong(world, "I10", f"entry {writer} is in a batch and not posted")
    ((left,),) = books.rows(
        f"{REV_SQL} WHERE a.kind = 'REV' AND p.id >"
        " (SELECT max(postings_last) FROM settlement_batches)"
    )
    if left:
        wrong(world, "I10", f"REV moved by {left} cents that are in no batch")


def _is_as_closed(world: World, number: int, lines: int, content: bytes) -> None:
    batches, digest = world.books.batches, hashlib.sha256(content).digest()
    if number not in batches:
        world.say("ledger", f"batch {number} is closed: {lines} lines")
    if batches.setdefault(number, digest) != digest:
        wrong(world, "I10", f"batch {number} is not what it was when it was closed")


def _counted(
    world: World, lines: list[bytes], settled: Counter[Writer], owed: dict[Writer, int]
) -> int:
    """Return what the lines of a batch sum to; add them to what is settled."""
    cents = 0
    for line in map(decode_line, lines):
        cents += line.sign * _cents(line, owed)
        if line.kind == OTHER:
            continue
        writer = line.device, line.seq
        if line.kind in OF_ENTRIES and writer not in world.books.entries:
            wrong(world, "I10", f"a line names entry {writer}, which no books hold")
        settled[writer] += line.sign
        if settled[writer] not in (0, 1):
            wrong(world, "I10", f"entry {writer} counts {settled[writer]} times")
    return cents


def _lines(books: Books, number: int) -> list[bytes]:
    rows = books.rows("SELECT lines FROM settlement_lines WHERE batch = ? ORDER BY place", number)
    data = b"".join(row[0] for row in rows)
    return [data[at : at + LINE_BYTES] for at in range(0, len(data), LINE_BYTES)]


def _debits(books: Books) -> dict[Writer, int]:
    """Return what each debit of the books announced, in cents, posted or not."""
    rows = books.rows(
        "SELECT e.device, e.seq, p.cents FROM pendings p JOIN entries e ON e.id = p.id"
        f" WHERE e.type = {INTENT}"
    )
    return {(device, seq): cents for device, seq, cents in rows}


def _cents(line: Line, owed: dict[Writer, int]) -> int:
    """Return the cents of a line, as announced on the card, or sold where no slot tells of it."""
    if line.kind != OTHER:
        return owed.get((line.device, line.seq), 0)
    sold = REVENUE.unpack(line.facts)
    return int.from_bytes(sold["cents"], "big") * (-1 if sold["minus"] else 1)
