"""Figures of the books and of the ledger service, that people set alarms on.

No book is read through: newest rows by their numbers, devices by index, and tables that only hold
what is open. Units: cents; seconds. Source: W-154, W-5; office/today.py reads in the same way.
"""

import json
from collections import Counter
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from backend_sync.edge_states import read_holdings
from backend_sync.health.exposition import COUNTER, GAUGE, Metric, metric
from backend_sync.ledger.place import Place
from backend_sync.ledger.results import X
from backend_sync.ports import Clock
from backend_sync.storage.database import Database

# A device's newest entry came less than so many seconds ago; the rest is "older".
SEEN = ((3600, "hour"), (86_400, "day"), (7 * 86_400, "week"))
STATUS_FILE = "ledger-status.json"
NEWEST = "SELECT coalesce(max(id), 0) FROM {}"
OPEN = (
    "SELECT o.bits, count(*), sum(p.cents) FROM open_intents o CROSS JOIN pendings p"
    " WHERE p.id = o.pending AND o.bits IN (0, ?) GROUP BY o.bits"
)
LAST_SEEN = (
    "SELECT (SELECT e.received FROM entries e WHERE e.device = d.device AND e.epoch = d.epoch"
    " ORDER BY e.seq DESC LIMIT 1), d.device FROM devices d ORDER BY d.device, d.epoch"
)


def figures_of(place: Place, clock: Clock) -> list[Metric]:
    """Return the figures of one ledger: of its books, and of its service where it lies beside."""
    with place.books() as database:
        found = books_figures(database, clock.utc_seconds())
    return found + service_of(place.folder / STATUS_FILE)


def books_figures(database: Database, now: int) -> list[Metric]:
    """Return what the books hold at this moment; `now` in s since 2020."""
    return [
        *(_newest(database, *row) for row in (
            ("tornello_entries_total", "entries", "entries stored since the books began"),
            ("tornello_quarantined_total", "quarantine", "entries that nobody can post"),
            ("tornello_alarms_total", "alarms", "alarms that the ledger raised"),
            ("tornello_settlements_total", "settlement_batches", "service days closed"),
        )),
        *_age(database, now),
        *_suspense(database),
        _devices(database, now),
        metric("tornello_orders_waiting", GAUGE, "orders that are not on their card yet",
               int(database.value("SELECT count(*) FROM action_states WHERE ended = 0"))),
    ]  # fmt: skip


def service_figures(status: Mapping[str, Any], held: Mapping[str, Any]) -> list[Metric]:
    """Return what the ledger service says in its status file, and who of the edges is there."""
    if not status:
        return []
    online = Counter("yes" if there else "no" for _, _, there, _ in held["edges"])
    online.update({"yes": 0, "no": 0})
    state = str(status.get("state", ""))
    counts = (("batches", "batches that came"), ("posted", "entries posted"),
              ("quarantined", "entries and batches put aside"), ("acks", "acknowledgements sent"),
              ("published", "packages sent"), ("dropped", "messages that found no room"),
              ("audited", "cards whose choices were repeated"))  # fmt: skip
    return [
        metric("tornello_service_running", GAUGE, "the ledger service's status says it runs",
               int(state not in ("", "stopped"))),
        metric("tornello_service_broker_connected", GAUGE, "the broker answers the service",
               int(bool(status.get("broker")))),
        metric("tornello_service_failing", GAUGE, "the service waits for what its status names",
               int(bool(status.get("last_error") or status.get("publisher_error")))),
        metric("tornello_service_entries_in_hand", GAUGE, "entries that came and wait for posting",
               int(status.get("in_hand", 0))),
        *(metric(f"tornello_service_{name}_total", COUNTER, words + ", since it started",
                 int(status.get(name, 0))) for name, words in counts),
        Metric("tornello_edges", GAUGE, "edges by whether they are connected",
               tuple(({"online": name}, online[name]) for name in ("yes", "no"))),
    ]  # fmt: skip


def service_of(file: Path) -> list[Metric]:
    """Return the figures of the service of this status file; none where there is none."""
    try:
        status = json.loads(file.read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return []
    return service_figures(status if isinstance(status, dict) else {}, read_holdings(file.parent))


def _newest(database: Database, name: str, table: str, words: str) -> Metric:
    """Rows of a book are numbered from 1 and stay: its highest number counts them."""
    return metric(name, COUNTER, words, int(database.value(NEWEST.format(table))))


def _age(database: Database, now: int) -> list[Metric]:
    rows = database.rows("SELECT received FROM entries ORDER BY id DESC LIMIT 1")
    words = "seconds since an entry came last"
    return [metric("tornello_newest_entry_age_seconds", GAUGE, words, max(0, now - int(row[0])))
            for row in rows]  # fmt: skip


def _suspense(database: Database) -> list[Metric]:
    """Announced taps without evidence: open, or lapsed by rule X."""
    found = {int(bits): (int(count), int(cents)) for bits, count, cents
             in database.rows(OPEN, (X,))}  # fmt: skip
    states = (("open", found.get(0, (0, 0))), ("lapsed", found.get(X, (0, 0))))
    return [
        Metric(f"tornello_suspense_{name}", GAUGE, words,
               tuple(({"state": state}, row[at]) for state, row in states))
        for at, (name, words) in enumerate((("lines", "taps whose end nobody knows"),
                                            ("cents", "money of taps whose end nobody knows")))
    ]  # fmt: skip


def _devices(database: Database, now: int) -> Metric:
    newest: dict[int, int | None] = {}
    for received, device in database.rows(LAST_SEEN):
        newest[int(device)] = received  # a later epoch says how it is now
    counts = Counter(_seen(received, now) for received in newest.values())
    samples = tuple(({"seen": name}, counts[name]) for name in (*(n for _, n in SEEN), "older"))
    return Metric("tornello_devices", GAUGE, "devices by when their newest entry came: within an"
                  " hour, a day, a week, or earlier", samples)  # fmt: skip


def _seen(received: int | None, now: int) -> str:
    if received is None:
        return "older"
    return next((name for seconds, name in SEEN if now - received < seconds), "older")
