"""What the shop offers for a card, and why it may not: shown before anything is paid.

Prices, rights and limits are those of every web shop (`sales/web_orders.py`); nothing is priced or
judged here, it is asked for this card alone. Source: W-65 to W-67, W-107, W-143; D5, D9.
"""

from typing import NamedTuple

from backend_sync.actions.checks import group_of, head_of
from backend_sync.actions.desk import ActionRefused
from backend_sync.actions.limits import Limits, limits_of
from backend_sync.sales.bought_rights import right_of
from backend_sync.sales.choices import WEB, Choice, priced
from backend_sync.sales.offered import NotOffered, Offer, Price, Tariffs
from backend_sync.sales.web_orders import LOAD, Wanted, judged, offer_for
from backend_sync.storage.database import Database
from card_layouts.cards.card_layout import CARD_HOLDER, CARD_PERSONAL, CHANNEL_WEB
from card_layouts.fares import sections as s
from card_layouts.packages.action_list import LINES_PER_CARD_MAX

DAYS = 90  # how long what is paid waits for its card, at most
KEY = "shop:judged"
WAITING = (
    "SELECT count(*) FROM actions a JOIN action_states s ON s.action = a.id"
    " WHERE a.card = ? AND s.ended = 0"
)


class NotSold(Exception):
    """It cannot be bought now: `why` is one of blocked, listed, amount, tariff, full, balance,
    price, place, open, payment, other."""

    def __init__(self, why: str) -> None:
        super().__init__(why)
        self.why = why or "other"


class Good(NamedTuple):
    """A product at the price of the card's group; `vat` in per mille inside the price."""

    choice: Choice
    days: int  # that it waits for the card, at most
    vat: int


class Shelf(NamedTuple):
    """What is on offer for one card; `loads` None: nothing can be loaded on the web."""

    loads: Limits | None
    goods: list[Good]
    others: bool  # there is more, for other cards or at counters


def shelf_of(database: Database, tariffs: Tariffs, card: int, now: int) -> Shelf:
    """Return what can be bought for a card. Raises: NotSold when nothing can."""
    try:
        offer = offer_for(database, tariffs, card, now)
    except ActionRefused as error:
        raise NotSold(error.why) from None
    group, kind = group_of(database, card, now), head_of(database, card).get("kind", CARD_HOLDER)
    goods, seen = [], 0
    for choice, price in priced(offer, WEB):
        seen += 1
        good = _good(offer, choice, price, kind) if price.group == group else None
        goods += [good] if good else []
    return Shelf(limits_of(offer.tariff, WEB, group), goods, len(goods) < seen)


def judge(database: Database, tariffs: Tariffs, wanted: Wanted, now: int) -> None:
    """Raise NotSold unless the desk would take this order as it is."""
    try:
        judged(database, tariffs, wanted, now)
    except ActionRefused as error:
        raise NotSold(error.why) from None
    if database.value(WAITING, (wanted.card,)) >= LINES_PER_CARD_MAX:
        raise NotSold("full")


def wanted_of(shelf: Shelf, card: int, what: str, cents: int) -> tuple[Wanted, Good | None]:
    """Return what a form asks for. Raises: NotSold for what is not on the shelf."""
    if what == LOAD:
        return Wanted(KEY, card, LOAD, cents, DAYS), None
    good = next((one for one in shelf.goods if one.choice.key == what), None)
    if good is None:
        raise NotSold("price")
    return Wanted(KEY, card, what, cents, good.days), good


def _good(offer: Offer, choice: Choice, price: Price, kind: int) -> Good | None:
    """Return a product for a card of this kind; None when it is for others, or sold no more."""
    row, _ = offer.rows_of(choice.product)
    if row[s.P_FLAGS] & s.PRODUCT_PERSONAL and kind != CARD_PERSONAL:
        return None
    try:
        _, last = right_of(offer, choice.product, price, CHANNEL_WEB)
    except NotOffered:
        return None
    days = min(DAYS, last - offer.day) if last else DAYS
    vat = offer.terms.vat(offer.book, row[s.P_VAT], offer.day)
    return Good(choice, days, vat[1] if vat else 0) if days > 0 else None
