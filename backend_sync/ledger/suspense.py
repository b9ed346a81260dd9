"""What waits: announced commits without evidence, and holds of modules, by age.

Nothing here is an account: money in suspense is still where it was. What rule X marked after 90
days is shown as a class of its own, so that nothing is written off unseen. Source: trust.md I16.
"""

from collections.abc import Sequence
from typing import Any

from backend_sync.ledger.results import X
from backend_sync.ledger.schema import resolutions
from backend_sync.storage.database import Database

DAY_SECONDS = 86_400
# days from which on a class begins, its name
AGES = ((90, "90 days and more"), (30, "30 to 90 days"), (7, "7 to 30 days"), (1, "1 to 7 days"),
        (0, "under a day"))  # fmt: skip
LAPSED = "lapsed by rule X"
INTENT_NAMES = ("card", "n", "cents", "device", "epoch", "seq", "since")
HOLD_NAMES = ("key", "rule", "account", "cents", "since")


def suspense(database: Database, now: int) -> dict[str, Any]:
    """Return {intents, holds, ages}; every row has its age in days and its class.

    Units: `now` and `since` in s since 2020. Shape: ages maps a class to [count, cents]; a hold is
    one row a line of it, and counts what its lines above 0 reserve.
    """
    intents = _aged(INTENT_NAMES, database.rows(
        f"SELECT {', '.join(INTENT_NAMES)} FROM suspense ORDER BY since, card, n"
    ), now)  # fmt: skip
    holds = _aged(HOLD_NAMES, database.rows(
        "SELECT key, rule, name, cents, since FROM held ORDER BY since, key, cents"
    ), now)  # fmt: skip
    ages: dict[str, list[int]] = {name: [0, 0] for _, name in AGES}
    for row in (*intents, *(hold for hold in holds if hold["cents"] > 0)):
        ages[row["age"]][0] += 1
        ages[row["age"]][1] += row["cents"]
    lapsed = database.rows(
        "SELECT count(*), coalesce(sum(p.cents), 0) FROM open_intents o"
        " JOIN pendings p ON p.id = o.pending WHERE o.bits = 128"
    )[0]
    ages[LAPSED] = [int(lapsed[0]), int(lapsed[1])]
    return {"intents": intents, "holds": holds, "ages": ages}


def age_of(seconds: int) -> str:
    """Return the class of an age. A clock that went back makes nothing old."""
    days = max(seconds, 0) // DAY_SECONDS
    return next(name for first, name in AGES if days >= first)


def _aged(names: Sequence[str], rows: Sequence[Any], now: int) -> list[dict[str, Any]]:
    found = []
    for row in rows:
        values = dict(zip(names, row, strict=True))
        seconds = now - values["since"]
        found.append({**values, "days": max(seconds, 0) // DAY_SECONDS, "age": age_of(seconds)})
    return found


def lapse(database: Database, before: int, now: int) -> int:
    """Rule X for intents that have waited since before that time; return how many."""
    rows = database.rows("SELECT pending FROM open_intents WHERE bits = 0 AND since < ?", (before,))
    database.insert(resolutions, [(row[0], "X", None, now) for row in rows])
    database.run(
        f"UPDATE open_intents SET bits = {X} WHERE pending = ?", [(row[0],) for row in rows]
    )
    return len(rows)
