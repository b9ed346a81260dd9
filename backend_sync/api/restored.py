"""Keys of machines after an older copy of `api.db` was put back: none that was withdrawn is good.

The copy does not know what was withdrawn since; the trail of the register of users does. Where the
trail cannot be asked, or is not what was written, every key is withdrawn: a depot that must get a
new key is better than one key too many. Source: T20; X-14.
"""

import json
from typing import NamedTuple

from backend_sync.registers.trail import broken_chain
from backend_sync.storage.database import Database

WITHDRAWN = "withdraw api key"
MADE = "api key"


class Settled(NamedTuple):
    """What became of the keys: `id (user)` of those withdrawn now, and of those made since."""

    withdrawn: list[str]
    lost: list[str]
    reason: str  # why all were withdrawn, "" when the trail was asked


def settle_keys(database: Database, register: Database | None, now: int) -> Settled:
    """Withdraw what the trail says was withdrawn, or every key when it cannot say."""
    rows = database.rows("SELECT id, name FROM api_keys WHERE withdrawn = 0 ORDER BY made, id")
    reason = "no register of users could be asked" if register is None else broken_chain(register)
    made, gone = ({}, set()) if register is None or reason else _told(register)
    # A key that the trail has never heard of was not made here.
    bad = [(key, name) for key, name in rows if reason or key in gone or key not in made]
    with database.transaction():
        database.run("UPDATE api_keys SET withdrawn = ? WHERE id = ?",
                     [(now, key) for key, _ in bad])  # fmt: skip
    held = {row[0] for row in database.rows("SELECT id FROM api_keys")}
    lost = [f"{key} ({name})" for key, name in made.items() if key not in held | gone]
    return Settled([f"{key} ({name})" for key, name in bad], lost, reason)


def _told(register: Database) -> tuple[dict[str, str], set[str]]:
    """Return ({key: user} of all that were made, those that were withdrawn), by the trail."""
    made: dict[str, str] = {}
    gone = set()
    for what, after in register.rows(
        "SELECT what, after FROM trail WHERE what IN (?, ?) ORDER BY id", (MADE, WITHDRAWN)
    ):
        said = json.loads(after)
        made[said["id"]] = said["name"]
        if what == WITHDRAWN:
            gone.add(said["id"])
    return made, gone
