"""What is still to be paid and collected: all statements, less orders to banks and what they say.

So nothing is paid twice, what a correction took back is taken off the next payment, and whose
account is not known yet loses nothing. Authorities pay each other what is left of both directions.
Source: requirements W-23, W-41, W-59; R-8.
"""

from collections import defaultdict
from typing import NamedTuple

from backend_sync.settlement.close import every_batch
from backend_sync.settlement.received import settled_beside_orders
from backend_sync.settlement.statements import statements
from backend_sync.storage.database import Database
from card_layouts.fares.settlement import HOLDER


class Due(NamedTuple):
    """What `authority` owes to a party of its statements (below 0: the party owes it)."""

    authority: int
    party: str
    cents: int


def outstanding(database: Database) -> list[Due]:
    """Return what is left of every pair of authority and party, 0 left out, in order."""
    left: dict[tuple[int, str], int] = defaultdict(int)
    for closed in every_batch(database):
        for statement in statements(closed):
            kind, _, rest = statement.party.partition("-")
            area, _, name = rest.partition("-")
            # The scheme's own has no account; holders of cards get invoices (`bills.py`).
            if kind != "authority" and name not in ("0", HOLDER):
                left[int(area), statement.party] += statement.due
        for debtor, creditor, cents in [*closed.values["clearing"], *closed.values["loads"]]:
            left[debtor, f"authority-{creditor}"] += cents
            left[creditor, f"authority-{debtor}"] -= cents
    for authority, party, cents in database.rows(
        "SELECT authority, party, sum(cents) FROM bank_lines GROUP BY authority, party"
    ):
        left[authority, party] -= int(cents)
    for authority, party, cents in settled_beside_orders(database):
        left[authority, party] += cents
        if party.startswith("authority-"):  # both sides of it are outstanding again
            left[int(party.partition("-")[2]), f"authority-{authority}"] -= cents
    return [Due(*name, cents) for name, cents in sorted(left.items()) if cents]
