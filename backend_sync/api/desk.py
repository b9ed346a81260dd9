"""What every caller may ask: the document of the interfaces, also as a page, and who he is here."""

import json
from base64 import b64encode
from functools import lru_cache
from hashlib import sha256
from pathlib import Path
from typing import Any

from fastapi import Request
from fastapi.responses import Response
from jinja2 import Environment, StrictUndefined

from backend_sync.api.documents import JSON, document, kept
from backend_sync.api.models import Model
from backend_sync.api.part import Part, caller_of
from backend_sync.api.routes import PUBLIC, SIGNED_IN, WHOLE, Route

HTML = "text/html"
TEMPLATE = (Path(__file__).parent / "page.html").read_text(encoding="utf-8")
STYLE = TEMPLATE.partition("<style>")[2].partition("</style>")[0]
# The page's own style and nothing else: no script, no picture, no other host.
POLICY = (
    f"default-src 'none'; style-src 'sha256-{b64encode(sha256(STYLE.encode()).digest()).decode()}';"
    " frame-ancestors 'none'; base-uri 'none'; form-action 'none'"
)


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
        Route("GET", "/", PUBLIC, WHOLE, "T20", "page", None, "This document as a page for people",
              media=(HTML,)),
        Route("GET", "/openapi.json", PUBLIC, WHOLE, "T20", "openapi_document", dict[str, Any],
              "This document"),
        Route("GET", "/me", SIGNED_IN, WHOLE, "W-11", "me", Me, "Who asks, and what he may do"),
    )  # fmt: skip

    def page(self, request: Request) -> Response:
        answer = kept(request, _page(json.dumps(request.app.openapi())), f"{HTML}; charset=utf-8")
        answer.headers["Content-Security-Policy"] = POLICY
        return answer

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


@lru_cache(maxsize=1)
def _page(document: str) -> bytes:
    """Return the document as HTML: nothing stands on the page that it does not say."""
    environment = Environment(autoescape=True, undefined=StrictUndefined, trim_blocks=True,
                              lstrip_blocks=True)  # fmt: skip
    said = json.loads(document)
    groups: dict[str, list[dict[str, Any]]] = {}
    for path, methods in said["paths"].items():
        for method, operation in methods.items():
            row = {**operation, "method": method.upper(), "path": path}
            groups.setdefault(operation["tags"][0], []).append(row)
    html = environment.from_string(TEMPLATE).render(said=said, groups=groups, json=_json)
    return html.encode()


def _json(value: Any) -> str:
    return json.dumps(value, indent=2, ensure_ascii=False)
