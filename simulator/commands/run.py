"""Live through histories of a small fare system under faults, and check I1 to I16 at every step.

Firmware, edge agent and ledger are the real programs, in one process and one thread; cards, radio,
flash, clocks, serial lines and the broker are simulated. Same seed, same history.
"""

import argparse
import json
from collections import Counter
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from simulator.histories.choices import add_choice, replay_line, some
from simulator.histories.faults import ATLAS, LIVED, REACHED
from simulator.histories.options import draw_options
from simulator.histories.play import Played, play
from simulator.histories.trace import state_hash

FAULTS = [fault.name for fault in ATLAS]
FULL_SET = 40  # of so many histories every fault of the atlas must have struck


def add_options(parser: argparse.ArgumentParser) -> None:
    """Declare the options of `sim run`."""
    add_choice(parser, needs_one=False)
    parser.add_argument("--seeds", type=some, default=1, metavar="N", help="how many seeds (1)")
    parser.add_argument("--list", action="store_true", help="print the fault atlas")
    parser.add_argument("--html", type=Path, metavar="FILE", help="write a page with a picture")
    parser.add_argument("--json", action="store_true", help="print JSON")


def run(options: argparse.Namespace) -> int:
    """Play, print, return 0 if everything held."""
    if options.list:
        print(atlas())
        return 0
    first = options.seed if options.seed is not None else 1
    played = []
    for seed in range(first, first + options.seeds):
        found = play(draw_options(seed, options.taps, options.faults))
        played.append(found)
        if not options.json:
            print(row(found) if options.seeds > 1 else told(found), flush=True)
        if found.violation:
            break
    unwritten = ""
    if options.html is not None and played:
        from simulator.histories.picture import page

        try:
            options.html.write_text(page(played[-1]), encoding="utf-8")
        except OSError as error:  # after all that was played: its result is told all the same
            unwritten = f"--html {options.html}: {error.strerror}; wanted a file to write"
    total = Totals(played)
    unused = total.unused(options.faults) if options.seeds >= FULL_SET else []
    bad = [found for found in played if found.violation]
    wrong = [f"{name}: in {len(played)} histories it never came to pass" for name in unused]
    wrong += [f"{found.violation}; {replay_line(options, found.options.seed)}" for found in bad]
    wrong += [unwritten] if unwritten else []
    if options.json:
        print(json.dumps({**total.as_json(), "wrong": wrong}, indent=1))
    else:
        print("\n".join([total.told(), *(f"WRONG {line}" for line in wrong)]))
    return 1 if wrong else 0


class Totals:
    """Sums over a run set."""

    def __init__(self, played: Sequence[Played]) -> None:
        self.played = played
        self.taps = sum(found.taps for found in played)
        self.seconds = sum(found.seconds for found in played)
        self.injected: Counter[str] = Counter()
        self.lived: Counter[str] = Counter()
        self.checked: Counter[str] = Counter()
        self.answers: Counter[str] = Counter()
        for found in played:
            self.injected.update(found.injected)
            self.lived.update(found.lived)
            self.checked.update(found.checked)
            self.answers.update(found.answers)
        hashes = [(found.trace_hash + found.state).encode() for found in played]
        self.hash = state_hash(hashes)

    def wanted(self, faults: Sequence[str] | None = None) -> dict[str, int]:
        """Return how often each came to pass that a set must have: of these faults, or of all."""
        if faults is not None:
            return {name: self.injected[name] for name in faults}
        return {
            **{name: self.injected[name] for name in FAULTS},
            **{name: self.lived[name] for name in LIVED},
            **{f"check of {name}": self.checked[name] for name in REACHED},
        }

    def unused(self, faults: Sequence[str] | None = None) -> list[str]:
        """Return what never came to pass of what a set must have."""
        return [name for name, count in self.wanted(faults).items() if not count]

    def told(self) -> str:
        """Return the totals for people."""
        return "\n".join(
            [
                f"{len(self.played)} histories, {self.taps} taps, {sum(self.injected.values())}"
                f" faults, {self.taps / max(self.seconds, 0.001):.0f} taps/s, hash {self.hash}",
                "faults   " + counted(self.injected, FAULTS),
                "lived    " + counted(self.lived, LIVED),
                "checked  " + counted(self.checked, REACHED),
                "answers  " + counted(self.answers),
            ]
        )

    def as_json(self) -> dict[str, Any]:
        """Return the totals for programs."""
        return {
            "histories": len(self.played),
            "taps": self.taps,
            "seconds": round(self.seconds, 2),
            "faults": dict(self.injected),
            "lived": dict(self.lived),
            "checked": dict(self.checked),
            "answers": dict(self.answers),
            "violations": [found.violation for found in self.played if found.violation],
            "hash": self.hash,
        }


def row(found: Played) -> str:
    """Return one line about one history."""
    return (
        f"seed {found.options.seed:>6}  {found.taps:>5} taps  {sum(found.injected.values()):>4}"
        f" faults  {found.taps / max(found.seconds, 0.001):>5.0f} taps/s  trace {found.trace_hash}"
        f"  state {found.state or '-'}"
    )


def told(found: Played) -> str:
    """Return what a single history drew."""
    return f"seed {found.options.seed}: {found.options}\n{row(found)}"


def counted(counts: Counter[str], wanted: Sequence[str] = ()) -> str:
    """Return counts as `name 3, name 0`, the largest first, with all that are wanted."""
    every = Counter({name: counts[name] for name in (*wanted, *counts)})
    return ", ".join(f"{name} {number}" for name, number in every.most_common()) or "none"


def atlas() -> str:
    """Return the fault atlas for people."""
    rows = [f"{len(ATLAS)} faults; each must strike in a run set of {FULL_SET} seeds or more"]
    for fault in ATLAS:
        rows.append(f"{fault.name:<22}{fault.threat:<5}{', '.join(fault.on):<12}{fault.what}")
        rows.append(f"{'':<39}still: {fault.must}")
    return "\n".join(rows)
