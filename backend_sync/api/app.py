"""The interfaces' wiring: their parts, the table of routes, one door before all of them.

`make_api` gives an ASGI application of its own; `add_api` puts it before another one, under
`/api/v1`, so that what guards pages of browsers (forms, cookies) never sees it.
"""

import sys
from collections.abc import Awaitable, Callable
from typing import Any

from fastapi import FastAPI, Request
from fastapi.responses import Response
from fastapi.routing import APIRoute
from starlette.concurrency import run_in_threadpool

from backend_sync.api.blocks import VehicleBlocks
from backend_sync.api.bodies import SECONDS, with_body
from backend_sync.api.depot import Depot
from backend_sync.api.desk import FrontDesk
from backend_sync.api.events import EventData
from backend_sync.api.finance import Finance
from backend_sync.api.gate import Gate
from backend_sync.api.keys import Keys
from backend_sync.api.once import Once
from backend_sync.api.openapi import describe, kinds_of_answers
from backend_sync.api.operating_data import OperatingData
from backend_sync.api.orders import Orders
from backend_sync.api.own_card import OwnCard
from backend_sync.api.part import Part, Parts
from backend_sync.api.population import Population
from backend_sync.api.problems import add_handlers
from backend_sync.api.rates import Policy, Rates
from backend_sync.api.routes import BASE, Route
from backend_sync.api.selling import Selling
from backend_sync.api.shield import Shield
from backend_sync.api.static_data import StaticData
from backend_sync.api.tokens import Tokens, read_tokens

PARTS: tuple[type[Part], ...] = (
    FrontDesk, Depot, OperatingData, VehicleBlocks, Selling, Population, Finance, OwnCard, Orders,
    EventData, StaticData,
)  # fmt: skip
# An interface that is not here does not exist.
ROUTES = tuple(route for part in PARTS for route in part.ROUTES)
POLICY = Policy()
Handler = Callable[[Request], Awaitable[Response]]


def make_api(
    parts: Parts,
    policy: Policy = POLICY,
    tokens: Tokens | None = None,
    log: Callable[[str], None] | None = None,
) -> Shield:
    """Return the interfaces as an ASGI application; `.app` is the FastAPI one behind its shield.

    `tokens` None: as `oidc.json` beside the ledger says. Raises: TokensError when that is wrong.
    """
    keys = Keys(parts.database, parts.registers, parts.clock, parts.random_bytes)
    rates = Rates(policy)
    tokens = tokens or read_tokens(parts.place.folder, parts.clock)
    door = Door(Gate(parts.registers, keys, tokens, rates), Once(parts.database, parts.clock))
    app = bare(lambda kind: kind(parts), door)
    for made in app.state.parts:
        if isinstance(made, OwnCard):
            made.rates = rates
    add_handlers(app)
    return Shield(app, parts.clock, log or _log)


def bare(make: Callable[[type[Part]], Part], door: "Door") -> FastAPI:
    """Return the application with its routes alone: enough to describe it."""
    app = FastAPI(openapi_url=None, docs_url=None, redoc_url=None)
    app.state.parts = [make(kind) for kind in PARTS]
    for part in app.state.parts:
        for route in part.ROUTES:
            app.router.routes.append(door.marked(route, getattr(part, route.handler)))
    describe(app, ROUTES)
    return app


def document_of_routes() -> dict[str, Any]:
    """Return the document of the interfaces; no ledger is needed for it."""
    return bare(lambda kind: object.__new__(kind), Door(None, None)).openapi()


def add_api(app: Any, api: Any) -> Any:
    """Return an ASGI application: `api` for whatever is under /api, `app` for the rest."""

    async def both(scope: Any, receive: Any, send: Any) -> None:
        inner = api if str(scope.get("path", "")).startswith("/api/") else app
        await inner(scope, receive, send)

    return both


class Door:
    """Every request goes through here: who asks, may he, was it asked before."""

    def __init__(self, gate: Gate | None, once: Once | None, body_s: float = SECONDS) -> None:
        self.gate = gate
        self.once = once
        self.body_s = body_s

    def marked(self, route: Route, handler: Callable[..., Any]) -> APIRoute:
        """Return the route of a row; it carries the row as its mark."""
        made = Marked(
            BASE + route.path, handler, methods=[route.method], status_code=route.status,
            operation_id=route.handler, summary=route.summary, name=route.handler,
            **kinds_of_answers(route),
        )  # fmt: skip
        made.row, made.door = route, self
        return made

    async def pass_through(self, request: Request, route: Route, do: Handler) -> Response:
        """Answer one request."""
        assert self.gate is not None and self.once is not None
        caller = await run_in_threadpool(self.gate.admit, request, route)
        request.state.caller = caller
        # Only now: who may not, makes nobody read what he sends.
        request = await with_body(request, route, self.body_s)
        body = request.state.body
        if not route.once or caller is None:
            return await do(request)
        before = await run_in_threadpool(self.once.begin, caller, request, body)
        if before is not None:
            return before
        try:
            answer = await do(request)
        except Exception:  # becomes a problem document behind this door
            await run_in_threadpool(self.once.forget, caller, request)
            raise
        await run_in_threadpool(self.once.end, caller, request, answer)
        return answer


class Marked(APIRoute):
    """A route that stands behind the door."""

    row: Route
    door: Door

    def get_route_handler(self) -> Any:
        do = super().get_route_handler()

        async def handle(request: Request) -> Response:
            return await self.door.pass_through(request, self.row, do)

        return handle


def _log(line: str) -> None:
    print(line, file=sys.stderr, flush=True)
