"""Queries people save: versions, production by a second person, and when they are due.

A version never changes. One that another right holder put in production is seen by everybody with
its source's right, each within his own scope, and can be scheduled; nothing here runs by itself:
whoever runs what is due asks for it. Source: W-153; X-14.
"""

import re
from typing import NamedTuple

from backend_sync.ports import Clock
from backend_sync.registers.rights import User
from backend_sync.reports.days import Days
from backend_sync.reports.definition import ReportRefused, demand_whole
from backend_sync.reports.query import Query, parse
from backend_sync.reports.table import FIRST_DAY, month_of
from backend_sync.reports.tables import saved_queries, saved_steps
from backend_sync.storage.database import Database

MAKE, APPROVE = "reports.make", "reports.approve"
PRODUCED, WITHDRAWN, UNSCHEDULED, MADE = "produced", "withdrawn", "unscheduled", "made"
EVERY = ("day", "week", "month")
NAME = re.compile(r"[a-z0-9][a-z0-9-]{0,63}")
COLUMNS = "id, authority, name, version, body, made_by, made"
VERSIONS_MOST = 1000


class Saved(NamedTuple):
    """One version; `made`: s since 2020."""

    number: int
    authority: int
    name: str
    version: int
    body: str
    made_by: str
    made: int

    @property
    def query(self) -> Query:
        return parse(self.body)


class Due(NamedTuple):
    """A query whose time has come; `at`: the second since which it is due."""

    saved: Saved
    every: str
    at: int


class SavedQueries:
    """`database` is reports.db."""

    def __init__(self, database: Database, clock: Clock) -> None:
        self.database = database
        self.clock = clock

    def save(self, by: User, authority: int, name: str, query: Query) -> Saved:
        """Keep a query as the next version of a name; the same again is the version it was."""
        demand_whole(by, MAKE, authority)
        demand_whole(by, query.of.right, authority)
        if not NAME.fullmatch(name):
            raise ReportRefused(
                "{name!r}: wanted a name of a-z, 0-9 and -, at most 64", name=name[:70]
            )
        with self.database.transaction():
            before = self.versions(authority, name)
            if before and before[-1].body == query.as_json():
                return before[-1]
            if len(before) >= VERSIONS_MOST:
                raise ReportRefused(f"{name}: {len(before)} versions, wanted at most that many")
            number = self.database.next_id(saved_queries)
            made = Saved(number, authority, name, len(before) + 1, query.as_json(), by.name,
                         self.clock.utc_seconds())  # fmt: skip
            self.database.insert(saved_queries, [made])
        return made

    def produce(self, by: User, authority: int, name: str, version: int) -> Saved:
        """Put a version in production; who made it cannot. Raises: ReportRefused."""
        demand_whole(by, APPROVE, authority)
        with self.database.transaction():
            found = self.version(authority, name, version)
            if found.made_by == by.name:
                raise ReportRefused(
                    "{name} version {version}: {user} made it; another person who has {right} "
                    "puts it in production",
                    name=name,
                    version=version,
                    user=by.name,
                    right=APPROVE,
                )
            if self.in_production(authority, name) != found:
                self._step(found, PRODUCED, by)
        return found

    def withdraw(self, by: User, authority: int, name: str) -> None:
        """Take a query out of production."""
        demand_whole(by, APPROVE, authority)
        with self.database.transaction():
            self._step(self._produced(authority, name), WITHDRAWN, by)

    def schedule(self, by: User, authority: int, name: str, every: str) -> None:
        """Let a query in production be due every day, week or month; "" = no more."""
        demand_whole(by, MAKE, authority)
        if every and every not in EVERY:
            raise ReportRefused(f"{every[:20]!r}: wanted {', '.join(EVERY)}")
        with self.database.transaction():
            self._step(self._produced(authority, name), every or UNSCHEDULED, by)

    def names(self, authority: int) -> list[str]:
        rows = self.database.rows(
            "SELECT DISTINCT name FROM saved_queries WHERE authority = ? ORDER BY name",
            (authority,),
        )
        return [row[0] for row in rows]

    def versions(self, authority: int, name: str) -> list[Saved]:
        """Return all versions of a name, oldest first."""
        rows = self.database.rows(
            f"SELECT {COLUMNS} FROM saved_queries WHERE authority = ? AND name = ?"
            " ORDER BY version", (authority, name),
        )  # fmt: skip
        return [Saved._make(row) for row in rows]

    def version(self, authority: int, name: str, version: int = 0) -> Saved:
        """Return a version, 0: the newest. Raises: ReportRefused."""
        found = self.versions(authority, name)
        if not found or not 0 <= version <= len(found):
            there = f"it has versions 1 to {len(found)}" if found else "there is none"
            said = f"{name[:70]!r} version {version} of authority {authority}"
            raise ReportRefused(f"saved query {said}: {there}")
        return found[version - 1]

    def in_production(self, authority: int, name: str) -> Saved | None:
        """Return the version that is in production, if one is."""
        found = None
        for saved, step, _ in self._steps(authority, name):
            if step in (PRODUCED, WITHDRAWN):
                found = saved if step == PRODUCED else None
        return found

    def scheduled(self, authority: int, name: str) -> tuple[str, int]:
        """Return (every what, since when): ("", 0) when it is not scheduled or not produced."""
        every, since = "", 0
        for _, step, made in self._steps(authority, name):
            if step in (*EVERY, UNSCHEDULED, WITHDRAWN):
                every, since = (step, made) if step in EVERY else ("", 0)
        return every, since

    def due(self, days: Days, now: int) -> list[Due]:
        """Return the scheduled queries of an authority whose last due time has not been made."""
        found = []
        for name in self.names(days.authority):
            saved = self.in_production(days.authority, name)
            every, since = self.scheduled(days.authority, name)
            if saved is None or not every:
                continue
            at = days.begins(_first_day(every, days.day(now)))
            if at > since and not self._made_at(name, days.authority, at):
                found.append(Due(saved, every, at))
        return found

    def made(self, due: Due, by: str) -> None:
        """Note that what was due was made: it is due no more."""
        with self.database.transaction():
            if not self._made_at(due.saved.name, due.saved.authority, due.at):
                self._write(due.saved, MADE, due.at, by)

    def _made_at(self, name: str, authority: int, at: int) -> bool:
        return bool(self.database.rows(
            "SELECT 1 FROM saved_steps t JOIN saved_queries q ON q.id = t.saved"
            " WHERE q.authority = ? AND q.name = ? AND t.step = ? AND t.due >= ?",
            (authority, name, MADE, at),
        ))  # fmt: skip

    def _produced(self, authority: int, name: str) -> Saved:
        found = self.in_production(authority, name)
        if found is None:
            raise ReportRefused(f"{name[:70]!r} of authority {authority}: not in production")
        return found

    def _steps(self, authority: int, name: str) -> list[tuple[Saved, str, int]]:
        saved = {found.number: found for found in self.versions(authority, name)}
        rows = self.database.rows(
            "SELECT t.saved, t.step, t.made FROM saved_steps t JOIN saved_queries q"
            " ON q.id = t.saved WHERE q.authority = ? AND q.name = ? ORDER BY t.id",
            (authority, name),
        )
        return [(saved[row[0]], row[1], row[2]) for row in rows]

    def _step(self, saved: Saved, step: str, by: User) -> None:
        self._write(saved, step, 0, by.name)

    def _write(self, saved: Saved, step: str, due: int, by: str) -> None:
        number = self.database.next_id(saved_steps)
        row = (number, saved.number, step, due, by, self.clock.utc_seconds())
        self.database.insert(saved_steps, [row])


def _first_day(every: str, today: int) -> int:
    """Return the day on which a query was due last: today, Monday, or the first of the month."""
    if every == "day":
        return today
    if every == "month":
        return month_of(today)
    return today - (today + FIRST_DAY.weekday()) % 7
