"""Who is invoiced for rides on their own card: group, school and zero-price tickets, by use.

The batch says one sum for all of them. Here it is divided by account: whose card an account is,
only the link service can tell whoever writes the invoice. Source: W-59, W-77, W-91, W-148.
"""

from typing import NamedTuple

from backend_sync.settlement.close import Closed
from backend_sync.storage.database import Database
from card_layouts.fares.settlement import HOLDER

BILLED = (
    "SELECT p.card, r.authority, r.product, sum(x.sign), sum(x.sign * r.billed_cents)"
    " FROM ({signs}) AS x JOIN rides r ON r.id = x.ride JOIN pendings p ON p.id = r.id"
    " WHERE r.payer = ? GROUP BY p.card, r.authority, r.product HAVING sum(x.sign) <> 0"
    " ORDER BY p.card, r.authority, r.product"
)
SAME_SLOT = "t.device = e.device AND t.epoch = e.epoch AND t.seq = e.seq"
OF_ADOPTED = BILLED.format(
    signs="SELECT e.id AS ride, t.sign AS sign FROM settlement_told t"
    f" JOIN held_entries e ON {SAME_SLOT} WHERE t.batch = ?"
)
# Less what adopted batches had billed of a ride: where it counts first in these books since.
OF_CLOSED = BILLED.format(
    signs="SELECT s.ride AS ride, s.sign AS sign FROM ride_postings s WHERE s.id BETWEEN ? AND ?"
    " UNION ALL SELECT n.ride, -t.sign"
    " FROM (SELECT DISTINCT s.ride FROM ride_postings s WHERE s.id BETWEEN ? AND ?) AS n"
    f" JOIN held_entries e ON e.id = n.ride JOIN settlement_told t ON {SAME_SLOT}"
    " JOIN settlement_batches b ON b.id = t.batch WHERE t.batch < ?"
    " AND NOT EXISTS (SELECT 1 FROM ride_postings s WHERE s.ride = n.ride"
    " AND s.id > b.ride_postings_last AND s.id < ?)"
)


class Bill(NamedTuple):
    """What the holder of one card owes for one product in one batch."""

    account: int  # number of the card's account
    authority: int
    product: int
    rides: int
    cents: int


def bills(database: Database, closed: Closed) -> list[Bill]:
    """Return the bills of a batch, by account; together they are its payer "invoice-holder".

    Of an adopted batch those whose rides the books hold again: of the others nobody knows the card.
    What it billed no later batch bills again.
    """
    if database.rows("SELECT 1 FROM settlement_adoptions WHERE id = ?", (closed.number,)):
        rows = database.rows(OF_ADOPTED, (closed.number, HOLDER))
    else:
        first, last = closed.values["ranges"][1]
        values = (first, last, first, last, closed.number, first, HOLDER)
        rows = database.rows(OF_CLOSED, values)
    return [Bill(*map(int, row)) for row in rows]
