"""Taps with the decisions that oracle and engine agree on, as numbers: for mutants and MicroPython.

A recording is a list of (package body, [(CARD, TAP, rights, DECISION)]).
"""

import random
from pathlib import Path

from card_layouts.fares import engine
from card_layouts.fares import inputs as i
from tests.fares import compare
from tests.fares.cases import after
from tests.fares.engine_side import mounted

# Fields that the oracle answers too; in a refusal only the first two and the reasons count.
COMPARED = (i.D_KIND, i.D_REASON, i.D_AMOUNT, i.D_FULL, i.D_CONCESSION, i.D_RULE)
COMPARED += (i.D_SURCHARGE, i.D_BOOK_AUTHORITY, i.D_PRODUCT, i.D_SLOT, i.D_GROUP, i.D_ZONES)
COMPARED += (i.D_ZONE, i.D_START_ZONE, i.D_START_MINUTE, i.D_CHARGED, i.D_TRANSFERS)
COMPARED += (i.D_COMPANIONS, i.D_NIGHT, i.D_PAID_BY, i.D_T_SLOT, i.D_CAP_DAY, i.D_DAY_SUM)
COMPARED += (i.D_CAP_START, i.D_PERIOD_SUM, i.D_ACTIVATES, i.D_DAY)
WHYS = tuple(range(i.D_WHY0, i.D_WHY0 + 5))
ROW = (i.D_T_START, i.D_T_LENGTH, i.D_T_DAY, i.D_T_LEFT, i.D_T_TODAY, i.D_T_CENTS)


def record(seed, towns, cases_each, folder):
    """Return a recording; a tap on which oracle and engine differ ends its case."""
    rng, recorded = random.Random(seed), []
    for number in range(towns):
        town, taps = compare.Town(rng, Path(folder) / str(number)), []
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


def says_the_same(recorded):
    """Return whether the engine, as imported now, still decides every recorded tap so."""
    decision = i.new_decision()
    for body, taps in recorded:
        tariff = mounted(body)
        for card, tap, rights, expected in taps:
            engine.rate(tariff, card, tap, decision)
            if decision[i.D_ACTIVATES]:
                engine.activate(decision, *rights[decision[i.D_ACTIVATES] - 1])
            if not same(decision, expected):
                return False
    return True


def same(decision, expected):
    """Return whether two decisions agree in what the oracle answers."""
    if any(_why(decision[at]) != _why(expected[at]) for at in WHYS):
        return False
    if expected[i.D_KIND] == i.KIND_REFUSED:
        fields = COMPARED[:2]
        return all(decision[at] == expected[at] for at in fields)
    fields = COMPARED + ROW if expected[i.D_T_SLOT] else COMPARED
    return all(decision[at] == expected[at] for at in fields)


def _why(number):
    return i.WHY_OTHER if number == i.WHY_FUNDS else number


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


# Mutants that change nothing anybody can see: (module, piece of what was changed) -> why.
EQUIVALENT = {}


def equivalent(mutant):
    """Return the reason why this mutant cannot be noticed, or ""."""
    for (module, piece), reason in EQUIVALENT.items():
        if module == mutant.module and piece in mutant.what:
            return reason
    return ""
