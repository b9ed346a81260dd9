"""A PN532 behind a pseudo terminal, where libnfc, nfcpy or firmware open it as a serial port."""

import select
from types import TracebackType

from simulator.boards.ptys import Pty
from simulator.readers.pn532 import Pn532


class Pn532Pty:
    """The chip and its line; `path` is what the other program opens, and may open again."""

    def __init__(self, chip: Pn532) -> None:
        self.chip = chip
        self._line = Pty()
        self.path = self._line.path

    def pump(self) -> int:
        """Answer everything that has arrived, without waiting; return the bytes read."""
        taken = 0
        while data := self._line.read():
            taken += len(data)
            self._line.write(self.chip.feed(data))
        self._line.write(self.chip.idle())
        return taken

    def wait(self, timeout_s: float) -> bool:
        """Wait until bytes have arrived; return whether they have."""
        return bool(select.select([self._line.fd], [], [], timeout_s)[0])

    def close(self) -> None:
        """Close the line."""
        self._line.close()

    def __enter__(self) -> "Pn532Pty":
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.close()
