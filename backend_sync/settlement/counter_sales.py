"""Revenue that no slot tells of, as lines: counters' tickets and passes, what modules book.

Where the books know what was sold its line names product, tariff and day, so that tax is taken out
of it by the same rules. All of it is the ledger's word. Source: X-1; SPEC_SETTLEMENT.md section 1.
"""

from collections.abc import Iterator
from typing import NamedTuple

from backend_sync.storage.database import Database
from card_layouts.cards.ulc_layout import ULC_HEADER
from card_layouts.settlement import lines as ln
from card_layouts.settlement.lines import Line
from card_layouts.settlement.pricing import DayTerms

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
    " ORDER BY p.id"
)


class What(NamedTuple):
    """What was sold; zeros where the books do not know."""

    product: int = 0
    tariff: int = 0
    day: int = 0


def counter_lines(
    database: Database, postings: tuple[int, int], terms: DayTerms
) -> Iterator[tuple[Line, int]]:
    """Yield (line, cents) for every posting on REV that no slot tells of, in order."""
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
        yield Line(ln.OTHER, ln.POSTED, 1, 0, 0, 0, 0, ln.NO_SLOT, facts), cents


def _of_day(product: int, area: int, time: int, terms: DayTerms) -> What:
    """Return what a ticket or pass is: it names no tariff, so that of its sale's day counts."""
    version, day = terms.in_force(area, time)
    return What(product, version, day) if version else What()


def _single(says: bytes, area: int, at: int, terms: DayTerms) -> What:
    """Return what a single ticket says of itself (`ledger/singles.py`, SAID)."""
    product, tariff = int.from_bytes(says[0:2], "big"), int.from_bytes(says[14:16], "big")
    return What(product, tariff, terms.day(area, tariff, at))


def operator_of(account: str) -> int:
    """Return the operator of "REV:<area>:<operator>"; 0 for the scheme's own."""
    last = account.rpartition(":")[2]
    return int(last) if last.isdecimal() else 0
