"""A PN532 behind a pseudo terminal, where firmware, libnfc or nfcpy open it as a serial port."""

import os
import select
import tty
from types import TracebackType

from simulator.pn532 import Pn532


class Pn532Pty:
    """Owns both ends of a pty: `path` is what the other program opens.

    The slave stays open here, so that the program may come and go; both ends are raw.
    """

    def __init__(self, chip: Pn532) -> None:
        self.chip = chip
        self._master, self._slave = os.openpty()
        tty.setraw(self._master)
        tty.setraw(self._slave)
        os.set_blocking(self._master, False)
        self.path = os.ttyname(self._slave)

    def fileno(self) -> int:
        """Return the descriptor to wait on."""
        return self._master

    def pump(self) -> int:
        """Answer everything that has arrived, without waiting; return the bytes read."""
        taken = 0
        while True:
            try:
                data = os.read(self._master, 4096)
            except BlockingIOError:
                break
            taken += len(data)
            self._write(self.chip.feed(data))
        self._write(self.chip.idle())
        return taken

    def wait(self, timeout_s: float) -> bool:
        """Wait until bytes have arrived; return whether they have."""
        return bool(select.select([self._master], [], [], timeout_s)[0])

    def close(self) -> None:
        """Close both ends."""
        os.close(self._master)
        os.close(self._slave)

    def __enter__(self) -> "Pn532Pty":
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.close()

    def _write(self, data: bytes) -> None:
        while data:
            try:
                data = data[os.write(self._master, data) :]
            except BlockingIOError:
                select.select([], [self._master], [], 1.0)
