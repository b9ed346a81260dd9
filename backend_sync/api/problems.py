"""Errors as problem documents (RFC 9457): where, what was found, what was wanted, what to do.

What the asker sent is never repeated but for the name of its field: logs keep problems.
"""

from collections.abc import Mapping
from typing import Any

from fastapi import FastAPI, Request
from fastapi.exceptions import RequestValidationError
from fastapi.responses import JSONResponse, Response
from fastapi.routing import APIRoute
from pydantic import ConfigDict
from sqlalchemy.exc import SQLAlchemyError
from starlette.exceptions import HTTPException

from backend_sync.actions.desk import ActionRefused
from backend_sync.api.models import Model
from backend_sync.keyring.keyfile import KeyFileError
from backend_sync.ledger.books import BooksRefused
from backend_sync.ledger.place import PlaceError
from backend_sync.operating.refusals import NotThere, OperatingRefused
from backend_sync.ports import KeyringError
from backend_sync.registers.refusals import Refused
from backend_sync.sales.counter import SaleRefused
from backend_sync.storage.disk import DiskRefused

MEDIA = "application/problem+json"
TYPE = "urn:tornello:problem:"
FAULTS_SHOWN = 5
# status: (name of the kind, title)
KINDS = {
    304: ("not-modified", "Not modified"),
    400: ("bad-request", "The request cannot be read"),
    401: ("not-signed-in", "Nobody is signed in"),
    403: ("not-allowed", "Not allowed"),
    404: ("not-found", "There is no such thing, or it is not yours"),
    405: ("method", "This address has no such method"),
    406: ("not-acceptable", "Not to be had in this form"),
    408: ("too-slow", "The body did not come in time"),
    409: ("refused", "Refused: nothing was changed"),
    413: ("too-large", "The body is too large"),
    415: ("media-type", "The body is of another kind"),
    422: ("wrong-values", "Values that do not fit"),
    429: ("too-often", "Too many requests"),
    500: ("fault", "A fault of ours"),
    503: ("busy", "Not at the moment"),
}  # fmt: skip


class Problem(Model):
    """RFC 9457; `detail` is one sentence for the person who reads the log."""

    model_config = ConfigDict(strict=True, extra="forbid", title="Problem")

    type: str
    title: str
    status: int
    detail: str
    instance: str


class ApiError(Exception):
    """An answer that is no success; `headers` go with it."""

    def __init__(self, status: int, detail: str, headers: Mapping[str, str] | None = None) -> None:
        super().__init__(detail)
        self.status = status
        self.headers = dict(headers or {})


def no_such(what: str) -> ApiError:
    """Return the one answer for what is not there and for what belongs to others."""
    return ApiError(404, f"{what}: there is none that is yours")


def problem(
    status: int, detail: str, path: str, headers: Mapping[str, str] | None = None
) -> JSONResponse:
    """Return a problem document as an answer."""
    kind, title = KINDS.get(status, ("other", "Refused"))
    body = Problem(type=f"{TYPE}{kind}", title=title, status=status, detail=detail, instance=path)
    return JSONResponse(body.model_dump(), status, dict(headers or {}), MEDIA)


def declared(*statuses: int) -> dict[int | str, dict[str, Any]]:
    """Return these problems as OpenAPI says them."""
    schema = {"$ref": "#/components/schemas/Problem"}
    return {
        status: {"description": KINDS[status][1], "content": {MEDIA: {"schema": schema}}}
        for status in statuses
    }


def add_handlers(app: FastAPI) -> None:
    """Let every error of the services leave as a problem document."""
    for kind in (SaleRefused, ActionRefused, Refused, OperatingRefused):
        app.add_exception_handler(kind, _refused(409))
    app.add_exception_handler(NotThere, _refused(404))
    for fault in (BooksRefused, DiskRefused, KeyFileError, KeyringError, PlaceError,
                  SQLAlchemyError):  # fmt: skip
        app.add_exception_handler(fault, _busy)
    app.add_exception_handler(ApiError, _api_error)
    app.add_exception_handler(RequestValidationError, _wrong_values)
    app.add_exception_handler(HTTPException, _http)


def _refused(status: int) -> Any:
    def answer(request: Request, error: Exception) -> Response:
        return problem(status, str(error), request.url.path)

    return answer


def _api_error(request: Request, error: Exception) -> Response:
    assert isinstance(error, ApiError)
    return problem(error.status, str(error), request.url.path, error.headers)


def _wrong_values(request: Request, error: Exception) -> Response:
    assert isinstance(error, RequestValidationError)
    found = [f"{'.'.join(map(str, fault['loc']))[:80]}: {fault['msg']}" for fault in error.errors()]
    more = f"; and {len(found) - FAULTS_SHOWN} more" if len(found) > FAULTS_SHOWN else ""
    detail = "; ".join(found[:FAULTS_SHOWN]) + more + "; nothing was changed"
    return problem(422, detail, request.url.path)


def _http(request: Request, error: Exception) -> Response:
    assert isinstance(error, HTTPException)
    words = {
        404: "no such address; /api/v1/openapi.json lists all there are",
        405: "the Allow header lists the methods of this address",
        400: "the body is no JSON; wanted one value in UTF-8",
    }
    detail = words.get(error.status_code, str(error.detail))
    headers = dict(error.headers or {})
    if error.status_code == 405:
        headers["Allow"] = ", ".join(_methods(request))
    return problem(error.status_code, detail, request.url.path, headers)


def _methods(request: Request) -> list[str]:
    """Return the methods of the address that was asked."""
    routes = [route for route in request.app.routes if isinstance(route, APIRoute)]
    at = [route for route in routes if route.path_regex.match(request.url.path)]
    return sorted({method for route in at for method in route.methods or ()})


def _busy(request: Request, error: Exception) -> Response:
    said = str(error.__cause__ or error).strip()  # of a database without the values
    request.state.fault = f"{type(error).__name__}: {said.splitlines()[0] if said else ''}"  # log
    detail = "the books or the keyring cannot be reached; ask again with the same key"
    return problem(503, detail, request.url.path, {"Retry-After": "5"})
