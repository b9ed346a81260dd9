"""Four eyes for what a person does with keys, and a row for each use, for ever.

A use is what an operator asks for by hand: keys that leave for a device, a certificate, another
incarnation. What the keyring signs and opens for the ledger all day is none. The sentence of a use
is what another person agrees to; it counts the uses, so an agreement is for one of them.
Source: X-14; trust.md 6.1.
"""

import sqlite3
from hashlib import sha256
from shlex import quote
from typing import NamedTuple

from backend_sync.ports import ApprovalRefused, Approvals, Clock

KIND = "key"  # of Approvals
SCHEMA = """
CREATE TABLE IF NOT EXISTS key_use (
    number INTEGER PRIMARY KEY,
    used INTEGER NOT NULL,
    by_user TEXT NOT NULL,
    second TEXT NOT NULL,
    what TEXT NOT NULL
);
CREATE TRIGGER IF NOT EXISTS key_use_no_update BEFORE UPDATE ON key_use
    BEGIN SELECT RAISE(ABORT, 'key_use is append-only'); END;
CREATE TRIGGER IF NOT EXISTS key_use_no_delete BEFORE DELETE ON key_use
    BEGIN SELECT RAISE(ABORT, 'key_use is append-only'); END;
"""


class KeyUse(NamedTuple):
    """One use. `used`: s since 2020; `by`, `second`: "" where no register of users is bound."""

    number: int
    used: int
    by: str
    second: str
    what: str


class KeyUses:
    """The uses in the keyring's database; each is durable before the key is used."""

    def __init__(self, database: sqlite3.Connection, clock: Clock) -> None:
        self.database = database
        self.clock = clock
        self.database.executescript(SCHEMA)

    def every(self) -> list[KeyUse]:
        """Return all uses in order."""
        sql = "SELECT number, used, by_user, second, what FROM key_use ORDER BY number"
        return [KeyUse(*row) for row in self.database.execute(sql)]

    def begin(
        self, what: str, authority: int, by: str, approvals: Approvals | None, proposal: int
    ) -> KeyUse:
        """Write down a use that is allowed: by two people wherever people are known.

        Raises: ApprovalRefused, saying what to ask for.
        """
        uses = self.every()
        sentence = f"{what}, use {1 + sum(use.what.startswith(f'{what}, use ') for use in uses)}"
        second = ""
        if approvals is not None and approvals.needed(KIND, 1):
            if not proposal:
                raise ApprovalRefused(how_to_ask(sentence, authority))
            digest = sha256(sentence.encode()).hexdigest()
            asked, agreed = approvals.take(proposal, KIND, 1, digest)
            second = asked if agreed == by else agreed
        made = KeyUse(len(uses) + 1, self.clock.utc_seconds(), by, second, sentence)
        self.database.execute("INSERT INTO key_use VALUES (?, ?, ?, ?, ?)", made)
        return made


def how_to_ask(sentence: str, authority: int) -> str:
    """Return what a command says to who wants to use a key and has nobody's agreement yet."""
    return (
        "the use of a key takes two people: ask with `tornello register propose --kind key"
        f" --authority {authority} --amount 1 --content {quote(sentence)}`; when one approved it"
        " (`tornello register approve --proposal N`), do this again with --proposal N"
    )
