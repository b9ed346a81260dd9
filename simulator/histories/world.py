"""The world of one history: the parts, the one clock, and the loop that gives everybody a turn.

One thread. Between two events time runs from one moment at which somebody wants a turn to the
next: docked boards, edges, the ledger, timers. Everything random was drawn from the seed.
"""

import heapq
import json
import shutil
import tempfile
from collections import Counter
from collections.abc import Callable
from pathlib import Path
from typing import Any

from backend_sync.keyring.local import LocalKeyring
from simulator.clock import WorldClock
from simulator.desfire_card import Image
from simulator.flash import FlashCut
from simulator.histories import invariants
from simulator.histories.boards import UNKNOWN, Board, Desk, Gate
from simulator.histories.broker import Post
from simulator.histories.chips import Chip
from simulator.histories.depot import Depot
from simulator.histories.inland import Inland
from simulator.histories.model import Model
from simulator.histories.model_visitors import Visitors
from simulator.histories.options import Options
from simulator.histories.places import (
    CARDS_MAX,
    DESK,
    GATES_MAX,
    card_name,
    edge_name,
    gate_device,
)
from simulator.histories.prices import AREAS, HOME, PRICES, START_S
from simulator.histories.town import (
    EPOCH,
    OPERATOR,
    copy_of_town,
    memory_folder,
    town,
)
from simulator.histories.trace import Trace
from simulator.prng import Prng
from simulator.ultralight_c import UltralightC

BOOTS_MAX = 8
DOCK_STEP_MS = 20
PENDING_MAX = 200_000  # turns between two events: more means that somebody never rests


class Violation(Exception):
    """An invariant does not hold; `invariant` is its id."""

    def __init__(self, invariant: str, sentence: str) -> None:
        super().__init__(f"{invariant}: {sentence}")
        self.invariant = invariant


class World:
    """Everything there is in one history."""

    def __init__(self, options: Options) -> None:
        self.options = options
        self.prng = Prng(options.seed).fork("world")
        self.clock = WorldClock(START_S)
        self.trace = Trace(self.clock)
        self.model = Model(HOME)
        self.folder = Path(tempfile.mkdtemp(prefix="tornello-history-", dir=memory_folder()))
        copy_of_town(self.folder)
        self.post = Post(self.clock, self.prng.fork("broker"))
        self.inland = Inland(self.folder, self.clock, self.post, options.lease_hours)
        self.depots = [
            Depot(i, self.folder, self.clock, self.post, self.prng.fork(edge_name(i)),
                  options.keep_days)
            for i in range(options.edges)
        ]  # fmt: skip
        self.boards: dict[int, Board] = {DESK: Desk(DESK, 0, self.clock, self.prng.fork("desk"))}
        for number in range(options.gates):
            device = gate_device(number)
            prng = self.prng.fork(f"gate {number}")
            area = AREAS[number % options.areas]
            self.boards[device] = Gate(device, number // 2 % 2, self.clock, prng, area)
        self.chips = [
            Chip(i, i, image.clone(), town().aid) for i, image in enumerate(town().images)
        ]
        self.held: dict[int, list[Chip]] = {chip.card: [chip] for chip in self.chips}
        self.orders: dict[int, list[int]] = {chip.card: [] for chip in self.chips}
        self.visitors = Visitors()
        self.tickets: list[UltralightC] = []
        self.singles = 0  # codes sold
        self.injected: Counter[str] = Counter()
        self.lived: Counter[str] = Counter()  # what people did besides riding
        self.versions: dict[tuple[int, str], int] = {}  # (device, role) -> the newest switched to
        self.leased: dict[int, int] = {}  # gate -> when its lease ends, 0 = nobody knows
        self.checked: Counter[str] = Counter()
        self.answers: Counter[str] = Counter()
        self.books = invariants.Books(self)
        self.docked: dict[int, Any] = {}  # device -> dockings.Visit
        self.boot_cuts: dict[int, list[FlashCut]] = {}  # device -> cuts at its next boots
        self.older: dict[int, Image] = {}  # card -> an image of it somebody keeps
        self.lost: set[int] = set()  # devices whose journals are gone for good
        self.cards_of: dict[bytes, int] = {}
        self.withheld: dict[int, bool] = {}  # gates kept from every dock -> for good
        self.missed: set[tuple[int, int]] = set()  # (device, epoch) whose journals are looked for
        self.invented: set[tuple[int, int]] = set()  # entries of stolen boards that no card holds
        self.cases: set[tuple[int, int]] = set()  # entries whose card was listed for them
        self.taps = 0
        self._awaited: list[tuple[Callable[[], bool], tuple[str, str, str]]] = []
        self._timers: list[tuple[int, int, Callable[[], None]]] = []
        self._timer_number = 0
        self._begin()

    def _begin(self) -> None:
        keyring = LocalKeyring(self.folder / "keyring")
        for number in range(self.options.gates):
            edge = edge_name(number % self.options.edges)
            area = AREAS[number % self.options.areas]
            keyring.provision(gate_device(number), EPOCH, area, OPERATOR, edge)
        for number in range(self.options.gates, GATES_MAX):
            keyring.register.refuse_device(gate_device(number), EPOCH)  # there is none in this town
        uids = [chip.uid for chip in self.chips]
        found = zip(keyring.pseudonyms(uids), self.chips, strict=True)
        self.cards_of = {pseudonym: chip.card for pseudonym, chip in found}
        keyring.close()
        self.inland.start()
        for depot in self.depots:
            depot.start()
        for board in self.boards.values():
            board.power_on()
        for chip in self.chips:
            held = chip.held
            self.model.issued(
                chip.number, chip.card, held.purse, held.n, held.b, held.a, held.device, held.seq, 0
            )

    def close(self) -> None:
        """Let everything go; the folder too."""
        for depot in self.depots:
            depot.die()
        self.inland.die()
        shutil.rmtree(self.folder, ignore_errors=True)

    # Names ----------------------------------------------------------------------------

    @property
    def now_s(self) -> int:
        """Seconds since the history began."""
        return self.clock.now_ms // 1000

    def depot_of(self, device: int) -> Depot:
        """Return the depot where a device docks."""
        if device == DESK:
            return self.depots[0]
        return self.depots[(device - gate_device(0)) % self.options.edges]

    def gates(self) -> list[Gate]:
        """Return the gates that still stand."""
        return [b for b in self.boards.values() if isinstance(b, Gate) and not b.is_gone]

    def say(self, actor: str, said: str, fault: str = "") -> None:
        """Note a line of the trace."""
        self.trace.say(actor, said, fault)

    def strike(self, fault: str, actor: str, said: str) -> None:
        """Note that a fault of the atlas has struck."""
        self.injected[fault] += 1
        self.trace.say(actor, said, fault)

    def strike_when(
        self, has_struck: Callable[[], bool], fault: str, actor: str, said: str
    ) -> None:
        """Note that a fault has struck once its effect is there: if it never is, it did not."""
        self._awaited.append((has_struck, (fault, actor, said)))

    def live(self, name: str, actor: str, said: str) -> None:
        """Note something of ordinary life that every set of histories must have."""
        self.lived[name] += 1
        self.trace.say(actor, said)

    # Time -----------------------------------------------------------------------------

    def later(self, in_ms: int, what: Callable[[], None]) -> None:
        """Have something done when the time has come."""
        self._timer_number += 1
        heapq.heappush(self._timers, (self.clock.now_ms + in_ms, self._timer_number, what))

    def run_until(self, at_ms: int) -> None:
        """Give everybody their turns until `at_ms`."""
        for _ in range(PENDING_MAX):
            self._turn()
            next_ms = self._next_ms()
            if next_ms >= at_ms:
                break
            self.clock.advance_to(max(next_ms, self.clock.now_ms + 1))
        else:
            raise Violation("rest", f"somebody had {PENDING_MAX} turns and wants more")
        self.clock.advance_to(at_ms)

    def run_for(self, span_ms: int) -> None:
        """Give everybody their turns for a while."""
        self.run_until(self.clock.now_ms + span_ms)

    def _turn(self) -> None:
        now = self.clock.now_ms
        while self._timers and self._timers[0][0] <= now:
            heapq.heappop(self._timers)[2]()
        for device in list(self.docked):
            self.docked[device].turn()
        for depot in self.depots:
            if depot.next_ms() <= now and not depot.tick():
                self.say(depot.name, "is killed")
                self.later(5000 + self.prng.below(60_000), self._starts(depot))
        if self.inland.next_ms() <= now:
            commits = self.inland.commits
            lived = self.inland.tick()
            if self.inland.commits != commits:
                self.books.after_commit()
            if not lived:
                self.ledger_died()

    def _next_ms(self) -> int:
        moments = [depot.next_ms() for depot in self.depots]
        moments.append(self.inland.next_ms())
        if self._timers:
            moments.append(self._timers[0][0])
        moments += [visit.next_ms() for visit in self.docked.values()]
        return min(moments)

    def _starts(self, depot: Depot) -> Callable[[], None]:
        def start() -> None:
            if depot.agent is None:
                self.say(depot.name, "starts again")
                depot.start()

        return start

    def ledger_died(self) -> None:
        """Note it; somebody starts it again within the minute."""
        self.strike("ledger-killed", "ledger", "is killed")
        self.later(5000 + self.prng.below(60_000), self.start_ledger)

    def start_ledger(self) -> None:
        """Start the ledger again if it is down."""
        if self.inland.service is None:
            self.say("ledger", "starts again")
            self.inland.start()

    def nobody_knows(self, card: int) -> bool:
        """Say whether what gates did to a card cannot be known inland any more.

        It has copies, or a journal is gone in which an action of it stands: its money waits then.
        """
        mine = [tx for tx in self.model.by_writer.values() if tx.card == card and tx.actions]
        gone = [tx for tx in mine if tx.device in self.lost and tx.writer not in self.books.entries]
        return card in self.model.doubtful or bool(gone)

    # Boards ---------------------------------------------------------------------------

    def ready(self, board: Board) -> bool:
        """Have a board running: whoever finds it dark switches it on, and again if need be."""
        self.model.clocks.used(board.device, board.watch.utc_seconds() - START_S)
        for _ in range(BOOTS_MAX):
            if board.is_gone or board.is_on:
                break
            cuts = self.boot_cuts.get(board.device, [])
            board.flash.restart_count()
            board.flash.cut_at(*[cuts.pop(0)] if cuts else [])
            self.model.answers.rebooted(board.device, self.now_s)
            said = "is switched on" if board.power_on() else "loses power again while it starts"
            board.flash.cut_at()
            self.say(board.name, said)
        return board.is_on

    def set_clock(self, board: Board) -> None:
        """Set a board's clock right."""
        board.watch.set_utc(self.clock.utc_seconds())
        self.model.clocks.set_right(board.device)

    def hear(self, board: Board) -> None:
        """Tell the model which packages a board says it switched to; none may be older than one.

        Raises: Violation.
        """
        for role, version in board.shown.switched.items():
            before = self.versions.get((board.device, role), 0)
            if version == before:
                continue
            if version < before:
                raise Violation("T9", f"{board.name}: {role} {before} became {version}")
            self.versions[board.device, role] = version
            if role == "tariff" and isinstance(board, Gate):
                prices = PRICES[board.area, version]
                self.model.fares.priced(board.device, board.area, board.stop, *prices)
            if role == "lease" and isinstance(board, Gate):
                self.leased[board.device] = self._lease_ends(board.device, version)
            if role == "overlay" and isinstance(board, Gate):
                self._has_list(board, version)

    def lacks(self, gate: Gate) -> str:
        """Say what a gate has that is not the newest: what people did, not what programs say."""
        self.hear(gate)
        prices, had = self.model.fares.prices, self.model.lists.get(gate.device)
        wanted = (gate.area, *PRICES[gate.area, self.inland.tariffs[gate.area]])
        if prices.get(gate.device) != wanted:
            return f"{gate.name} has prices {prices.get(gate.device)}, wanted {wanted}"
        if had != self.model.listed:
            return f"{gate.name} has the list {had}, people listed {self.model.listed}"
        return ""

    def _lease_ends(self, device: int, number: int) -> int:
        """Return when a lease ends as its publisher noted it; 0 if he has made newer ones since."""
        made = json.loads(self.inland.config.versions.read_text())["manifests"]
        lease = made[f"lease-{device}-{EPOCH}"]
        return lease["expires"] - START_S if lease["version"] == number else 0

    def _has_list(self, board: Gate, version: int) -> None:
        """Tell the model what people had listed in that version; the board must say the same."""
        rows = self.inland.lists.get(version, {})
        wanted = {self.cards_of[pseudonym]: g for pseudonym, g in rows.items()}
        self.model.lists[board.device] = wanted
        self.checked["list"] += bool(wanted)
        said = board.listed(version, [chip.uid for chip in self.chips])
        for chip, g in zip(self.chips, said, strict=True):
            if g not in (wanted.get(chip.card, 0), UNKNOWN):
                what = f"{board.name}: {self.card_said(chip)} is listed at g {g}"
                raise Violation("list", f"{what}, people said {wanted.get(chip.card, 0)}")

    def check(self) -> None:
        """Stop the history if anything that was just touched is wrong; see what has struck."""
        for row in [row for row in self._awaited if row[0]()]:
            self._awaited.remove(row)
            self.strike(*row[1])
        for board in self.boards.values():
            board.witness()
            self.checked["I6"] += board.reader.commits
            board.reader.commits = 0
            if board.unannounced:
                raise Violation("I6", board.unannounced[0])
        for sentence in (*self.model.wrong, *self.visitors.wrong):
            raise Violation(*sentence)

    def card_said(self, chip: Chip) -> str:
        """Return what a trace calls a chip."""
        copy = f" (chip {chip.number})" if chip.number >= CARDS_MAX else ""
        return card_name(chip.card) + copy
