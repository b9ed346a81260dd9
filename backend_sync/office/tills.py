"""Tills: under which device and clerk number a user of a point sells.

Slips are numbered without gaps per device, and cash is a clerk's; so both are given once and for
ever. Source: X-15, W-21, W-108; decision D1.
"""

from typing import NamedTuple

from backend_sync.office.tables import tills
from backend_sync.ports import Clock
from backend_sync.registers.refusals import Refused
from backend_sync.registers.rights import Scope, User
from backend_sync.registers.users import demand
from backend_sync.storage.database import Database

NUMBER_MOST = (1 << 20) - 1


class Till(NamedTuple):
    """Where a user sells: the device of his point, and his own number."""

    authority: int
    point: str
    device: int
    clerk: int


class Tills:
    """The tills of one office."""

    def __init__(self, database: Database, clock: Clock) -> None:
        self.database = database
        self.clock = clock

    def of(self, user: User) -> Till | None:
        """Return a user's till; None without one, or when he works at another point by now."""
        rows = self.database.rows(
            "SELECT authority, point, device, clerk FROM tills WHERE name = ?", (user.name,)
        )
        till = Till(*rows[0]) if rows else None
        at_hand = till and (till.authority, till.point) == (user.scope.authority, user.scope.point)
        return till if at_hand else None

    def give(self, by: User, user: User, device: int, clerk: int) -> Till:
        """Give a user his till; the same again changes nothing. Raises: Refused."""
        demand(by, "places.change", Scope(user.scope.authority, point=user.scope.point))
        if "sales.make" not in user.rights or not user.scope.point:
            raise Refused(
                "user {user} ({role}): wanted one who may sell at a point",
                user=user.name,
                role=user.role,
            )
        for what, value in (("device", device), ("clerk", clerk)):
            if not 1 <= value <= NUMBER_MOST:
                raise Refused(
                    "{what} {value}: wanted a number from 1 to {most}",
                    what=what,
                    value=value,
                    most=NUMBER_MOST,
                )
        till = Till(user.scope.authority, user.scope.point, device, clerk)
        with self.database.transaction():
            before = self.database.rows(
                "SELECT name, authority, point, device, clerk FROM tills"
                " WHERE name = ? OR clerk = ? OR device = ?",
                (user.name, clerk, device),
            )
            if (user.name, *till) in [tuple(row) for row in before]:
                return till
            for name, *values in before:
                _refuse_other(user.name, till, name, Till(*values))
            row = (user.name, *till, by.name, self.clock.utc_seconds())
            self.database.insert(tills, [row])
        return till


def _refuse_other(name: str, till: Till, other: str, theirs: Till) -> None:
    if name == other:
        raise Refused("user {user} has a till for ever: device {device}, clerk {clerk}",
                      user=name, device=theirs.device, clerk=theirs.clerk)  # fmt: skip
    if till.clerk == theirs.clerk:
        raise Refused(
            "clerk {clerk} is user {user}: wanted a number of his own", clerk=till.clerk, user=other
        )
    if till[:2] != theirs[:2]:
        raise Refused(
            "device {device} is at point {point}, not {other}",
            device=till.device,
            point=theirs.point,
            other=till.point,
        )
