"""Which batches the books that closed one remembered by themselves.

Books that are put back from an older copy forget the batches closed since. They take those over as
they were signed and number the next one behind them; but its rows go on where the last batch ended
that they do remember. So each batch goes on from one before it, mostly from the newest, and the
devices' rows are compared along that line only: those of lost books may be ahead of them.
Left out of the board's image. Source: SPEC_SETTLEMENT.md section 6; trust.md I10.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

from card_layouts.settlement.batch import RANGES, Body
from card_layouts.settlement.witness import Device, Row


class Closed(NamedTuple):
    """What later batches are compared with."""

    ends: list[int]  # the last row of each book
    devices: list[Row]
    goes_on_from: int  # number of the batch that its books remembered


NOTHING = Closed([0] * RANGES, [], 0)


class Remembered:
    """The line of batches that goes on; those that only were taken over are beside it."""

    def __init__(self) -> None:
        self.last = 0  # the newest batch of the line; 0: none yet
        self.rows: dict[Device, list[Row]] = {}  # of its batches, oldest first
        self._closed = [NOTHING]  # every batch, by number

    @property
    def ends(self) -> list[int]:
        return self._closed[self.last].ends

    def ended_before(self, firsts: Sequence[int]) -> int | None:
        """Return the newest batch at whose end these rows begin (0 = at the first); None = none."""
        for number in reversed(range(len(self._closed))):
            if [end + 1 for end in self._closed[number].ends] == firsts:
                return number
        return None

    def lost_devices(self) -> set[Device]:
        """Return the devices that only batches beside the line named."""
        named = {(row[0], row[1]) for closed in self._closed for row in closed.devices}
        return named - self.rows.keys()

    def put_back(self, last: int) -> None:
        """Go on from batch `last`: forget what came since, and the line it may have been on."""
        self.last, line = last, []
        while last:
            line.append(self._closed[last])
            last = line[-1].goes_on_from
        self.rows = {}
        for closed in reversed(line):
            for row in closed.devices:
                self.rows.setdefault((row[0], row[1]), []).append(row)

    def add(self, body: Body) -> None:
        """Take a batch that goes on from the newest one of the line; its rows are noted already."""
        self._closed.append(
            Closed([last for _, last in body["ranges"]], body["devices"], self.last)
        )
        self.last = len(self._closed) - 1
