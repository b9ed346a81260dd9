"""What operating data are as records: a version, who maintains it, what holds from which day."""

import datetime
from typing import NamedTuple

from backend_sync.registers.rights import Scope


class Owner(NamedTuple):
    """Whose operating data: an operator's in an authority's area."""

    authority: int
    operator: int

    def scope(self) -> Scope:
        return Scope(self.authority, self.operator)


class Version(NamedTuple):
    """One uploaded feed; it never changes."""

    id: int
    authority: int
    operator: int
    number: int  # 1, 2 ... of its operator
    digest: str  # SHA-256 of the zip, hex
    size: int  # bytes of the zip
    first_day: datetime.date  # service period: first and last date on which a trip runs
    last_day: datetime.date
    timezone: str
    stops: int
    routes: int
    trips: int
    agencies: tuple[str, ...]  # agency_id
    made_by: str
    made: int  # s since 2020

    @property
    def owner(self) -> Owner:
        return Owner(self.authority, self.operator)


class Period(NamedTuple):
    """A version is in force from a day on, until the next period; version 0: nothing is."""

    version: int  # Version.id
    from_day: datetime.date
    made_by: str
    made: int
