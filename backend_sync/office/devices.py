"""Devices of one's own: last entries, gaps, what they hold, alarms. Whose one is, its rides say.

A device is looked up by index, a page of them at a time; no book is read through, so a device
without a ride among its last entries is nobody's here. Source: W-5, W-10, W-24, O-8, O-9; W-117.
"""

from collections import defaultdict
from collections.abc import Iterator
from pathlib import Path
from typing import Any, NamedTuple

from backend_sync.edge_states import read_holdings
from backend_sync.ledger import ranges
from backend_sync.ledger.chains import chain_of
from backend_sync.ledger.results import BITS, FORK, state_of
from backend_sync.registers.rights import Scope
from backend_sync.storage.database import Database

LOOK_BACK = 200  # entries of a device in which its operator is looked for
AT_ONCE, ALARMS_BACK, SHOWN_MOST = 50, 500, 50
COLUMNS = "device, epoch, first_seq, seq, chain, head_seq, held, poisoned, quarantined"


class Device(NamedTuple):
    """A device in its newest epoch. `received`: when its newest entry came, s since 2020."""

    device: int
    epoch: int
    operator: int
    received: int
    watermark: int
    head: int
    missing: str
    missing_count: int
    quarantined: int
    tariff: int  # version that its last ride was priced by


class Alarm(NamedTuple):
    """What the ledger noticed at a device; `received`: s since 2020."""

    kind: str
    device: int
    epoch: int | None
    seq: int | None
    detail: str
    received: int


class Commit(NamedTuple):
    """A commit of a device that is open or contradicted; cents; `since`: s since 2020."""

    seq: int
    card: int
    cents: int
    since: int


class Held(NamedTuple):
    """A package that an edge holds for a device, as the edge said last."""

    edge: str
    is_there: bool
    role: int
    authority: int
    version: int


def own(scope: Scope, table: str) -> tuple[str, tuple[int, ...]]:
    """Return the condition that keeps a query within a scope, and its values."""
    if scope.operator:
        return (f"{table}.authority = ? AND {table}.operator = ?",
                (scope.authority, scope.operator))  # fmt: skip
    return f"{table}.authority = ?", (scope.authority,)


def newest_entry(database: Database, device: int, epoch: int) -> int | None:
    """Return when the newest entry of a device came, None before the first."""
    rows = database.rows(
        "SELECT received FROM entries WHERE device = ? AND epoch = ? ORDER BY seq DESC LIMIT 1",
        (device, epoch),
    )
    return int(rows[0][0]) if rows else None


def last_ride(database: Database, scope: Scope, device: int, epoch: int) -> tuple[int, int] | None:
    """Return (operator, tariff version) of a device's last ride, None when it is not of `scope`."""
    where, values = own(scope, "r")
    rows = database.rows(
        "SELECT r.operator, r.tariff FROM (SELECT id, seq FROM entries WHERE device = ?"
        f" AND epoch = ? ORDER BY seq DESC LIMIT {LOOK_BACK}) e JOIN rides r ON r.id = e.id"
        f" WHERE {where} ORDER BY e.seq DESC LIMIT 1",
        (device, epoch, *values),
    )
    return (int(rows[0][0]), int(rows[0][1])) if rows else None


def devices(database: Database, scope: Scope, after: int) -> tuple[list[Device], int]:
    """Return (devices with numbers above `after`, the number to go on from or 0)."""
    found: list[Device] = []
    for device in _each(database, scope, after):
        if len(found) == AT_ONCE:
            return found, found[-1].device
        found.append(device)
    return found, 0


def device_of(database: Database, scope: Scope, number: int) -> Device | None:
    """Return one device, None when there is none of one's own."""
    rows = database.rows(
        f"SELECT {COLUMNS} FROM devices WHERE device = ? ORDER BY epoch DESC LIMIT 1", (number,)
    )
    return _own(database, scope, rows[0]) if rows else None


def epochs_of(database: Database, number: int) -> list[tuple[int, int, int, str, int]]:
    """Return (epoch, held up to, newest, missing, quarantined) of every epoch of a device."""
    rows = database.rows(
        f"SELECT {COLUMNS} FROM devices WHERE device = ? ORDER BY epoch DESC", (number,)
    )
    return [(row[1], c.seq, c.head_seq, ranges.text(c.missing), c.quarantined)
            for row, c in ((row, chain_of(row)) for row in rows)]  # fmt: skip


def alarms(database: Database, scope: Scope, device: int = 0) -> list[Alarm]:
    """Return the newest alarms of one's own devices or of one, among the last of all."""
    rows = database.rows(
        "SELECT kind, device, epoch, seq, detail, received FROM alarms WHERE id >"
        f" (SELECT coalesce(max(id), 0) FROM alarms) - {ALARMS_BACK} AND device IS NOT NULL"
        " ORDER BY id DESC"
    )
    is_own: dict[int, bool] = {}
    found = []
    for alarm in (Alarm(*row) for row in rows):
        if device in (0, alarm.device):
            if alarm.device not in is_own:
                is_own[alarm.device] = device_of(database, scope, alarm.device) is not None
            if is_own[alarm.device]:
                found.append(alarm)
    return found[:SHOWN_MOST]


def open_commits(database: Database, device: int) -> list[Commit]:
    """Return the commits of a device that nobody knows the end of, the oldest first."""
    rows = database.rows(
        "SELECT seq, card, cents, since FROM suspense WHERE device = ? ORDER BY since LIMIT ?",
        (device, SHOWN_MOST),
    )
    return [Commit(*row) for row in rows]


def contradicted(database: Database, device: int, epoch: int) -> list[Commit]:
    """Return commits with evidence for and against, among a device's last entries."""
    rows = database.rows(
        "SELECT p.id, e.seq, p.card, p.cents, p.at, r.rule FROM (SELECT id, seq FROM entries"
        f" WHERE device = ? AND epoch = ? ORDER BY seq DESC LIMIT {LOOK_BACK}) e"
        " JOIN pendings p ON p.id = e.id JOIN evidence r ON r.pending = p.id",
        (device, epoch),
    )
    bits: dict[int, int] = defaultdict(int)
    commits = {}
    for pending, seq, card, cents, at, rule in rows:
        bits[pending] |= BITS[rule]
        commits[pending] = Commit(seq, card, cents, at)
    return [commits[number] for number in sorted(bits) if state_of(bits[number]) == FORK]


def held_by(folder: Path, device: int) -> list[Held]:
    """Return what edges hold for a device, the newest version of each package."""
    newest: dict[tuple[int, int], Held] = {}
    for found in every_held(folder):
        number, held = found
        before = newest.get((held.role, held.authority))
        if number == device and (before is None or held.version > before.version):
            newest[held.role, held.authority] = held
    return [newest[name] for name in sorted(newest)]


def every_held(folder: Path) -> Iterator[tuple[int, Held]]:
    """Yield (device, package) of all that edges said last; the folder is the ledger's."""
    for _, edge, is_there, rows in read_holdings(folder)["edges"]:
        for device, role, authority, version in rows:
            yield device, Held(edge, is_there, role, authority, version)


def _each(database: Database, scope: Scope, after: int) -> Iterator[Device]:
    while rows := database.rows(
        f"SELECT {COLUMNS} FROM devices d WHERE device > ? AND epoch = (SELECT max(epoch)"
        " FROM devices WHERE device = d.device) ORDER BY device LIMIT ?",
        (after, AT_ONCE),
    ):
        for row in rows:
            device = _own(database, scope, row)
            if device is not None:
                yield device
        after = rows[-1][0]


def _own(database: Database, scope: Scope, row: Any) -> Device | None:
    chain = chain_of(row)
    device, epoch = chain.device, chain.epoch
    ride = last_ride(database, scope, device, epoch)
    if ride is None:
        return None
    received = newest_entry(database, device, epoch) or 0
    return Device(device, epoch, ride[0], received, chain.seq, chain.head_seq,
                  ranges.text(chain.missing), ranges.size(chain.missing), chain.quarantined,
                  ride[1])  # fmt: skip
