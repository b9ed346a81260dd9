"""A board's end of its control line: the simulated world's clock, entropy, waiting and signals.

Asks and blocks until it is answered, so a board's time moves only when it waits (D19). Requests
and answers stand in buffers made once: the traced reader asks inside the commit window.
The wire is told in simulator/boards/control.py. Both ways: one length byte, then that many bytes.
"""

ANSWER_BYTES = 255
UNSET = b"\xff\xff\xff\xff"
CARD, LINK, KEY, STOP = 1, 2, 4, 8


class ControlLost(Exception):
    """The world hung up: there is no time any more."""


class ControlLine:
    """The Clock, Entropy and Signals ports of a board in a simulated world.

    Shape: `line` is a file open for reading and writing, unbuffered.
    """

    def __init__(self, line):
        self._line = line
        self._out = bytearray(ANSWER_BYTES + 1)
        self._in = bytearray(ANSWER_BYTES)
        self._size = bytearray(1)
        self._view = memoryview(self._in)

    # Clock ----------------------------------------------------------------------------

    def ticks_ms(self):
        """Return the world's milliseconds; below 2^30 for twelve days."""
        self._ask("t", 0)
        return _u32(self._in)

    def utc_seconds(self):
        """Return UTC seconds since 2020-01-01, -1 while the world says it is unset."""
        self._ask("u", 0)
        return -1 if self._in[:4] == UNSET else _u32(self._in)

    def wait(self, until_ms):
        """Wait for `until_ms` or for something to do; return reasons (CARD, LINK, KEY, STOP)."""
        self._put(until_ms.to_bytes(4, "big"))
        self._ask("w", 4)
        return self._in[0]

    # Entropy, signals, keys -----------------------------------------------------------

    def random_bytes(self, n, stream=0):
        """Return n bytes of a stream: 0 what cards see, 1 what the link sees."""
        self._put(bytes([n, stream]))
        self._ask("e", 2)
        return bytes(self._in[:n])

    def link_random_bytes(self, n):
        """Return n bytes for the link, apart from the cards' so that docking changes no tap."""
        return self.random_bytes(n, 1)

    def signal(self, name, detail):
        """Tell the world; a longer text is cut."""
        text = (name + " " + detail).encode()[: ANSWER_BYTES - 1]
        self._put(text)
        self._ask("s", len(text))

    def signal_prepared(self, text):
        """Tell the world bytes that are there already. Allocates nothing."""
        self._put(text)
        self._ask("s", len(text))

    def next_message(self):
        """Return the next key or place message, "" when there is none."""
        return bytes(self._in[: self._ask("k", 0)]).decode()

    # Wire -----------------------------------------------------------------------------

    def _put(self, parameters):
        out = self._out
        at = 0
        while at < len(parameters):
            out[2 + at] = parameters[at]
            at += 1

    def _ask(self, op, length):
        """Send `op` and the parameters put before; return the size of the answer."""
        self._out[0] = length + 1
        self._out[1] = ord(op)
        self._line.write(self._out, length + 2)
        self._fill(self._size, 1)
        size = self._size[0]
        if size:
            self._fill(self._in, size)
        return size

    def _fill(self, buf, size):
        got = self._line.readinto(buf, size)
        while got and got < size:
            more = self._line.readinto(self._view[got:size], size - got)
            got = got + more if more else 0
        if not got:
            raise ControlLost


def _u32(buf):
    return buf[0] << 24 | buf[1] << 16 | buf[2] << 8 | buf[3]
