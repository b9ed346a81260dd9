"""Which devices could still carry out a line, for all that is known here.

A device carries out a line from a list with it, by a lease that is in force and is not newer than
that list: a board refuses lists below its lease's `v_actions`. So it cannot any more

- once every entry of it to beyond the line's `valid_to` is here, for its clock never goes back;
- once every entry of it is here up to its switch to a lease that refuses every list with the line;
- once its last lease has ended a day ago: it was refused, and will not come back;
- once the last lease that opens a list with the line has ended a day ago, though it was renewed
  inland, and the card was seen since: what such a device did before, the card has told.

Source: trust.md 4.5; card_layouts/SPEC.md, LEASE.
"""

from collections.abc import Mapping
from typing import NamedTuple

from backend_sync.ledger.forgotten_lists import LEASE_MARGIN_S
from backend_sync.storage.database import Database


class Line(NamedTuple):
    """One line of its card; `listed` is the first list with it, None before there was one."""

    id: int
    action: int
    card: int
    k: int
    version: int
    kind: int
    valid_to: int
    listed: int | None = None
    made: int | None = None  # when that list was
    dropped: int | None = None  # the first list without it again, None while the newest has it


class Holder(NamedTuple):
    """A device that may hold the lists from one to another, and one of its leases."""

    first_made: int  # when its first list was
    last_list: int
    reported: int  # its time up to which every entry is held here
    last_end: int  # of its longest lease
    oldest: int  # list that this lease opens
    leased_to: int


class Holders:
    """Every lease of every device by which lists may be carried out."""

    def __init__(self, database: Database, now: int, seen: Mapping[int, int]) -> None:
        """`seen`: when the newest tap of a card that is here was."""
        self.now = now
        self._seen = seen
        self._holders = read_holders(database)

    def may_carry(self, line: Line) -> bool:
        """Say whether any device could still carry out this line, which a list has."""
        return any(self._may_carry(holder, line) for holder in self._holders)

    def _may_carry(self, holder: Holder, line: Line) -> bool:
        assert line.listed is not None and line.made is not None
        has_list = holder.last_list >= line.listed and holder.first_made <= line.valid_to
        is_refused = line.dropped is not None and holder.oldest >= line.dropped
        end = holder.leased_to + LEASE_MARGIN_S
        if not has_list or is_refused or holder.reported > line.valid_to or end < line.made:
            return False
        if end >= self.now:
            return True
        is_renewed = holder.last_end + LEASE_MARGIN_S >= self.now
        return is_renewed and self._seen.get(line.card, 0) <= end


def read_holders(database: Database) -> list[Holder]:
    """Return every lease that went out, but those that a device says it has replaced."""
    rows = database.rows(
        "SELECT l.made, c.last_list, CASE WHEN t.seq <= d.seq THEN t.at ELSE 0 END, c.leased_to,"
        " a.oldest, a.leased_to FROM action_carriers c"
        " JOIN action_lists l ON l.id = c.first_list"
        " JOIN action_leases a ON a.device = c.device AND a.epoch = c.epoch"
        " LEFT JOIN device_times t ON t.device = c.device AND t.epoch = c.epoch"
        " LEFT JOIN devices d ON d.device = c.device AND d.epoch = c.epoch"
        " LEFT JOIN device_leases s ON s.device = c.device AND s.epoch = c.epoch AND s.seq <= d.seq"
        " WHERE a.lease >= coalesce(s.lease, 0)"
    )
    return [Holder._make([*row[:2], row[2] or 0, *row[3:]]) for row in rows]
