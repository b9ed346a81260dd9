"""Take the card away at every byte and internal write of a flow, and see that no money is lost.

Every position of a flow's own transcript is torn (D30); after each, people try again: at the same
terminal, at another one, and after a power cut. Real cards, the firmware's validators and stations.
"""

import argparse
import json
from collections import Counter
from typing import Any

from simulator.tears.drill import CHARGED, EXCEPTION, FREE, OPENED, STATE, STORIES, WRONG, Findings
from simulator.tears.flow import MIXED, NEW, OLD, SAME, Flow
from simulator.tears.flows import FLOWS
from simulator.tears.plants import PLANTS
from simulator.tears.positions import COMMIT, Position, command_name
from simulator.tears.search import Explored, Singles, explore, pairs, singles

NAMES = {flow.name: flow for flow in FLOWS}
EXIT_CODES = "Exit codes: 0 nothing wrong, 1 something is wrong, 2 wrong use."
DOUBLES, TRIPLES = 2, 3


def add_options(parser: argparse.ArgumentParser) -> None:
    """Declare the options of `sim tears`."""
    rows = [f"  {flow.name:<11}{flow.title}" for flow in FLOWS]
    plants = [f"  {name:<14}{plant.what}" for name, plant in PLANTS.items()]
    parser.formatter_class = argparse.RawDescriptionHelpFormatter
    parser.epilog = "\n".join(["flows:", *rows, "", "planted mistakes:", *plants, "", EXIT_CODES])
    parser.add_argument(
        "--flow", choices=("all", *NAMES), default="all", metavar="FLOW", help="which flow (all)"
    )
    parser.add_argument(
        "--list", action="store_true", help="a line for each position; needs one --flow"
    )
    parser.add_argument(
        "--doubles", nargs="?", const="classes", choices=("classes",),
        help="tears upon tears, from every situation that card and terminals can tell apart",
    )  # fmt: skip
    parser.add_argument("--triples", action="store_true", help="once more upon those")
    parser.add_argument(
        "--pairs", type=_count, default=0, metavar="N", help="N random double tears"
    )
    parser.add_argument("--seed", type=_count, default=1, metavar="S", help="of --pairs (1)")
    parser.add_argument("--plant", choices=tuple(PLANTS), help="plant a mistake; it must be found")
    parser.add_argument("--json", action="store_true", help="print JSON")
    parser.set_defaults(parser=parser)


def run(options: argparse.Namespace) -> int:
    """Tear, print, return 0 if nothing was wrong."""
    if options.list and options.flow == "all":
        options.parser.error("--list needs one flow: --flow " + " | ".join(NAMES))
    if options.plant:
        plant = PLANTS[options.plant]
        with plant.card():
            return _run([plant.flow()], options)
    return _run(list(FLOWS) if options.flow == "all" else [NAMES[options.flow]], options)


def _run(flows: list[Flow], options: argparse.Namespace) -> int:
    if options.list:
        found = singles(flows[0])
        print(json.dumps(as_json(found), indent=1) if options.json else listing(found))
        return 1 if found.findings.total else 0
    total = Findings()
    report = Report(options.json)
    for flow in flows:
        row = singles(flow)
        report.single(row)
        total.add(row.findings)
    report.sum_up()
    if options.doubles or options.triples:
        for flow in flows:
            deeper = explore(flow, TRIPLES if options.triples else DOUBLES)
            report.deeper(deeper)
            total.add(deeper.findings)
    if options.pairs:
        for flow in flows:
            by_chance = pairs(flow, options.pairs, options.seed)
            report.pairs(flow, options.pairs, options.seed, by_chance)
            total.add(by_chance)
    report.end(total)
    return 1 if total.total else 0


class Report:
    """Rows as they come, or one JSON text at the end."""

    def __init__(self, as_json: bool) -> None:
        self.as_json = as_json
        self.tree: dict[str, Any] = {"flows": [], "deeper": [], "pairs": []}
        self.sums: Counter[str] = Counter()
        self._say(
            f"{'flow':<11}{'ex':>3}{'bytes':>6}{'writes':>7}{'positions':>10}{'old':>6}{'new':>5}"
            f"{'mixed':>6}{'tries':>7}  what people were told at the tear"
        )

    def single(self, found: Singles) -> None:
        """Print a row about a flow's single tears."""
        states, sums = found.states, self.sums
        old, new, mixed = states[OLD] + states[SAME], states[NEW], states[MIXED]
        sums.update(positions=len(found.held), old=old, new=new, mixed=mixed, tries=found.stories)
        told = ", ".join(f"{name} {count}" for name, count in found.torn_answers.most_common())
        self.tree["flows"].append(as_json(found))
        self._say(
            f"{found.flow.name:<11}{found.exchanges:>3}{found.sent + found.received:>6}"
            f"{found.steps:>7}{len(found.held):>10}{old:>6}{new:>5}{mixed:>6}"
            f"{found.stories:>7}  {told}"
        )

    def sum_up(self) -> None:
        """Print the sums of the rows above."""
        sums = self.sums
        self._say(
            f"{'all':<11}{sums['positions']:>26}{sums['old']:>6}{sums['new']:>5}"
            f"{sums['mixed']:>6}{sums['tries']:>7}"
        )

    def deeper(self, found: Explored) -> None:
        """Print a row about tears upon tears."""
        row = {
            "flow": found.flow.name,
            "tears_in_a_row": found.depth,
            "tried": found.tried,
            "situations": found.situations,
            "stories": found.stories,
        }
        self.tree["deeper"].append(row)
        self._say(
            f"{found.flow.name:<11}{found.depth} tears in a row: {found.tried} tried from"
            f" {found.situations} situations, {found.stories} stories to their end"
        )

    def pairs(self, flow: Flow, count: int, seed: int, found: Findings) -> None:
        """Print a row about random pairs."""
        self.tree["pairs"].append(
            {"flow": flow.name, "pairs": count, "seed": seed, "violations": found.total}
        )
        self._say(f"{flow.name:<11}{count} random pairs from seed {seed}: {found.total} wrong")

    def end(self, total: Findings) -> None:
        """Print what was found."""
        if self.as_json:
            self.tree["violations"] = {name: total.counts[name] for name in _KINDS}
            self.tree["examples"] = total.examples
            print(json.dumps(self.tree, indent=1))
            return
        print(f"\nafter each tear: {'; '.join(name for name, _ in STORIES)}")
        told = ", ".join(f"{name} {count}" for name, count in total.answers.most_common())
        print(f"all answers: {told}\n")
        for kinds in (_KINDS[:3], _KINDS[3:]):
            print(", ".join(f"{name} {total.counts[name]}" for name in kinds))
        for example in total.examples:
            print(f"  {example}")

    def _say(self, line: str) -> None:
        if not self.as_json:
            print(line, flush=True)


_KINDS = (OPENED, CHARGED, FREE, EXCEPTION, WRONG, STATE)


def listing(found: Singles) -> str:
    """Return a line for each position, their sum, and the writes of the commit by name."""
    lines = [_line(found.flow, position, held) for position, held in found.held]
    total = found.sent + found.received + found.steps
    lines.append(
        f"bytes sent {found.sent} + bytes received {found.received}"
        f" + internal writes {found.steps} = {total}"
    )
    commit = [row for row in found.held if row[0].command == COMMIT and row[0].step]
    if commit:
        lines.append("internal writes of the commit, and what a cut before each leaves:")
        lines += [f"  {row.cut.at}  {row.step:<18}{held}" for row, held in commit]
    lines += [f"WRONG  {example}" for example in found.findings.examples]
    return "\n".join(lines)


def _line(flow: Flow, position: Position, held: str) -> str:
    where = position.step or f"byte {position.cut.at + 1}"
    name = command_name(position.command, flow.ticket)
    return (
        f"{position.number:>4}  exchange {position.exchange:>2}  {position.command:02X} {name:<20}"
        f"{position.cut.phase:<5}{where:<22}{held}"
    )


def as_json(found: Singles) -> dict[str, Any]:
    """Return one flow's single tears as a tree."""
    rows = [
        {
            "number": position.number,
            "exchange": position.exchange,
            "command": f"{position.command:02X}",
            "phase": position.cut.phase,
            "at": position.cut.at,
            "step": position.step,
            "holds": held,
        }
        for position, held in found.held
    ]
    return {
        "flow": found.flow.name,
        "exchanges": found.exchanges,
        "bytes_sent": found.sent,
        "bytes_received": found.received,
        "internal_writes": found.steps,
        "positions": rows,
        "holds": dict(found.states),
        "told": dict(found.torn_answers),
        "stories": found.stories,
        "violations": dict(found.findings.counts),
    }


def _count(text: str) -> int:
    if not text.isdigit():
        raise argparse.ArgumentTypeError(f"{text}: wanted a number from 0 on")
    return int(text)
