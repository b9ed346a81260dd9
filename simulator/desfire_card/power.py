"""The fault port: where on its way through an exchange the card loses its field.

A position is a byte in, an internal write step, or a byte out, in that order. A cut at
position k happens just before k takes effect: `Cut("in", 0)` means no byte arrived,
`Cut("step", 2)` that steps 0 and 1 are in EEPROM, `Cut("out", 0)` that everything was done
and no byte of the answer left ("answer lost").
"""

from dataclasses import dataclass
from typing import Literal, Protocol

Phase = Literal["in", "step", "out"]


class PowerLost(Exception):
    """The field went away in the middle of an exchange."""

    def __init__(self, phase: Phase, at: int) -> None:
        super().__init__(f"power lost before {phase} {at}")
        self.phase: Phase = phase
        self.at = at


@dataclass(frozen=True)
class Cut:
    """One position of one exchange; `at` counts from 0 within its phase."""

    phase: Phase
    at: int


class Power(Protocol):
    """Asked by the card before anything happens; raises PowerLost to take the field away."""

    def bytes_in(self, count: int) -> None:
        """Let `count` command bytes in, one after the other."""

    def write_step(self, index: int) -> None:
        """Let internal write step `index` of this exchange take effect."""

    def bytes_out(self, count: int) -> None:
        """Let `count` answer bytes out, one after the other."""


class Mains:
    """A field that never fails."""

    def bytes_in(self, count: int) -> None:
        """Do nothing."""

    def write_step(self, index: int) -> None:
        """Do nothing."""

    def bytes_out(self, count: int) -> None:
        """Do nothing."""


class CutAt:
    """A field that fails once, at one position; `spent` tells whether it was reached."""

    def __init__(self, cut: Cut) -> None:
        self.cut = cut
        self.spent = False

    def bytes_in(self, count: int) -> None:
        """Fail if the cut lies among these bytes."""
        self._pass("in", 0, count)

    def write_step(self, index: int) -> None:
        """Fail if the cut is this step."""
        self._pass("step", index, index + 1)

    def bytes_out(self, count: int) -> None:
        """Fail if the cut lies among these bytes."""
        self._pass("out", 0, count)

    def _pass(self, phase: Phase, first: int, end: int) -> None:
        if self.cut.phase == phase and first <= self.cut.at < end:
            self.spent = True
            raise PowerLost(phase, self.cut.at)
