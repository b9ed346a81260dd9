"""A serial line as a pty pair in raw mode: one end is ours, the other has a name to open."""

import os
import select
import tty


class Pty:
    """One line. `fd` is our non-blocking end; `path` the other end's name.

    The named end stays open here too, so that the line survives whoever uses it being killed.
    """

    def __init__(self) -> None:
        self.fd, self._other = os.openpty()
        tty.setraw(self._other)
        os.set_blocking(self.fd, False)
        self.path = os.ttyname(self._other)

    def read(self) -> bytes:
        """Return what has arrived; b"" when nothing has."""
        try:
            return os.read(self.fd, 65536)
        except BlockingIOError:
            return b""

    def write(self, data: bytes) -> None:
        """Send all of `data`, waiting for room when the reader is slow."""
        while data:
            try:
                data = data[os.write(self.fd, data) :]
            except BlockingIOError:
                select.select([], [self.fd], [], 1.0)

    def drop(self) -> None:
        """Throw away what has arrived."""
        while self.read():
            pass

    def close(self) -> None:
        os.close(self.fd)
        os.close(self._other)
