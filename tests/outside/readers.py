"""Our reader and cards, served from a thread while an outside program talks to them."""

import contextlib
import os
import threading

from simulator.field import Field
from simulator.readers.pn532 import Pn532
from simulator.readers.pn532_pty import Pn532Pty
from simulator.readers.vpcd import FIRST_PORT, VpcdLine, pump_all

POLL_S = 0.05
PATIENCE_S = 150  # of a test with a program: a wait ends when what is awaited has come
FIRST = -20  # of all nice values


class Served:
    """Runs `pump(timeout_s)` in a thread between `with` and its end; a failure there is raised.

    Programs wait for a reader as for silicon, tenths of a second: the thread comes first where it
    may (root), whatever else the machine does.
    """

    def __init__(self):
        self._end = threading.Event()
        self._thread = threading.Thread(target=self._run, daemon=True)
        self._failure = None

    def _run(self):
        with contextlib.suppress(PermissionError):
            os.setpriority(os.PRIO_PROCESS, threading.get_native_id(), FIRST)  # of this thread
        try:
            while not self._end.is_set():
                self.pump(POLL_S)
        except Exception as failure:  # noqa: BLE001  raised again in the test's own thread
            self._failure = failure

    def start(self):
        """Serve from now on; again changes nothing."""
        if not self._thread.is_alive():
            self._thread.start()

    def __enter__(self):
        self.start()
        return self

    def __exit__(self, *_):
        if self._end.is_set():
            return
        self._end.set()
        self._thread.join(PATIENCE_S)
        self.close()
        if self._failure is not None:
            raise self._failure

    lift = __exit__


class ServedPn532(Served):
    """A PN532 on a pty with cards in its field; `path` is what a program opens."""

    def __init__(self, *cards, **more):
        super().__init__()
        self.field = Field()
        for card in cards:
            self.field.place(card)
        self.chip = Pn532(self.field, **more)
        self._pty = Pn532Pty(self.chip)
        self.path = self._pty.path
        self.libnfc = f"pn532_uart:{self.path}"

    def pump(self, timeout_s):
        self._pty.wait(timeout_s)
        self._pty.pump()

    def close(self):
        self._pty.close()


class ServedVpcd(Served):
    """A card that has dialled into the virtual reader."""

    def __init__(self, card, slot=0):
        super().__init__()
        self._line = VpcdLine(card, FIRST_PORT + slot)
        self._powered = threading.Event()

    def is_seen(self, timeout_s):
        """Serve, and return whether pcscd has switched the card on in time."""
        self.start()
        return self._powered.wait(timeout_s)

    def pump(self, timeout_s):
        pump_all([self._line], timeout_s)
        if self._line.slot.card.powered:
            self._powered.set()

    def close(self):
        self._line.close()
