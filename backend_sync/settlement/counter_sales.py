"""Revenue that no slot tells of, as lines: counters' tickets and passes, what modules book.

Where the books know what was sold its line names product, tariff and day, so that tax is taken out
of it by the same rules. All of it is the ledger's word. Source: X-1; SPEC_SETTLEMENT.md section 1.
"""

from collections.abc import Iterator
from typing import NamedTuple

from backend_sync.ledger.singles import SAID
from backend_sync.settlement.rules import EVERY_RULE
from backend_sync.storage.database import Database
from card_layouts.cards.ulc_layout import ULC_HEADER
from card_layouts.settlement import lines as ln
from card_layouts.settlement.lines import Line
from card_layouts.settlement.pricing import DayTerms, owed_of_single

# Orders of the web shop are no sales: their booking's key names the action (`actions/desk.py`).
ORDERED = (
    "CASE WHEN b.key LIKE 'actions:%:sold'"
    " THEN CAST(substr(b.key, 9, length(b.key) - 13) AS BIGINT) END"
)
SOLD = (
    "SELECT p.id, a.name, p.authority, p.cents, p.rule, t.header, t.time, s.says, s.at,"
    " coalesce(l.time, o.received), e.authority, e.product"
    " FROM postings p JOIN accounts a ON a.id = p.account"
    " LEFT JOIN ticket_sales t ON p.rule = 'TICKET' AND t.id = p.sale"
    " LEFT JOIN single_sales s ON p.rule = 'SALE' AND s.id = p.sale"
    " LEFT JOIN sales l ON p.rule IN ('SOLD', 'UNSOLD', 'REFUND') AND l.id = p.sale"
    " LEFT JOIN bookings b ON p.rule = 'SOLD' AND p.sale IS NULL AND b.transfer = p.transfer"
    f" LEFT JOIN actions o ON o.id = {ORDERED}"
    " LEFT JOIN product_entries e ON e.id ="
    " (SELECT min(x.id) FROM action_entries x WHERE x.action = coalesce(l.action, o.id))"
    " WHERE p.id BETWEEN ? AND ? AND a.kind = 'REV' AND p.pending IS NULL AND p.entry IS NULL"
    f" AND p.rule NOT IN ({EVERY_RULE}) ORDER BY p.id"
)


class What(NamedTuple):
    """What was sold; zeros where the books do not know."""

    product: int = 0
    tariff: int = 0
    day: int = 0
    billed: int = 0  # cents that payer number `payer` of that tariff owes beside
    payer: int = 0


class Sold(NamedTuple):
    """A line, and what it adds: cents paid, cents owed by `payer`."""

    line: Line
    cents: int
    billed: int
    payer: str


def counter_lines(database: Database, postings: tuple[int, int], terms: DayTerms) -> Iterator[Sold]:
    """Yield a line for every posting on REV that no slot tells of, in order."""
    for row in database.rows(SOLD, postings):
        posting, name, area, cents, rule, header, time, says, at, paid, use, product = row
        what = What()
        if header is not None:
            what = _of_day(ULC_HEADER.get(bytes(header), "product"), area, time, terms)
        elif says is not None:
            what = _single(bytes(says), area, at, terms)
        elif use == area:
            what = _of_day(product, area, paid, terms)
        facts = ln.revenue_facts(posting, area, operator_of(name), cents, rule, *what)
        line = Line(ln.OTHER, ln.POSTED, 1, 0, 0, 0, 0, ln.NO_SLOT, facts)
        yield Sold(line, cents, what.billed, terms.payer(area, what.tariff, what.payer))


def _of_day(product: int, area: int, time: int, terms: DayTerms) -> What:
    """Return what a ticket or pass is: it names no tariff, so that of its sale's day counts."""
    version, day = terms.in_force(area, time)
    return What(product, version, day) if version else What()


def _single(says: bytes, area: int, at: int, terms: DayTerms) -> What:
    """Return what a single ticket says of itself (`ledger/singles.py`, SAID)."""
    ticket, place = {}, 0
    for name, size in SAID:
        ticket[name] = int.from_bytes(says[place : place + size], "big")
        place += size
    party = [(says[row], says[row + 1]) for row in range(place, len(says) - 1, 2) if says[row + 1]]
    version = ticket["tariff"]
    billed, payer = owed_of_single(terms.tariffs, ticket, party)
    return What(ticket["product"], version, terms.day(area, version, at), billed, payer)


def operator_of(account: str) -> int:
    """Return the operator of "REV:<area>:<operator>"; 0 for the scheme's own."""
    last = account.rpartition(":")[2]
    return int(last) if last.isdecimal() else 0
