"""Tear a flow, let people try again, and count what must never be counted.

A history is a list of events from the flow's beginning; `play` repeats it on fresh bytes, so every
terminal keeps its memory and every finding has a history that shows it again. The three sums of
`Findings` are about single answers; the rest is judged once a history has come to its end.
"""

from collections import Counter
from collections.abc import Hashable, Sequence
from dataclasses import dataclass, field
from typing import Any, NamedTuple

from simulator.desfire_card import ExchangeCount
from simulator.field import Tear
from simulator.tears.flow import Flow, Scene
from simulator.tears.terminals import GREEN, NOTHING, Shown
from simulator.ultralight_c.tearing import Torn

OPENED = "gate opened without commit"
CHARGED = "refused but charged"
FREE = "green but uncharged"
EXCEPTION = "exceptions"
WRONG = "wrong in the end"
STATE = "neither old nor new"
EXAMPLES_MAX = 5


class Event(NamedTuple):
    """Hold the card to terminal `at`, torn or not; or let `seconds` pass; or cut its power.

    `torn` is what a page of a ticket holds if it tears.
    """

    at: int = 0
    tear: Tear | None = None
    torn: Torn | None = None
    seconds: int = 0
    boot: bool = False

    def __str__(self) -> str:
        if self.seconds:
            return f"{self.seconds} s later"
        if self.boot:
            return f"power cut of terminal {self.at}"
        if self.tear is None:
            return f"terminal {self.at}"
        cut = self.tear.cut
        where = f"{cut.phase} {cut.at}" if cut else "not sent"
        return f"terminal {self.at} torn in exchange {(self.tear.exchange or 0) + 1} at {where}"


# What people do after a tear, until it must be over.
STORIES: tuple[tuple[str, tuple[Event, ...]], ...] = (
    ("again here", (Event(seconds=5), Event(0))),
    ("elsewhere, then here", (Event(seconds=5), Event(1), Event(seconds=60), Event(0))),
    ("after a power cut", (Event(0, boot=True), Event(seconds=5), Event(0))),
)


@dataclass
class Findings:
    """How often what went wrong, with some histories that show it, and what people were told."""

    counts: Counter[str] = field(default_factory=Counter)
    examples: list[str] = field(default_factory=list)
    answers: Counter[str] = field(default_factory=Counter)

    def note(self, what: str, flow: Flow, history: Sequence[Event], words: str = "") -> None:
        """Count one violation."""
        self.counts[what] += 1
        if len(self.examples) < EXAMPLES_MAX:
            told = "; ".join(str(event) for event in history)
            self.examples.append(f"{flow.name}: {what}{f' ({words})' if words else ''}: {told}")

    def add(self, other: "Findings") -> None:
        """Add what another run found."""
        self.counts += other.counts
        self.answers += other.answers
        self.examples = (self.examples + other.examples)[:EXAMPLES_MAX]

    @property
    def total(self) -> int:
        """How many violations of any kind."""
        return sum(self.counts.values())


class Played:
    """One history, played: the scene as it is now, and what people were told on the way."""

    def __init__(self, flow: Flow, findings: Findings) -> None:
        self.flow, self.findings = flow, findings
        self.scene: Scene = flow.start()
        self.first = self.now = flow.look(self.scene)
        self.history: list[Event] = []
        self.shown: list[Shown] = []
        self.broken = False

    @property
    def greens(self) -> int:
        """How often a gate opened, or an order was said to be done."""
        return sum(shown.kind == GREEN for shown in self.shown)

    def play(self, events: Sequence[Event], judged: bool = True) -> "Played":
        """Go on with these events; `judged` False where they were judged before."""
        for event in events:
            if self.broken:
                break
            self.history.append(event)
            if event.seconds:
                for terminal in self.scene.terminals:
                    terminal.later(event.seconds)
            elif event.boot:
                self.scene.terminals[event.at].boot()
            else:
                self._present(event, judged)
        return self

    def _present(self, event: Event, judged: bool) -> None:
        terminal = self.scene.terminals[event.at]
        tears = () if event.tear is None else (event.tear,)
        if event.torn is not None:
            self.scene.card.torn = event.torn
        try:
            shown = terminal.present(self.scene.card, *tears)
        except Exception as error:  # noqa: BLE001 - whatever a terminal may raise is a finding
            self.broken = True
            self.findings.note(
                EXCEPTION, self.flow, self.history, f"{type(error).__name__} {error}"
            )
            return
        self.shown.append(shown)
        before, self.now = self.now, self.flow.look(self.scene)
        if judged:
            self.findings.answers[shown.name] += 1
            self._judge(shown, before, event)

    def _judge(self, shown: Shown, before: Any, event: Event) -> None:
        flow, terminal = self.flow, self.scene.terminals[event.at]
        green = shown.kind == GREEN
        if shown.early or green and not flow.committed_at(terminal, self.first, self.now):
            self.findings.note(OPENED, flow, self.history, shown.name)
        if shown.kind == NOTHING and flow.took(before, self.now):
            self.findings.note(CHARGED, flow, self.history, shown.name)

    def end(self) -> None:
        """Judge the whole history: the card, the money and the journals of all terminals."""
        if self.broken:
            return
        flow = self.flow
        complaint = flow.complaint(self.first, self.now, self.greens)
        if complaint and self.greens and not flow.charged(self.first, self.now):
            self.findings.note(FREE, flow, self.history, complaint)
        elif complaint:
            self.findings.note(WRONG, flow, self.history, complaint)
        for terminal in self.scene.terminals:
            for words in terminal.complaints(self.scene.card):
                self.findings.note(WRONG, flow, self.history, words)

    def situation(self) -> Hashable:
        """Return what the next event can tell apart: the card and what terminals remember."""
        remembered = tuple(terminal.state() for terminal in self.scene.terminals)
        return self.flow.seen(self.scene), remembered, self.greens


def transcript(flow: Flow, history: Sequence[Event] = (), at: int = 0) -> list[ExchangeCount]:
    """Return the exchanges of an untorn presentation at terminal `at` after a history."""
    played = Played(flow, Findings()).play(history, judged=False)
    if played.broken:
        return []
    meter = played.scene.card.meter
    meter.exchanges.clear()
    played.play([Event(at)], judged=False)
    return list(meter.exchanges)
