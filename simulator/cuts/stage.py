"""What is cut: a device with its flash, what it was told is durable, and what must hold after it.

A stage is one device in the middle of its life. `act` is the flow that is cut; `recover` is power
on again and going on; `judge` looks past all programs at flash and card. What survives a power cut
is what `keep` returns: flash, card, time, and what the world outside remembers.
"""

from collections import Counter
from collections.abc import Callable, Hashable
from dataclasses import dataclass, field
from typing import Any, NamedTuple

from simulator.flash import Flash

LOST = "committed entries lost"
MOUNT = "not mountable"
DOUBLED = "entries doubled"
STUCK = "cannot go on"
MIXED = "packages neither old nor new"
SENT = "commit sent before its entry was durable"
OPENED = "gate opened without commit"
CHARGED = "refused but charged"
FREE = "green but uncharged"
EXCEPTION = "exceptions"
WRONG = "wrong in the end"
KINDS = (LOST, MOUNT, DOUBLED, STUCK, MIXED, SENT, OPENED, CHARGED, FREE, EXCEPTION, WRONG)
EXAMPLES_MAX = 5
Complaint = tuple[str, str]  # one of KINDS, and words


@dataclass
class Findings:
    """How often what went wrong, with some cuts that show it."""

    counts: Counter[str] = field(default_factory=Counter)
    examples: list[str] = field(default_factory=list)

    def note(self, kind: str, where: str, words: str) -> None:
        """Count one violation."""
        self.counts[kind] += 1
        if len(self.examples) < EXAMPLES_MAX:
            self.examples.append(f"{where}: {kind}{f' ({words})' if words else ''}")

    def add(self, other: "Findings") -> None:
        """Add what another flow found."""
        self.counts += other.counts
        self.examples = (self.examples + other.examples)[:EXAMPLES_MAX]

    @property
    def total(self) -> int:
        """How many violations of any kind."""
        return sum(self.counts.values())


class Stage:
    """One device; `flash` is the part that is cut, `told` what went wrong on the way."""

    flash: Flash

    def __init__(self) -> None:
        self.told: list[Complaint] = []
        self.committed = 0  # entries that were looked for and found by `judge`
        self.refused = 0  # times it said that it cannot go on, and claimed nothing

    def act(self) -> None:
        """Do the flow. Raises: FlashPowerLost where planned."""
        raise NotImplementedError

    def recover(self) -> None:
        """Switch on again and finish what people would. Raises: FlashPowerLost where planned."""
        raise NotImplementedError

    def judge(self) -> list[Complaint]:
        """Return what is wrong once all is over."""
        raise NotImplementedError

    def keep(self) -> Any:
        """Return what outlasts the power cut that just happened, to be given to `back`."""
        raise NotImplementedError

    def situation(self) -> Hashable:
        """Return all that the programs can tell apart after a cut."""
        return self.flash.image_hash()

    def back(self, kept: Any) -> None:
        """Put back what `keep` returned; nothing is planned for the flash."""
        raise NotImplementedError


class Flow(NamedTuple):
    """A flow by name; `begin` returns a fresh stage, the same bytes each time."""

    name: str
    title: str
    begin: Callable[[], Stage]
    nested: bool = True
