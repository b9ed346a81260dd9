"""Break one rule of the engine at a time and see whether the cases notice: mutation testing.

`python -m tests.fares.mutants` prints every survivor with file and line, and the share killed.
A mutant (mutations.py) is killed when a decision differs from what oracle and engine agreed on
before, or an answer of the modules around `rate` (around.py) from the unbroken one. A process of
its own runs each mutant, so that one that hangs or breaks is ended alone.

Source: issue 4, "How it is proved".
"""

import argparse
import importlib
import importlib.abc
import importlib.util
import multiprocessing
import os
import random
import resource
import sys
import tempfile
from pathlib import Path

from tests.fares.equivalents import why_the_same
from tests.fares.mutations import all_mutants

AROUND = {"package", "repeat", "card_lists", "pay_per_use", "refund"}  # asked of around.py as well
CPU_SECONDS_MAX = 20  # of one mutant: a few times what an unbroken engine takes


class _Replaced(importlib.abc.MetaPathFinder, importlib.abc.Loader):
    """Gives one module of the engine other code; everything else is imported as always."""

    def __init__(self, name, code):
        self.name, self.code = name, code

    def find_spec(self, fullname, path, target=None):
        return importlib.util.spec_from_loader(fullname, self) if fullname == self.name else None

    def exec_module(self, module):
        exec(self.code, module.__dict__)


def prepared(seed, towns, cases, folder):
    """Return what every mutant is asked: (recording, material of around.py, its answers)."""
    from tests.fares import around, recording

    recorded = recording.record(seed, towns, cases, folder)
    material = around.material(recorded)
    return recorded, material, around.answers(material)


def killed(mutant, asked):
    """Return True if an answer differs, or the engine breaks or hangs, in a child process."""
    child = os.fork()
    if child == 0:
        _bounded()
        try:
            os._exit(_differs(mutant, *asked))
        except BaseException:  # noqa: BLE001 - whatever a broken engine raises, it was noticed
            os._exit(1)
    _pid, status = os.waitpid(child, 0)
    return status != 0


def _bounded():
    resource.setrlimit(resource.RLIMIT_CPU, (CPU_SECONDS_MAX, CPU_SECONDS_MAX))
    null = os.open(os.devnull, os.O_WRONLY)
    os.dup2(null, 1)
    os.dup2(null, 2)


def _differs(mutant, recorded, material, answers):
    code = mutant.code()
    for name in [name for name in sys.modules if name.startswith(("card_layouts.fares", "tests."))]:
        del sys.modules[name]
    sys.meta_path.insert(0, _Replaced(f"card_layouts.fares.{mutant.module}", code))
    if mutant.module in AROUND:
        around = importlib.import_module("tests.fares.around")
        if around.answers(material) != answers:
            return 1
    recording = importlib.import_module("tests.fares.recording")
    return int(not recording.says_the_same(recorded))


_asked = []  # what the children of `judge` inherit; too large to be handed to each


def _judged(mutant):
    return mutant, killed(mutant, _asked)


def judge(mutants, asked, processes=2):
    """Return (survivors that matter, [(survivor, why it changes nothing)], number killed)."""
    _asked[:] = asked
    with multiprocessing.get_context("fork").Pool(processes) as pool:
        answers = pool.map(_judged, mutants, chunksize=4)
    survivors = [mutant for mutant, dead in answers if not dead]
    same = [(mutant, why_the_same(mutant)) for mutant in survivors if why_the_same(mutant)]
    living = [mutant for mutant in survivors if not why_the_same(mutant)]
    return living, same, len(mutants) - len(survivors)


def share(dead, living):
    """Return per cent killed, rounded down, of those that change something."""
    return 100 * dead // (dead + len(living)) if dead else 0


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--seed", type=int, default=1, help="of the cases, and of a sample")
    parser.add_argument("--towns", type=int, default=60)
    parser.add_argument("--cases", type=int, default=200, help="a town")
    parser.add_argument("--sample", type=int, default=0, help="only so many mutants; 0 all")
    parser.add_argument("--module", default="", help="only mutants of this module")
    parser.add_argument("--floor", type=int, default=95, help="per cent; below it the exit is 1")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        asked = prepared(options.seed, options.towns, options.cases, Path(folder))
    mutants = [m for m in all_mutants() if options.module in ("", m.module)]
    if options.sample:
        mutants = random.Random(options.seed).sample(mutants, min(options.sample, len(mutants)))
    living, same, dead = judge(mutants, asked)
    for mutant in living:
        print(f"{mutant}    in `{mutant.text}`")
    for mutant, reason in same:
        print(f"{mutant}  (the same: {reason})")
    print(f"{len(mutants)} mutants: {dead} killed, {len(living)} survive, {len(same)} change")
    print(f"nothing; {share(dead, living)} % of those that change something are noticed")
    sys.exit(0 if share(dead, living) >= options.floor else 1)


if __name__ == "__main__":
    main()
