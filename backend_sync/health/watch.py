"""Stands before everything that `ledger serve` answers: counts it, says it in the log, and answers
`/healthz`, `/readyz` and `/metrics` itself.

Pure ASGI. A line names the route, never the address that was asked: no number of a card gets into
a log or a label. What broke is told by its kind and place in our code, without what it was given.
Source: T5, T20; W-154.
"""

import json
import traceback
from collections.abc import Awaitable, Callable, Iterable, MutableMapping
from typing import Any

from starlette.concurrency import run_in_threadpool

from backend_sync.health.exposition import CONTENT_TYPE, COUNTER, GAUGE, Metric, exposition, metric
from backend_sync.health.readiness import OK
from backend_sync.log_lines import ERROR, INFO, WARNING, LogLines
from backend_sync.ports import Clock
from card_layouts.codec.timestamps import to_unix

PUBLIC = "public"
# What is asked before anybody signs in. `/metrics` is only for who may see figures of all.
ROUTES = (
    ("GET", "/healthz", PUBLIC, "healthz"),
    ("GET", "/readyz", PUBLIC, "readyz"),
    ("GET", "/metrics", PUBLIC, "metrics"),
)
AGAIN_MS = 2000  # an answer stands so long: asking often costs nothing
LOOPBACK = ("127.0.0.1", "::1")
# Who asks through a proxy is not who the connection says.
FORWARDED = {b"forwarded", b"x-forwarded-for", b"x-real-ip", b"via"}
CLASSES = ("api", "shop")  # of routes; everything else is "page"
METHODS = ("GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS")
FRAMES = 4  # of our code that are told when something breaks
JSON, TEXT = b"application/json", b"text/plain; charset=utf-8"
Message = MutableMapping[str, Any]
Send = Callable[[Message], Awaitable[None]]
Receive = Callable[[], Awaitable[Message]]
Answer = tuple[int, bytes, bytes]  # status, kind, body


class Watch:
    """Wraps an ASGI application. `checks` and `figures` may take a moment: they run in a thread.

    `allowed`: addresses that may read `/metrics`, besides this machine.
    """

    def __init__(
        self,
        app: Any,
        clock: Clock,
        log: LogLines,
        random_bytes: Callable[[int], bytes],
        checks: Callable[[], dict[str, str]],
        figures: Callable[[], list[Metric]],
        allowed: Iterable[str] = (),
    ) -> None:
        self.app = app
        self.clock = clock
        self.log = log
        self.random_bytes = random_bytes
        self.checks = checks
        self.figures = figures
        self.allowed = {*LOOPBACK, *allowed}
        self.began = clock.utc_seconds()
        self.requests: dict[tuple[str, int], int] = {}
        self.milliseconds: dict[str, int] = {}
        self.kept: dict[str, tuple[int, Answer]] = {}
        self.own = {path: getattr(self, name) for _, path, _, name in ROUTES}

    async def __call__(self, scope: Message, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self.app(scope, receive, send)
            return
        own = self.own.get(scope["path"]) if scope["method"] in ("GET", "HEAD") else None
        if own:
            await _give(send, await own(scope))
            return
        await self._watched(scope, receive, send)

    async def _watched(self, scope: Message, receive: Receive, send: Send) -> None:
        began, status = self.clock.monotonic_ms(), 0
        name, broke = self.random_bytes(8).hex(), {}
        mark = (b"x-request-id", name.encode())

        async def marked(message: Message) -> None:
            nonlocal status
            if message["type"] == "http.response.start":
                status = message["status"]
                message["headers"] = [*message.get("headers", []), mark]
            await send(message)

        try:
            await self.app(scope, receive, marked)
        except Exception as error:  # noqa: BLE001 - the border: told by kind and place, see above
            broke = _broken(error)
            if not status:
                words = f"This did not work. Ask for help with the number {name}.\n".encode()
                await _give(marked, (500, TEXT, words))
        milliseconds = self.clock.monotonic_ms() - began
        self._count(scope, status, milliseconds)
        self._say(scope, name, status, milliseconds, broke)

    def _count(self, scope: Message, status: int, milliseconds: int) -> None:
        part = _class(scope)
        self.requests[part, status] = self.requests.get((part, status), 0) + 1
        self.milliseconds[part] = self.milliseconds.get(part, 0) + milliseconds

    def _say(
        self, scope: Message, name: str, status: int, milliseconds: int, broke: dict[str, Any]
    ) -> None:
        state = scope.get("state", {})
        caller = state.get("caller") or state.get("visit")
        method = scope["method"] if scope["method"] in METHODS else "other"
        level = ERROR if status >= 500 or broke else WARNING if status in (401, 403, 429) else INFO
        self.log.say(
            "request", level, request=name, method=method,
            route=getattr(scope.get("route"), "path", ""), status=status, ms=milliseconds,
            user=caller.user.name if caller else None, key=getattr(caller, "key", None),
            fault=state.get("fault"), **broke,
        )  # fmt: skip

    async def healthz(self, _scope: Message) -> Answer:
        """Say that the process lives."""
        return 200, TEXT, b"alive\n"

    async def readyz(self, _scope: Message) -> Answer:
        """Say whether it can do its work, and which part it waits for: 200 or 503."""
        return await self._again("readyz", self._readiness)

    async def metrics(self, scope: Message) -> Answer:
        """Give the figures to who may have them; to others there is no such page."""
        client = (scope.get("client") or ("",))[0]
        if client not in self.allowed or any(name in FORWARDED for name, _ in scope["headers"]):
            return 404, TEXT, b"not found\n"
        books = await self._again("metrics", self._books)
        ours = exposition(self._own_figures()).encode()
        return 200, CONTENT_TYPE, ours + books[2]

    async def _again(self, name: str, make: Callable[[], Answer]) -> Answer:
        now_ms = self.clock.monotonic_ms()
        made_ms, answer = self.kept.get(name, (now_ms - AGAIN_MS, (0, b"", b"")))
        if now_ms - made_ms >= AGAIN_MS:
            answer = await run_in_threadpool(make)
            self.kept[name] = now_ms, answer
        return answer

    def _readiness(self) -> Answer:
        found = self.checks()
        wrong = {part: words for part, words in found.items() if words != OK}
        if wrong:
            self.log.say("not ready", ERROR, **wrong)
        body = json.dumps({"ready": not wrong, "checks": found}).encode()
        return 503 if wrong else 200, JSON, body + b"\n"

    def _books(self) -> Answer:
        """Return the figures of the books; where they cannot be read, only that."""
        try:
            found = self.figures()
        except Exception as error:  # noqa: BLE001 - the border: figures of requests go out anyway
            self.log.say("no figures", ERROR, **_broken(error))
            found = []
        words = "the figures of the books could be read"
        found.append(metric("tornello_books_readable", GAUGE, words, int(bool(found))))
        return 200, CONTENT_TYPE, exposition(found).encode()

    def _own_figures(self) -> list[Metric]:
        requests = tuple(({"class": part, "status": str(status)}, count)
                         for (part, status), count in sorted(self.requests.items()))  # fmt: skip
        parts = sorted(self.milliseconds)
        counts = {part: sum(n for (p, _), n in self.requests.items() if p == part)
                  for part in parts}  # fmt: skip
        return [
            metric("process_start_time_seconds", GAUGE, "when the process started, Unix time",
                   to_unix(self.began)),
            Metric("tornello_requests_total", COUNTER, "requests answered", requests),
            Metric("tornello_request_seconds_sum", COUNTER, "seconds that requests took",
                   tuple(({"class": p}, self.milliseconds[p] / 1000) for p in parts)),
            Metric("tornello_request_seconds_count", COUNTER, "requests of that sum",
                   tuple(({"class": p}, counts[p]) for p in parts)),
        ]  # fmt: skip


def _class(scope: Message) -> str:
    first = str(scope["path"]).split("/", 2)[1:2]
    return first[0] if first and first[0] in CLASSES else "page"


def _broken(error: BaseException) -> dict[str, Any]:
    """Return what kind of error it was and where in our code: never its words or values."""
    frames = [f"{frame.filename.rpartition('/backend_sync/')[2]}:{frame.lineno}"
              for frame in traceback.extract_tb(error.__traceback__)
              if "/backend_sync/" in frame.filename]  # fmt: skip
    return {"error": type(error).__name__, "at": frames[-FRAMES:]}


async def _give(send: Send, answer: Answer) -> None:
    status, kind, body = answer
    headers = [(b"content-type", kind), (b"cache-control", b"no-store"),
               (b"content-length", str(len(body)).encode())]  # fmt: skip
    await send({"type": "http.response.start", "status": status, "headers": headers})
    await send({"type": "http.response.body", "body": body})
