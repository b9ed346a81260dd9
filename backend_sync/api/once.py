"""A request that is sent again is answered again: once by the key that its sender gave it.

What changes books is once by itself too (slips, actions, entries): a request whose answer was lost
with this process is simply done again, and comes to the same. Here the answer is kept, and another
request under the same key is refused. Source: T20; W-138.
"""

import re
from hashlib import sha256

from fastapi import Request
from fastapi.responses import JSONResponse, Response

from backend_sync.api.gate import Caller
from backend_sync.api.problems import ApiError
from backend_sync.api.tables import requests
from backend_sync.ports import Clock
from backend_sync.storage.database import Database

HEADER = "idempotency-key"
KEY = re.compile(r"[A-Za-z0-9._-]{8,64}")
KEPT_S = 7 * 86_400


class Once:
    """Requests that came, and what they were answered; kept for a week."""

    def __init__(self, database: Database, clock: Clock) -> None:
        self.database = database
        self.clock = clock

    def begin(self, caller: Caller, request: Request, body: bytes) -> Response | None:
        """Return the answer that this request had before, None when it is to be done.

        Raises: ApiError without a key, or when another request had it.
        """
        key, asked = key_of(request), _asked(request, body)
        now = self.clock.utc_seconds()
        with self.database.transaction():
            rows = self.database.rows(
                "SELECT asked, status, answer FROM api_requests WHERE name = ? AND key = ?",
                (caller.user.name, key),
            )
            if not rows:
                self.database.run("DELETE FROM api_requests WHERE made < ?", [(now - KEPT_S,)])
                row = (caller.user.name, key, asked, 0, b"", b"", now)
                self.database.insert(requests, [row])
                return None
        if bytes(rows[0][0]) != asked:
            raise ApiError(
                422,
                "header.Idempotency-Key: another request had this key; the first"
                " stands, nothing was changed; wanted a new key for a new request",
            )
        if not rows[0][1]:
            return None
        body = bytes(rows[0][2])
        return Response(body, rows[0][1], {"Idempotency-Replayed": "true"},
                        JSONResponse.media_type)  # fmt: skip

    def end(self, caller: Caller, request: Request, answer: Response) -> None:
        """Keep the answer of a request that was done."""
        body = bytes(answer.body)
        with self.database.transaction():
            self.database.run(
                "UPDATE api_requests SET status = ?, answered = ?, answer = ?"
                " WHERE name = ? AND key = ?",
                [(answer.status_code, sha256(body).digest(), body, caller.user.name,
                  key_of(request))],
            )  # fmt: skip

    def forget(self, caller: Caller, request: Request) -> None:
        """Give the key of a refused request back: it changed nothing."""
        with self.database.transaction():
            self.database.run(
                "DELETE FROM api_requests WHERE name = ? AND key = ? AND status = 0",
                [(caller.user.name, key_of(request))],
            )


def key_of(request: Request) -> str:
    """Return the key of a request. Raises: ApiError."""
    key = request.headers.get(HEADER, "")
    if not KEY.fullmatch(key):
        raise ApiError(
            422,
            "header.Idempotency-Key: wanted 8 to 64 letters, digits or . _ -, your"
            " own number of this request; the same again when it is sent again",
        )
    return key


def _asked(request: Request, body: bytes) -> bytes:
    head = f"{request.method} {request.url.path}?{request.url.query}\n"
    return sha256(head.encode() + body).digest()
