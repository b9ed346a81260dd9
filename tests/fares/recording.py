"""Taps with the decisions that oracle and engine agree on, as numbers: for mutants and MicroPython.

A recording is a list of (package body, [(CARD, TAP, rights, DECISION)]).
"""

import functools
import random
from pathlib import Path

from card_layouts.fares import engine
from card_layouts.fares import inputs as i
from card_layouts.fares.package import HEADER_BYTES
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
    found = [Question(decided, body, *row[:3]) for body, taps in recorded for row in taps]
    return found + [Question(decided, *row) for row in damaged(recorded)] + newer(recorded)


def newer(recorded):
    """Return a few taps under packages with another byte in the header or the directory."""
    body, taps = recorded[0]
    offsets = HEADER_BYTES + 2  # the count of UTC offsets, the first section
    bodies = [body[:5] + bytes([2]) + body[6:]]  # semantics of a later engine
    bodies += [body[:14] + bytes([body[14] + days]) + body[15:] for days in (1, 2, 90)]
    bodies += [body[:16] + bytes([few]) + body[17:] for few in (1, 20)]  # calendars end early
    bodies += [body[:offsets] + bytes([count]) + body[offsets + 1 :] for count in (0, 1)]
    return [Question(decided, other, *row[:3]) for other in bodies for row in taps[:60]]


def decided(body, card, tap, rights):
    """Return the decision of a tap as the engine's numbers, after `activate` where P is asked."""
    decision = i.new_decision()
    engine.rate(tariff_of(body), card, tap, decision)
    if decision[i.D_ACTIVATES]:
        engine.activate(decision, *rights[decision[i.D_ACTIVATES] - 1])
    return decision


def damaged(recorded):
    """Return taps of cards that no counter writes: one number off, or rows that hold too much.

    The oracle has no answer; a refusal or a price is one, an error is none.
    """
    rng, found = random.Random(1), []
    for body, taps in recorded:
        for card, tap, rights, _decision in taps[:: len(taps) // DAMAGED_A_TOWN + 1]:
            place, values = rng.choice(OFF)
            found.append((body, with_number(card, place, rng.choice(values)), tap, rights))
            filled = list(card)
            for slot in range(i.SLOTS):
                at = i.slot_at(slot)
                for field, value in ((i.S_LEFT, 5), (i.S_TODAY, 1), (i.S_CENTS, 77)):
                    filled[at + field] = filled[at + field] or value
            found.append((body, filled, tap, rights))
            found.append((body, card, tap, [(0, 0, 0)] * 4))
    return found


def with_number(card, place, value):
    return [*card[:place], value, *card[place + 1 :]]


DAMAGED_A_TOWN = 40
OFF = (
    (i.C_J_START_ZONE, (0, 12, 13, 15)),
    (i.C_J_PAID_BY, (5, 6, 7)),
    (i.C_J_AUTHORITY, (0, 31, 33)),
    (i.C_GROUP, (0, 5, 6, 7, 15)),
    (i.C_PURSE_PRODUCT, (0, 1, 900)),
    (i.slot_at(0) + i.S_PRODUCT, (0, 1, 2, 14, 900)),
    (i.slot_at(0) + i.S_MECHANISM, (0, 1)),
    (i.C_CAP_DAY, (0, 1)),
)


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
