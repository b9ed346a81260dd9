"""Who is signed in: a random token in a cookie, a row with its hash here.

A row can be ended at any time: by its user, by a new secret, by age. Source: dependencies.md
section 3.
"""

from collections.abc import Callable
from hashlib import sha256
from typing import NamedTuple

from backend_sync.office.tables import sessions
from backend_sync.ports import Clock
from backend_sync.storage.database import Database

TOKEN_BYTES = 32
IDLE_S = 30 * 60
WHOLE_S = 12 * 3600
SEEN_EVERY_S = 60  # not every page is a write


class Session(NamedTuple):
    """Whose it is; `mark` is of the secret that he signed in with."""

    name: str
    mark: str


class Sessions:
    """Every change is one transaction; `random_bytes` gives the tokens."""

    def __init__(
        self, database: Database, clock: Clock, random_bytes: Callable[[int], bytes]
    ) -> None:
        self.database = database
        self.clock = clock
        self.random_bytes = random_bytes

    def begin(self, session: Session) -> str:
        """Return the token of a new session, never one that a browser brought along."""
        token, now = self.random_bytes(TOKEN_BYTES).hex(), self.clock.utc_seconds()
        with self.database.transaction():
            self.database.insert(sessions, [(_kept(token), *session, now, now, 0)])
        return token

    def find(self, token: str) -> Session | None:
        """Return the session of a token; None when there is none, it has ended or is too old."""
        rows = self.database.rows(
            "SELECT name, mark, made, seen FROM sessions WHERE id = ? AND ended = 0",
            (_kept(token),),
        )
        now = self.clock.utc_seconds()
        if not rows or now - rows[0][2] > WHOLE_S or now - rows[0][3] > IDLE_S:
            return None
        if now - rows[0][3] >= SEEN_EVERY_S:
            with self.database.transaction():
                self.database.run("UPDATE sessions SET seen = ? WHERE id = ?",
                                  [(now, _kept(token))])  # fmt: skip
        return Session(rows[0][0], rows[0][1])

    def end(self, token: str) -> None:
        """End one session; one that is not there stays so."""
        now = self.clock.utc_seconds()
        with self.database.transaction():
            self.database.run("UPDATE sessions SET ended = ? WHERE id = ? AND ended = 0",
                              [(now, _kept(token))])  # fmt: skip


def _kept(token: str) -> str:
    # Who reads a copy of the database must not be able to go on with a session.
    return sha256(token.encode()).hexdigest()
