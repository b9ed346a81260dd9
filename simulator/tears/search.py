"""Which tears are tried: all single ones, more by situation, pairs by chance (D30)."""

from collections import Counter
from collections.abc import Callable, Hashable, Iterator
from dataclasses import dataclass, field
from itertools import islice

from simulator.prng import Prng
from simulator.tears.drill import STATE, STORIES, Event, Findings, Played, transcript
from simulator.tears.flow import MIXED, Flow
from simulator.tears.positions import Position, positions
from simulator.ultralight_c.tearing import Torn

AGAIN_S = 3  # between two tears of one card
# After tears at several terminals all of them see the card once more: no entry stays open.
REST = (Event(seconds=60), Event(1), Event(seconds=60), Event(0))


@dataclass
class Singles:
    """Every single tear of one flow; `held` has a row for each position, in order."""

    flow: Flow
    exchanges: int
    sent: int
    received: int
    held: list[tuple[Position, str]]
    torn_answers: Counter[str]
    stories: int
    findings: Findings = field(default_factory=Findings)

    @property
    def steps(self) -> int:
        """How many internal writes there are."""
        return sum(position.cut.phase == "step" for position, _ in self.held)

    @property
    def states(self) -> Counter[str]:
        """How often the card held what."""
        return Counter(state for _, state in self.held)


def singles(flow: Flow) -> Singles:
    """Tear the flow at every position; after each, people do everything of STORIES."""
    counts = transcript(flow)
    findings = Findings()
    whole = Played(flow, findings)
    old = flow.text(whole.scene)
    new = flow.text(whole.play([Event(0)], judged=False).scene)
    sent, received = sum(c.bytes_in for c in counts), sum(c.bytes_out for c in counts)
    found = Singles(flow, len(counts), sent, received, [], Counter(), 0, findings)
    for position in positions(counts):
        states = set()
        for torn in kinds(flow, position):
            states.add(_tear(found, Event(0, position.tear, torn), old, new))
        state = states.pop() if len(states) == 1 else MIXED
        found.held.append((position, state))
        if state == MIXED:
            findings.note(STATE, flow, [Event(0, position.tear)])
    return found


def _tear(found: Singles, tear: Event, old: str, new: str) -> str:
    """Tear once, with every story after it; return what the card held in between."""
    flow, findings, state = found.flow, found.findings, MIXED
    for number, (_name, story) in enumerate(STORIES):
        played = Played(flow, findings).play([tear], judged=number == 0)
        if number == 0:
            state = flow.held(flow.text(played.scene), old, new, played.now, played.first)
            found.torn_answers.update(shown.name for shown in played.shown)
        played.play(story).end()
        found.stories += 1
    return state


def kinds(flow: Flow, position: Position) -> tuple[Torn | None, ...]:
    """Return what may be left behind here: a page is torn until its second write step."""
    return flow.torn if position.step.endswith(" whole") else (None,)


@dataclass
class Explored:
    """Tears upon tears: how many were tried, and how many situations they led to."""

    flow: Flow
    depth: int
    tried: int
    situations: int
    stories: int
    findings: Findings


def explore(flow: Flow, depth: int, every: int = 1) -> Explored:
    """Tear, then tear the next try at either terminal at every position, `depth` times.

    From every situation that can be told apart (card and memories of terminals) everything is
    tried once, as a sample only `every`-th tear; from all of them all stories are played to their
    end. The first tear is at every position always.
    """
    findings, tried = Findings(), 0
    known: dict[Hashable, tuple[Event, ...]] = {}
    layer: list[tuple[Event, ...]] = [()]
    for level in range(depth):
        found = []
        for history in layer:
            tears = next_tears(flow, history, terminals=2 if level else 1)
            for events in islice(tears, 0, None, every if level else 1):
                played = Played(flow, findings).play(history, judged=False).play(events)
                tried += 1
                if not played.broken and known.setdefault(
                    played.situation(), tuple(played.history)
                ) == tuple(played.history):
                    found.append(tuple(played.history))
        layer = found
    for history in known.values():
        for _name, story in STORIES:
            Played(flow, findings).play(history, judged=False).play((*story, *REST)).end()
    return Explored(flow, depth, tried, len(known), len(known) * len(STORIES), findings)


def next_tears(
    flow: Flow, history: tuple[Event, ...], terminals: int
) -> Iterator[tuple[Event, Event]]:
    """Yield every tear of the next presentation, and the pause after it."""
    for at in range(terminals):
        for position in positions(transcript(flow, history, at)):
            for torn in kinds(flow, position):
                yield Event(at, position.tear, torn), Event(seconds=AGAIN_S)


def pairs(flow: Flow, count: int, seed: int, on_each: Callable[[], None] | None = None) -> Findings:
    """Play `count` random pairs of tears, each at a random terminal, and a random story.

    Pair number i of seed s is pair 0 of seed s + i: that is how one is played again.
    """
    findings, places = Findings(), positions(transcript(flow))
    for number in range(count):
        prng = Prng(seed + number)
        history = []
        for _ in range(2):
            position = prng.choice(places)
            torn = prng.choice(kinds(flow, position))
            history += [Event(prng.below(2), position.tear, torn), Event(seconds=AGAIN_S)]
        story = prng.choice(STORIES)[1]
        Played(flow, findings).play([*history, *story, *REST]).end()
        if on_each is not None:
            on_each()
    return findings
