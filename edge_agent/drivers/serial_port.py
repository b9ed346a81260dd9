"""A dock's serial port over pyserial: never blocks, comes back by itself when plugged in again.

A pseudo-terminal works the same way. Source: dependencies.md section 2.
"""

import errno
import os
import select
import termios

import serial

from edge_agent.ports import LinkDown

READ_BYTES = 4096
UNSENT_BYTES_MAX = 8192
HINTS = {
    errno.ENOENT: "no such port; check the cable and the name in edge.toml",
    errno.EACCES: "may not be opened; add the user to the group dialout",
    errno.EBUSY: "another program has it open; stop that one",
    errno.EAGAIN: "another program has it open; stop that one",
    errno.EWOULDBLOCK: "another program has it open; stop that one",
}


class SerialLink:
    """The `BoardLink` port over one tty."""

    def __init__(self, port: str, baud: int) -> None:
        self.port = port
        self._baud = baud
        self._serial: serial.Serial | None = None
        self._unsent = b""

    def fileno(self) -> int | None:
        """Return the descriptor to wait on, None while the port is away."""
        return None if self._serial is None else int(self._serial.fileno())

    def read(self) -> bytes:
        """Return what has come since last time. Raises: LinkDown."""
        try:
            port = self._open()
            self._drain(port)
            data = os.read(port.fileno(), READ_BYTES)
            if not data:
                _check_there(port.fileno())
            return data
        except BlockingIOError:
            return b""
        except (OSError, serial.SerialException, termios.error) as error:
            raise self._lost(error) from error

    def write(self, data: bytes) -> None:
        """Hand bytes over; what the port does not take now goes with the next call.

        Raises: LinkDown.
        """
        try:
            port = self._open()
            self._unsent += data
            if len(self._unsent) > UNSENT_BYTES_MAX:
                raise OSError("takes no bytes; check the cable and what is in the dock")
            self._drain(port)
        except (OSError, serial.SerialException, termios.error) as error:
            raise self._lost(error) from error

    def close(self) -> None:
        """Give the port back."""
        port, self._serial = self._serial, None
        self._unsent = b""
        if port is not None:
            port.close()

    def _open(self) -> serial.Serial:
        if self._serial is None:
            self._serial = serial.Serial(self.port, self._baud, timeout=0, exclusive=True)
        return self._serial

    def _drain(self, port: serial.Serial) -> None:
        while self._unsent:
            try:
                self._unsent = self._unsent[os.write(port.fileno(), self._unsent) :]
            except BlockingIOError:
                return

    def _lost(self, error: BaseException) -> LinkDown:
        self.close()
        if isinstance(error, OSError) and error.errno is None and error.args:
            return LinkDown(f"{self.port}: {error.args[0]}")
        code = getattr(error, "errno", None)
        return LinkDown(f"{self.port}: {HINTS.get(code or 0, str(error))}")


def _check_there(descriptor: int) -> None:
    """Tell "no bytes now" from "unplugged", which read alike. Raises: OSError."""
    poll = select.poll()
    poll.register(descriptor, 0)  # hang-up and error are always reported
    if poll.poll(0):
        raise OSError(errno.EIO, "unplugged")
