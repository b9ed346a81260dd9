"""Who has proved that he has a card: a code from a counter becomes a cookie, for half an hour.

Nothing else opens a card: no printed number, no account number. Wrong codes are counted by where
they come from, and all refusals read alike. Source: W-142; D1, D11.
"""

import re
from collections.abc import Callable

from backend_sync.api.card_codes import CODE, CardCodes, kept
from backend_sync.api.problems import ApiError
from backend_sync.api.rates import Rates
from backend_sync.ports import Clock
from backend_sync.shop.tables import visits
from backend_sync.storage.database import Database

VISIT_S = 30 * 60
TOKEN_BYTES = 32
TOKEN = re.compile(r"[0-9a-f]{64}")
WANTED = re.compile(CODE)


class TooOften(Exception):
    """Too many requests or wrong codes from one place; wait a minute."""


class Visits:
    """`database` is shop.db; every change is one transaction."""

    def __init__(
        self, database: Database, codes: CardCodes, clock: Clock, rates: Rates,
        random_bytes: Callable[[int], bytes],
    ) -> None:  # fmt: skip
        self.database = database
        self.codes = codes
        self.clock = clock
        self.rates = rates
        self.random_bytes = random_bytes

    def count(self, where: str) -> None:
        """Count one request. Raises: TooOften."""
        try:
            self.rates.count("address", f"shop {where}")
        except ApiError:
            raise TooOften() from None

    def begin(self, code: str, where: str) -> str | None:
        """Return the token of a new visit; None where the code is none. Raises: TooOften."""
        guesser = f"codes of {where}"
        try:
            self.rates.test("wrong", guesser)
        except ApiError:
            raise TooOften() from None
        card = self._taken(code.upper().replace(" ", "").replace("-", ""))
        if card is None:
            self.rates.limiter.hit(self.rates.items["wrong"], "wrong", guesser)
            return None
        token, now = self.random_bytes(TOKEN_BYTES).hex(), self.clock.utc_seconds()
        with self.database.transaction():
            self.database.run("DELETE FROM visits WHERE ends <= ?", [(now,)])
            self.database.insert(visits, [(kept(token), card, now + VISIT_S)])
        return token

    def card_of(self, token: str) -> int | None:
        """Return the account number of the card that a token's holder has; None without one."""
        if not TOKEN.fullmatch(token):
            return None
        rows = self.database.rows("SELECT card FROM visits WHERE id = ? AND ends > ?",
                                  (kept(token), self.clock.utc_seconds()))  # fmt: skip
        return int(rows[0][0]) if rows else None

    def end(self, token: str) -> None:
        """End one visit; one that is not there stays so."""
        with self.database.transaction():
            self.database.run("DELETE FROM visits WHERE id = ?", [(kept(token),)])

    def _taken(self, code: str) -> int | None:
        if not WANTED.fullmatch(code):
            return None
        with self.codes.database.transaction():
            return self.codes.take(code)
