"""Who is invoiced for rides on their own card: group, school and zero-price tickets, by use.

The batch says one sum for all of them. Here it is divided by account: whose card an account is,
only the link service can tell whoever writes the invoice. Source: W-59, W-77, W-91, W-148.
"""

from typing import NamedTuple

from backend_sync.settlement.close import Closed
from backend_sync.storage.database import Database
from card_layouts.fares.settlement import HOLDER


class Bill(NamedTuple):
    """What the holder of one card owes for one product in one batch."""

    account: int  # number of the card's account
    authority: int
    product: int
    rides: int
    cents: int


def bills(database: Database, closed: Closed) -> list[Bill]:
    """Return the bills of a batch, by account; together they are its payer "invoice-holder"."""
    rows = database.rows(
        "SELECT p.card, r.authority, r.product, sum(s.sign), sum(s.sign * r.billed_cents)"
        " FROM ride_postings s JOIN rides r ON r.id = s.ride JOIN pendings p ON p.id = r.id"
        " WHERE s.id BETWEEN ? AND ? AND r.payer = ?"
        " GROUP BY p.card, r.authority, r.product ORDER BY p.card, r.authority, r.product",
        (*closed.values["ranges"][1], HOLDER),
    )
    return [Bill(*map(int, row)) for row in rows]
