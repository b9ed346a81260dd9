"""Stands before every request: headers of the answer, a line in the log.

Pure ASGI: it must not know users. The line names the route, never the address that was asked: no
number of a card gets into a log. Source: T20, T22.
"""

import json
from collections.abc import Awaitable, Callable, MutableMapping
from typing import Any

from backend_sync.ports import Clock

HEADERS = (
    (b"cache-control", b"no-store"),
    (b"content-security-policy", b"default-src 'none'; frame-ancestors 'none'"),
    (b"x-content-type-options", b"nosniff"),
    (b"referrer-policy", b"no-referrer"),
    (b"cross-origin-resource-policy", b"same-origin"),
    (b"strict-transport-security", b"max-age=31536000"),
)
Message = MutableMapping[str, Any]
Send = Callable[[Message], Awaitable[None]]
Receive = Callable[[], Awaitable[Message]]


class Shield:
    """Wraps the interfaces."""

    def __init__(self, app: Any, clock: Clock, log: Callable[[str], None]) -> None:
        self.app = app
        self.clock = clock
        self.log = log

    async def __call__(self, scope: Message, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self.app(scope, receive, send)
            return
        began, said = self.clock.monotonic_ms(), {"status": 0}

        async def sealed(message: Message) -> None:
            if message["type"] == "http.response.start":
                said["status"] = message["status"]
                given = list(message.get("headers", []))
                names = {name for name, _ in given}  # a page says which style is its own
                message["headers"] = given + [row for row in HEADERS if row[0] not in names]
            await send(message)

        try:
            await self.app(scope, receive, sealed)
        finally:
            self.log(json.dumps(self._line(scope, said["status"], began)))

    def _line(self, scope: Message, status: int, began: int) -> dict[str, Any]:
        route, caller = scope.get("route"), scope.get("state", {}).get("caller")
        return {
            "time": self.clock.utc_seconds(), "method": scope["method"][:10],
            "route": getattr(route, "path", ""), "status": status,
            "ms": self.clock.monotonic_ms() - began,
            "user": caller.user.name if caller else "", "key": caller.key if caller else "",
        }  # fmt: skip
