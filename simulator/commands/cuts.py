"""Cut the power at every flash operation of a flow, and see that no entry is lost or doubled.

Every program and erase of every journal, update and tap flow is cut in each torn mode, and its
recovery again at each of its own operations; writes are lost unsaid, blocks wear out and die. Real
firmware on simulated flash; where a card is involved, a real tap. With --lives: journals whose
starts are cut again and again, drawn from a seed. Source: trust.md T16, I6.
"""

import argparse
import json
import time
from collections import Counter
from functools import partial
from multiprocessing import get_context
from typing import Any

from simulator.cuts.drill import Drilled, drill
from simulator.cuts.flows import FLOWS
from simulator.cuts.lives import live
from simulator.cuts.plants import LIVES, PLANTS, Plant, planted
from simulator.cuts.stage import DOUBLED, KINDS, LOST, MOUNT, WRONG, Findings, Flow, Stage
from simulator.workers import Workers

NAMES = {flow.name: flow for flow in FLOWS}
LIVED = ("entries", "starts", "cuts")
TOLD_EACH = 2000  # lives
EXIT_CODES = "Exit codes: 0 nothing wrong, 1 something is wrong, 2 wrong use."


def add_options(parser: argparse.ArgumentParser) -> None:
    """Declare the options of `sim cuts`."""
    rows = [f"  {flow.name:<12}{flow.title}" for flow in FLOWS]
    plants = [f"  {name:<12}{plant.what} ({_shown_by(plant)})" for name, plant in PLANTS.items()]
    parser.formatter_class = argparse.RawDescriptionHelpFormatter
    parser.epilog = "\n".join(["flows:", *rows, "", "planted mistakes:", *plants, "", EXIT_CODES])
    parser.add_argument(
        "--flow", choices=("all", *NAMES), default="all", metavar="FLOW", help="which flow (all)"
    )
    parser.add_argument("--list", action="store_true", help="name the flows, and cut nothing")
    parser.add_argument("--no-nested", action="store_true", help="no cut in the recovery")
    parser.add_argument(
        "--all", action="store_true",
        help="recoveries are cut after silent failures too, and in all eight torn modes",
    )  # fmt: skip
    parser.add_argument(
        "--every", type=_count, default=1, metavar="N", help="each Nth first cut only (1)"
    )
    parser.add_argument(
        "--lives", type=_count, metavar="N",
        help="instead: N lives of a journal, many starts in a row without power",
    )  # fmt: skip
    parser.add_argument("--seed", type=_count, metavar="N", help="of the first life (1)")
    parser.add_argument("--jobs", type=_count, default=2, metavar="N", help="processes (2)")
    parser.add_argument("--plant", choices=tuple(PLANTS), help="plant a mistake; it must be found")
    parser.add_argument("--json", action="store_true", help="print JSON")
    parser.set_defaults(parser=parser)


def run(options: argparse.Namespace) -> int:
    """Cut, print, return 0 if nothing was wrong."""
    is_living = options.lives or (options.plant and PLANTS[options.plant].flow == LIVES)
    of_flows = options.flow != "all" or options.all or options.no_nested or options.every != 1
    if is_living and of_flows:
        options.parser.error("--lives: a life has no --flow, --no-nested, --all and --every")
    if options.seed and not is_living:
        options.parser.error("--seed is of --lives N: a flow is cut everywhere")
    if options.list:
        print("\n".join(f"{flow.name:<12}{flow.title}" for flow in FLOWS))
        return 0
    if options.plant:
        plant = PLANTS[options.plant]
        with planted(plant):
            if options.lives or plant.flow == LIVES:
                return _live(options, options.lives or 1, options.seed or plant.seed or 1)
            return _run([NAMES[plant.flow]], options)
    if options.lives:
        return _live(options, options.lives, options.seed or 1)
    return _run(list(FLOWS) if options.flow == "all" else [NAMES[options.flow]], options)


def _run(flows: list[Flow], options: argparse.Namespace) -> int:
    report = Report(options.json)
    one = partial(_drilled, every=options.every, nested=not options.no_nested, deep=options.all)
    names = [flow.name for flow in flows]
    if options.jobs == 1 or len(flows) == 1:
        for name in names:
            report.add(one(name))
    else:
        with get_context("fork").Pool(options.jobs) as pool:
            for found in pool.imap(one, names):
                report.add(found)
            pool.close()
            pool.join()  # or they would be ended by a signal, with a traceback
    report.end()
    return 1 if report.findings.total else 0


def _shown_by(plant: Plant) -> str:
    return f"--lives 1 --seed {plant.seed}" if plant.flow == LIVES else f"--flow {plant.flow}"


def _live(options: argparse.Namespace, count: int, first: int) -> int:
    """Live the lives of one seed after the other; print the sums and what was found."""
    began, sums, findings = time.monotonic(), Counter[str](), Findings()
    lives = 0
    with Workers(min(options.jobs, count), live) as workers:
        for done in workers.do(iter(range(first, first + count))):
            if done is None:
                continue
            seed, lived = done
            lives += 1
            if lives % TOLD_EACH == 0 and not options.json:
                print(f"{lives} of {count} lives, {findings.total} wrong", flush=True)
            if lived is None:
                raise SystemExit(f"sim cuts: the process of life {seed} died")
            sums.update({name: getattr(lived, name) for name in LIVED})
            if lived.complaint:
                where = f"./tornello sim cuts --lives 1 --seed {seed}"
                findings.note(lived.complaint[0], where, lived.complaint[1])
                if count == 1 and not options.json:
                    print("\n".join(lived.story))
    seconds = round(time.monotonic() - began, 1)
    if options.json:
        tree = {"lives": lives, **sums, "violations": dict(findings.counts)}
        print(json.dumps({**tree, "examples": findings.examples, "seconds": seconds}, indent=1))
    else:
        told = ", ".join(f"{sums[name]} {name}" for name in LIVED)
        print(f"{lives} lives from seed {first} in {seconds:.0f} s: {told}")
        print(", ".join(f"{kind} {findings.counts[kind]}" for kind in (LOST, MOUNT, WRONG)))
        for example in findings.examples:
            print(f"  {example}")
    return 1 if findings.total else 0


def _drilled(name: str, every: int, nested: bool, deep: bool) -> Drilled:
    """Drill one flow; what comes back may be sent between processes."""
    found = drill(NAMES[name], every, nested, deep)
    found.known.clear()
    found.flow = found.flow._replace(begin=Stage)
    return found


class Report:
    """A row a flow as it is done, or one JSON text at the end."""

    def __init__(self, as_json: bool) -> None:
        self.as_json = as_json
        self.rows: list[dict[str, Any]] = []
        self.sums: Counter[str] = Counter()
        self.modes: Counter[str] = Counter()
        self.findings = Findings()
        self.began = time.monotonic()
        self._say(
            f"{'flow':<12}{'ops':>4}{'single':>7}{'nested':>7}{'silent':>7}{'+ cut':>6}{'cuts':>7}"
            f"{'entries':>9}{'lost':>5}{'unmountable':>12}{'doubled':>8}{'wrong':>6}"
        )

    def add(self, found: Drilled) -> None:
        """Take and print one flow."""
        row = as_row(found)
        self.rows.append(row)
        self.sums.update({name: value for name, value in row.items() if isinstance(value, int)})
        self.modes.update(found.modes)
        self.findings.add(found.findings)
        self._say(_line(found.flow.name, row, found.findings))

    def end(self) -> None:
        """Print the sums and what was found."""
        if self.as_json:
            tree: dict[str, Any] = {"flows": self.rows, "sums": dict(self.sums)}
            tree["modes"] = dict(self.modes)
            tree["violations"] = {kind: self.findings.counts[kind] for kind in KINDS}
            tree["examples"] = self.findings.examples
            tree["seconds"] = round(time.monotonic() - self.began, 1)
            print(json.dumps(tree, indent=1))
            return
        print(_line("all", dict(self.sums), self.findings))
        told = ", ".join(f"{name} {count}" for name, count in self.modes.items())
        print(f"\nfirst cuts and faults: {told}")
        seconds, cuts = time.monotonic() - self.began, self.sums["cuts"]
        print(f"{cuts} cuts in {seconds:.0f} s, {cuts / seconds:.0f} a second")
        print(f"refused by name where the flash took nothing: {self.sums['refused']}\n")
        for kinds in (KINDS[:5], KINDS[5:]):
            print(", ".join(f"{kind} {self.findings.counts[kind]}" for kind in kinds))
        for example in self.findings.examples:
            print(f"  {example}")

    def _say(self, line: str) -> None:
        if not self.as_json:
            print(line, flush=True)


def as_row(found: Drilled) -> dict[str, Any]:
    """Return one flow's figures."""
    return {
        "flow": found.flow.name,
        "operations": found.operations,
        "singles": found.singles,
        "overtaken": found.overtaken,
        "nested": found.nested,
        "silent": found.faults,
        "silent_then_cut": found.faults_cut,
        "cuts": found.cuts,
        "entries": found.committed,
        "refused": found.refused,
        "violations": dict(found.findings.counts),
    }


def _line(name: str, row: dict[str, Any], findings: Findings) -> str:
    counts = findings.counts
    wrong = findings.total - counts[LOST] - counts[MOUNT] - counts[DOUBLED]
    return (
        f"{name:<12}{row['operations']:>4}{row['singles']:>7}{row['nested']:>7}{row['silent']:>7}"
        f"{row['silent_then_cut']:>6}{row['cuts']:>7}{row['entries']:>9}{counts[LOST]:>5}"
        f"{counts[MOUNT]:>12}{counts[DOUBLED]:>8}{wrong:>6}"
    )


def _count(text: str) -> int:
    if not text.isdigit() or int(text) < 1:
        raise argparse.ArgumentTypeError(f"{text}: wanted a number from 1 on")
    return int(text)
