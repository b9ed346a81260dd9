"""Deposits and payouts of cards through a clerk's till: slips that are no sales.

The customer gets a numbered slip, the cash is the clerk's and is judged with his other slips at
cash-up, rounded to coins. Without a till it is the channel's cash, as of a kiosk or an office.
Source: T18; W-21, X-2, X-10, X-15.
"""

from typing import NamedTuple

from backend_sync.ledger.books import Books
from backend_sync.sales.counter import CASH, DEPOSIT, PAYOUT, Counter, SaleRefused
from backend_sync.sales.fiscal import Slip


class Till(NamedTuple):
    """A clerk's shift at a counter."""

    device: int
    clerk: int
    shift: int


class Cash(NamedTuple):
    """Cash that is taken for a card, below 0 given to its bearer; `account` is whose it is then."""

    booking: str  # key and rule of the transfer without a till
    rule: str
    key: str  # and kind of the slip at a till: DEPOSIT, PAYOUT
    kind: str
    card: int
    area: int
    cents: int
    channel: str
    account: str


def take_cash(books: Books, counter: Counter, cash: Cash, till: Till | None) -> None:
    """Book cash into a clerk's till with a slip, or without a till to the channel's cash.

    Raises: SaleRefused for a till that cannot be, or a slip of this key.
    """
    if till is None or not cash.cents:
        lines = [(f"CASH:{cash.channel}", cash.area, -cash.cents),
                 (cash.account, cash.area, cash.cents)]  # fmt: skip
        books.transfer(cash.booking, cash.rule, lines)
        return
    assert cash.kind in (DEPOSIT, PAYOUT)
    counter.check_till(*till)
    if before := counter.find("key = ?", cash.key):
        raise SaleRefused(f"key {cash.key}: is slip {before.place} of device {before.device}")
    rounding = counter.rounding(abs(cash.cents)) * (1 if cash.cents > 0 else -1)
    slip = Slip(till.device, 0, cash.key, cash.kind, 0, cash.card, 0, 0, cash.cents, rounding,
                CASH, cash.channel, till.clerk, till.shift)  # fmt: skip
    counter.enter(books, slip, cash.account)
