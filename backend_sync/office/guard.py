"""Stands before every page: size of a request, where it comes from, headers of the answer.

A form of another site is refused by what browsers say of it (Sec-Fetch-Site, Origin), so pages need
no tokens. Pure ASGI: it must not know users. Source: dependencies.md section 3; T20.
"""

from collections.abc import Awaitable, Callable, Collection, Mapping, MutableMapping
from typing import Any
from urllib.parse import urlsplit

BODY_MOST = 64 * 1024  # a form; pages that take a file say how long it may be
SAFE = ("GET", "HEAD", "OPTIONS")
HEADERS = (
    ("content-security-policy",
     "default-src 'none'; style-src 'self'; form-action 'self'; base-uri 'none';"
     " frame-ancestors 'none'"),
    ("x-content-type-options", "nosniff"),
    ("x-frame-options", "DENY"),
    ("referrer-policy", "same-origin"),
    ("cross-origin-opener-policy", "same-origin"),
    ("cross-origin-resource-policy", "same-origin"),
    ("cache-control", "no-store"),
)  # fmt: skip
Message = MutableMapping[str, Any]
Send = Callable[[Message], Awaitable[None]]
Receive = Callable[[], Awaitable[Message]]


class Guard:
    """Wraps an ASGI application; `bodies` holds the paths that take a file: {path: bytes at most},
    `signed` those whose senders are no browsers: what they send carries a signature.

    A form is read here, before anything else; a file is not: its page asks first who sends it. So
    that its length is known, it must be declared, and the server holds the sender to it.
    """

    def __init__(
        self, app: Any, bodies: Mapping[str, int] | None = None, signed: Collection[str] = ()
    ) -> None:
        self.app = app
        self.signed = signed
        self.bodies = dict(bodies or {})

    async def __call__(self, scope: Message, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self.app(scope, receive, send)
            return

        async def sealed(message: Message) -> None:
            if message["type"] == "http.response.start":
                message["headers"] = [*message.get("headers", []), *_ENCODED]
            await send(message)

        headers = {name.decode("latin-1"): value.decode("latin-1")
                   for name, value in scope["headers"]}  # fmt: skip
        if scope["method"] not in SAFE:
            if scope["path"] not in self.signed and not is_own(headers):
                await _refuse(sealed, 403, "This form was sent by another site. Nothing was done.")
                return
            most = self.bodies.get(scope["path"], BODY_MOST)
            if most > BODY_MOST:
                fits = "transfer-encoding" not in headers and _declared(headers) <= most
            else:
                body = await _body(headers, receive, most)
                fits = body is not None
                receive = _again(body or b"", receive)
                scope.setdefault("state", {})["form"] = body  # for who must sign in again
            if not fits:
                await _refuse(sealed, 413, f"Wanted a form of at most {most} bytes.")
                return
        await self.app(scope, receive, sealed)


def is_own(headers: dict[str, str]) -> bool:
    """Say whether a request that changes something comes from our own pages."""
    said = headers.get("sec-fetch-site")
    if said is not None:
        return said == "same-origin"
    origin = headers.get("origin", "")
    return bool(origin) and urlsplit(origin).netloc == headers.get("host", "")


async def _body(headers: dict[str, str], receive: Receive, most: int) -> bytes | None:
    """Return the whole body, None when it is too long; reads no more than is allowed."""
    if _declared(headers) > most:
        return None
    body, more = bytearray(), True
    while more:
        message = await receive()
        body += message.get("body", b"")
        more = message.get("more_body", False)
        if len(body) > most:
            return None
    return bytes(body)


def _declared(headers: dict[str, str]) -> int:
    """Return the length that a request says it has; more than anything where it says rubbish."""
    text = headers.get("content-length", "0")
    return int(text) if text.isdecimal() and len(text) <= 12 else 1 << 62


def _again(body: bytes, receive: Receive) -> Receive:
    """Return a `receive` that hands the body over once, then what comes from outside."""
    waiting = [body]

    async def once() -> Message:
        if waiting:
            return {"type": "http.request", "body": waiting.pop(), "more_body": False}
        return await receive()

    return once


async def _refuse(send: Send, status: int, words: str) -> None:
    kind = (b"content-type", b"text/plain; charset=utf-8")
    await send({"type": "http.response.start", "status": status, "headers": [kind]})
    await send({"type": "http.response.body", "body": words.encode()})


_ENCODED = [(name.encode(), value.encode()) for name, value in HEADERS]
