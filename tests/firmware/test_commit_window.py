"""What happens between "INTENT durable" and "outcome known": little, and only with small integers.

The other half of D4, that nothing allocates there, is test_tap_micropython.py.
"""

import sys

import pytest

from card_layouts.answers import ACCEPTED, HOLD_AGAIN
from simulator.desfire_card import Cut
from simulator.field import Tear, answer_lost
from simulator.worlds.tap_world import Device, new_card
from simulator.worlds.ticket_gate import TicketGate, ticket

SMALL_INT_MAX = (1 << 30) - 1  # of a 32-bit MicroPython
OURS = ("/card_layouts/", "/firmware/")
ACK_LOST = Tear(exchange=8, cut=Cut("out", 0))  # of the count, the ninth exchange


class Watched:
    """A Window that looks at every local integer of our own code while it is open."""

    def __init__(self):
        self.lines = set()
        self.wide = []
        self.open = False

    def enter(self):
        self.open = True
        sys.settrace(self._call)

    def exit(self):
        self.open = False
        sys.settrace(None)

    def _call(self, frame, event, argument):
        name = frame.f_code.co_filename
        if "/tests/" in name or not any(folder in name for folder in OURS):
            return None
        return self._line

    def _line(self, frame, event, argument):
        if self.open:
            self.lines.add((frame.f_code.co_name, frame.f_lineno))
            for name, value in frame.f_locals.items():
                if isinstance(value, int) and not -SMALL_INT_MAX - 1 <= value <= SMALL_INT_MAX:
                    self.wide.append((frame.f_code.co_name, name, value))
        return self._line


@pytest.mark.parametrize("tears, answer", [((), ACCEPTED), ((answer_lost(),), HOLD_AGAIN)])
@pytest.mark.requirement("D4")
def test_no_integer_in_the_commit_window_leaves_the_small_ones(tears, answer):
    tracer = sys.gettrace()
    window = Watched()
    try:
        assert Device(window=window).present(new_card(), *tears) == answer
    finally:
        sys.settrace(tracer)
    assert "commit" in {name for name, _line in window.lines}
    assert window.wide == []


@pytest.mark.parametrize("tears, answer", [((), ACCEPTED), ((ACK_LOST,), HOLD_AGAIN)])
@pytest.mark.requirement("D4", "W-94")
def test_no_integer_in_a_tickets_window_leaves_the_small_ones(tears, answer):
    tracer = sys.gettrace()
    window = Watched()
    try:
        assert TicketGate(window=window).present(ticket(), *tears) == answer
    finally:
        sys.settrace(tracer)
    assert "commit" in {name for name, _line in window.lines}
    assert window.wide == []
