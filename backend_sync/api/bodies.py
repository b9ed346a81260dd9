"""The body of a request: read once, after its sender's right, no further than its route takes it.

JSON is taken strictly (RFC 8259, and one field once): what two readers would understand differently
is refused. Source: T20; RFC 8259 section 4 and 8.1.
"""

import json
from typing import Any

from anyio import fail_after
from fastapi import Request

from backend_sync.api.problems import ApiError
from backend_sync.api.routes import Route

JSON = "application/json"
SECONDS = 30.0  # that a sender may take, all in all


async def with_body(request: Request, route: Route, seconds: float) -> Request:
    """Return the request with its body at hand, as `state.body` too. Raises: ApiError."""
    most = route.body_most
    said = request.headers.get("content-length", "0")
    if not (said.isascii() and said.isdigit()) or int(said[:12]) > most:
        raise _too_large(most)
    try:
        with fail_after(seconds):
            body = await _read(request, most)
    except TimeoutError:
        raise ApiError(408, f"body: wanted all of it within {seconds:g} s; nothing was changed"
                       " and the same may be sent again") from None  # fmt: skip
    _check(request, route, body)
    request.state.body = body

    async def again() -> dict[str, Any]:
        return {"type": "http.request", "body": body, "more_body": False}

    return Request(request.scope, again)


async def _read(request: Request, most: int) -> bytes:
    body = bytearray()
    async for part in request.stream():
        body += part
        if len(body) > most:
            raise _too_large(most)
    return bytes(body)


def _check(request: Request, route: Route, body: bytes) -> None:
    said = request.headers.get("content-type", "").partition(";")[0].strip().lower()
    wanted = route.takes or JSON
    if body and said != wanted:
        raise ApiError(415, f"header.Content-Type: wanted {wanted}; nothing was changed")
    if body and wanted == JSON:
        _check_json(body)


def _check_json(body: bytes) -> None:
    try:
        json.loads(body.decode(), object_pairs_hook=_fields, parse_constant=_no_number)
    except Twice:
        raise _unread("a field stands twice in an object; wanted each once") from None
    except UnicodeDecodeError as error:
        raise _unread(f"byte {error.start} is no UTF-8; wanted UTF-8") from None
    except RecursionError:
        raise _unread("too many values inside one another; wanted few") from None
    except json.JSONDecodeError as error:
        raise _unread(f"no JSON from byte {error.pos} on; wanted one value") from None
    except ValueError:  # NaN, Infinity, and more digits than Python reads
        raise _unread("a number that is none, or has too many digits") from None


class Twice(ValueError):
    """A name stands twice in one object."""


def _fields(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(pairs)
    if len(found) != len(pairs):
        raise Twice
    return found


def _no_number(_said: str) -> None:
    raise ValueError


def _unread(what: str) -> ApiError:
    return ApiError(400, f"body: {what}; nothing was changed")


def _too_large(most: int) -> ApiError:
    return ApiError(413, f"body: wanted at most {most} bytes, their number declared; nothing was"
                    " changed")  # fmt: skip
