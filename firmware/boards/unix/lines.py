"""Serial lines of the unix board: what a UART with a timeout is on a microcontroller.

The lines are pseudo terminals that outlive the board. Putting one into raw mode also throws away
what a board that was killed left unread: the board always speaks first.
"""

import select
import termios

CC, VMIN = 6, 6  # places of termios(3) on Linux; this build of MicroPython names neither
READER_TIMEOUT_MS = 2000  # a card may take 5 s in theory; a PN532 answers a DESFire in 0.4 s


def open_line(path):
    """Return a serial line as an unbuffered file, raw and empty."""
    line = open(path, "r+b", buffering=0)
    termios.setraw(line.fileno())
    return line


class ReaderStream:
    """The UART to the PN532: `readinto` gives up after `timeout_ms`. Allocates nothing."""

    def __init__(self, path, timeout_ms=READER_TIMEOUT_MS):
        self._line = open_line(path)
        self._poll = select.poll()
        self._poll.register(self._line, select.POLLIN)
        self._timeout_ms = timeout_ms

    def write(self, buf, n):
        return self._line.write(buf, n)

    def readinto(self, buf, n):
        """Return how many bytes came, 1..n, or 0 after the timeout."""
        for _ in self._poll.ipoll(self._timeout_ms):
            return self._line.readinto(buf, n)
        return 0


class PtyLink:
    """The Link port: reads what is there, writes all.

    MicroPython's `readinto` waits for the whole buffer; with VMIN 0 it ends when nothing more is
    there.
    """

    def __init__(self, path):
        self._line = open_line(path)
        settings = termios.tcgetattr(self._line.fileno())
        settings[CC][VMIN] = 0
        termios.tcsetattr(self._line.fileno(), termios.TCSANOW, settings)
        self._poll = select.poll()
        self._poll.register(self._line, select.POLLIN)

    def read(self, buf):
        """Put what has arrived into buf; return the number of bytes, 0 = nothing now."""
        for _ in self._poll.ipoll(0):
            return self._line.readinto(buf)
        return 0

    def write(self, data):
        """Send all of data, waiting for room."""
        view = memoryview(data)
        at = 0
        while at < len(data):
            at += self._line.write(view[at:])
