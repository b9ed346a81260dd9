"""W-138: others sell: products and prices out, sales in.

A sale that comes here is the sale of a counter: same till, same slip, same postings, once by the
key of its request. Prices are the tariff's; the request says which one its seller showed.
Source: W-107, W-108, W-112, W-138, X-15.
"""

from hashlib import sha256
from typing import Annotated, Literal

from fastapi import Path, Query, Request
from fastapi.responses import Response
from pydantic import Field

from backend_sync.api.documents import document
from backend_sync.api.models import CENTS_MOST, CHOICE, DIGITS, NUMBER_MOST, Model, Paging
from backend_sync.api.models import Query as Closed
from backend_sync.api.once import key_of
from backend_sync.api.paging import cursor, number_of
from backend_sync.api.part import Part, Parts, caller_of, own_card
from backend_sync.api.problems import ApiError, no_such
from backend_sync.api.routes import OWN, Route
from backend_sync.office.selling import Form, SalesPoint, slip_of
from backend_sync.office.tills import Till, Tills
from backend_sync.sales.choices import Choice, choices, load_limits
from backend_sync.sales.counter import Counter
from backend_sync.sales.fiscal import COLUMNS, Slip
from backend_sync.settlement.words import date_of

LIST = "sale"
DEVICE_MOST, SHIFT_MOST = (1 << 20) - 1, 4095
Device = Annotated[int, Path(ge=1, le=DEVICE_MOST), DIGITS]
Place = Annotated[int, Path(ge=1, le=DEVICE_MOST), DIGITS]


class Product(Model):
    """One product at one price; `choice` names it in a sale."""

    choice: str
    product: int
    name: str
    zones: str
    group: str
    length: int
    unit: str
    cents: int


class LoadLimit(Model):
    """What may be loaded, for groups of riders."""

    groups: str
    least_cents: int
    most_cents: int
    step_cents: int


class Offered(Model):
    """Everything that may be sold now, of one tariff."""

    authority: int
    tariff: int
    valid_from: str
    valid_to: str
    products: list[Product]
    loads: list[LoadLimit]


class Through(Closed):
    """How it is sold: `counter` for POST /sales, `web` for POST /orders."""

    channel: Literal["counter", "web"] = "counter"


class NewSale(Model):
    """`choice` is of a product, or "load"; `cents` the price that its buyer was shown."""

    card: Annotated[int, Field(ge=1, le=NUMBER_MOST)]
    choice: Annotated[str, Field(pattern=CHOICE)]
    cents: Annotated[int, Field(ge=1, le=CENTS_MOST)]
    paid: Literal["cash", "card"]
    shift: Annotated[int, Field(ge=0, le=SHIFT_MOST)]


class Sold(Model):
    """A slip; `place` is its number on its device, `of` the slip that it undoes, 0 of none."""

    device: int
    place: int
    kind: str
    of: int
    card: int | None
    action: int
    product: int
    cents: int
    rounding: int
    paid: str
    channel: str
    clerk: int
    shift: int


class Sales(Model):
    items: list[Sold]
    next: str | None


class Selling(Part):
    """Sells as the till of the caller's user."""

    ROUTES = (
        Route("GET", "/products", "sales.make", OWN, "W-138", "products", Offered,
              "What may be sold now, and for how much"),
        Route("GET", "/sales", "sales.make", OWN, "W-138", "sales", Sales,
              "The slips of one's own till, oldest first"),
        Route("POST", "/sales", "sales.make", OWN, "W-138", "sell", Sold,
              "Sell once, for a card", status=201, once=True),
        Route("GET", "/sales/{device}/{place}", "sales.make", OWN, "W-138", "sale", Sold,
              "One slip of one's own till"),
        Route("POST", "/sales/{device}/{place}/void", "sales.make", OWN, "W-138", "void", Sold,
              "Undo a sale within its minutes", status=201, once=True),
    )  # fmt: skip

    def __init__(self, parts: Parts) -> None:
        super().__init__(parts)
        self.tills = Tills(parts.office, parts.clock)
        self.sales_point = SalesPoint(parts.place, parts.clock)

    def products(self, request: Request, by: Annotated[Through, Query()]) -> Response:
        offer = self.sales_point.offer(caller_of(request).scope.authority)
        if offer is None:
            raise ApiError(404, "no tariff of your authority is in force today")
        tariff = offer.tariff
        return document(request, Offered(
            authority=tariff.authority, tariff=tariff.version,
            valid_from=date_of(tariff.valid_from), valid_to=date_of(tariff.valid_to),
            products=[_product(one) for one in choices(offer, by.channel)],
            loads=[LoadLimit(groups=row[0], least_cents=row[1], most_cents=row[2],
                             step_cents=row[3]) for row in load_limits(offer, by.channel)],
        ))  # fmt: skip

    def sales(self, request: Request, page: Annotated[Paging, Query()]) -> Response:
        till = self._till(request)
        after = number_of(LIST, page.after)
        with self.place.books() as database:
            rows = database.rows(SLIPS, (till.device, after, page.limit))
        items = [_sold(Slip(*row)) for row in rows]
        more = cursor(LIST, items[-1].place) if len(items) == page.limit else None
        return document(request, Sales(items=items, next=more))

    def sale(self, request: Request, device: Device, place: Place) -> Response:
        till = self._till(request)
        with self.place.books() as database:
            slip = slip_of(database, device, place) if device == till.device else None
        if slip is None:
            raise no_such("sale")
        return document(request, _sold(slip))

    def sell(self, request: Request, body: NewSale) -> Sold:
        till, user = self._till(request), caller_of(request).user
        with self.place.books() as database:
            own_card(database, user, "sales.make", body.card)
        amount = f"{body.cents // 100}.{body.cents % 100:02d}"
        form = Form(_number_of(user.name, request), str(body.card), body.choice, amount,
                    str(body.cents), body.paid, str(body.shift))  # fmt: skip
        return _sold(self.sales_point.sell(user, till, form))

    def void(self, request: Request, device: Device, place: Place) -> Sold:
        till = self._till(request)
        if device != till.device:
            raise no_such("sale")
        key = f"api:{device}:{_number_of(caller_of(request).user.name, request)}"
        with self.place.ledger(self.clock, till.authority) as ledger:
            if slip_of(ledger.database, device, place) is None:
                raise no_such("sale")
            return _sold(Counter(ledger).void(key, device, place, till.clerk)[0])

    def _till(self, request: Request) -> Till:
        till = self.tills.of(caller_of(request).user)
        if till is None:
            raise ApiError(403, "your user has no till; `tornello office till` gives him one")
        return till


SLIPS = f"SELECT {COLUMNS} FROM slips WHERE device = ? AND place > ? ORDER BY place LIMIT ?"


def _product(one: Choice) -> Product:
    said = one._asdict()
    return Product(choice=said.pop("key"), **said)


def _sold(slip: Slip) -> Sold:
    said = slip._asdict()
    del said["key"]
    return Sold(**said)


def _number_of(name: str, request: Request) -> str:
    """Return the number under which the books know this request; another user's is another."""
    return sha256(f"{name}\n{key_of(request)}".encode()).hexdigest()[:32]
