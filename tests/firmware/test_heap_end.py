"""At the end of its heap a validator still answers: the passenger is told to try again."""

import pytest

from card_layouts.answers import AMBER, TAP_AGAIN, text_of
from simulator.clock import WorldClock
from simulator.histories.boards import Gate
from simulator.histories.places import FIRST_GATE
from simulator.histories.prices import AREAS
from simulator.prng import Prng
from simulator.worlds.tap_world import NOW, new_card


def out_of_heap(_uid):
    raise MemoryError
    yield


@pytest.mark.requirement("D4")
def test_a_tap_whose_heap_ends_is_answered_before_the_board_starts_anew():
    gate = Gate(FIRST_GATE, 0, WorldClock(NOW), Prng(1), AREAS[0])
    assert gate.power_on()
    screens = []
    gate.shown.show = lambda lines, lamp: screens.append((lines, lamp))
    gate.validator.tap.run = out_of_heap
    gate.field.place(new_card())
    with pytest.raises(MemoryError):
        gate.validator.tick(True)
    assert screens == [([text_of(TAP_AGAIN)], AMBER)]
