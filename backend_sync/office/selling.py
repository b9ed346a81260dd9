"""What a point sells over a page: the prices of its tariff, once by the form's key.

Nothing here prices or books: prices are `sales/offered.py`'s, money and slips `sales/counter.py`'s.
A price never comes from the form; the form says which one its reader saw, and another is refused.
Source: W-65 to W-67, W-107, W-108, W-112, X-15.
"""

import re
from hashlib import sha256
from threading import Lock
from typing import NamedTuple

from backend_sync.catalogue import every_tariff
from backend_sync.ledger.place import Place
from backend_sync.office.accounts import own_card
from backend_sync.office.money import cents_of, euros
from backend_sync.office.tills import Till
from backend_sync.ports import Clock
from backend_sync.registers.rights import User
from backend_sync.sales.choices import COUNTER, choices
from backend_sync.sales.counter import LOAD, PRODUCT, Counter, Sale, SaleRefused
from backend_sync.sales.fiscal import COLUMNS, Slip
from backend_sync.sales.offered import Offer, in_force
from backend_sync.storage.database import Database
from card_layouts.fares.clock import service_day

ACTION_MOST = (1 << 29) - 1  # of counters and offices; the desk of actions numbers above
KEY = re.compile(r"[0-9a-f]{32}")
LAST_SLIPS = 20


class Form(NamedTuple):
    """What the seller wrote; `seen` is the price in cents that stood on his page."""

    key: str
    card: str
    what: str  # "load", or the key of a choice
    euros: str  # of a load
    seen: str
    paid: str
    shift: str


class SalesPoint:
    """Sells for one ledger; opens its books for each sale, as every command does."""

    def __init__(self, place: Place, clock: Clock) -> None:
        self.place = place
        self.clock = clock
        self.turn = Lock()  # opening books for writing brings their tables up to date, once

    def offer(self, authority: int) -> Offer | None:
        """Return what an authority's tariff in force offers, None without one."""
        tariffs = every_tariff(self.place.tariffs)
        newest = [tariff for (area, _), tariff in sorted(tariffs.items()) if area == authority]
        if not newest:
            return None
        day = service_day(newest[-1], self.clock.utc_seconds())
        tariff = in_force(tariffs, authority, day)
        return Offer(tariff, day) if tariff else None

    def sell(self, user: User, till: Till, form: Form) -> Slip:
        """Sell once; the same form again is the same slip. Raises: SaleRefused, Refused."""
        if not KEY.fullmatch(form.key):
            raise SaleRefused("this page is too old or was changed: begin a new sale")
        key = f"office:{till.device}:{form.key}"
        with self.turn, self.place.ledger(self.clock, till.authority) as ledger:
            counter = Counter(ledger)
            before = counter.find("key = ?", key)
            card = _card_of(ledger.database, user, form.card)
            product, cents = self._priced(till.authority, form)
            action = before.action if before else _free_action(ledger.database, key)
            kind, shift = PRODUCT if product else LOAD, _number(form.shift, "shift")
            sale = Sale(key, till.device, kind, card, action, product, cents, form.paid, COUNTER,
                        till.clerk, shift)  # fmt: skip
            return counter.sell(sale)[0]

    def _priced(self, authority: int, form: Form) -> tuple[int, int]:
        """Return (product, cents); product 0 is a load."""
        if form.what == LOAD:
            return 0, _load_cents(form.euros)
        offer = self.offer(authority)
        found = [one for one in choices(offer) if one.key == form.what] if offer else []
        if not found:
            raise SaleRefused("this product is not sold any more at this price: begin a new sale")
        if form.seen != str(found[0].cents):
            raise SaleRefused(
                "the price is {price} by now: begin a new sale", price=euros(found[0].cents)
            )
        return found[0].product, found[0].cents


def slip_of(database: Database, device: int, place: int) -> Slip | None:
    """Return a slip of a device, None when there is none."""
    sql = f"SELECT {COLUMNS} FROM slips WHERE device = ? AND place = ?"
    rows = database.rows(sql, (device, place))
    return Slip(*rows[0]) if rows else None


def undone(database: Database, device: int, place: int) -> bool:
    """Say whether a slip was voided, or given back."""
    sql = "SELECT 1 FROM slips WHERE device = ? AND of = ?"
    return bool(database.rows(sql, (device, place)))


def last_slips(database: Database, device: int) -> list[Slip]:
    """Return the newest slips of a device, the newest first."""
    sql = f"SELECT {COLUMNS} FROM slips WHERE device = ? ORDER BY place DESC LIMIT {LAST_SLIPS}"
    return [Slip(*row) for row in database.rows(sql, (device,))]


def last_shift(slips: list[Slip], clerk: int) -> int:
    """Return the shift that a clerk sold in last; 1 when he sold nothing lately."""
    return next((slip.shift for slip in slips if slip.clerk == clerk), 1)


def _card_of(database: Database, user: User, wanted: str) -> int:
    """Return the account number of a card that this user may sell to. Raises: SaleRefused."""
    card = own_card(database, user, "sales.make", wanted)
    if card is None:
        raise SaleRefused(
            "card {card!r}: no card of yours has this account number", card=wanted.strip()[:40]
        )
    return card


def _free_action(database: Database, key: str) -> int:
    """Return a number that no sale and no card has used; the same again for the same key."""
    first = int.from_bytes(sha256(key.encode()).digest()[:8], "big") % ACTION_MOST
    for step in range(ACTION_MOST):
        number = 1 + (first + step) % ACTION_MOST
        used = [database.rows(f"SELECT 1 FROM {table} WHERE action = ? LIMIT 1", (number,))
                for table in ("sales", "slips", "action_entries")]  # fmt: skip
        if not any(used):
            return number
    raise SaleRefused(f"all action numbers up to {ACTION_MOST} are used up")


def _load_cents(text: str) -> int:
    try:
        return cents_of(text)
    except ValueError as error:
        raise SaleRefused(str(error)) from None


def _number(text: str, what: str) -> int:
    if not (text.isascii() and text.isdecimal() and len(text) <= 9):
        raise SaleRefused("{what} {text!r}: wanted a number", what=what, text=text[:20])
    return int(text)
