"""One world: virtual time, and boards that are real processes on simulated hardware.

Time moves only when every board waits (D19): `run` serves the boards' lines until nobody works,
then jumps to the next moment somebody waits for. While a dock is served, real programs answer at
their own speed; then UTC stands still, so that what is journalled does not depend on it.
"""

import select
from collections.abc import Callable

from simulator.boards.board_process import BoardProcess
from simulator.clock import WorldClock

WALL_STEP_S = 0.02  # how long to look for real programs before virtual time moves on
STUCK_S = 30.0  # a board that neither works nor waits for so long is broken
LOOK_S = 0.25  # how often to see whether one that should work has died


class WorldStuck(RuntimeError):
    """What was waited for did not happen; the message names the board."""


class World:
    """The boards and their clock."""

    def __init__(self, clock: WorldClock) -> None:
        self.clock = clock
        self.boards: list[BoardProcess] = []

    def run(self, done: Callable[[], bool], what: str, limit_ms: int) -> None:
        """Serve the boards until `done()`, at most `limit_ms` of virtual time.

        Raises: WorldStuck naming `what` was waited for.
        """
        end_ms = self.clock.now_ms + limit_ms
        while not done():
            if self._serve(0.0) or self._wake():
                continue
            if not self._all_wait():
                self._expect_work(what)
                continue
            if self.clock.now_ms >= end_ms:
                raise WorldStuck(f"{what}: not after {limit_ms} virtual ms")
            self.clock.advance_to(min(self._next_ms(), end_ms))

    def run_for(self, span_ms: int) -> None:
        """Serve the boards for `span_ms` of virtual time."""
        end_ms = self.clock.now_ms + span_ms
        self.settle()
        while self.clock.now_ms < end_ms:
            self.clock.advance_to(min(max(self._next_ms(), self.clock.now_ms), end_ms))
            self.settle()

    def settle(self) -> None:
        """Serve the boards until every one of them waits for something in the future."""
        while self._serve(0.0) or self._wake() or not self._all_wait():
            if not self._all_wait():
                self._expect_work("every board to wait")

    def advance_to(self, at_ms: int) -> None:
        """Move time to `at_ms` and let every board notice."""
        self.settle()
        self.clock.advance_to(at_ms)
        self.settle()

    def run_docked(self, done: Callable[[], bool], patience: Callable[[], None]) -> None:
        """Serve boards and edges until `done()` at rest; virtual time creeps, UTC stands still.

        `done()` is asked when every board waits: one that works may have half of it to say yet.
        `patience()` is called whenever nothing happens; it raises when waiting makes no sense.
        """
        utc = self.clock.utc_seconds()
        for board in self.boards:
            board.frozen_utc = utc
        while True:
            if self._serve(0.0) or self._wake():
                continue
            if self._all_wait() and done():
                break
            if self._serve(WALL_STEP_S):
                continue
            patience()
            self.clock.advance(int(WALL_STEP_S * 1000))
        for board in self.boards:
            board.frozen_utc = None

    def _serve(self, timeout_s: float) -> bool:
        """Serve what is readable now; return whether anything was."""
        lines = {fd: serve for board in self.boards for fd, serve in board.lines()}
        if not lines:
            return False
        ready, _, _ = select.select(list(lines), [], [], timeout_s)
        for fd in sorted(ready, key=list(lines).index):
            lines[fd]()
        return bool(ready)

    def _expect_work(self, what: str) -> None:
        for _ in range(int(STUCK_S / LOOK_S)):
            for board in self.boards:
                board.check_alive()
            if self._serve(LOOK_S):
                return
        busy = [board.name for board in self.boards if board.alive and not board.waits]
        raise WorldStuck(f"{what}: {', '.join(busy)} neither works nor waits for {STUCK_S:.0f} s")

    def _wake(self) -> bool:
        """Wake every board that has a reason to go on; return whether one had."""
        woke = False
        for board in self.boards:
            until_ms = board.control.waiting_until
            if until_ms is None:
                continue
            reasons = board.reasons()
            if reasons or until_ms <= self.clock.now_ms:
                board.control.wake(reasons)
                woke = True
        return woke

    def _all_wait(self) -> bool:
        return all(board.waits for board in self.boards if board.alive)

    def _next_ms(self) -> int:
        waits = (board.control.waiting_until for board in self.boards if board.alive)
        return min((at_ms for at_ms in waits if at_ms is not None), default=self.clock.now_ms + 1)
