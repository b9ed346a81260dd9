"""Operating data of every operator: uploaded, put in force, put back, handed out.

Callers say for whom they ask: `scope`, outside of which everything is as if it were not there. May
that person do it at all is asked before, by pages, interfaces and commands. Nothing is deleted: an
older version is put in force again by one more row. Source: W-20, W-22, W-118, W-119, W-127.
"""

import datetime
import json
from collections.abc import Callable, Mapping
from itertools import zip_longest
from pathlib import Path
from typing import IO, Any

from backend_sync.operating.agencies import refuse_foreign
from backend_sync.operating.archive import read_upload
from backend_sync.operating.feeds import Feeds
from backend_sync.operating.records import Owner, Period, Version
from backend_sync.operating.refusals import NotThere, OperatingRefused
from backend_sync.operating.tables import in_force, versions
from backend_sync.operating.zips import Zips
from backend_sync.ports import Clock
from backend_sync.registers.rights import Scope, covers
from backend_sync.storage.database import Database
from backend_sync.tariffs.feed import Feed
from backend_sync.tariffs.when import time_zone
from card_layouts.codec.timestamps import to_unix

COLUMNS = ", ".join(column.name for column in versions.columns)
NOTHING = 0  # as a version: nothing is in force
Day = datetime.date


class Operating:
    """The operating data of one ledger; every change is one transaction.

    `owners(authority)` returns {agency_id: operator} where something outside says so.
    """

    def __init__(
        self,
        database: Database,
        zips: Zips,
        clock: Clock,
        owners: Callable[[int], Mapping[str, int]],
    ) -> None:
        self.database = database
        self.zips = zips
        self.clock = clock
        self.owners = owners
        self.feeds = Feeds(zips)

    def __enter__(self) -> "Operating":
        return self

    def __exit__(self, *_: object) -> None:
        self.database.close()

    # --- asking ---

    def versions(self, scope: Scope) -> list[Version]:
        """Return the versions that `scope` covers: by owner, the newest first."""
        return [version for version in self._versions(scope.authority, scope.operator)
                if covers(scope, version.owner.scope())]  # fmt: skip

    def version(self, scope: Scope, number: int) -> Version:
        """Return a version by its id. Raises: NotThere."""
        rows = []
        if 0 < number < 1 << 53:
            rows = self.database.rows(f"SELECT {COLUMNS} FROM versions WHERE id = ?", (number,))
        found = _version(rows[0]) if rows else None
        if found is None or not covers(scope, found.owner.scope()):
            raise NotThere("version {version}: there is none of that number", version=number)
        return found

    def in_force(self, authority: int, operator: int, day: Day) -> Version | None:
        """Return what is in force for an operator on a day, None when nothing is."""
        rows = self.database.rows(
            "SELECT version FROM in_force WHERE authority = ? AND operator = ? AND from_day <= ?"
            " ORDER BY from_day DESC, id DESC LIMIT 1",
            (authority, operator, day.isoformat()),
        )
        if not rows or rows[0][0] == NOTHING:
            return None
        return self.version(Scope(authority, operator), rows[0][0])

    def plan(self, owner: Owner) -> list[Period]:
        """Return what is in force from which day on, the past included, by day."""
        rows = self.database.rows(
            "SELECT version, from_day, made_by, made FROM in_force WHERE authority = ?"
            " AND operator = ? ORDER BY from_day, id",
            tuple(owner),
        )
        newest = {row[1]: row for row in rows}
        return [Period(version, Day.fromisoformat(day), by, made)
                for version, day, by, made in newest.values()]  # fmt: skip

    def zip_of(self, scope: Scope, number: int) -> Path:
        """Return the file of a version's zip. Raises: NotThere, DiskRefused."""
        return self.zips.path(self.version(scope, number).digest)

    def feed(self, version: Version) -> Feed:
        """Return what a version holds. Raises: DiskRefused."""
        return self.feeds.of(version.digest)

    def today(self, timezone: str) -> Day:
        """Return the date where these vehicles run."""
        now = to_unix(self.clock.utc_seconds())
        return datetime.datetime.fromtimestamp(now, time_zone(timezone) or datetime.UTC).date()

    # --- changing ---

    def upload(self, scope: Scope, by: str, owner: Owner, stream: IO[bytes]) -> Version:
        """Keep a zip as a version, not in force yet; the same zip again is the same version.

        Raises: OperatingRefused, DiskRefused.
        """
        _demand(scope, owner)
        with self.zips.taken(stream) as taken:
            before = self._by_digest(owner, taken.digest)
            if before is not None:
                return before
            feed = read_upload(taken.path)
            agencies = [agency.agency_id for agency in feed.agencies]
            refuse_foreign(agencies, owner.operator, self._owners(owner))
            self.zips.keep(taken)
            with self.database.transaction():
                number = len(self._versions(*owner)) + 1
                days = sorted(day for service in {trip.service for trip in feed.trips}
                              for day in feed.services.get(service, ()))  # fmt: skip
                row = (
                    *(self.database.next_id(versions), *owner, number, taken.digest, taken.size),
                    *(days[0].isoformat(), days[-1].isoformat(), feed.timezone),
                    *(len(feed.stops), len(feed.lines), len(feed.trips)),
                    json.dumps(agencies),
                    *(by, self.clock.utc_seconds()),
                )
                self.database.insert(versions, [row])
        return _version(row)

    def put_in_force(
        self, scope: Scope, by: str, number: int, from_day: Day, seen: int | None = None
    ) -> Version:
        """Let a version be in force from a day on; what is so already changes nothing.

        `seen` is the id of what was in force that day when its reader saw the differences, 0 for
        nothing: another by now is refused. Raises: OperatingRefused.
        """
        version = self.version(scope, number)
        if version.last_day < from_day:
            raise OperatingRefused(
                "version {version} runs until {last}; wanted one with trips on {day} or later",
                version=version.number,
                last=version.last_day,
                day=from_day,
            )
        refuse_foreign(version.agencies, version.operator, self._owners(version.owner))
        self._put(version.owner, version.timezone, by, number, from_day, seen)
        return version

    def withdraw(self, scope: Scope, by: str, owner: Owner, from_day: Day) -> None:
        """Let nothing be in force from a day on. Raises: OperatingRefused."""
        _demand(scope, owner)
        known = self._versions(*owner)
        if not known:
            raise NotThere(f"operator {owner.operator}: no version is there")
        self._put(owner, known[0].timezone, by, NOTHING, from_day, None)

    def before(self, owner: Owner, day: Day) -> Version | None:
        """Return what was in force for a day before the newest decision about it, None: nothing."""
        rows = self.database.rows(
            "SELECT version FROM in_force WHERE authority = ? AND operator = ? AND from_day <= ?"
            " ORDER BY from_day DESC, id DESC LIMIT 2",
            (*owner, day.isoformat()),
        )
        if len(rows) < 2 or rows[1][0] == NOTHING:
            return None
        return self.version(owner.scope(), rows[1][0])

    def _put(
        self, owner: Owner, timezone: str, by: str, number: int, from_day: Day, seen: int | None
    ) -> None:
        today = self.today(timezone)
        if from_day < today:
            raise OperatingRefused(
                "from {day}: wanted {today} or later; what was in force on days that are "
                "over does not change",
                day=from_day,
                today=today,
            )
        with self.database.transaction():
            there = self.in_force(*owner, from_day)
            found = there.id if there else NOTHING
            if found == number:
                return
            if seen is not None and seen != found:
                raise OperatingRefused(
                    "version {version} is in force on {day} by now: look at the differences again",
                    version=there.number if there else "none",
                    day=from_day,
                )
            row = (self.database.next_id(in_force), *owner, number, from_day.isoformat(), by,
                   self.clock.utc_seconds())  # fmt: skip
            self.database.insert(in_force, [row])

    def _owners(self, owner: Owner) -> dict[str, int]:
        """Return {agency_id: operator} of what the tariff names, then of data in force or to be."""
        found: dict[str, int] = {}
        known = {version.id: version for version in self._versions(owner.authority, 0)}
        for other in sorted({version.owner for version in known.values()}):
            today = self.today(next(v.timezone for v in known.values() if v.owner == other))
            plan = self.plan(other)
            for period, later in zip_longest(plan, plan[1:]):
                if period.version and (later is None or later.from_day > today):
                    agencies = known[period.version].agencies
                    found.update(dict.fromkeys(agencies, other.operator))
        return found | dict(self.owners(owner.authority))

    def _by_digest(self, owner: Owner, digest: str) -> Version | None:
        sql = f"SELECT {COLUMNS} FROM versions WHERE authority = ? AND operator = ? AND digest = ?"
        rows = self.database.rows(sql, (*owner, digest))
        return _version(rows[0]) if rows else None

    def _versions(self, authority: int, operator: int) -> list[Version]:
        """Return versions by owner, the newest first; 0 is every authority or operator."""
        rows = self.database.rows(
            f"SELECT {COLUMNS} FROM versions WHERE (authority = ? OR ? = 0)"
            " AND (operator = ? OR ? = 0) ORDER BY authority, operator, number DESC",
            (authority, authority, operator, operator),
        )
        return [_version(row) for row in rows]


def _demand(scope: Scope, owner: Owner) -> None:
    """Raise NotThere unless these are data of the scope's own, of an operator."""
    if not (owner.authority and owner.operator and covers(scope, owner.scope())):
        raise NotThere(
            "operator {operator}: no operator of yours has this number", operator=owner.operator
        )


def _version(row: Any) -> Version:
    found = dict(zip(Version._fields, row, strict=True))
    for name in ("first_day", "last_day"):
        found[name] = Day.fromisoformat(found[name])
    return Version(**{**found, "agencies": tuple(json.loads(found["agencies"]))})
