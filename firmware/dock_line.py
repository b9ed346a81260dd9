"""The wire to the dock: its program lies on the heap only while somebody speaks there.

The first bytes load it, BYE lets it go; so does silence, for an edge may go without a word. What a
package has brought so far is not the dock's: it stays. Source: D12; micropython.md section 5.
"""

READ_BYTES = 256
QUIET_MS = 10_000  # without a frame, then a session is given up: the edge begins anew


class DockLine:
    """`make()` returns a Dock over the same link; `busy()` says whether it still has work to do."""

    def __init__(self, link, clock, make, busy):
        self._link = link
        self._clock = clock
        self._make = make
        self._busy = busy
        self._buf = bytearray(READ_BYTES)
        self._heard_ms = 0
        self.dock = None

    def announce(self):
        """Say HELLO: the dock's contact has just closed."""
        self._open().announce()

    def tick(self):
        """Do what the dock has to do; return True if there was anything."""
        if self.dock is None:
            got = self._link.read(self._buf)
            if not got:
                return False
            self._open().feed(self._buf[:got])
        worked = self.dock.tick()
        if worked:
            self._heard_ms = self._clock.ticks_ms()
        if self.dock.ended and not self._busy():
            self.dock = None
        return worked

    def installed(self):
        """Return whether a package came to its end since the last time."""
        if self.dock is None or self.dock.installed is None:
            return False
        self.dock.installed = None
        return True

    def forget_if_quiet(self):
        """Let the dock go if nobody has spoken for a while; return whether it went."""
        quiet = self._clock.ticks_ms() - self._heard_ms >= QUIET_MS
        if self.dock is None or not quiet or self._busy():
            return False
        self.dock = None
        return True

    def _open(self):
        self._heard_ms = self._clock.ticks_ms()
        if self.dock is None:
            self.dock = self._make()
        return self.dock
