"""How far the ledger has acknowledged each device, and what may therefore be deleted.

Source: decisions.md D16; threat T12; invariant I12.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from edge_agent.store import Store


class Mark(NamedTuple):
    """The newest verified acknowledgement of a device."""

    acked_seq: int
    incarnation: int
    statement: bytes  # 64 B, MACed for the device


class Marks:
    """The tables `marks` and `acks`."""

    def __init__(self, store: Store) -> None:
        self._store = store
        self.changes = 0  # rises with every acknowledgement taken
        self.rewinds = 0  # rises when a restored ledger wants entries again
        self._committed: dict[tuple[int, int], Mark | None] = {}

    def of(self, device: int, epoch: int) -> Mark | None:
        """Return the mark of a device, None before its first acknowledgement.

        Every question to a board asks for it: what is committed is remembered.
        """
        connection, key = self._store.connection, (device, epoch)
        if connection.in_transaction:
            return self._read(*key)
        if key not in self._committed:
            self._committed[key] = self._read(*key)
        return self._committed[key]

    def _read(self, device: int, epoch: int) -> Mark | None:
        row = self._store.connection.execute(
            "SELECT acked_seq, incarnation, statement FROM marks WHERE device = ? AND epoch = ?",
            (device, epoch),
        ).fetchone()
        return Mark(*row) if row else None

    def take(self, device: int, epoch: int, mark: Mark, now: int) -> None:
        """Store a verified acknowledgement: forward, or back when the ledger was restored.

        `now` is the ledger's time, which it signed: retention counts by it.
        """
        old = self.of(device, epoch)
        self._committed.pop((device, epoch), None)
        with self._store.immediate() as connection:
            connection.execute(
                "INSERT OR REPLACE INTO marks VALUES (?, ?, ?, ?, ?, ?)",
                (device, epoch, mark.acked_seq, mark.incarnation, mark.statement, now),
            )
            connection.execute(
                "DELETE FROM acks WHERE device = ? AND epoch = ? AND seq > ?",
                (device, epoch, mark.acked_seq),
            )
            connection.execute(
                "INSERT INTO acks VALUES (?, ?, ?, ?) ON CONFLICT DO NOTHING",
                (device, epoch, mark.acked_seq, now),
            )
        self.changes += 1
        if old is not None and mark.acked_seq < old.acked_seq:
            self.rewinds += 1

    def ledger_time(self) -> int:
        """Return when the ledger signed the newest acknowledgement, 0 before the first."""
        return int(
            self._store.connection.execute(
                "SELECT coalesce(max(taken_at), 0) FROM marks"
            ).fetchone()[0]
        )

    def expire(self, now: int, retention_seconds: int) -> int:
        """Delete entries whose acknowledgement is older than the retention; return how many."""
        deleted = 0
        for device, epoch, seq in self._expired(now - retention_seconds):
            # One transaction: killed in between, the count would never hear of what is gone.
            with self._store.immediate() as connection:
                gone = self._store.outbox.delete_through(device, epoch, seq)
                connection.execute(
                    "DELETE FROM acks WHERE device = ? AND epoch = ? AND seq < ?",
                    (device, epoch, seq),
                )
                if gone:
                    self._store.evidence.count("deleted", gone)
            deleted += gone
        return deleted

    def _expired(self, taken_before: int) -> list[tuple[int, int, int]]:
        # `acks` never holds a seq above the mark: `take` removes them when the ledger goes back.
        return self._store.connection.execute(
            "SELECT a.device, a.epoch, max(a.seq) FROM acks a JOIN runs r"
            " ON r.device = a.device AND r.epoch = a.epoch"
            " AND r.first_seq <= a.seq AND r.first_seq <= r.last_seq"
            " WHERE a.taken_at <= ? GROUP BY a.device, a.epoch",
            (taken_before,),
        ).fetchall()
