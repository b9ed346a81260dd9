"""Makes each step of a plan happen on real parts and checks what the validator answered.

Knows the oracle of the demo: which intents nobody can know the fate of, and what a passenger may
expect from each kind of tap. It never looks into a journal or the ledger.
"""

from collections import Counter
from collections.abc import Callable, Sequence
from typing import NamedTuple

from simulator.boards.board_process import BoardProcess
from simulator.boards.world import World
from simulator.demo import passengers as p
from simulator.desfire_card import Cut
from simulator.field import FOREVER, Card, Tear, answer_lost, commit_lost, commit_torn

TICKET_ACK_LOST = Tear(exchange=8, cut=Cut("out", 0), back_after_polls=1)
WRITE_RECORD = 0x3B  # the last staging command: nothing is announced yet
ANSWER_LIMIT_MS = 5_000
REPOLL_MS = 500  # a validator looks for the same card again for 300 ms
BOOT_LIMIT_MS = 60_000

ACCEPTED = ("ACCEPTED",)
PASS_BACK = "REFUSED_PASS_BACK"  # whoever went through and taps again opens nothing
SETTLED = ("ACCEPTED", "ACCEPTED_SETTLED", "ACCEPTED_GRACE", "ALREADY_SHOWN")
EXPECTED = {
    p.PLAIN: ACCEPTED,
    p.TORN_BEFORE: ("TAP_AGAIN",),
    p.TORN_COMMIT: ("HOLD_AGAIN", "ACCEPTED"),
    p.TORN_ANSWER: ("HOLD_AGAIN", "ACCEPTED_SETTLED"),
    p.POWER_CUT: ("",),
    p.RETAP: SETTLED,
    p.INSUFFICIENT: ("REFUSED_FUNDS",),
    p.HOTLISTED: ("REFUSED_LISTED", "REFUSED_BLOCKED"),
    p.KILLED: ("REFUSED_KILLED",),
    p.EXPIRED: ("REFUSED_LEASE",),
    p.TOURIST: ("ACCEPTED", "ACCEPTED_SETTLED"),
    p.LAST: SETTLED,
}


class Tapped(NamedTuple):
    """One tap as it happened; `answer` "" = the validator died before it could answer."""

    step: p.Step
    answer: str
    lamp: str
    gate: bool
    went_through: bool = False  # this gate opened for the card's tap before: what a re-tap follows

    @property
    def surprising(self) -> bool:
        if self.went_through and self.answer == PASS_BACK:
            return False
        return self.answer not in EXPECTED[self.step.kind]


class Taps:
    """The taps of one demo. `unknown[card]` counts intents whose fate nobody knows yet."""

    def __init__(
        self,
        world: World,
        plan: p.Plan,
        cards: Sequence[Card],
        stop_of: Callable[[p.Step], str],
    ) -> None:
        self.world = world
        self.plan = plan
        self.cards = cards
        self.stop_of = stop_of  # the message that tells a validator where its vehicle is
        self.unknown: Counter[int] = Counter()
        self.kinds: Counter[str] = Counter()
        self.opened: dict[int, int] = {}  # card -> validator whose gate it went through last
        self.tears: Counter[str] = Counter()  # so far, by kind: they alternate between variants

    def tap(self, step: p.Step) -> Tapped:
        """Present the card of `step` and return what happened."""
        board = self.world.boards[step.validator]
        self.world.advance_to(step.at_s * 1000)
        board.press(self.stop_of(step))
        self.world.settle()
        card = self.cards[step.card]
        board.field.plan(*self._tears(step))
        board.cut_on_tear = step.kind == p.POWER_CUT
        first = len(board.signals)
        board.lay(card)
        self.world.run(
            lambda: not board.alive or _answer(board, first) != "",
            f"{board.name} to answer",
            ANSWER_LIMIT_MS,
        )
        board.check_alive()  # a cut board is switched off; one that ended by itself has failed
        if not board.alive:
            board.take(card)
            power_on(self.world, board)
        else:
            if _answer(board, first) == "HOLD_AGAIN":
                self.world.run_for(REPOLL_MS)
            board.take(card)
            self.world.settle()
        board.field.plan()
        board.cut_on_tear = False
        through = step.kind == p.RETAP and self.opened.get(step.card) == step.validator
        tapped = _tapped(step, board, first)._replace(went_through=through)
        if tapped.gate:
            self.opened[step.card] = step.validator
        elif step.kind != p.RETAP:
            self.opened.pop(step.card, None)
        self._count(tapped)
        return tapped

    def _tears(self, step: p.Step) -> list[Tear]:
        if step.kind == p.TORN_BEFORE:
            return [Tear(command=WRITE_RECORD, cut=Cut("in", 0))]
        if step.kind == p.TOURIST:
            # Every other tourist slips at the count and holds the ticket on.
            self.tears[step.kind] += 1
            return [TICKET_ACK_LOST] if self.tears[step.kind] % 2 == 0 else []
        if step.kind not in p.TEARS:
            return []
        self.tears[step.kind] += 1
        number = self.tears[step.kind]
        # Every other card that is held again slips back before the validator gives up looking.
        back = FOREVER
        if step.kind != p.POWER_CUT and self._held(step):
            self.tears["held"] += 1
            back = 1 if self.tears["held"] % 4 < 2 else FOREVER
        if step.kind == p.TORN_ANSWER or (step.kind == p.POWER_CUT and number % 2):
            return [answer_lost(back)]
        return [commit_lost(back) if number % 2 else commit_torn(0, back)]

    def _held(self, step: p.Step) -> bool:
        """Say whether the passenger of this tear holds the card again at this validator."""
        index = self.plan.steps.index(step) + 1
        after = self.plan.steps[index] if index < len(self.plan.steps) else None
        return (
            after is not None
            and after.kind == p.RETAP
            and after.card == step.card
            and after.validator == step.validator
        )

    def _count(self, tapped: Tapped) -> None:
        step = tapped.step
        self.kinds[step.kind] += 1
        if tapped.answer in ("HOLD_AGAIN", ""):
            self.unknown[step.card] += 1
        elif tapped.answer in SETTLED:
            # A transaction of this card, or its record read back: every older intent can be told.
            del self.unknown[step.card]


def power_on(world: World, board: BoardProcess) -> None:
    """Power a validator on and wait until it says it is ready."""
    first = len(board.signals)
    board.start()
    world.run(
        lambda: any(name == "ready" for name, _ in board.signals[first:]),
        f"{board.name} to start",
        BOOT_LIMIT_MS,
    )
    world.settle()


def _answer(board: BoardProcess, first: int) -> str:
    """Return the newest answer since signal number `first`, "" when there is none."""
    return next(
        (detail for name, detail in reversed(board.signals[first:]) if name == "answer"), ""
    )


def _tapped(step: p.Step, board: BoardProcess, first: int) -> Tapped:
    said = board.signals[first:]
    lamp = next((detail for name, detail in reversed(said) if name == "lamp"), "")
    gate = any(name == "gate" and detail == "open" for name, detail in said)
    answer = "" if step.kind == p.POWER_CUT and ("ready" in dict(said)) else _answer(board, first)
    return Tapped(step, answer, lamp, gate)
