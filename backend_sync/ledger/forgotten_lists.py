"""What restored books have forgotten: action lists made after the copy that was put back.

The keyring tells which devices may hold such lists, and until when: the leases that it sealed with
K_act of earlier chains. A device can carry out nothing of them any more once it has switched to a
newer lease, for none of its keys opens an older list; once its entries to beyond the old lease's
end are here; or once that lease has ended by every clock.
Source: trust.md 4.5; decisions.md D9, D16.
"""

from collections.abc import Iterable, Sequence

from backend_sync.storage.database import Database

# A lease that ended so long ago has ended by every clock that keeps time at all.
LEASE_MARGIN_S = 86_400
KEEP = (
    "INSERT INTO earlier_leases (device, epoch, lease, leased_to) VALUES (?, ?, ?, ?)"
    " ON CONFLICT (device, epoch) DO UPDATE SET"
    " lease = CASE WHEN excluded.lease > earlier_leases.lease"
    " THEN excluded.lease ELSE earlier_leases.lease END,"
    " leased_to = CASE WHEN excluded.leased_to > earlier_leases.leased_to"
    " THEN excluded.leased_to ELSE earlier_leases.leased_to END"
)
# Of devices whose journals may still hide an action of a forgotten list.
LATEST = (
    "SELECT coalesce(max(e.leased_to), 0) FROM earlier_leases e"
    " LEFT JOIN devices d ON d.device = e.device AND d.epoch = e.epoch"
    " LEFT JOIN device_times t ON t.device = e.device AND t.epoch = e.epoch AND t.seq <= d.seq"
    " LEFT JOIN device_leases l ON l.device = e.device AND l.epoch = e.epoch AND l.seq <= d.seq"
    " WHERE coalesce(t.at, 0) <= e.leased_to AND coalesce(l.lease, 0) <= e.lease"
)


def note_earlier_leases(database: Database, leases: Iterable[Sequence[int]]) -> None:
    """Note (device, epoch, lease, end) of leases by which lists unknown here may be carried out.

    One that had ended when the newest list known here was made opened no list made since.
    """
    newest = int(database.value("SELECT coalesce(max(made), 0) FROM action_lists"))
    rows = [tuple(lease) for lease in leases if lease[3] + LEASE_MARGIN_S >= newest]
    database.run(KEEP, rows)


def forgotten_until(database: Database) -> int:
    """Return when the last list that is forgotten here can be carried out, s since 2020.

    0: there is none, or all journals that might tell of it are here.
    """
    latest = int(database.value(LATEST))
    return latest + LEASE_MARGIN_S if latest else 0
