"""What comes from outside the journals: issued cards and paid sales. Both may be sent again.

Source: decisions.md D11, D21; card-bits.md ISSUE; trust.md 4.4 "load paid".
"""

from collections.abc import Sequence
from typing import NamedTuple

from backend_sync.ledger.accounts import CASH, PREPAID, AccountBook, card_name
from backend_sync.ledger.poster import Poster
from backend_sync.ledger.products import ProductBook, executed_actions
from backend_sync.ledger.resolve import Alarm
from backend_sync.ledger.results import ALARM_SALE_DIFFERS, AUDITED, BEGIN_AGAIN
from backend_sync.ledger.schema import cards, issues, sales
from backend_sync.ports import Keyring
from backend_sync.storage.database import Database, Row
from card_layouts.cards.issue import ISSUE, STATE_VERIFIED, STATE_WRITTEN
from card_layouts.errors import LayoutError


class Sale(NamedTuple):
    """One paid action: `cents` went from the buyer to `channel`, to be loaded by `action`."""

    sale: str
    action: int
    cents: int
    channel: str
    time: int  # s since 2020
    authority: int = 0  # 0 = the ledger's own


def import_issues(
    database: Database, keyring: Keyring, rows: Sequence[bytes], currency: str
) -> int:
    """Enter issued cards; return how many were new to the ledger.

    A card that was seen before it was issued keeps its account, which turns from UNALLOCATED into
    LIAB with all that was posted to it. Raises: LayoutError for a row that says no card was made.
    """
    pseudonyms = keyring.pseudonyms([bytes(row) for row in rows])
    found = dict(zip(pseudonyms, map(_issue, rows), strict=True))
    known = {
        bytes(row[1]): (row[0], row[2])
        for row in database.rows_in(
            "SELECT id, pseudonym, issued FROM cards WHERE pseudonym IN {}", sorted(found)
        )
    }
    book = AccountBook(database, currency)
    fresh, seen, issued = [], [], []
    for pseudonym, issue in found.items():
        number, is_issued = known.get(pseudonym, (0, 0))
        name = card_name(issue["authority"], pseudonym)
        if not number:
            number = book.open(name, issue["authority"])
            fresh.append(
                (
                    number,
                    pseudonym,
                    issue["authority"],
                    1,
                    issue["h0"],
                    0,
                    0,
                    0,
                    issue["h0"],
                    *(0,) * 6,
                    "",
                    None,
                    AUDITED,
                )
            )
        elif not is_issued:
            seen.append((number, name, issue))
        if not is_issued:
            issued.append(
                (
                    number,
                    issue["authority"],
                    issue["batch"],
                    issue["device"],
                    issue["time"],
                    issue["limit"],
                    10 * issue["deposit"],
                    issue["h0"],
                )
            )
    book.write()
    database.insert(cards, fresh)
    _name_unknown(database, seen)
    database.insert(issues, issued)
    return len(issued)


def import_sales(
    database: Database, book: AccountBook, poster: Poster, rows: Sequence[Sale], home: int
) -> int:
    """Post sales, CASH to PREPAID; return how many were new. A changed repeat is an alarm.

    What was paid for a product that is on its card already goes on to REV.
    """
    known = {
        row[0]: tuple(row)
        for row in database.rows_in(
            "SELECT sale, action, cents, channel, time, authority FROM sales WHERE sale IN {}",
            sorted({str(row.sale) for row in rows}),
        )
    }
    fresh: list[Row] = []
    number = database.next_id(sales)
    for row in rows:
        row = row._replace(
            sale=str(row.sale), channel=str(row.channel), authority=row.authority or home
        )
        before = known.get(row.sale)
        if before is None:
            known[row.sale] = tuple(row)
            fresh.append((number, *row))
            _post_sale(book, poster, row, number)
            number += 1
        elif before != tuple(row):
            poster.alarms.append(
                Alarm(
                    ALARM_SALE_DIFFERS,
                    None,
                    None,
                    None,
                    None,
                    None,
                    f"sale {row.sale}: sent again with other values; the first stands",
                )
            )
    products = ProductBook(database, book, poster)
    executed = executed_actions(database, {row[2] for row in fresh})
    for number, _, action, cents, _, _, area in fresh:
        if action in executed:
            products.earn(number, action, cents, area)
    book.write()
    database.insert(sales, fresh)
    return len(fresh)


def _post_sale(book: AccountBook, poster: Poster, row: Sale, number: int) -> None:
    cash = book.number(f"{CASH}:{row.channel}", row.authority)
    paid = book.number(f"{PREPAID}:{row.action}", row.authority)
    currency = book.home_currency
    poster.transfer(
        [(cash, -row.cents, currency, row.authority), (paid, row.cents, currency, row.authority)],
        "PAID",
        sale=number,
    )


def _issue(row: bytes) -> dict[str, int]:
    issue: dict[str, int] = ISSUE.unpack(row)
    if issue["state"] not in (STATE_WRITTEN, STATE_VERIFIED):
        raise LayoutError(f"ISSUE.state: {issue['state']}, wanted written or verified")
    return issue


def _name_unknown(database: Database, seen: list[tuple[int, str, dict[str, int]]]) -> None:
    database.run(
        "UPDATE accounts SET kind = 'LIAB', name = ?, authority = ? WHERE id = ?",
        [(name, issue["authority"], number) for number, name, issue in seen],
    )
    database.run(
        "UPDATE cards SET issued = 1, issuer = ?, h0 = ?, unaudited = ? WHERE id = ?",
        [(issue["authority"], issue["h0"], BEGIN_AGAIN, number) for number, _, issue in seen],
    )
