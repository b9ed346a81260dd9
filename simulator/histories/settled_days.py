"""Closes service days, and checks what was closed (I10).

Days are closed while entries are still on their way: what comes late falls into a later batch, and
the last closing, when all has come, must leave nothing over. Each batch is exported at once; books
put back from an older copy take those over that they lost. Source: trust.md I10; decisions D25, 91.
"""

import hashlib
from collections import Counter
from pathlib import Path

from backend_sync.ledger.ledger import Ledger
from backend_sync.ports import KeyringRefused
from backend_sync.settlement.adopt import adopt
from backend_sync.settlement.close import Hashes, close_day
from backend_sync.settlement.export import export, hashes_of, read_packages
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
from simulator.histories import world_faults
from simulator.histories.depot import Killed
from simulator.histories.events import RESTORED, Event
from simulator.histories.invariants import Books, Writer, wrong
from simulator.histories.outsider import outsider_agrees
from simulator.histories.prices import day_on_walls
from simulator.histories.world import World
from simulator.prng import Prng

OF_ENTRIES = (RIDE, SALE, LATER)  # lines of other kinds may name what is kept as evidence only
REV_SQL = "SELECT coalesce(sum(p.cents), 0) FROM postings p JOIN accounts a ON a.id = p.account"
POSTED_SQL = (  # what each debit of the books has moved on REV
    "SELECT e.device, e.seq, sum(o.cents) FROM postings o JOIN pendings p ON p.id = o.pending"
    f" JOIN entries e ON e.id = p.id AND e.type = {INTENT}"
    " JOIN accounts a ON a.id = o.account AND a.kind = 'REV' GROUP BY e.id"
)


def close_yesterday(world: World, event: Event) -> None:
    """Close the service day that is over, if the ledger is up; a copy of the books is made before.

    So books that are put back from it lack the batch, which was given out.
    """
    closed, books = len(world.books.batches), world.books
    if RESTORED in world.options.faults and Prng(event.at_s).chance(2, 3):
        world_faults.copy_books(world)
    _close(world, day_on_walls(world.now_s) - 1)
    late = [(d, s) for d, b in world.boards.items() for s in b.slots if (d, s) not in books.entries]
    if len(books.batches) > closed and late:
        world.live("day closed", "ledger", f"{len(late)} entries are still on their way")


def close_all(world: World) -> None:
    """Close today: everything has come. Wanted of the ledger: it is up. Raises: Violation."""
    assert world.inland.service is not None
    _close(world, day_on_walls(world.now_s))
    i10_all_settled(world)
    outsider_agrees(world)


def _close(world: World, day: int) -> None:
    """Close a day and give its batch out; the ledger may die of either."""
    service = world.inland.service
    if service is None:
        return
    packages = read_packages(world.inland.folder / "packages")
    try:
        _close_behind_all(world, service.ledger, day, hashes_of(packages))
        i10_settled_once(world)
        export(service.ledger.database, _exported(world), service.keyring, packages)
        _note_given_out(world)
    except Killed:
        world.inland.die()
        world.ledger_died()
    world.books.after_commit()
    i10_settled_once(world)


def _close_behind_all(world: World, ledger: Ledger, day: int, hashes: Hashes) -> None:
    """Close a day; first take over what books put back from an older copy had lost."""
    try:
        close_day(ledger, day, hashes)
    except KeyringRefused as refusal:
        found = adopt(ledger, _exported(world))
        if not found.batches:
            raise  # it was refused for something else
        world.say("ledger", str(refusal))
        waits = sum(row.slots for row in found.absent)
        world.live("batch adopted", "ledger", f"{found.batches}, without {waits} of their slots")
        close_day(ledger, day, hashes)


def _exported(world: World) -> Path:
    return world.inland.folder / "exported"


def _note_given_out(world: World) -> None:
    """Remember the bytes of every batch that left the books."""
    books = world.books
    for number, content in _contents(books).items():
        if number not in books.batches:
            world.say("ledger", f"batch {number} is given out")
        books.batches.setdefault(number, hashlib.sha256(content).digest())


def _contents(books: Books) -> dict[int, bytes]:
    """Return what was signed of each batch of the books, with its lines."""
    rows = books.rows("SELECT id, body, signature FROM settlement_batches ORDER BY id")
    return {
        number: body + signature + b"".join(_lines(books, number))
        for number, body, signature in rows
    }


def i10_settled_once(world: World) -> Counter[Writer]:
    """Each debit counts in at most one batch; none changes; sum of lines = movement of REV.

    What was given out stands, whatever copy the books are put back from; the sum is taken over all
    batches, since adopted ones are of rows that these books number otherwise. Return the debits
    that count after the newest batch.
    """
    world.checked["I10"] += 1
    books, owed, cents = world.books, _debits(world.books), 0
    settled: Counter[Writer] = Counter()
    for number, content in _contents(books).items():
        given_out = books.batches.get(number)
        if given_out and given_out != hashlib.sha256(content).digest():
            wrong(world, "I10", f"batch {number} is not what it was when it was given out")
    for number, last, is_adopted in books.rows(
        "SELECT b.id, b.postings_last, a.id IS NOT NULL FROM settlement_batches b"
        " LEFT JOIN settlement_adoptions a ON a.id = b.id ORDER BY b.id"
    ):
        cents += _counted(world, _lines(books, number), settled, owed)
        ((moved,),) = books.rows(f"{REV_SQL} WHERE a.kind = 'REV' AND p.id <= ?", last)
        if cents != moved and not is_adopted:
            wrong(
                world, "I10", f"batches 1 to {number}: lines sum {cents} cents, REV moved {moved}"
            )
    return settled


def i10_all_settled(world: World) -> None:
    """After the last closing each posted debit counts in one batch, and REV has not moved since."""
    books, owed = world.books, _debits(world.books)
    gone = sorted(books.batches.keys() - _contents(books).keys())
    if gone:
        wrong(world, "I10", f"batches {gone} were given out, and the books do not know them")
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
        if line.kind in OF_ENTRIES and writer not in world.books.ever:
            wrong(world, "I10", f"a line names entry {writer}, which no books ever held")
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
