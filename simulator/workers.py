"""A few processes that do one piece of work after another, in any order, until there is no more.

Each is given its next piece when it has handed back the last one, so that stopping loses at most
one piece a process. Ctrl-C reaches the parent only; it ends the others, which tidy up first.
"""

import multiprocessing
import signal
from collections.abc import Callable, Iterator
from multiprocessing.connection import Connection, wait
from types import TracebackType
from typing import Any

WAIT_S = 1.0


class Workers:
    """Processes that call `work(piece)`; made by fork, so `work` may be any function."""

    def __init__(self, count: int, work: Callable[[Any], Any]) -> None:
        self.work = work
        self.context = multiprocessing.get_context("fork")
        self.ends: dict[Connection, Any] = {}  # our end of the line -> the process
        self.doing: dict[Connection, Any] = {}  # -> its piece
        for _ in range(count):
            self._hire()

    def __enter__(self) -> "Workers":
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        for end, process in self.ends.items():
            process.terminate()  # its work is interrupted as by Ctrl-C
            process.join()
            end.close()
        self.ends.clear()

    def do(self, pieces: Iterator[Any]) -> Iterator[tuple[Any, Any] | None]:
        """Yield (piece, what came of it) as they are done; None each second in between.

        What came of a piece whose process died is None.
        """
        for end in list(self.ends):
            self._give(end, pieces)
        while self.doing:
            ready = wait(list(self.doing), WAIT_S)
            if not ready:
                yield None
            for end in [end for end in self.doing if end in ready]:
                piece = self.doing.pop(end)
                try:
                    found = end.recv()
                except EOFError:
                    found = None
                    self.ends.pop(end).join()
                    end = self._hire()
                self._give(end, pieces)
                yield piece, found

    def _give(self, end: Connection, pieces: Iterator[Any]) -> None:
        for piece in pieces:
            self.doing[end] = piece
            end.send(piece)
            return

    def _hire(self) -> Connection:
        ours, theirs = self.context.Pipe()
        process = self.context.Process(target=self._toil, args=(theirs, ours), daemon=True)
        process.start()
        theirs.close()
        self.ends[ours] = process
        return ours

    def _toil(self, theirs: Connection, ours: Connection) -> None:
        for end in (ours, *self.ends):
            end.close()  # or nobody would notice that the parent has gone
        signal.signal(signal.SIGINT, signal.SIG_IGN)
        signal.signal(signal.SIGTERM, signal.default_int_handler)
        try:
            while True:
                theirs.send(self.work(theirs.recv()))
        except (EOFError, KeyboardInterrupt, BrokenPipeError):
            return  # the parent has gone, or wants no more
