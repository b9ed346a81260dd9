"""What was refused or missing, and how often: counters, gaps and the quarantine.

Source: threats T10, T11, T13.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from edge_agent.store import Store

QUARANTINE_ROWS_MAX = 100_000  # about 20 MB: a hostile board must not fill the disk


class Evidence:
    """The tables `counters`, `gaps` and `quarantine`."""

    def __init__(self, store: Store) -> None:
        self._store = store

    def count(self, name: str, by: int = 1) -> None:
        """Add to a counter that survives restarts."""
        with self._store.immediate() as connection:
            connection.execute(
                "INSERT INTO counters VALUES (?, ?)"
                " ON CONFLICT DO UPDATE SET value = value + excluded.value",
                (name, by),
            )

    def counters(self) -> dict[str, int]:
        """Return all counters by name."""
        rows = self._store.connection.execute("SELECT name, value FROM counters")
        return dict(rows.fetchall())

    def quarantine(
        self, device: int, epoch: int, seq: int, why: str, refused: bytes, now: int
    ) -> None:
        """Keep refused bytes once; over 100,000 rows they are only counted."""
        with self._store.immediate() as connection:
            if self.quarantined() < QUARANTINE_ROWS_MAX:
                connection.execute(
                    "INSERT INTO quarantine (device, epoch, seq, why, bytes, stored_at)"
                    " VALUES (?, ?, ?, ?, ?, ?) ON CONFLICT DO NOTHING",
                    (device, epoch, seq, why, refused, now),
                )
            self.count("quarantined")

    def quarantined(self) -> int:
        """Return how many rows are in quarantine."""
        return int(self._store.connection.execute("SELECT count(*) FROM quarantine").fetchone()[0])

    def note_gap(self, device: int, epoch: int, first_seq: int, last_seq: int, now: int) -> None:
        """Remember seqs that a device should still have had."""
        with self._store.immediate() as connection:
            connection.execute(
                "INSERT INTO gaps VALUES (?, ?, ?, ?, ?) ON CONFLICT DO NOTHING",
                (device, epoch, first_seq, last_seq, now),
            )

    def gaps(self) -> list[tuple[int, int, int, int]]:
        """Return every gap as (device, epoch, first_seq, last_seq)."""
        return self._store.connection.execute(
            "SELECT device, epoch, first_seq, last_seq FROM gaps ORDER BY device, epoch, first_seq"
        ).fetchall()
