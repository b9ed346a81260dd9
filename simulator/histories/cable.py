"""The serial line between a board and a dock: bytes in both directions, and who disturbs them.

The firmware's Link port is one end, the edge's BoardLink the other. `disturb` sees every piece
that passes; `unplug` is a board pulled out of its dock.
"""

from collections.abc import Callable

from edge_agent.ports import LinkDown

UP, DOWN = "up", "down"  # board to edge, edge to board
Disturb = Callable[[str, bytes], bytes]
HELD_MAX = 1 << 16


class BoardEnd:
    """The firmware's Link port."""

    def __init__(self) -> None:
        self.waiting = b""
        self.dock: DockEnd | None = None

    def read(self, buf: bytearray) -> int:
        part, self.waiting = self.waiting[: len(buf)], self.waiting[len(buf) :]
        buf[: len(part)] = part
        return len(part)

    def write(self, data: bytes) -> None:
        if self.dock is not None:
            self.dock.arrive(bytes(data))


class DockEnd:
    """The edge's BoardLink port: one dock, with a board in it or without."""

    def __init__(self, name: str) -> None:
        self.port = name
        self.board: BoardEnd | None = None
        self.disturb: Disturb | None = None
        self.waiting = b""
        self.heard: list[tuple[str, bytes]] = []  # what passed, for whoever replays it
        self.is_gone = False

    def plug(self, board: BoardEnd) -> None:
        """Put a board into the dock."""
        self.unplug()
        self.board, board.dock = board, self
        self.waiting = board.waiting = b""

    def unplug(self) -> None:
        """Pull the board out; what is on the line is lost."""
        if self.board is not None:
            self.board.dock = None
            self.board.waiting = b""
        self.board, self.waiting, self.disturb = None, b"", None

    @property
    def busy(self) -> bool:
        """Say whether bytes wait at either end."""
        return bool(self.waiting or (self.board is not None and self.board.waiting))

    def arrive(self, data: bytes) -> None:
        """Take what the board sent."""
        self.waiting = (self.waiting + self._passed(UP, data))[-HELD_MAX:]

    def read(self) -> bytes:
        if self.is_gone:
            raise LinkDown(f"{self.port}: the cable is out")
        data, self.waiting = self.waiting, b""
        return data

    def write(self, data: bytes) -> None:
        if self.is_gone:
            raise LinkDown(f"{self.port}: the cable is out")
        if self.board is not None:
            sent = self._passed(DOWN, data)
            self.board.waiting = (self.board.waiting + sent)[-HELD_MAX:]

    def fileno(self) -> int | None:
        return None

    def close(self) -> None:
        """Nothing to close."""

    def _passed(self, way: str, data: bytes) -> bytes:
        if len(self.heard) < 200:
            self.heard.append((way, data))
        return self.disturb(way, data) if self.disturb is not None else data
