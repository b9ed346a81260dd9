"""The register of tickets sold in advance: JSON lines, each durable before its ticket is printed.

A row holds the ticket's code, so what was sold can be printed again, the same. An order's row is
written once; a line that a crash left unfinished is cut off: nobody has that ticket. The ledger
takes the file as it is (`tornello ledger import-singles`). Source: D9, X-3, X-15.
"""

import fcntl
import json
import os
from pathlib import Path
from typing import Any

from card_layouts.errors import LayoutError
from card_layouts.tickets.single import Code
from edge_agent.counter.desk import CounterError

Row = dict[str, Any]


class TicketRegister:
    """The open register of one station, ours alone until `close`."""

    def __init__(self, path: Path, device: int) -> None:
        """Open or begin it. Raises: CounterError."""
        self.path = path
        self.device = device
        self.rows: dict[str, Row] = {}  # by sale id
        self.next_serial = 1
        try:
            self._file = os.open(path, os.O_RDWR | os.O_CREAT | os.O_APPEND, 0o600)
            fcntl.flock(self._file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            os.close(self._file)
            raise CounterError(f"{path}: another process sells with this register") from None
        except OSError as error:
            raise CounterError(f"{path}: cannot be written: {error.strerror}") from None
        try:
            self._read()
        except BaseException:
            os.close(self._file)
            raise

    def append(self, row: Row) -> None:
        """Make a sale durable. Raises: CounterError; then nothing was sold."""
        line = (json.dumps(row, sort_keys=True) + "\n").encode()
        end = os.lseek(self._file, 0, os.SEEK_END)
        try:
            if os.write(self._file, line) != len(line):
                raise OSError(28, "no space left")
            os.fsync(self._file)
        except OSError as error:
            os.ftruncate(self._file, end)
            raise CounterError(f"{self.path}: {error.strerror}; nothing was sold") from None
        self._take(row, "the new row")

    def close(self) -> None:
        os.close(self._file)

    def _read(self) -> None:
        text = self.path.read_bytes()
        whole = text[: text.rfind(b"\n") + 1]
        if len(whole) < len(text):
            os.ftruncate(self._file, len(whole))
        for number, line in enumerate(whole.split(b"\n")[:-1], 1):
            try:
                self._take(json.loads(line), f"line {number}")
            except (ValueError, KeyError, TypeError, RecursionError) as error:
                raise CounterError(f"{self.path}: line {number} is no sale: {error}") from None

    def _take(self, row: Row, place: str) -> None:
        ticket = Code(row["code"]).ticket
        if ticket["device"] != self.device:
            raise LayoutError(f"{place}: sold by device {ticket['device']}, not {self.device}")
        self.rows[str(row["sale"])] = row
        self.next_serial = max(self.next_serial, ticket["serial"] + 1)
