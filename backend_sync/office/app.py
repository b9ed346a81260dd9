"""The office's wiring: its subjects, their pages with the right of each, its errors as pages."""

from collections.abc import Callable

from fastapi import Depends, FastAPI, Request
from fastapi.exceptions import RequestValidationError
from fastapi.responses import HTMLResponse, Response
from sqlalchemy.exc import SQLAlchemyError
from starlette.exceptions import HTTPException

from backend_sync.keyring.keyfile import KeyFileError
from backend_sync.ledger.books import BooksRefused
from backend_sync.ledger.place import Place, PlaceError
from backend_sync.office.gate import NotAllowed, SignInNeeded
from backend_sync.office.guard import Guard
from backend_sync.office.pages.cards import Cards
from backend_sync.office.pages.cash import Cash
from backend_sync.office.pages.devices import Devices
from backend_sync.office.pages.door import Door, ask_to_sign_in
from backend_sync.office.pages.frame import Codes, Frame, Parts, Subject
from backend_sync.office.pages.names import NamePages
from backend_sync.office.pages.operating import OperatingPages
from backend_sync.office.pages.registers import Registers as RegisterPages
from backend_sync.office.pages.reports import Reports
from backend_sync.office.pages.sales import Sales
from backend_sync.office.pages.selling import Selling
from backend_sync.office.pages.settlement import Settlement
from backend_sync.office.pages.stock import Stock
from backend_sync.office.pages.tariffs import Tariffs
from backend_sync.office.pages.timetables import Timetables
from backend_sync.office.pages.today import Today
from backend_sync.office.pages.trail import Trail
from backend_sync.office.words import texts
from backend_sync.ports import Clock, KeyringError
from backend_sync.registers.opening import Registers
from backend_sync.storage.database import Database
from backend_sync.storage.disk import DiskRefused

# In the order of the menu; a subject that is not here does not exist.
SUBJECTS: tuple[type[Subject], ...] = (
    *(Door, Today, Selling, Cash, Cards, Sales, Devices, Tariffs, Reports),
    *(OperatingPages, Timetables),
    *(Settlement, Stock, RegisterPages, NamePages, Trail),
)
ROUTES = tuple(route for subject in SUBJECTS for route in subject.ROUTES)
# The world's fault: what was asked for can be asked again.
FAULTS = (BooksRefused, DiskRefused, KeyFileError, KeyringError, PlaceError, SQLAlchemyError)


def make_app(
    place: Place,
    registers: Registers,
    database: Database,
    clock: Clock,
    random_bytes: Callable[[int], bytes],
    secure: bool = False,
    codes: Codes | None = None,
) -> Guard:
    """Return the office as an ASGI application; `.app` is the FastAPI one behind its guard.

    `database` is office.db, `secure`: it is reached over TLS only; `codes` None: no shop takes any.
    """
    menu = tuple(row for subject in SUBJECTS for row in subject.MENU)
    frame = Frame(Parts(place, registers, database, clock, random_bytes, secure, codes), menu)
    app = FastAPI(openapi_url=None, docs_url=None, redoc_url=None)  # pages are no interface
    bodies: dict[str, int] = {}
    for subject in SUBJECTS:
        pages = subject(frame)
        bodies |= subject.BODIES
        for method, path, right, name in subject.ROUTES:
            app.add_api_route(path, getattr(pages, name), methods=[method], response_model=None,
                              response_class=HTMLResponse, include_in_schema=False,
                              dependencies=[Depends(frame.gate.need(right))])  # fmt: skip
    _add_errors(app, frame)
    return Guard(app, bodies)


def _add_errors(app: FastAPI, frame: Frame) -> None:
    def sign_in_needed(request: Request, _error: Exception) -> Response:
        return ask_to_sign_in(frame, request)

    def not_allowed(request: Request, error: Exception) -> Response:
        named = texts(frame.language(request))
        rights = [f"{named[f'right_{right}']} ({right})" for right in str(error).split("|")]
        return frame.message(request, "not_allowed", 403, ", ".join(rights))

    def bad_form(request: Request, _error: Exception) -> Response:
        return frame.message(request, "bad_form", 400)

    def other(request: Request, error: Exception) -> Response:
        assert isinstance(error, HTTPException)
        return frame.message(request, "no_page", error.status_code)

    def busy(request: Request, error: Exception) -> Response:
        words = str(error.__cause__ or error).strip()  # of a database without the values
        request.state.fault = (
            words.splitlines()[0] if words else type(error).__name__
        )  # for the log
        return frame.message(request, "busy", 503)

    app.add_exception_handler(SignInNeeded, sign_in_needed)
    app.add_exception_handler(NotAllowed, not_allowed)
    app.add_exception_handler(RequestValidationError, bad_form)
    app.add_exception_handler(HTTPException, other)
    for fault in FAULTS:
        app.add_exception_handler(fault, busy)
