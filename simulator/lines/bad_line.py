"""A TCP line that is cut in the middle: between a program and its broker, whatever they speak.

Every connection ends after a number of bytes drawn from a seed, in the middle of whatever is being
sent; some swallow what they were given first, as a line does whose far end is gone. What a program
believes was sent and what arrived then differ. TCP itself forbids more: bytes in order, once.
"""

import selectors
import socket
import threading

from simulator.lines.relay import Relay
from simulator.prng import Prng

PIECE_BYTES = 4096
SWALLOW = (1, 3)  # so many of so many cuts keep what is on its way


class BadLine(Relay):
    """A connection lives for `least`..`most` bytes; `cuts` counts the ends.

    `heal` lets those that follow live for ever.
    """

    def __init__(
        self,
        target: int,
        seed: int,
        least: int = 20_000,
        most: int = 90_000,
        door: socket.socket | None = None,
    ) -> None:
        super().__init__(target, door)
        self._prng, self._lives = Prng(seed), (least, most)
        self.cuts = self.swallowed = 0
        self._well = threading.Event()
        self.start()

    def heal(self) -> None:
        """Cut nothing any more."""
        self._well.set()

    def pass_on(self, near: socket.socket, far: socket.socket) -> None:
        """Pass bytes on until so many have gone."""
        left = self._prng.between(*self._lives)
        swallows = self._prng.chance(*SWALLOW)
        with selectors.DefaultSelector() as selector:
            selector.register(near, selectors.EVENT_READ, far)
            selector.register(far, selectors.EVENT_READ, near)
            while not self._over.is_set():
                for key, _ in selector.select(0.2):
                    part = _received(key.fileobj)  # type: ignore[arg-type]
                    if not part:
                        return
                    if not self._well.is_set():
                        left -= len(part)
                        if left <= 0:
                            self.cuts += 1
                            self.swallowed += swallows
                            if not swallows:
                                _send(key.data, part[: len(part) + left])
                            return
                    _send(key.data, part)


def _received(end: socket.socket) -> bytes:
    try:
        return end.recv(PIECE_BYTES)
    except OSError:
        return b""


def _send(end: socket.socket, part: bytes) -> None:
    try:
        end.sendall(part)
    except OSError:
        pass  # the next look finds it closed
