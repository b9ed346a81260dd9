"""What every page of the shop stands in: its language, the sheet of style, the passenger's clock.

The words are the office's table with the shop's own beside them; no page holds a text of its own.
"""

from collections.abc import Callable
from pathlib import Path
from typing import Any, NamedTuple

from fastapi import Request
from fastapi.responses import HTMLResponse
from jinja2 import Environment, FileSystemLoader, StrictUndefined
from markupsafe import Markup

from backend_sync.actions.limits import tariff_at
from backend_sync.api.card_codes import CardCodes
from backend_sync.api.rates import Policy, Rates
from backend_sync.catalogue import every_tariff
from backend_sync.ledger.place import Place
from backend_sync.office import accounts
from backend_sync.office.money import euros
from backend_sync.office.pages.frame import LANGUAGE_COOKIE
from backend_sync.office.words import LANGUAGES, language_of, texts
from backend_sync.ports import Clock
from backend_sync.registers.show import when
from backend_sync.reports.naming import AUTHORITY, OPERATOR, Names
from backend_sync.settlement.words import date_of
from backend_sync.shop.orders import Orders
from backend_sync.shop.payment import CURRENCY, Payments
from backend_sync.shop.visits import Visits
from backend_sync.storage.database import Database
from card_layouts.cards.card_layout import KIND_LOAD
from card_layouts.fares.clock import offset_minutes
from card_layouts.fares.mounted import Tariff

HERE = Path(__file__).parent
TEMPLATES = (HERE / "templates", Path(accounts.__file__).parent / "templates")
KEY_BYTES, DAY_S = 16, 86_400
COOKIE = "card"


class Parts(NamedTuple):
    """What the shop is made of; `payments` None: no payment page is set up."""

    place: Place
    database: Database  # shop.db
    codes: CardCodes
    payments: Payments | None
    clock: Clock
    random_bytes: Callable[[int], bytes]
    secure: bool = False  # reached over TLS only
    policy: Policy = Policy()
    registers: Database | None = None  # where operators and authorities have names


class Frame:
    """Shows pages, and holds what they ask."""

    def __init__(self, parts: Parts) -> None:
        self.parts = parts
        self.place, self.clock, self.payments = parts.place, parts.clock, parts.payments
        rates = Rates(parts.policy)
        self.visits = Visits(parts.database, parts.codes, parts.clock, rates, parts.random_bytes)
        self.orders = Orders(parts.database, parts.place, parts.clock, parts.random_bytes)
        self.names = accounts.Names(parts.place.tariffs)
        self.cookie = f"__Host-{COOKIE}" if parts.secure else COOKIE
        self.templates = Environment(
            loader=FileSystemLoader(TEMPLATES), autoescape=True, undefined=StrictUndefined
        )
        self.templates.filters |= {"euros": _money, "day": date_of, "moved": _moved}

    def shown(
        self, request: Request, template: str, status: int = 200, area: int = 0, **values: Any
    ) -> HTMLResponse:
        """Return a page; `area`: whose clock on the wall its times are, 0: UTC."""
        language = self.language(request)
        text = self.templates.get_template(template).render(
            t=texts(language), lang=language, languages=LANGUAGES, back=_path(request),
            has_card=getattr(request.state, "card", None) is not None,
            at=_clock(self.tariff(area)), operator=self._operator, **values,
        )  # fmt: skip
        return HTMLResponse(text, status)

    def message(self, request: Request, said: str, status: int = 200) -> HTMLResponse:
        """Return a page that says one thing: the text of key `said`."""
        return self.shown(request, "shop_message.html", status, said=said)

    def language(self, request: Request) -> str:
        """Return the language to answer in: the chosen one, else one that the browser wants."""
        return language_of(
            request.cookies.get(LANGUAGE_COOKIE, ""), request.headers.get("accept-language", "")
        )

    def tariff(self, area: int) -> Tariff | None:
        """Return an authority's tariff of now, None without one."""
        if not area:
            return None
        return tariff_at(every_tariff(self.place.tariffs), area, self.clock.utc_seconds())

    def authority(self, area: int) -> str:
        return self._called(AUTHORITY, area, area)

    def _operator(self, ride: accounts.Ride) -> str:
        return self._called(OPERATOR, ride.authority, ride.operator or 0)

    def _called(self, kind: str, area: int, number: int) -> str:
        """Return a name of now; the number where it has none."""
        if self.parts.registers is None:
            return str(number)
        names = Names({}, area, self.parts.registers)
        return names.name(kind, number, self.clock.utc_seconds() // DAY_S) or str(number)

    def form_key(self) -> str:
        """Return a new key: a form that carries it is carried out once."""
        return self.parts.random_bytes(KEY_BYTES).hex()

    def token(self, request: Request) -> str:
        return request.cookies.get(self.cookie, "")


def _path(request: Request) -> str:
    """Return the way back to a page after its language was changed: never a payment's words."""
    path = request.url.path
    if request.method == "GET" and "/payments/" not in path:
        return path
    return "/shop/buy" if path == "/shop/orders" else "/shop/card"


def _money(cents: int) -> str:
    return f"{euros(cents)}\N{NO-BREAK SPACE}{CURRENCY}"


def _moved(ride: accounts.Ride) -> str:
    """Return what a tap did to the balance: loads with a sign, charges as what was paid."""
    return ("+" if ride.kind == KIND_LOAD else "") + _money(ride.cents)


def _clock(tariff: Tariff | None) -> Callable[[int], Markup]:
    """Return what writes seconds since 2020 as an element with the time on the wall."""

    def at(seconds: int) -> Markup:
        wall = seconds + 60 * offset_minutes(tariff, seconds) if tariff else seconds
        exact = when(seconds).replace(" ", "T")
        zone = "" if tariff else " UTC"
        return Markup('<time datetime="{}Z">{}{}</time>').format(exact, when(wall)[:16], zone)

    return at
