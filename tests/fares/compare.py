"""Ask oracle and engine the same case, tap by tap, and say where they differ.

Used by the tests and by hand: `python -m tests.fares.compare --seed 7 --towns 20 --cases 200`.
"""

import argparse
import random
import tempfile
from collections import Counter
from pathlib import Path

from tests.fares import coverage, oracle, oracle_rights
from tests.fares.cases import Drawer, after
from tests.fares.corners import Corners
from tests.fares.engine_side import EngineSide
from tests.fares.towns import draw_town

SAID = ("kind", "rule", "product", "slot", "amount", "full", "surcharge", "surcharge_number")
SAID += ("authority", "group", "zones", "zone", "start_zone", "start_minute", "charged")
SAID += ("transfers", "companions", "night", "paid_by", "activates", "row", "caps", "day")
SAID += ("concession",)


class Town:
    """A town as both sides read it."""

    def __init__(self, rng, folder, odd=False):
        self.town = draw_town(rng, folder, odd)
        self.world = oracle.read_world(str(folder), "tariff.toml", str(folder / "gtfs"))
        self.town["feed"] = self.world["feed"]
        self.engine = EngineSide(folder)
        self.drawer = (Corners if odd else Drawer)(rng, self.town)


def asked(world, card, tap, rights):
    """Return the oracle's decision, after what P says where it asks for P."""
    decision = oracle.rate(world, card, tap)
    if decision.get("activates"):
        row = oracle_rights.activate(decision, *rights[decision["activates"]])
        decision = {**decision, "row": row}
        over = decision["own_in_cap"] - rights[decision["activates"]][2]
        if decision["clips"] and over > 0:  # a first charge above the whole threshold is cut, too
            for name in ("amount", "full", "charged"):
                decision[name] -= over
            decision["rule"] = "capped charge"
    return decision


def differences(ours, theirs):
    """Return the names of the fields in which the two decisions differ."""
    if ours["kind"] == "refused" or theirs["kind"] == "refused":
        wrong = [name for name in ("kind", "reason") if ours.get(name) != theirs.get(name)]
    else:
        wrong = [name for name in SAID if ours[name] != theirs[name]]
    if not wrong and "why" in ours:
        wrong += [f"why{slot}" for slot in ours["why"] if _why(ours, slot) != _why(theirs, slot)]
    return wrong


def _why(decision, slot):
    """Too dear for the purse, or dearer than another: both are a question of price."""
    return decision["why"][slot].replace("funds", "other better")


def run_case(town, case, cells=None):
    """Return (taps asked, the first difference as (card, tap, ours, theirs, fields) or None)."""
    card = case.card
    for count, tap in enumerate(case.taps, 1):
        ours = asked(town.world, card, tap, case.rights)
        theirs = town.engine.rate(card, tap, case.rights)
        wrong = differences(ours, theirs)
        if cells is not None:
            cells.update(coverage.cells(town.world, card, tap, ours))
        if wrong:
            return count, (card, tap, ours, theirs, wrong)
        card = after(card, tap, ours)
    return len(case.taps), None


def run(seed, towns, cases_each, odd=False):
    """Return (cases, taps, Counter of cells, differences) of so many towns and cases each.

    `odd`: of odd towns, and cases at corners.
    """
    rng, cells, found, taps = random.Random(seed), Counter(), [], 0
    for number in range(towns):
        with tempfile.TemporaryDirectory() as folder:
            town = Town(rng, Path(folder), odd)
            for place in range(cases_each):
                count, difference = run_case(town, town.drawer.draw(), cells)
                taps += count
                if difference:
                    found.append(((seed, number, place), town.town["family"], *difference))
    return towns * cases_each, taps, cells, found


def account(where, family, card, tap, ours, theirs, wrong):
    """Return a difference as a person reads it."""
    seed, town, place = where
    lines = [f"seed {seed}, town {town} ({family}), case {place}: {', '.join(wrong)}"]
    plain = {name: value for name, value in card.items() if name not in ("slots", "journey")}
    lines += [f"  card: {_short(plain)}", f"  journey: {_short(card['journey'] or {})}"]
    lines += [
        f"  slot {place}: {_short(held)}" for place, held in enumerate(card["slots"], 1) if held
    ]
    lines += [f"  tap: {_short(tap)}"]
    for name in (
        "kind",
        "rule",
        "reason",
        "product",
        "slot",
        "amount",
        "why",
        "payer",
        "reduction",
        *SAID,
    ):
        one, other = ours.get(name), theirs.get(name)
        if name in wrong or one != other:
            lines.append(f" !{name}: oracle {one} | engine {other}")
        elif name in ("kind", "rule", "amount", "slot"):
            lines.append(f"  {name}: {one}")
    return "\n".join(lines)


def _short(values):
    """Return name=value of everything that is set."""
    told = {name: value for name, value in values.items() if value not in (None, 0, False)}
    return " ".join(f"{name}={_plain(value)}" for name, value in told.items())


def _plain(value):
    if isinstance(value, dict):
        return "(" + _short(value) + ")"
    return sorted(value) if isinstance(value, frozenset) else value


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--towns", type=int, default=20)
    parser.add_argument("--cases", type=int, default=200)
    parser.add_argument("--odd", action="store_true", help="odd towns, and cases at corners")
    parser.add_argument("--show", type=int, default=3)
    options = parser.parse_args()
    cases, taps, cells, found = run(options.seed, options.towns, options.cases, options.odd)
    for difference in found[: options.show]:
        print(account(*difference), "\n")
    kinds = Counter(tuple(difference[6]) for difference in found)
    for fields, count in kinds.most_common(15):
        print(count, ", ".join(fields))
    print(f"{cases} cases, {taps} taps, {len(found)} differences")


if __name__ == "__main__":
    main()
