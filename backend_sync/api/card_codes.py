"""Codes that prove who has a card in his hand: given out at a counter, good once and for minutes.

Whoever has the card on its reader gives the passenger a code; who types it in held the card there.
Kept as a hash; the newest one of a card is the only one. Source: W-142; D1, D11.
"""

from collections.abc import Callable
from hashlib import sha256

from backend_sync.api.tables import codes
from backend_sync.ports import Clock
from backend_sync.storage.database import Database

CODE_S = 15 * 60
LETTERS = "ABCDEFGHJKLMNPQRSTUVWXYZ23456789"  # none that is taken for another
CODE_LETTERS = 10  # 50 bits
CODE = f"[{LETTERS}]{{{CODE_LETTERS}}}"


class CardCodes:
    """`database` is api.db; `random_bytes` gives the codes."""

    def __init__(
        self, database: Database, clock: Clock, random_bytes: Callable[[int], bytes]
    ) -> None:
        self.database = database
        self.clock = clock
        self.random_bytes = random_bytes

    def give(self, card: int, by: str) -> str:
        """Return a new code for the holder of a card; the one before is none any more."""
        # 32 letters: none is likelier.
        code = "".join(LETTERS[byte % len(LETTERS)] for byte in self.random_bytes(CODE_LETTERS))
        ends = self.clock.utc_seconds() + CODE_S
        with self.database.transaction():
            self.database.run("DELETE FROM card_codes WHERE card = ?", [(card,)])
            self.database.insert(codes, [(card, kept(code), ends, by)])
        return code

    def take(self, code: str) -> int | None:
        """Return whose card a code is and use it up; None when it is none or has ended.

        Inside a transaction of the database, with what comes of it.
        """
        rows = self.database.rows("SELECT card, ends FROM card_codes WHERE hash = ?",
                                  (kept(code),))  # fmt: skip
        if not rows or self.clock.utc_seconds() >= rows[0][1]:
            return None
        self.database.run("DELETE FROM card_codes WHERE card = ?", [(rows[0][0],)])
        return int(rows[0][0])


def kept(text: str) -> str:
    """Return what is kept of a secret: nothing that it could be made from again."""
    return sha256(text.encode()).hexdigest()
