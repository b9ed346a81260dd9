"""For which purpose events are handed out, and by which name a card goes in them.

Each purpose and service day has a key of its own, drawn here and thrown away after thirteen weeks:
names of two purposes, of two days or of two authorities cannot be laid beside each other, and with
the key gone nobody can tell any more whose an old name was. Source: W-144, W-148; D11, D24.
"""

from collections.abc import Callable
from hashlib import sha256
from hmac import new

from backend_sync.api.tables import event_keys
from backend_sync.storage.database import Database

CLEARING = "clearing"  # income and cost between authorities: no names at all
ANALYSIS = "analysis"  # journeys of one day
PURPOSES = (CLEARING, ANALYSIS)
NAMED = (ANALYSIS,)
KEY_BYTES, NAME_LETTERS = 32, 16
KEPT_DAYS = 91


class Names:
    """Names of cards for one authority and purpose; `today` is a service day since 2020."""

    def __init__(
        self,
        database: Database,
        random_bytes: Callable[[int], bytes],
        authority: int,
        purpose: str,
        today: int,
    ) -> None:
        self.database = database
        self.random_bytes = random_bytes
        self.authority = authority
        self.purpose = purpose
        self.today = today
        self.keys: dict[int, bytes | None] = {}

    def of(self, card: int | None, day: int) -> str | None:
        """Return the name of a card on a service day; None without one."""
        if card is None or self.purpose not in NAMED:
            return None
        if day not in self.keys:
            self.keys[day] = self._key(day)
        key = self.keys[day]
        return new(key, str(card).encode(), sha256).hexdigest()[:NAME_LETTERS] if key else None

    def _key(self, day: int) -> bytes | None:
        oldest = self.today - KEPT_DAYS
        with self.database.transaction():
            self.database.run("DELETE FROM event_keys WHERE day < ?", [(oldest,)])
            if day < oldest:
                return None
            name = (self.authority, self.purpose, day)
            rows = self.database.rows(
                "SELECT key FROM event_keys WHERE authority = ? AND purpose = ? AND day = ?", name
            )
            if rows:
                return bytes(rows[0][0])
            key = self.random_bytes(KEY_BYTES)
            self.database.insert(event_keys, [(*name, key)])
            return key
