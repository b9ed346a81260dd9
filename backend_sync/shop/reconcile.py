"""Does the provider's list of payments say what the shop and the ledger say?

The list is CSV with a head: payment,order,status,cents,at (status paid or refunded; Unix seconds).
Only read. Source: W-143; W-109; D21.
"""

import csv
from collections.abc import Iterable
from pathlib import Path
from typing import NamedTuple

from backend_sync.shop.orders import OF_ORDER, TO_BACK
from backend_sync.shop.payment import NUMBER, PAID, REFUNDED
from backend_sync.storage.database import Database

HEAD = ["payment", "order", "status", "cents", "at"]
ROWS_MOST = 1_000_000
TEXT_MOST = 64


class ListError(Exception):
    """The list cannot be read; the message names the line and what was wanted."""


class Listed(NamedTuple):
    """A payment as the provider has it; `given`: he gave it back."""

    payment: str
    ref: str
    cents: int
    given: bool


class Reconciled(NamedTuple):
    """`differences` are sentences; the sums are cents of payments that were taken and kept.
    `back`: what a person has to give back at the provider's, a sentence a payment.
    """

    payments: int
    provider_cents: int
    shop_cents: int
    ledger_cents: int
    to_give_back: int
    differences: list[str]
    back: list[str]


def read_list(path: Path) -> list[Listed]:
    """Return the provider's payments. Raises: ListError, OSError."""
    found: dict[str, Listed] = {}
    number = 0
    try:
        with path.open(encoding="utf-8-sig", newline="") as file:
            for number, row in enumerate(csv.reader(file), 1):
                if number == 1:
                    if row != HEAD:
                        raise ListError(f"{path}: line 1: wanted {','.join(HEAD)}; found"
                                        f" {','.join(row)[:TEXT_MOST]!r}")  # fmt: skip
                    continue
                one = _listed(path, number, row)
                before = found.get(one.payment)
                if before is not None and before[1:3] != one[1:3]:
                    raise ListError(f"{path}: line {number}: payment {one.payment} stands there"
                                    " before with another order or sum")  # fmt: skip
                given = one.given or (before is not None and before.given)
                found[one.payment] = one._replace(given=given)
    except (UnicodeDecodeError, csv.Error) as error:
        raise ListError(f"{path}: no CSV: {error}") from None
    if not number:
        raise ListError(f"{path}: is empty; wanted {','.join(HEAD)}")
    return list(found.values())


def _listed(path: Path, number: int, row: list[str]) -> Listed:
    if len(row) != len(HEAD) or number > ROWS_MOST or max(map(len, row)) > TEXT_MOST:
        raise ListError(f"{path}: line {number}: wanted {len(HEAD)} fields of at most {TEXT_MOST}")
    payment, ref, status, cents, _ = row
    if not "".join(row).isprintable():
        raise ListError(f"{path}: line {number}: a field holds a control character")
    if status not in (PAID, REFUNDED) or not NUMBER.fullmatch(cents):
        raise ListError(f"{path}: line {number}: wanted paid or refunded, and whole cents")
    return Listed(payment, ref, int(cents), status == REFUNDED)


def reconcile(listed: Iterable[Listed], shop: Database, books: Database) -> Reconciled:
    """Hold the provider's payments against orders, actions and bookings."""
    theirs = {one.payment: one for one in listed}
    ours = {row[0]: row for row in shop.rows(
        "SELECT p.payment, p.ref, p.cents, p.fate, p.given, p.booked, p.given_booked, o.state,"
        " coalesce(o.action, 0) FROM payments p LEFT JOIN orders o ON o.ref = p.ref"
    )}  # fmt: skip
    actions = {int(row[0]): (str(row[1]), int(row[2])) for row in books.rows(
        "SELECT a.id, a.key, a.cents FROM actions a WHERE a.key LIKE 'shop:%'"
    )}  # fmt: skip
    said: list[str] = []
    back = _went_back(books, sorted(actions))
    for name in sorted(theirs.keys() | ours.keys()):
        said += _differences(name, theirs.get(name), ours.get(name), actions, back)
    used = {int(row[8]) for row in ours.values() if row[3] == OF_ORDER}
    said += [f"action {number}: ordered by the shop, and no payment is for it"
             for number in sorted(actions.keys() - used)]  # fmt: skip
    taken = [row for row in ours.values() if not row[4]]
    owed = [row for row in taken if row[3] == TO_BACK or row[8] in back]
    return Reconciled(
        len(theirs), sum(one.cents for one in theirs.values() if not one.given),
        sum(row[2] for row in taken), sum(cents for _, cents in actions.values()),
        sum(row[2] for row in owed), said,
        [f"payment {row[0]} of order {row[1]}: give back {row[2]} cents" for row in owed],
    )  # fmt: skip


def _differences(
    name: str,
    theirs: Listed | None,
    ours: tuple | None,
    actions: dict[int, tuple[str, int]],
    back: set[int],
) -> list[str]:
    """Return what is wrong with one payment, in sentences."""
    if ours is None:
        return [f"payment {name}: the provider has it, the shop was never told"]
    if theirs is None:
        return [f"payment {name}: the shop was told, the provider's list lacks it"]
    _, ref, cents, fate, given, booked, given_booked, state, action = ours
    found = []
    if (theirs.ref, theirs.cents) != (ref, cents):
        found.append(f"order {theirs.ref}, {theirs.cents} cents there; {ref}, {cents} here")
    if theirs.given != bool(given):
        words = ("was given back there, not here", "was given back here, not there")
        found.append(words[bool(given)])
    if fate == OF_ORDER and not action:
        found.append(f"its order is {state}, not ordered yet")
    if fate == OF_ORDER and action and actions.get(action) != (f"shop:{ref}", cents):
        found.append(f"the ledger has {actions.get(action)} as action {action}")
    if fate == OF_ORDER and given and action not in back:
        found.append("was given back, and its order was not withdrawn")
    if fate not in (OF_ORDER, TO_BACK):
        found.append("no order of ours")
    if (fate == TO_BACK and not booked) or (given and not given_booked):
        found.append("its way back is not booked yet")
    return [f"payment {name}: {words}" for words in found]


def _went_back(books: Database, actions: list[int]) -> set[int]:
    """Return those of these actions whose money the desk has set aside for the buyer."""
    keys = [f"actions:{number}:back" for number in actions]
    found = books.rows_in("SELECT key FROM bookings WHERE key IN {}", keys)
    return {int(row[0].split(":")[1]) for row in found}
