"""What stands on a small screen: words in lines of sixteen letters."""

from card_layouts.answers import lamp_of, text_of
from card_layouts.cards.zones import zones_first, zones_last

COLUMNS = 16
LINES = 5

LAMP_WORDS = {"green": "OK", "amber": "WAIT", "red": "STOP"}


def wrap(text, columns=COLUMNS):
    """Return `text` as lines of at most `columns` letters; a longer word is cut."""
    lines = []
    line = ""
    for word in text.split(" "):
        if line and len(line) + 1 + len(word) > columns:
            lines.append(line)
            line = ""
        line = line + " " + word if line else word
        while len(line) > columns:
            lines.append(line[:columns])
            line = line[columns:]
    if line:
        lines.append(line)
    return lines


def idle_lines(profile):
    """Return what a validator shows between taps: where it believes it is."""
    lines = ["Present card"]
    if profile.get("line", 0):
        lines.append("Line %d" % profile["line"])
    if profile.get("stop", 0) > 0:
        lines.append("Stop %d" % profile["stop"])
    if profile.get("picked", 0):
        lines.append(
            "Zones %d to %d" % (zones_first(profile["picked"]), zones_last(profile["picked"]))
        )
    heads = profile.get("adults", 0) + profile.get("youths", 0) + profile.get("children", 0)
    if heads:
        lines.append("For %d persons" % (1 + heads))
    return lines


def show_answer(screen, answer, told=()):
    """Show below the lines `told` what an answer of card_layouts/answers.py says."""
    screen.show(list(told) + [text_of(answer)], lamp_of(answer))
