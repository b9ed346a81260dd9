"""Taps with the decisions that oracle and engine agree on, as numbers: for mutants and MicroPython.

A recording is a list of (package body, [(CARD, TAP, rights, DECISION)]).
"""

import functools
import random
from pathlib import Path

from card_layouts.fares import engine
from card_layouts.fares import inputs as i
from tests.fares import compare
from tests.fares.cases import after
from tests.fares.engine_side import mounted
from tests.fares.questions import Question


def record(seed, towns, cases_each, folder):
    """Return a recording; a tap on which oracle and engine differ ends its case.

    Every second town is an odd one, with cases at corners.
    """
    rng, recorded = random.Random(seed), []
    for number in range(towns):
        town, taps = compare.Town(rng, Path(folder) / str(number), odd=number % 2), []
        for _ in range(cases_each):
            case = town.drawer.draw()
            card = case.card
            for tap in case.taps:
                ours = compare.asked(town.world, card, tap, case.rights)
                theirs = town.engine.rate(card, tap, case.rights)
                if compare.differences(ours, theirs):
                    break
                engine_side = town.engine
                rights = [case.rights.get(slot) for slot in (1, 2, 3, 4)]
                row = (engine_side.card, engine_side.tap, rights, engine_side.decision)
                taps.append(tuple(list(part) for part in row))
                card = after(card, tap, ours)
        recorded.append((town.engine.body, taps))
    return recorded


def questions(recorded):
    """Return every recorded tap as a Question."""
    return [Question(decided, body, *row[:3]) for body, taps in recorded for row in taps]


def decided(body, card, tap, rights):
    """Return the decision of a tap as the engine's numbers, after `activate` where P is asked."""
    decision = i.new_decision()
    engine.rate(tariff_of(body), card, tap, decision)
    if decision[i.D_ACTIVATES]:
        engine.activate(decision, *rights[decision[i.D_ACTIVATES] - 1])
    return decision


tariff_of = functools.cache(mounted)


# --- for another runtime --------------------------------------------------------------------------


def write(recorded, folder):
    """Write the recording as files that `replay.py` reads anywhere; return the list's path."""
    lines = []
    for number, (body, taps) in enumerate(recorded):
        (folder / f"{number}.body").write_bytes(body)
        lines.append(f"town {folder / f'{number}.body'}")
        for card, tap, rights, _expected in taps:
            told = [value for right in rights for value in (right or (0, 0, 0))]
            lines.append(" ".join(str(value) for value in [*card, *tap, *told]))
    path = folder / "taps.txt"
    path.write_text("\n".join(lines) + "\n")
    return path
