"""What every caller may ask: the document of the interfaces, and who he is here."""

import json
from typing import Any

from fastapi import Request
from fastapi.responses import Response

from backend_sync.api.documents import JSON, document, kept
from backend_sync.api.models import Model
from backend_sync.api.part import Part, caller_of
from backend_sync.api.routes import PUBLIC, SIGNED_IN, WHOLE, Route


class Me(Model):
    """Who asks, and what he may do; `expires` in seconds since 2020, 0: his key has no end."""

    user: str
    role: str
    authority: int
    operator: int
    point: str
    rights: list[str]
    key: str
    expires: int


class FrontDesk(Part):
    """Of no interface by itself."""

    ROUTES = (
        Route("GET", "/openapi.json", PUBLIC, WHOLE, "T20", "openapi_document", dict[str, Any],
              "This document"),
        Route("GET", "/me", SIGNED_IN, WHOLE, "W-11", "me", Me, "Who asks, and what he may do"),
    )  # fmt: skip

    def openapi_document(self, request: Request) -> Response:
        return kept(request, json.dumps(request.app.openapi()).encode(), JSON)

    def me(self, request: Request) -> Response:
        caller = caller_of(request)
        user = caller.user
        return document(request, Me(
            user=user.name, role=user.role, authority=user.scope.authority,
            operator=user.scope.operator, point=user.scope.point, rights=sorted(user.rights),
            key=caller.key, expires=caller.expires,
        ))  # fmt: skip
