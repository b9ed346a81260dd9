"""Keys of machines: shown once, kept as a hash, each a user's with at most his rights.

A key is 32 random bytes, so one plain hash of it is enough: there is nothing to guess. What its
user may do is asked anew for each request. Source: T20; dependencies.md section 3; W-10, W-11.
"""

import base64
import re
from collections.abc import Callable, Sequence
from hashlib import sha256
from hmac import compare_digest
from typing import NamedTuple

from backend_sync.api.tables import keys
from backend_sync.ports import Clock
from backend_sync.registers.opening import Registers
from backend_sync.registers.refusals import Refused
from backend_sync.registers.rights import User
from backend_sync.registers.users import demand
from backend_sync.storage.database import Database

SECRET_BYTES, ID_BYTES = 32, 6
FORM = re.compile(r"tornello_([0-9a-f]{12})_[A-Za-z0-9_-]{43}")
LABEL = re.compile(r"[A-Za-z0-9 ._-]{0,64}")
DAY_S = 86_400
DAYS_MOST = 3_660
COLUMNS = "id, name, rights, label, made_by, made, expires, withdrawn"


class Key(NamedTuple):
    """One key without its secret; `rights` empty: all of its user's; seconds since 2020, 0 none."""

    id: str
    name: str
    rights: frozenset[str]
    label: str
    made_by: str
    made: int
    expires: int
    withdrawn: int

    def of(self, user: User) -> User:
        """Return its user with no more rights than the key has."""
        return user._replace(rights=user.rights & self.rights) if self.rights else user


class Keys:
    """The keys of one ledger; each change is in the trail of its register of users."""

    def __init__(
        self,
        database: Database,
        registers: Registers,
        clock: Clock,
        random_bytes: Callable[[int], bytes],
    ) -> None:
        self.database = database
        self.registers = registers
        self.clock = clock
        self.random_bytes = random_bytes

    def add(
        self, by: User, name: str, rights: Sequence[str] = (), label: str = "", days: int = 0
    ) -> tuple[Key, str]:
        """Make a key; return (it, the text that is shown once). Raises: Refused."""
        user = self.registers.users.get(name)
        demand(by, "users.change", user.scope)
        strange = sorted(set(rights) - user.rights)
        if strange:
            raise Refused(f"user {name} ({user.role}) does not have the right {strange[0]}: a key"
                          f" has at most his: {', '.join(sorted(user.rights))}")  # fmt: skip
        if not LABEL.fullmatch(label):
            raise Refused("label: wanted at most 64 letters, digits, spaces or . _ -")
        if not 0 <= days <= DAYS_MOST:
            raise Refused(f"days {days}: wanted 1 to {DAYS_MOST}, or 0 for a key without an end")
        now = self.clock.utc_seconds()
        text = base64.urlsafe_b64encode(self.random_bytes(SECRET_BYTES)).decode().rstrip("=")
        number = self.random_bytes(ID_BYTES).hex()
        whole = f"tornello_{number}_{text}"
        ends = now + days * DAY_S if days else 0
        key = Key(number, name, frozenset(rights), label, by.name, now, ends, 0)
        kept = " ".join(sorted(key.rights))
        row = (number, sha256(whole.encode()).digest(), name, kept, label, by.name, now, ends, 0)
        self._trail(by, "api key", key, None)
        with self.database.transaction():
            self.database.insert(keys, [row])
        return key, whole

    def withdraw(self, by: User, number: str) -> Key:
        """Let a key be good no more, for ever. Raises: Refused."""
        key = self._get(number)
        if key is None:
            raise Refused(f"key {number[:20]!r}: there is none; `tornello api key list` has them")
        demand(by, "users.change", self.registers.users.get(key.name).scope)
        if not key.withdrawn:
            gone = key._replace(withdrawn=self.clock.utc_seconds())
            self._trail(by, "withdraw api key", gone, key)
            with self.database.transaction():
                self.database.run("UPDATE api_keys SET withdrawn = ? WHERE id = ?",
                                  [(gone.withdrawn, number)])  # fmt: skip
        return key

    def seen_by(self, by: User) -> list[Key]:
        """Return the keys of users that `by` may see, oldest first."""
        seen = {user.name for user in self.registers.users.seen_by(by)}
        rows = self.database.rows(f"SELECT {COLUMNS} FROM api_keys ORDER BY made, id")
        return [key for key in map(_key, rows) if key.name in seen]

    def find(self, text: str) -> Key | None:
        """Return the key that this is, None when it is none or is good no more."""
        form = FORM.fullmatch(text)
        rows = self.database.rows(
            "SELECT hash FROM api_keys WHERE id = ?", (form[1] if form else "",)
        )
        kept = bytes(rows[0][0]) if rows else bytes(32)
        if not compare_digest(kept, sha256(text.encode()).digest()) or form is None:
            return None
        key = self._get(form[1])
        now = self.clock.utc_seconds()
        if key is None or key.withdrawn or (key.expires and now >= key.expires):
            return None
        return key

    def _get(self, number: str) -> Key | None:
        rows = self.database.rows(f"SELECT {COLUMNS} FROM api_keys WHERE id = ?", (number,))
        return _key(rows[0]) if rows else None

    def _trail(self, by: User, what: str, key: Key, before: Key | None) -> None:
        # Before the key is there: a key without a row in the trail is worse than the other way.
        whose = self.registers.users.get(key.name).scope._asdict()
        with self.registers.database.transaction():
            self.registers.trail.write(
                by.name, what, f"user:{key.name}",
                {**_said(before), **whose} if before else None, {**_said(key), **whose},
            )  # fmt: skip


def _key(row: Sequence[object]) -> Key:
    return Key._make([*row[:2], frozenset(str(row[2]).split()), *row[3:]])


def _said(key: Key) -> dict[str, object]:
    return {**key._asdict(), "rights": sorted(key.rights)}
