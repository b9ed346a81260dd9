"""The shop's wiring: its pages with the mark of each, what stands before them, errors as pages."""

from collections.abc import Callable
from typing import Any

from fastapi import Depends, FastAPI, Request
from fastapi.exceptions import RequestValidationError
from fastapi.responses import HTMLResponse, RedirectResponse, Response
from starlette.exceptions import HTTPException

from backend_sync.office.guard import Guard
from backend_sync.shop.faults import FAULTS, words_of
from backend_sync.shop.frame import Frame, Parts
from backend_sync.shop.opening import RESTORE
from backend_sync.shop.pages import CARD, HOME, PUBLIC, SIGNED, Pages, where
from backend_sync.shop.payment import NOTIFY
from backend_sync.shop.visits import TooOften

MARKS = (PUBLIC, CARD, SIGNED)
ROUTES = Pages.ROUTES


class ProofNeeded(Exception):
    """Nobody has proved there that he has a card, or not any more."""


def make_shop(parts: Parts, say: Callable[[str], None]) -> Guard:
    """Return the shop as an ASGI application for /shop; `.app` is the FastAPI one behind its guard.

    What was left undone is done first; `say` gets a sentence when it cannot be now.
    """
    frame = Frame(parts)
    app = FastAPI(openapi_url=None, docs_url=None, redoc_url=None)  # pages are no interface
    app.state.frame = frame
    pages = Pages(frame)
    for method, path, mark, name in ROUTES:
        app.add_api_route(path, getattr(pages, name), methods=[method], response_model=None,
                          response_class=HTMLResponse, include_in_schema=False,
                          dependencies=[Depends(_need(frame, mark))])  # fmt: skip
    _add_errors(app, frame)
    try:
        lost = frame.orders.unknown()
        if lost:
            say(f"shop.db has no order, the ledger {lost} of the shop's: end this, {RESTORE}")
        frame.orders.recall()
        frame.orders.finish()
    except FAULTS as error:
        say(f"paid orders wait: {words_of(error)}")
    return Guard(app, signed=(NOTIFY,))


def add_shop(app: Any, shop: Any) -> Any:
    """Return an ASGI application: `shop` for whatever is under /shop, `app` for the rest."""

    async def both(scope: Any, receive: Any, send: Any) -> None:
        path = str(scope.get("path", ""))
        inner = shop if path == "/shop" or path.startswith("/shop/") else app
        await inner(scope, receive, send)

    return both


def _need(frame: Frame, mark: str) -> Callable[[Request], None]:
    """Return the mark of a page: what FastAPI asks before the page is made."""
    assert mark in MARKS, mark

    def check(request: Request) -> None:
        frame.visits.count(where(request))
        token = frame.token(request)
        request.state.card = frame.visits.card_of(token) if token else None
        if mark == CARD and request.state.card is None:
            raise ProofNeeded()

    return check


def _add_errors(app: FastAPI, frame: Frame) -> None:
    def proof_needed(_request: Request, _error: Exception) -> Response:
        return RedirectResponse(HOME, 303)

    def too_often(request: Request, _error: Exception) -> Response:
        return frame.message(request, "shop_too_often", 429)

    def bad_form(request: Request, _error: Exception) -> Response:
        return frame.message(request, "bad_form", 400)

    def other(request: Request, error: Exception) -> Response:
        assert isinstance(error, HTTPException)
        return frame.message(request, "no_page", error.status_code)

    def busy(request: Request, error: Exception) -> Response:
        request.state.fault = words_of(error)
        return frame.message(request, "shop_busy", 503)

    app.add_exception_handler(ProofNeeded, proof_needed)
    app.add_exception_handler(TooOften, too_often)
    app.add_exception_handler(RequestValidationError, bad_form)
    app.add_exception_handler(HTTPException, other)
    for fault in FAULTS:
        app.add_exception_handler(fault, busy)
