"""The register of one batch: 64-byte ISSUE rows, only ever appended, each durable before we go on.

The newest row of a UID counts. A number that was tied to a card once is given to no other, spoilt
or not. The first row names the batch file's contents: another batch cannot go on in it.
What the ledger takes (`tornello ledger import-issues`) are the rows of finished cards, `export`.
Source: SPEC.md table ISSUE; X-3.
"""

import fcntl
import os
from pathlib import Path
from typing import Any

from card_layouts.cards.issue import ISSUE, STATE_SPOILT, STATE_VERIFIED
from card_layouts.errors import LayoutError
from edge_agent.counter.desk import CounterError
from edge_agent.counter.issue_batch import IssueBatch

ROW_BYTES = 64
MAGIC = b"tornello batch register 1".ljust(32, b"\n")
Row = dict[str, Any]


class IssueRegister:
    """The open register of `batch` in the file `path`, ours alone until `close`."""

    def __init__(self, path: Path, batch: IssueBatch) -> None:
        """Open or begin it. Raises: CounterError."""
        self.path = path
        self.batch = batch
        self.cut_bytes = 0  # of a row that a crash left unfinished, and nobody relied on
        self._rows: dict[bytes, Row] = {}
        try:
            self._file = os.open(path, os.O_RDWR | os.O_CREAT | os.O_APPEND, 0o600)
        except OSError as error:
            raise CounterError(f"{path}: cannot be written: {error.strerror}") from None
        try:
            fcntl.flock(self._file, fcntl.LOCK_EX | fcntl.LOCK_NB)
            self._read()
        except BlockingIOError:
            os.close(self._file)
            raise CounterError(f"{path}: another process personalises this batch") from None
        except OSError as error:
            os.close(self._file)
            raise CounterError(f"{path}: {error.strerror}; no card was touched") from None
        except BaseException:
            os.close(self._file)
            raise

    def row(self, uid: bytes) -> Row | None:
        """Return the newest row of a card."""
        return self._rows.get(uid)

    def rows(self) -> list[Row]:
        """Return the newest row of every card, by number."""
        return sorted(self._rows.values(), key=lambda row: int(row["serial"]))

    def next_serial(self) -> int | None:
        """Return the next number to give, None when all are given."""
        given = max((row["serial"] for row in self._rows.values()), default=None)
        serial = self.batch.first_serial if given is None else int(given) + 1
        return serial if serial <= self.batch.last_serial else None

    def in_state(self, state: int) -> list[Row]:
        """Return the rows in a state, by number."""
        return [row for row in self.rows() if row["state"] == state]

    def unfinished(self) -> list[Row]:
        """Return the rows of cards that are neither made nor spoilt."""
        return [row for row in self.rows() if row["state"] not in (STATE_VERIFIED, STATE_SPOILT)]

    @property
    def complete(self) -> bool:
        """Whether every number is on a card that is made or spoilt."""
        return self.next_serial() is None and not self.unfinished()

    def append(self, row: Row) -> None:
        """Write a row and wait until it is durable. Raises: CounterError."""
        data = bytes(ISSUE.pack(row))
        try:
            if os.write(self._file, data) != ROW_BYTES:
                raise OSError(28, "the disk is full")
            os.fsync(self._file)
        except OSError as error:
            raise CounterError(
                f"{self.path}: {error.strerror}; make room, then start the same command again: "
                "the card that lies there goes on, or is begun"
            ) from None
        self._rows[row["uid"]] = ISSUE.unpack(data)

    def export(self, path: Path) -> int:
        """Write the rows of finished cards to `path`, whole or not at all; return how many.

        Raises: CounterError.
        """
        rows = self.in_state(STATE_VERIFIED)
        fresh = path.with_suffix(path.suffix + ".new")
        try:
            fresh.unlink(missing_ok=True)  # of a run that was killed here
            with open(fresh, "xb", opener=_ours_alone) as file:
                file.write(b"".join(bytes(ISSUE.pack(row)) for row in rows))
                file.flush()
                os.fsync(file.fileno())
            fresh.replace(path)
        except OSError as error:
            fresh.unlink(missing_ok=True)
            raise CounterError(
                f"{path}: {error.strerror}; {self.path} has every card: make room, "
                "then `--status` writes the finished ones"
            ) from None
        return len(rows)

    def close(self) -> None:
        """Give the register back."""
        os.close(self._file)

    def _read(self) -> None:
        data = os.pread(self._file, os.fstat(self._file).st_size, 0)
        self.cut_bytes = len(data) % ROW_BYTES
        if self.cut_bytes:  # a crash in the middle of a write: that row was never durable
            os.ftruncate(self._file, len(data) - self.cut_bytes)
            data = data[: -self.cut_bytes]
        head = MAGIC + self.batch.digest()
        if not data:
            os.write(self._file, head)
            os.fsync(self._file)
            folder = os.open(self.path.parent, os.O_RDONLY)
            os.fsync(folder)
            os.close(folder)
            return
        if data[: len(MAGIC)] != MAGIC:
            raise CounterError(f"{self.path}: not the register of a batch; name another batch file")
        if data[: len(head)] != head:
            raise CounterError(
                f"{self.path}: was begun with other values than {self.batch.path} has now; "
                "put the batch file back as it was, or begin a batch under another name"
            )
        for at in range(ROW_BYTES, len(data), ROW_BYTES):
            self._take(data[at : at + ROW_BYTES], at)

    def _take(self, data: bytes, at: int) -> None:
        try:
            row = ISSUE.unpack(data)
        except LayoutError as error:
            raise CounterError(f"{self.path}: byte {at}: {error}; restore it from a copy") from None
        batch = self.batch
        ours = (row["authority"], row["batch"]) == (batch.authority, batch.number)
        if not ours or not batch.first_serial <= row["serial"] <= batch.last_serial:
            raise CounterError(
                f"{self.path}: byte {at}: card {row['serial']} of batch {row['batch']}, wanted one "
                f"of batch {batch.number}; restore it from a copy"
            )
        self._rows[row["uid"]] = row


def _ours_alone(name: str, flags: int) -> int:
    return os.open(name, flags, 0o600)  # UIDs inside
