"""What a web shop sells: a load or a product that waits for its card and goes onto it at a tap.

One way for every shop, of others and our own: priced by the tariff in force, judged by the desk of
actions, once by the shop's own number of the sale. Nobody sees the card meanwhile: so a price is
for cards of its group of riders, and what could not be put on the card is not sold for it.
Source: W-48, W-56, W-57, W-65 to W-67, W-143.
"""

from typing import NamedTuple

from backend_sync.actions import desk
from backend_sync.actions.checks import check, group_of, head_of
from backend_sync.actions.desk import ActionRefused, Order
from backend_sync.ledger.ledger import Ledger
from backend_sync.sales.bought_rights import right_of
from backend_sync.sales.card_room import check_load, free_slot
from backend_sync.sales.choices import WEB, priced
from backend_sync.sales.offered import NotOffered, Offer, Price, Tariffs, in_force
from backend_sync.storage.database import Database
from backend_sync.tariffs.when import date
from card_layouts.cards.card_layout import CARD_HOLDER, CARD_PERSONAL, CHANNEL_WEB
from card_layouts.fares import sections as s
from card_layouts.fares.clock import service_day
from card_layouts.records.entries_service import ACT_LOAD, ACT_PRODUCT

LOAD = "load"
DAY_S = 86_400


class Wanted(NamedTuple):
    """`choice` is "load" or a key of `choices(offer, WEB)`; `cents` the price that was shown."""

    key: str  # the shop's own number of the sale
    card: int  # account number
    choice: str
    cents: int
    days: int  # that it waits for its card


def order(ledger: Ledger, wanted: Wanted) -> int:
    """Order once, paid for; return the action's number, the same again for the same key.

    Raises: ActionRefused, with nothing changed.
    """
    now = ledger.clock.utc_seconds()
    made = _order(wanted, now)
    sql = "SELECT slot, what, reason FROM actions WHERE key = ?"
    before = ledger.database.rows(sql, (wanted.key,))
    if before and before[0][2] == wanted.choice:
        # What was ordered stays what it was, though its tariff or its day is over by now.
        made = made._replace(slot=before[0][0], what=bytes(before[0][1]))
    if not before:
        made = judged(ledger.database, ledger.rerater.tariffs, wanted, now)
    with ledger.books() as books:
        return desk.create(books, made)[0]


def _order(wanted: Wanted, now: int) -> Order:
    """Return what is wanted as the desk takes it, without the right that a product is."""
    kind = ACT_LOAD if wanted.choice == LOAD else ACT_PRODUCT
    return Order(wanted.key, wanted.card, kind, wanted.cents, WEB, now, now + wanted.days * DAY_S)


def judged(database: Database, tariffs: Tariffs, wanted: Wanted, now: int) -> Order:
    """Return the order that the desk would take now: nothing is changed. Raises: ActionRefused."""
    made = _order(wanted, now)
    if made.kind == ACT_PRODUCT:
        offer = offer_for(database, tariffs, wanted.card, now)
        slot = free_slot(database, wanted.card, offer.day)
        what = _right(database, wanted, offer, now) + bytes((slot & 1,))
        made = made._replace(slot=slot, what=what, reason=wanted.choice)
    check(database, tariffs, made, now)
    if made.kind == ACT_LOAD:
        check_load(database, wanted.card, wanted.cents)
    return made


def _right(database: Database, wanted: Wanted, offer: Offer, now: int) -> bytes:
    """Return the right that a choice is for this card. Raises: ActionRefused."""
    found = next((row for row in priced(offer, WEB) if row[0].key == wanted.choice), None)
    if found is None:
        raise ActionRefused("choice: the web shop sells none of this key; ask for its products",
                            "price")  # fmt: skip
    choice, price = found
    if wanted.cents != choice.cents:
        raise ActionRefused(f"{wanted.cents} cents: the price is {choice.cents} by now", "price")
    _check_holder(database, wanted.card, offer, choice.product, price, now)
    try:
        right, last = right_of(offer, choice.product, price, CHANNEL_WEB)
    except NotOffered as error:
        raise ActionRefused(str(error), "price") from None
    if last and offer.day + wanted.days > last:
        raise ActionRefused(f"days: it has to be on the card by {date(last)}; wanted at most"
                            f" {last - offer.day}")  # fmt: skip
    return right


def offer_for(database: Database, tariffs: Tariffs, card: int, now: int) -> Offer:
    """Return what the issuer of a card offers today. Raises: ActionRefused."""
    rows = database.rows("SELECT issuer FROM cards WHERE id = ?", (card,))
    area = int(rows[0][0]) if rows else 0
    newest = [tariff for (issuer, _), tariff in sorted(tariffs.items()) if issuer == area]
    day = service_day(newest[-1], now) if newest else 0
    tariff = in_force(tariffs, area, day)
    if tariff is None:
        raise ActionRefused(f"authority {area}: no tariff is in force today", "tariff")
    return Offer(tariff, day)


def _check_holder(
    database: Database, card: int, offer: Offer, number: int, price: Price, now: int
) -> None:
    """Refuse what this card is not for; of which group it is, nobody is told."""
    if price.group != group_of(database, card, now):
        raise ActionRefused("choice: this price is for other riders than the card is; wanted one"
                            " for its group, or a counter", "price")  # fmt: skip
    row, _ = offer.rows_of(number)
    kind = head_of(database, card).get("kind", CARD_HOLDER)
    if row[s.P_FLAGS] & s.PRODUCT_PERSONAL and kind != CARD_PERSONAL:
        raise ActionRefused("choice: this product is for personal cards; a counter makes a card"
                            " one", "price")  # fmt: skip
