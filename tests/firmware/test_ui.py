"""The small screen: every answer can be read on it, and it is drawn on the real framebuffer."""

import pathlib
import subprocess
import sys

import pytest

from card_layouts.answers import ANSWERS, CODE_ANSWERS, ROW
from card_layouts.cards.zones import zone_bit
from firmware.ui.text import COLUMNS, LAMP_WORDS, LINES, idle_lines, wrap

ROOT = pathlib.Path(__file__).resolve().parents[2]
MICROPYTHON = pathlib.Path(sys.executable).parent / "micropython"
ALL = ANSWERS + CODE_ANSWERS


def run_on_micropython(text):
    done = subprocess.run(
        [str(MICROPYTHON), "-c", text], cwd=ROOT, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


@pytest.mark.parametrize("row", range(0, len(ALL), ROW))
def test_every_answer_fits_the_screen_with_a_word_for_its_lamp(row):
    lamp, text = ALL[row + 2], ALL[row + 3]
    lines = wrap(text)
    assert len(lines) <= LINES and all(len(line) <= COLUMNS for line in lines)
    assert " ".join(lines) == text
    assert lamp in LAMP_WORDS


def test_a_word_longer_than_a_line_is_cut():
    assert wrap("a " + "b" * 20, 8) == ["a", "b" * 8, "b" * 8, "b" * 4]
    assert wrap("") == []


def test_between_taps_the_screen_says_where_the_validator_believes_it_is():
    assert idle_lines({"line": 7, "stop": 12}) == ["Present card", "Line 7", "Stop 12"]
    assert idle_lines({"line": 7, "stop": -1}) == ["Present card", "Line 7"]


@pytest.mark.requirement("W-62", "W-64")
def test_what_the_passenger_chose_stands_on_the_screen_until_he_taps():
    chosen = {"picked": zone_bit(1) | zone_bit(2), "adults": 1, "children": 2}
    lines = idle_lines(chosen)
    assert lines[1:] == ["Zones 1 to 2", "For 4 persons"]
    assert len(lines) <= LINES and all(len(line) <= COLUMNS for line in lines)


def test_the_screen_draws_a_bar_for_the_lamp_and_lines_below_it():
    said = run_on_micropython(
        "from firmware.ui.screen import Screen\n"
        "class Display:\n"
        "    def show(self, buffer): print(len(buffer), buffer[0], any(buffer[256:]))\n"
        "screen = Screen(Display())\n"
        "screen.show([], '')\n"
        "screen.show(['Already paid.'], 'green')\n"
    )
    assert said.split("\n")[:2] == ["1024 0 False", "1024 255 True"]


def test_lost_cards_leave_nothing_on_the_heap():
    said = run_on_micropython(
        "import gc\n"
        "from card_layouts.cards.conversation import LOST, CardLost, forget_traces\n"
        "def lose():\n"
        "    raise LOST\n"
        "def lost(times):\n"
        "    for _ in range(times):\n"
        "        try:\n"
        "            lose()\n"
        "        except CardLost as error:\n"
        "            assert error.sent\n"
        "        forget_traces()\n"
        "    gc.collect()\n"
        "    return gc.mem_alloc()\n"
        "print(lost(10) - lost(500))\n"
    )
    assert abs(int(said)) < 200
