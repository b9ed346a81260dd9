"""Entries on their way to the ledger: stored in runs, read by run, deleted only when allowed.

A run is a stretch of consecutive seqs of one device and epoch with the chain value before its
first entry, so every batch and every acknowledgement can be checked against the chain.
Source: decisions.md D16, D17; invariant I12.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, NamedTuple

from card_layouts.records.chain import chain_next

if TYPE_CHECKING:
    from edge_agent.store import Store

DELETE_AT_ONCE = 5000


class SlotDiffers(Exception):
    """A seq that is already stored came again with other bytes: one of them is not genuine."""

    def __init__(self, device: int, epoch: int, seq: int, slot: bytes) -> None:
        super().__init__(f"device {device} epoch {epoch} seq {seq}: other bytes are stored")
        self.seq = seq
        self.slot = slot


class Head(NamedTuple):
    """Where a device's chain stands here."""

    seq: int
    H: bytes


class Piece(NamedTuple):
    """Consecutive unsent entries."""

    device: int
    epoch: int
    first_seq: int
    last_seq: int


class Outbox:
    """The tables `entries` and `runs`."""

    def __init__(self, store: Store) -> None:
        self._store = store
        self.changes = 0  # rises with every stored run: whoever sends looks again

    def add(
        self,
        device: int,
        epoch: int,
        first_seq: int,
        h_before: bytes,
        slots: Sequence[bytes],
        now: int,
    ) -> bytes:
        """Store consecutive slots in one transaction and return the chain value after them.

        What is stored already with the same bytes is left alone.
        Raises: SlotDiffers (nothing is stored), StoreRefused.
        """
        chain = h_before
        rows = []
        for index, slot in enumerate(slots):
            chain = chain_next(chain, slot)
            rows.append((device, epoch, first_seq + index, slot, chain, now))
        with self._store.immediate() as connection:
            before = connection.total_changes
            connection.executemany(
                "INSERT INTO entries VALUES (?, ?, ?, ?, ?, ?) ON CONFLICT DO NOTHING", rows
            )
            new = connection.total_changes - before
            if new != len(rows):
                self._compare(rows)
            self._store.evidence.count("stored", new)
            last_seq = first_seq + len(slots) - 1
            grown = connection.execute(
                "UPDATE runs SET last_seq = ?, H_last = ? WHERE device = ? AND epoch = ?"
                " AND last_seq = ? AND H_last = ?",
                (last_seq, chain, device, epoch, first_seq - 1, h_before),
            )
            if grown.rowcount == 0:
                connection.execute(
                    "INSERT INTO runs VALUES (?, ?, ?, ?, ?, ?)"
                    " ON CONFLICT DO UPDATE SET last_seq = excluded.last_seq,"
                    " H_last = excluded.H_last WHERE excluded.last_seq > last_seq",
                    (device, epoch, first_seq, h_before, last_seq, chain),
                )
        self.changes += 1
        return chain

    def head(self, device: int, epoch: int) -> Head | None:
        """Return the newest seq ever stored of a device and the chain value at it."""
        row = self._store.connection.execute(
            "SELECT last_seq, H_last FROM runs WHERE device = ? AND epoch = ?"
            " ORDER BY last_seq DESC LIMIT 1",
            (device, epoch),
        ).fetchone()
        return Head(*row) if row else None

    def oldest(self, device: int, epoch: int) -> int | None:
        """Return the first seq of the oldest run, entries deleted meanwhile not counted."""
        row = self._store.connection.execute(
            "SELECT min(first_seq) FROM runs WHERE device = ? AND epoch = ?", (device, epoch)
        ).fetchone()
        return row[0]

    def chain_at(self, device: int, epoch: int, seq: int) -> bytes | None:
        """Return the chain value after `seq`, None if nothing is held there."""
        row = self._store.connection.execute(
            "SELECT H FROM entries WHERE device = ?1 AND epoch = ?2 AND seq = ?3 UNION ALL"
            " SELECT H_before FROM runs WHERE device = ?1 AND epoch = ?2 AND first_seq = ?3 + 1",
            (device, epoch, seq),
        ).fetchone()
        return row[0] if row else None

    def slots(self, device: int, epoch: int, first_seq: int, last_seq: int) -> list[bytes]:
        """Return the slots of consecutive seqs, both ends included."""
        rows = self._store.connection.execute(
            "SELECT slot FROM entries WHERE device = ? AND epoch = ? AND seq BETWEEN ? AND ?"
            " ORDER BY seq",
            (device, epoch, first_seq, last_seq),
        )
        return [row[0] for row in rows]

    def unsent(self) -> list[Piece]:
        """Return every stretch of entries without an acknowledgement, oldest seqs first."""
        rows = self._store.connection.execute(
            "SELECT device, epoch, max(first_seq, ifnull(acked_seq, 0) + 1), last_seq"
            " FROM runs LEFT JOIN marks USING (device, epoch)"
            " WHERE last_seq > ifnull(acked_seq, 0) AND last_seq >= first_seq"
            " ORDER BY device, epoch, first_seq"
        )
        return [Piece(*row) for row in rows]

    def oldest_unsent_at(self) -> int | None:
        """Return when the entry that has waited longest was stored."""
        times = [
            self._store.connection.execute(
                "SELECT stored_at FROM entries WHERE device = ? AND epoch = ? AND seq = ?",
                (piece.device, piece.epoch, piece.first_seq),
            ).fetchone()
            for piece in self.unsent()
        ]
        return min((row[0] for row in times if row), default=None)

    def delete_through(self, device: int, epoch: int, seq: int) -> int:
        """Delete entries up to `seq` and return how many; runs keep the chain value there.

        Only `Marks.expire` may call this: it knows what is acknowledged and for how long.
        At most 5,000 at a time, so that a tick stays short.
        """
        deleted = 0
        for first_seq, last_seq in self._runs_through(device, epoch, seq):
            until = min(seq, last_seq, first_seq + DELETE_AT_ONCE - deleted - 1)
            if until < first_seq:
                break
            chain = self.chain_at(device, epoch, until)
            if chain is None:
                break  # the database lost it: what cannot be accounted for is not deleted
            with self._store.immediate() as connection:
                deleted += connection.execute(
                    "DELETE FROM entries WHERE device = ? AND epoch = ? AND seq BETWEEN ? AND ?",
                    (device, epoch, first_seq, until),
                ).rowcount
                connection.execute(
                    "UPDATE runs SET first_seq = ?, H_before = ?"
                    " WHERE device = ? AND epoch = ? AND first_seq = ?",
                    (until + 1, chain, device, epoch, first_seq),
                )
        return deleted

    def _runs_through(self, device: int, epoch: int, seq: int) -> list[tuple[int, int]]:
        return self._store.connection.execute(
            "SELECT first_seq, last_seq FROM runs WHERE device = ? AND epoch = ?"
            " AND first_seq <= ? AND first_seq <= last_seq ORDER BY first_seq",
            (device, epoch, seq),
        ).fetchall()

    def _compare(self, rows: Sequence[tuple[int, int, int, bytes, bytes, int]]) -> None:
        for device, epoch, seq, slot, _, _ in rows:
            if self.slots(device, epoch, seq, seq) != [slot]:
                raise SlotDiffers(device, epoch, seq, slot)
