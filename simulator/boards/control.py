"""The world's end of a board's control line: clock, entropy, waiting, keys and signals.

A board in a MicroPython process has no clock and no randomness of its own (D19): it asks the world
over a pty and blocks until it is answered. So time moves only when every board waits, and the same
seed gives the same bytes. Wire, both ways: one length byte, then that many bytes.

    request            answer
    t                  u32 BE milliseconds
    u                  u32 BE seconds since 2020-01-01 (FFFFFFFF unset), u8 clock source
    e, u8 n, u8 stream n bytes; stream 0 card, 1 link
    w, u32 BE until_ms u8 reasons to go on: bits below, 0 = the time has come
    s, text            empty; text = "name detail"
    k                  the next key or place message, empty when there is none
"""

import os
from collections.abc import Callable
from typing import Protocol

CARD, LINK, KEY, STOP = 1, 2, 4, 8
UNSET = 0xFFFFFFFF


class ControlError(RuntimeError):
    """A board said something that is no request: its firmware and this world do not fit."""


class BoardWorld(Protocol):
    """What a board may ask of its world."""

    def ticks_ms(self) -> int: ...

    def utc(self) -> tuple[int, int]:
        """Return (seconds since 2020 or -1, clock source)."""

    def random_bytes(self, count: int, stream: int) -> bytes: ...

    def signal(self, name: str, detail: str) -> None: ...

    def next_key(self) -> str: ...


class ControlServer:
    """Answers one board. `waiting_until` is the millisecond it waits for, None while it works."""

    def __init__(
        self, fd: int, world: BoardWorld, write: Callable[[int, bytes], int] = os.write
    ) -> None:
        self.fd = fd
        self.world = world
        self.waiting_until: int | None = None
        self._write = write
        self._buffer = b""

    def feed(self, data: bytes) -> None:
        """Take what came from the board and answer every whole request in it."""
        self._buffer += data
        while self._buffer and len(self._buffer) > self._buffer[0]:
            size = 1 + self._buffer[0]
            request, self._buffer = self._buffer[1:size], self._buffer[size:]
            answer = self._answer(request)
            if answer is not None:
                self._send(answer)

    def wake(self, reasons: int) -> None:
        """End the board's waiting for `reasons` (0: the time has come)."""
        assert self.waiting_until is not None, "the board does not wait"
        self.waiting_until = None
        self._send(bytes([reasons]))

    def reset(self) -> None:
        """Forget half a request and a waiting: the board was killed."""
        self._buffer = b""
        self.waiting_until = None

    def _answer(self, request: bytes) -> bytes | None:
        op, rest = request[:1], request[1:]
        if op == b"t":
            return self.world.ticks_ms().to_bytes(4, "big")
        if op == b"u":
            seconds, source = self.world.utc()
            return (UNSET if seconds < 0 else seconds).to_bytes(4, "big") + bytes([source])
        if op == b"e" and len(rest) == 2:
            return self.world.random_bytes(rest[0], rest[1])
        if op == b"w" and len(rest) == 4:
            self.waiting_until = int.from_bytes(rest, "big")
            return None
        if op == b"s":
            name, _space, detail = rest.decode("utf-8", "replace").partition(" ")
            self.world.signal(name, detail)
            return b""
        if op == b"k":
            return self.world.next_key().encode()
        raise ControlError(f"control line: request {request!r} is none of t u e w s k")

    def _send(self, answer: bytes) -> None:
        self._write(self.fd, bytes([len(answer)]) + answer)
