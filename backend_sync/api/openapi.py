"""The document of the interfaces (OpenAPI 3.1): what the table of routes says, in its words.

One operation a row; problems are declared once for all of them. The tests hold the answers to it.
"""

from collections.abc import Iterator, Sequence
from typing import Any

from fastapi import FastAPI
from fastapi.openapi.utils import get_openapi

from backend_sync.api.examples import ANSWERS, PROBLEM, REQUESTS
from backend_sync.api.problems import MEDIA, Problem, declared
from backend_sync.api.routes import BASE, PUBLIC, SIGNED_IN, WHOLE, Route

TITLE = "Tornello, the ledger for machines"
ABOUT = (
    "Money is cents of the authority's currency (int), a second is UTC since 2020-01-01, a day is"
    " ISO 8601. Every POST that changes books wants an Idempotency-Key: sent again with the same"
    " body it is answered again. Lists go on with `after` = the `next` of the page before. Errors"
    " are problem documents (RFC 9457)."
)
VERSION = "1.0.0"
# The requirements that operations stand for, in words.
INTERFACES = {
    "T20": "The interfaces", "W-11": "Who asks", "W-137": "Depot systems",
    "W-140": "Base data of planning systems", "W-121": "Vehicle blocks",
    "W-138": "Sales by others", "W-139": "Population register", "W-141": "Finance programs",
    "W-142": "A passenger's own card", "W-143": "Web shops", "W-144": "Event data",
    "W-145": "Open traffic data",
}  # fmt: skip
ONCE = {
    "name": "Idempotency-Key", "in": "header", "required": True,
    "description": "your own number of this request; the same again when it is sent again",
    "schema": {"type": "string", "pattern": "^[A-Za-z0-9._-]{8,64}$"},
}  # fmt: skip
KNOWN = {
    "name": "If-None-Match", "in": "header", "required": False,
    "description": "the ETag of what you have", "schema": {"type": "string"},
}  # fmt: skip
SECURITY = {"key": {"type": "http", "scheme": "bearer", "description": "a key, or a signed token"}}
# What an answer leads to: operation: {operation: where its values stand}.
_SLIP = {"device": "$response.body#/device", "place": "$response.body#/place"}
_ORDER = {"action": "$response.body#/action"}
_DAY = {"number": "$response.body#/items/0/number"}
_VERSION = {"number": "$response.body#/items/0/id"}
OF_VERSION = ("operating_feed", "put_in_force", "feed_with_blocks", "chain_block")
_BLOCK = {"number": "$response.body#/version", "name": "$response.body#/name"}
LINKS: dict[str, dict[str, dict[str, str]]] = {
    "sell": {"sale": _SLIP, "void": _SLIP},
    "order": {"order_status": _ORDER, "cancel_order": _ORDER},
    "closed_days": {"statements": _DAY, "bills": _DAY, "journal": _DAY, "sums": _DAY},
    "tariffs": {"tariff": {"version": "$response.body#/items/0/version"}},
    "operating_versions": dict.fromkeys(OF_VERSION, _VERSION),
    "upload_feed": dict.fromkeys(OF_VERSION, {"number": "$response.body#/id"}),
    "chain_block": {"block": _BLOCK, "dissolve_block": _BLOCK},
    "card_proof": {"card_events": {"header.Card-Proof": "$response.body#/proof"}},
    "static_files": {"static_gtfs": {"authority": "$response.body#/items/0/authority"}},
}
CODE = {"card_proof": {"operationId": "card_proof",
                       "requestBody": {"code": "$response.body#/code"}}}  # fmt: skip
# What is asked for in a query or body may not be there.
LISTS = ("sales", "closed_days", "events", "devices", "card_events", "products", "card_code")
BINARY = {"schema": {"type": "string", "format": "binary"}}
ETAG = {"ETag": {"schema": {"type": "string"}, "description": "of exactly this answer"}}


def kinds_of_answers(route: Route) -> dict[str, Any]:
    """Return what a row says of its body and answers, as FastAPI takes it."""
    statuses = [406, 408, 422, 429, 503]
    statuses += [401, 403] if route.right != PUBLIC else []
    found = "{" in route.path or route.once or route.answer is None
    statuses += [404] if found or route.handler in LISTS else []
    statuses += [400, 409, 413, 415] if route.method == "POST" else [413, 415]
    responses = declared(*sorted(set(statuses)))
    extra: dict[str, Any] = {"x-interface": route.interface, "x-right": route.right,
                             "tags": [INTERFACES[route.interface]]}  # fmt: skip
    extra["parameters"] = [ONCE] if route.once or route.remade else []
    if route.method == "GET":
        extra["parameters"] = [KNOWN]
        responses[304] = {"description": "You have it already"}
        responses[route.status] = {"headers": ETAG}
    if route.answer is None:
        content = dict.fromkeys(route.media, BINARY)
        responses[route.status] = {"description": route.summary, "content": content,
                                   "headers": ETAG}  # fmt: skip
    links = {name: {"operationId": name, "parameters": values}
             for name, values in LINKS.get(route.handler, {}).items()}  # fmt: skip
    if links or route.handler == "card_code":
        responses.setdefault(route.status, {})["links"] = links or CODE
    if route.takes:
        extra["requestBody"] = {"required": True, "content": {route.takes: BINARY}}
    if route.right != PUBLIC:
        extra["security"] = [{"key": []}]
    return {"response_model": route.answer, "responses": responses, "openapi_extra": extra}


def describe(app: FastAPI, routes: Sequence[Route]) -> None:
    """Let `app.openapi()` return the document."""

    def document() -> dict[str, Any]:
        if not app.openapi_schema:
            app.openapi_schema = _document(app, routes)
        return app.openapi_schema

    app.openapi = document  # type: ignore[method-assign]


def _document(app: FastAPI, routes: Sequence[Route]) -> dict[str, Any]:
    said = get_openapi(title=TITLE, version=VERSION, openapi_version="3.1.0", description=ABOUT,
                       routes=app.routes, servers=[{"url": "/"}])  # fmt: skip
    parts = said.setdefault("components", {})
    parts["securitySchemes"] = SECURITY
    parts.setdefault("schemas", {})["Problem"] = Problem.model_json_schema()
    for name in ("HTTPValidationError", "ValidationError"):
        parts["schemas"].pop(name, None)
    for route in routes:
        operation = said["paths"][BASE + route.path][route.method.lower()]
        _tidy(operation)
        _explain(operation, route)
    named = dict.fromkeys(route.interface for route in routes)
    said["tags"] = [{"name": INTERFACES[one], "description": one} for one in named]
    assert sum(len(path) for path in said["paths"].values()) == len(routes)
    return said


def _tidy(operation: dict[str, Any]) -> None:
    """Take out what FastAPI adds to answers that are no JSON, and say the kinds once."""
    for status, answer in operation["responses"].items():
        content = answer.get("content", {})
        if status[0] == "2" and len(content) > 1:
            content.pop("application/json", None)
        if status == "304":
            answer.pop("content", None)


def _explain(operation: dict[str, Any], route: Route) -> None:
    """Say in sentences what the row says in marks, and show an example of each JSON."""
    operation["description"] = " ".join(_sentences(route))
    operation["responses"][str(route.status)]["description"] = route.summary
    for answer in operation["responses"].values():
        if MEDIA in answer.get("content", {}):
            answer["content"][MEDIA]["example"] = PROBLEM
    if route.handler in ANSWERS:
        content = operation["responses"][str(route.status)]["content"]
        content["application/json"]["example"] = ANSWERS[route.handler]
    if route.handler in REQUESTS:
        content = operation["requestBody"]["content"]
        content["application/json"]["example"] = REQUESTS[route.handler]


def _sentences(route: Route) -> Iterator[str]:
    if route.right == PUBLIC:
        yield "Whoever asks is answered; no key is wanted."
    elif route.right == SIGNED_IN:
        yield "Wants any key that is good."
    else:
        yield f"Wants the right {route.right}, of the user and of his key."
        yield ("Who is bound to an operator or a point is refused (403)." if route.reach == WHOLE
               else "What is another's is as if it were not there (404).")  # fmt: skip
    if route.once:
        yield "Sent again under its Idempotency-Key it is done once and answered again."
    if route.remade:
        yield "Sent again under its Idempotency-Key it is answered again; nothing of it is kept."
    if route.takes:
        yield f"The body is {route.takes}, at most {route.body_most} bytes."
    if route.method == "GET":
        yield "With the ETag of what you have in If-None-Match it is 304 while nothing changed."
