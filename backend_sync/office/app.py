"""The office's wiring: its parts, its pages with the right that each needs, its errors as pages."""

import sys
from collections.abc import Callable

from fastapi import Depends, FastAPI, Request
from fastapi.exceptions import RequestValidationError
from fastapi.responses import HTMLResponse, RedirectResponse, Response
from sqlalchemy.exc import SQLAlchemyError
from starlette.exceptions import HTTPException

from backend_sync.keyring.keyfile import KeyFileError
from backend_sync.ledger.books import BooksRefused
from backend_sync.ledger.place import Place, PlaceError
from backend_sync.office.gate import PUBLIC, SIGNED_IN, Gate, NotAllowed, SignInNeeded
from backend_sync.office.guard import Guard
from backend_sync.office.pages import Pages
from backend_sync.office.sessions import Sessions
from backend_sync.office.tills import Tills
from backend_sync.ports import Clock, KeyringError
from backend_sync.registers.opening import Registers
from backend_sync.storage.database import Database
from backend_sync.storage.disk import DiskRefused

# method, path, right that it needs, method of `Pages`: a page that is not here does not exist
ROUTES = (
    ("GET", "/office.css", PUBLIC, "css"),
    ("GET", "/sign-in", PUBLIC, "sign_in_form"),
    ("POST", "/sign-in", PUBLIC, "sign_in"),
    ("POST", "/sign-out", SIGNED_IN, "sign_out"),
    ("GET", "/", SIGNED_IN, "home"),
    ("GET", "/today", "usage.see", "today"),
    ("GET", "/sell", "sales.make", "sell_form"),
    ("POST", "/sell", "sales.make", "sell"),
    ("GET", "/slips/{device}/{place}", "sales.make", "slip"),
)
# The world's fault: what was asked for can be asked again.
FAULTS = (BooksRefused, DiskRefused, KeyFileError, KeyringError, PlaceError, SQLAlchemyError)


def make_app(
    place: Place,
    registers: Registers,
    database: Database,
    clock: Clock,
    random_bytes: Callable[[int], bytes],
    secure: bool = False,
) -> Guard:
    """Return the office as an ASGI application; `.app` is the FastAPI one behind its guard.

    `database` is office.db, `secure`: it is reached over TLS only.
    """
    gate = Gate(registers, Sessions(database, clock, random_bytes), secure)
    pages = Pages(place, gate, Tills(database, clock), clock, random_bytes)
    app = FastAPI(openapi_url=None, docs_url=None, redoc_url=None)  # pages are no interface
    for method, path, right, name in ROUTES:
        app.add_api_route(path, getattr(pages, name), methods=[method], response_model=None,
                          response_class=HTMLResponse, include_in_schema=False,
                          dependencies=[Depends(gate.need(right))])  # fmt: skip
    _add_errors(app, pages)
    return Guard(app)


def _add_errors(app: FastAPI, pages: Pages) -> None:
    def sign_in_needed(_request: Request, _error: Exception) -> Response:
        return RedirectResponse("/sign-in", 303)

    def not_allowed(request: Request, error: Exception) -> Response:
        return pages.shown(request, "message.html", 403, said="not_allowed", more=str(error))

    def bad_form(request: Request, _error: Exception) -> Response:
        return pages.shown(request, "message.html", 400, said="bad_form")

    def other(request: Request, error: Exception) -> Response:
        assert isinstance(error, HTTPException)
        return pages.shown(request, "message.html", error.status_code, said="no_page")

    def busy(request: Request, error: Exception) -> Response:
        words = str(error.__cause__ or error).strip()  # of a database without the values
        print(f"office: {request.url.path}: {words}", file=sys.stderr, flush=True)
        return pages.shown(request, "message.html", 503, said="busy")

    app.add_exception_handler(SignInNeeded, sign_in_needed)
    app.add_exception_handler(NotAllowed, not_allowed)
    app.add_exception_handler(RequestValidationError, bad_form)
    app.add_exception_handler(HTTPException, other)
    for fault in FAULTS:
        app.add_exception_handler(fault, busy)
