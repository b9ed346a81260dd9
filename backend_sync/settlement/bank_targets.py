"""What a line of a bank's statement can pay, by its reference: orders, their lines, and bills.

An order's line carries its end-to-end id "ORDER-PLACE", the whole order its message id, an invoice
its creditor reference. A payment between authorities is seen on both their accounts.
Source: requirements W-23, W-41, W-59.
"""

import re
from typing import NamedTuple

from backend_sync.ledger.accounts import CLEARING, CONCESSION, PAID
from backend_sync.settlement.bills import bills
from backend_sync.settlement.camt import BankLine
from backend_sync.settlement.close import every_batch
from backend_sync.settlement.references import account_party, reference_of
from backend_sync.settlement.statements import statements
from backend_sync.storage.database import Database
from card_layouts.fares.settlement import HOLDER

ORDER_LINE = re.compile(r"([0-9]{1,15})-([0-9]{1,6})")
MESSAGE = re.compile(r"[PC][0-9]{1,3}-([0-9]{1,15})-[0-9]{1,9}-[0-9a-f]{10}(?:-[0-9]{1,3})?")


class Target(NamedTuple):
    """What a line may pay: `lines` are (authority, party, cents as that bank moves them)."""

    name: str
    authority: int
    lines: tuple[tuple[str, int], ...]
    ordered: bool  # an order has taken it off what is outstanding
    own: bool  # seen from the account that ordered it, or that is owed

    @property
    def cents(self) -> int:
        return sum(cents for _, cents in self.lines)


def account_of(party: str, authority: int) -> str:
    """Return the account of a party of an authority's statements; "" when it is none."""
    kind, _, rest = party.partition("-")
    area, _, name = rest.partition("-")
    if kind == "authority" and rest.isdecimal():
        return f"{CLEARING}:{authority}:{rest}"
    if area != str(authority) or not name:
        return ""
    if kind == "operator" and name.isdecimal():
        return f"{PAID}:{area}:{name}"
    if kind == "account" and name.isdecimal():
        return f"{CONCESSION}:{area}:{HOLDER}"
    return f"{CONCESSION}:{area}:{name}" if kind == "payer" and name != HOLDER else ""


class Targets:
    """What can be paid, by reference; bills are looked through when the first is asked for."""

    def __init__(self, database: Database) -> None:
        self.database = database
        self.billed: dict[str, Target] | None = None

    def of(self, line: BankLine, authority: int) -> Target | None:
        """Return what a line on an authority's account pays, whatever its amount."""
        for reference in line.references:
            found = None
            if match := ORDER_LINE.fullmatch(reference):
                found = self._order(int(match[1]), authority, int(match[2]))
            elif match := MESSAGE.fullmatch(reference):
                found = self._order(int(match[1]), authority, 0, reference)
            elif reference.startswith("RF"):
                if self.billed is None:
                    self.billed = _billed(self.database)
                found = self.billed.get(reference)
            if found is not None and found.authority == authority:
                return found
        return None

    def paid(self, target: Target) -> int:
        """Return the cents that went to a target so far; returns are taken off."""
        sql = "SELECT coalesce(sum(cents), 0) FROM bank_movements WHERE target = ?"
        return int(self.database.value(sql, (target.name,)))

    def part_is_paid(self, target: Target) -> bool:
        """Return whether some of an order was paid line by line, or its whole at once."""
        stem = target.name.rsplit(":", 1)[0]
        whole = target.name.endswith(":0")
        rows = self.database.rows(
            "SELECT target FROM bank_movements WHERE target LIKE ? GROUP BY target"
            " HAVING sum(cents) <> 0",
            (f"{stem}:%",),
        )
        return any(row[0] != target.name and (whole or row[0].endswith(":0")) for row in rows)

    def _order(self, number: int, authority: int, place: int, name: str = "") -> Target | None:
        """Return line `place` of an order, or all of it (0), as that account sees it."""
        heads = self.database.rows(
            "SELECT authority, body FROM bank_orders WHERE id = ?", (number,)
        )
        if not heads or (name and name.encode() not in bytes(heads[0][1])):
            return None
        owner = int(heads[0][0])
        rows = self.database.rows(
            "SELECT authority, party, cents FROM bank_lines WHERE bank_order = ? ORDER BY id",
            (number,),
        )
        mine = [(party, -int(cents)) for area, party, cents in rows if area == owner]
        if place:
            mine = mine[place - 1 : place]
        if authority != owner:  # the other authority gets what this one pays
            mine = [(f"authority-{owner}", -cents) for party, cents in mine
                    if party == f"authority-{authority}"]  # fmt: skip
        if not mine:
            return None
        name = f"order:{number}:{authority}:{place}"
        return Target(name, authority, tuple(mine), ordered=True, own=authority == owner)


def _billed(database: Database) -> dict[str, Target]:
    """Return what is invoiced by its creditor reference: payers, and holders by account."""
    found = {}
    for closed in every_batch(database):
        owed: dict[tuple[int, str], int] = {}  # (authority, party): cents
        for statement in statements(closed):
            kind, _, rest = statement.party.partition("-")
            area, _, name = rest.partition("-")
            if kind == "payer" and name != HOLDER:
                owed[int(area), statement.party] = -statement.due
        for bill in bills(database, closed):
            key = (bill.authority, account_party(bill.authority, bill.account))
            owed[key] = owed.get(key, 0) + bill.cents
        for (authority, party), cents in owed.items():
            if cents > 0:
                name = f"bill:{closed.number}:{party}"
                target = Target(name, authority, ((party, cents),), ordered=False, own=True)
                found[reference_of(closed.number, party)] = target
    return found
