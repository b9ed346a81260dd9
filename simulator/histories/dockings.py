"""A board stands in a dock for a while: both ends get their turns, and the board is taken again."""

from collections.abc import Callable

from simulator.histories.boards import Board, Gate
from simulator.histories.cable import DockEnd
from simulator.histories.depot import Depot
from simulator.histories.events import Event
from simulator.histories.invariants import i12_acknowledged_is_held
from simulator.histories.world import World
from simulator.prng import Prng

STEP_MS = 20
LOOK_MS = 400
STAYS_S = (6, 12, 25)
TURNS_MAX = 50


class Visit:
    """One board in one dock until `until_ms`."""

    def __init__(
        self, world: World, board: Board, depot: Depot, dock: DockEnd, until_ms: int
    ) -> None:
        self.world, self.board, self.depot, self.dock = world, board, depot, dock
        self.until_ms = until_ms
        self.wake_ms = world.clock.now_ms
        self.at_end: list[Callable[[], None]] = []
        dock.plug(board.link)
        depot.busy()
        world.docked[board.device] = self
        world.say(board.name, f"docks at {depot.name}")

    def turn(self) -> None:
        """Let the board work; whoever finds it dark in the dock switches it on again."""
        now = self.world.clock.now_ms
        if now >= self.until_ms:
            self.end()
            return
        if now < self.next_ms():
            return
        if not self.board.is_on and not self.world.ready(self.board):
            self.wake_ms = now + LOOK_MS
            return
        busy = False
        for _ in range(TURNS_MAX):
            busy = self.board.tick()
            if not busy or self.dock.waiting:
                break
        self.world.check()
        i12_acknowledged_is_held(self.world, self.board)
        self.depot.wake_ms = min(self.depot.wake_ms, now + (STEP_MS if busy else LOOK_MS))
        if self.dock.waiting:
            self.depot.wake_ms = now
        self.wake_ms = now + (STEP_MS if busy or self.dock.busy else LOOK_MS)

    def next_ms(self) -> int:
        """Return when the board wants its turn."""
        if self.dock.board is not None and self.dock.board.waiting:
            return min(self.wake_ms, self.world.clock.now_ms)
        return min(self.wake_ms, self.until_ms)

    def end(self) -> None:
        """Take the board out of the dock."""
        for undo in self.at_end:
            undo()
        self.dock.unplug()
        del self.world.docked[self.board.device]
        journal = self.board.journal
        said = f", acknowledged to {journal.acked_seq} of {journal.head_seq}" if journal else ""
        self.world.say(self.board.name, f"leaves {self.depot.name}{said}")
        self.depot.busy()


def dock(world: World, event: Event) -> Visit | None:
    """Put the event's board into a free dock of its depot."""
    board = world.boards[event.device]
    depot = world.depot_of(event.device)
    free = [place for place in depot.docks if place.board is None]
    if event.device in world.withheld:
        return None
    if event.device in world.docked or not free or not world.ready(board):
        return None
    prng = Prng(event.salt)
    stays_ms = 1000 * prng.choice(STAYS_S)
    visit = Visit(world, board, depot, free[0], world.clock.now_ms + stays_ms)
    if event.fault:
        DOCK_FAULTS[event.fault](world, visit, prng)
    if isinstance(board, Gate):
        board.harvest_from(tuple(sorted(world.missed)))
    if isinstance(board, Gate) and prng.chance(1, 2):
        board.validator.take_message("docked")
    return visit


from simulator.histories.dock_faults import DOCK_FAULTS  # noqa: E402 - it needs Visit
