"""What stands on a screen, as facts that the oracle can compare with the money.

An answer's screen is its text, and above it a line for each thing that was just loaded; of these
alone a screen names an amount. Source: firmware/ui/text.py, loaded_text.py.
"""

import re

from card_layouts.answers import ANSWERS, CODE_ANSWERS, ROW
from firmware.ui.loaded_text import LOADED, UNBLOCKED, WRITTEN
from simulator.histories.boards import Screen

Told = tuple[str, int]  # what a line says was done, as a record names it; cents

_ROWS = (*ANSWERS, *CODE_ANSWERS)
TEXTS = dict(zip(_ROWS[1::ROW], _ROWS[3::ROW], strict=True))
_AMOUNTS = [
    re.compile(re.escape(text).replace("%02d", r"(\d\d)").replace("%d", r"(\d+)"))
    for text in LOADED
]


def contradiction(screen: Screen | None, answer: str, lamp: str) -> str:
    """Return what is wrong with the screen of an answer and its lamp, "" when nothing is."""
    if screen is None:
        return "nothing stood on the screen"
    if screen.lamp != lamp:
        return f"the screen was {screen.lamp}, the lamp {lamp}"
    if screen.lines[-1] != TEXTS[answer]:
        return f"the screen said {screen.lines[-1]!r}"
    return ""


def told(screen: Screen) -> list[Told]:
    """Return what the lines above the answer say; a line that says nothing known is "?"."""
    return [_told(line) for line in screen.lines[:-1]]


def _told(line: str) -> Told:
    for pattern in _AMOUNTS:
        if found := pattern.fullmatch(line):
            return "load", 100 * int(found[1]) + int(found[2])
    if line in WRITTEN:
        return "pass", 0
    return ("unblock" if line in UNBLOCKED else "?"), 0
