"""What every page stands in: the menu of its user, his language, the sheet of style.

A subject is a class made from a `Frame`. Its `ROUTES` are rows (method, path, right, name of its
method), its `MENU` rows (right, path, key of the text), its `BODIES` the paths that take more than
a form: {path: bytes at most}. No rule lives in a page: it reads its form, asks one service, and
shows what came.
"""

from collections.abc import Callable
from pathlib import Path
from typing import Any, NamedTuple, Protocol

from fastapi import Request
from fastapi.responses import HTMLResponse, RedirectResponse
from jinja2 import Environment, FileSystemLoader, StrictUndefined
from markupsafe import Markup

from backend_sync.ledger.place import Place
from backend_sync.office.called import Called
from backend_sync.office.gate import Gate, Visit, may_open
from backend_sync.office.money import euros
from backend_sync.office.sessions import Sessions
from backend_sync.office.telling import told
from backend_sync.office.tills import Tills
from backend_sync.office.words import LANGUAGES, language_of, texts
from backend_sync.operating.opening import Opened
from backend_sync.ports import Clock
from backend_sync.registers.opening import Registers
from backend_sync.registers.rights import User
from backend_sync.registers.show import when
from backend_sync.reports.naming import Names
from backend_sync.settlement.words import date_of
from backend_sync.storage.database import Database
from card_layouts.settlement.pricing import Tariffs

HERE = Path(__file__).parent.parent
KEY_BYTES = 16
SEE_OTHER = 303
HOURS_MOST = 48  # of silence; longer ones are told in days
LANGUAGE_COOKIE = "language"
Route = tuple[str, str, str, str]
MenuRow = tuple[str, str, str]


class Codes(Protocol):
    """Proofs that a passenger has a card in his hand."""

    def give(self, card: int, by: str) -> str:
        """Return a code for the holder of a card, good once and for minutes."""


class Parts(NamedTuple):
    """What the office is made of; `random_bytes` gives the keys of forms."""

    place: Place
    registers: Registers
    database: Database  # office.db
    clock: Clock
    random_bytes: Callable[[int], bytes]
    secure: bool  # reached over TLS only
    codes: Codes | None = None


class Frame:
    """Shows pages; `menu` holds the rows of every subject, in order."""

    def __init__(self, parts: Parts, menu: tuple[MenuRow, ...]) -> None:
        self.parts = parts
        self.place = parts.place
        self.clock = parts.clock
        self.menu = menu
        sessions = Sessions(parts.database, parts.clock, parts.random_bytes)
        self.gate = Gate(parts.registers, sessions, parts.secure)
        self.tills = Tills(parts.database, parts.clock)
        self.operating = Opened(parts.place.folder, parts.clock)
        self.templates = Environment(
            loader=FileSystemLoader(HERE / "templates"), autoescape=True, undefined=StrictUndefined
        )
        self.templates.filters |= {"euros": euros, "when": time_of, "day": date_of, "age": age_of}

    def shown(
        self, request: Request, template: str, status: int = 200, **values: Any
    ) -> HTMLResponse:
        """Return a page; what a template names and nobody gave is an error, not a blank."""
        visit: Visit | None = getattr(request.state, "visit", None)
        user: User | None = visit.user if visit else None
        language = self.language(request)
        text = self.templates.get_template(template).render(
            t=texts(language), lang=language, languages=LANGUAGES, user=user,
            menu=self.menu_of(user), path=request.url.path, subject=self._here(request),
            called=self.called(user, language), **values,
        )  # fmt: skip
        return HTMLResponse(text, status)

    def names_of(self, authority: int, tariffs: Tariffs) -> Names:
        """Return the names of an authority's numbers."""
        return Names(tariffs, authority, self.parts.registers.database)

    def called(self, user: User | None, language: str) -> Called:
        """Return what a reader's page calls numbers."""
        authority = user.scope.authority if user else 0
        names = self.parts.registers.database
        return Called(self.place.tariffs, authority, names, self.clock.utc_seconds(), language)

    def language(self, request: Request) -> str:
        """Return the language to answer in: the chosen one, else one that the browser wants."""
        return language_of(
            request.cookies.get(LANGUAGE_COOKIE, ""), request.headers.get("accept-language", "")
        )

    def message(self, request: Request, said: str, status: int = 200, more: str = "") -> Any:
        """Return a page that says one thing: the text of key `said`, and `more` as it is."""
        return self.shown(request, "message.html", status, said=said, more=more)

    def refusal(self, request: Request, error: Exception) -> str:
        """Return why something was not done, in the reader's language where there is a text."""
        return told(error, self.language(request))

    def menu_of(self, user: User | None) -> list[MenuRow]:
        """Return the rows of the menu that a user has the right for."""
        return [row for row in self.menu if user and may_open(user, row[0])]

    def _here(self, request: Request) -> str:
        """Return the row of the menu that a page is under: the longest that its address goes on."""
        within = [to for _, to, _ in self.menu if f"{request.url.path}/".startswith(f"{to}/")]
        return max(within, key=len, default="")

    def form_key(self) -> str:
        """Return a new key: a form that carries it is carried out once."""
        return self.parts.random_bytes(KEY_BYTES).hex()


class Subject:
    """The pages of one subject."""

    ROUTES: tuple[Route, ...] = ()
    MENU: tuple[MenuRow, ...] = ()
    BODIES: dict[str, int] = {}

    def __init__(self, frame: Frame) -> None:
        self.frame = frame
        self.place = frame.place
        self.clock = frame.clock


def time_of(seconds: int) -> Markup:
    """Return seconds since 2020 as an element that says the minute, in UTC."""
    text = when(seconds)
    return Markup('<time datetime="{}Z">{}</time>').format(text.replace(" ", "T"), text[:16])


def age_of(seconds: int) -> tuple[str, int]:
    """Return how long ago in a unit that a person counts in: (key of its text, how many)."""
    hours = max(seconds, 0) // 3600
    return ("hours_short", hours) if hours < HOURS_MOST else ("days_short", hours // 24)


def visit_of(request: Request) -> Visit:
    """Return who has signed in; only for pages that are not public."""
    visit: Visit = request.state.visit
    return visit


def user_of(request: Request) -> User:
    """Return the user who has signed in; only for pages that are not public."""
    return visit_of(request).user


def lead_to(path: str) -> RedirectResponse:
    """Return an answer that leads to a page which can be loaded again and does nothing."""
    return RedirectResponse(path, SEE_OTHER)
