"""W-143: what a web shop sells waits for its card, and is loaded at its next tap.

An order is an action of the desk, paid for; it can be withdrawn until a validator has carried it
out. Whoever knows a card's account number may load it and learns little of it: how his own order
fares, and whether the price of a group is for it. Source: W-57, W-65 to W-67, W-143; trust.md 4.5.
"""

from hashlib import sha256
from typing import Annotated

from fastapi import Path, Request
from fastapi.responses import Response
from pydantic import Field

from backend_sync.actions import desk, words
from backend_sync.api.documents import document
from backend_sync.api.models import CENTS_MOST, CHOICE, DIGITS, NUMBER_MOST, Model
from backend_sync.api.once import key_of
from backend_sync.api.part import Part, caller_of, own_card
from backend_sync.api.problems import no_such
from backend_sync.api.routes import OWN, Route
from backend_sync.sales.web_orders import LOAD, Wanted, order
from backend_sync.storage.database import Database

DAYS_MOST = 90
Number = Annotated[int, Path(ge=1, le=desk.ACTION_MAX), DIGITS]


class NewOrder(Model):
    """Paid for; it waits `days` days for its card. `choice` as GET /products?channel=web has it, of
    which `cents` is the price that was shown; "load": so many cents onto the purse."""

    card: Annotated[int, Field(ge=1, le=NUMBER_MOST)]
    choice: Annotated[str, Field(pattern=CHOICE)] = LOAD
    cents: Annotated[int, Field(ge=1, le=CENTS_MOST)]
    days: Annotated[int, Field(ge=1, le=DAYS_MOST)]


class Order(Model):
    """An order and how it fares; `device`, `stop` and `day` once it is on the card; `product` 0: a
    load."""

    action: int
    kind: str
    product: int
    cents: int
    state: str
    status: str
    device: int | None
    stop: int | None
    day: str | None
    money_back: bool


class Orders(Part):
    """Orders of the caller's user; another one's are as if they were not there."""

    ROUTES = (
        Route("POST", "/orders", "sales.make", OWN, "W-143", "order", Order,
              "Order a load or product that goes onto the card at its next tap", status=201,
              once=True),
        Route("GET", "/orders/{action}", "sales.make", OWN, "W-143", "order_status", Order,
              "How an order fares"),
        Route("POST", "/orders/{action}/cancel", "sales.make", OWN, "W-143", "cancel_order", Order,
              "Withdraw an order; its money goes back once nothing can load it", once=True),
    )  # fmt: skip

    def order(self, request: Request, body: NewOrder) -> Order:
        user = caller_of(request).user
        key = _key_of(user.name) + sha256(key_of(request).encode()).hexdigest()[:24]
        with self.place.books() as database:
            own_card(database, user, "sales.make", body.card)
        with self.place.ledger(self.clock, user.scope.authority) as ledger:
            wanted = Wanted(key, body.card, body.choice, body.cents, body.days)
            return _found(ledger.database, user.name, order(ledger, wanted))

    def order_status(self, request: Request, action: Number) -> Response:
        with self.place.books() as database:
            return document(request, _found(database, caller_of(request).user.name, action))

    def cancel_order(self, request: Request, action: Number) -> Order:
        user = caller_of(request).user
        with self.place.ledger(self.clock, user.scope.authority) as ledger:
            _found(ledger.database, user.name, action)
            with ledger.books() as books:
                desk.cancel(books, action, "withdrawn by its web shop")
            return _found(ledger.database, user.name, action)


def _key_of(name: str) -> str:
    return f"api:{name}:"


def _found(database: Database, name: str, action: int) -> Order:
    said = words.status(database, action)
    if said is None or not said["key"].startswith(_key_of(name)):
        raise no_such("order")
    return Order(**{field: said[field] for field in Order.model_fields})
