"""Break one rule of the engine at a time and see whether the cases notice: mutation testing.

`python -m tests.fares.mutants` prints every survivor with file and line, and the share killed.
A mutant (mutations.py) is killed when one answer differs from what the unbroken engine said where
oracle and engine agreed (questions.py). A process of its own asks each mutant, so that one that
hangs or breaks is ended alone. A line that no question runs is a survivor, "not reached".

Exit codes: 0 the share is reached, 1 it is not, 2 usage. Source: issue 4, "How it is proved".
"""

import argparse
import gc
import importlib.abc
import importlib.util
import multiprocessing
import os
import random
import signal
import sys
import tempfile
from pathlib import Path

from tests.fares.equivalents import why_the_same
from tests.fares.mutations import ENGINE_TEXTS, Mutant, all_mutants

GOAL = 95  # per cent noticed, of those that change something
SEED, TOWNS, CASES_A_TOWN = 1, 120, 100
CPU_SECONDS_MAX = 2  # of one question: a thousand times what most take
FROZEN = ("card_layouts.fares", "tests.fares", "tests.card_layouts")
KILLED, SURVIVES, NOT_REACHED = "killed", "survives", "not reached"
UNBROKEN = Mutant("engine", 1, ENGINE_TEXTS["engine"], "nothing")


class _Frozen(importlib.abc.MetaPathFinder, importlib.abc.Loader):
    """Gives every module of the engine and of its questions the code it had when the run began.

    A file that somebody edits meanwhile would make every mutant look noticed.
    """

    def __init__(self):
        self.codes, self.files, self.packages = {}, {}, set()
        for name, module in sys.modules.items():
            loader = getattr(module, "__loader__", None)
            if name.startswith(FROZEN) and hasattr(loader, "get_code"):
                self.codes[name] = loader.get_code(name)
                self.files[name] = getattr(module, "__file__", None)
                if hasattr(module, "__path__"):
                    self.packages.add(name)

    def broken(self, mutant):
        """Return the same with the mutant's code in its place."""
        other = object.__new__(_Frozen)
        other.files, other.packages = self.files, self.packages
        other.codes = {**self.codes, f"card_layouts.fares.{mutant.module}": mutant.code()}
        return other

    def install(self):
        for name in self.codes:
            sys.modules.pop(name, None)
        sys.meta_path.insert(0, self)

    def find_spec(self, fullname, path, target=None):
        if fullname not in self.codes:
            return None
        is_package = fullname in self.packages
        return importlib.util.spec_from_loader(fullname, self, is_package=is_package)

    def exec_module(self, module):
        module.__file__ = self.files[module.__name__]
        exec(self.codes[module.__name__], module.__dict__)


def prepared(seed, towns, cases, folder):
    """Return what mutants are asked: recorded taps, and the modules around `rate`."""
    from tests.fares import around, around_sales, recording
    from tests.fares.questions import Asked

    if not _as_it_was:  # once a process: its modules are read once, too
        _as_it_was.append(_Frozen())
    recorded = recording.record(seed, towns, cases, folder)
    taps = recording.questions(recorded)
    return Asked([*taps, *around.questions(recorded), *around_sales.questions(recorded)])


def verdict(mutant, asked):
    """Return KILLED if an answer differs, or the engine breaks or hangs; else why it was not."""
    questions = asked.aimed_at(mutant)
    if not questions:
        return NOT_REACHED
    child = os.fork()
    if child == 0:
        _be_quiet()
        try:
            os._exit(_differs(mutant, questions))
        except BaseException:  # noqa: BLE001 - whatever a broken engine raises, it was noticed
            os._exit(1)
    _pid, status = os.waitpid(child, 0)
    return KILLED if status else SURVIVES


def _be_quiet():
    null = os.open(os.devnull, os.O_WRONLY)
    os.dup2(null, 1)
    os.dup2(null, 2)


def _differs(mutant, questions):
    _as_it_was[0].broken(mutant).install()
    for question in questions:
        signal.setitimer(signal.ITIMER_VIRTUAL, CPU_SECONDS_MAX)  # when it rings, the process ends
        if question.asked() != question.answer:
            return 1
    return 0


_asked, _as_it_was = [], []  # what the children of `judge` inherit; too large to be handed on


def _judged(mutant):
    return mutant, verdict(mutant, _asked[0])


def judge(mutants, asked, said=lambda done, living: None, processes=2):
    """Return a Result; `said(done, living)` hears of the progress after each mutant."""
    _asked[:] = [asked]
    if verdict(UNBROKEN, asked) == KILLED:
        raise RuntimeError("the engine as it is does not answer as it did: is a file edited?")
    gc.freeze()  # the children share these pages as long as nothing touches them
    result = Result()
    with multiprocessing.get_context("fork").Pool(processes) as pool:
        for done, (mutant, found) in enumerate(pool.imap(_judged, mutants, chunksize=2), 1):
            result.add(mutant, found)
            said(done, len(result.living))
    gc.unfreeze()
    return result


class Result:
    """What became of the mutants: `living` [(mutant, verdict)], `same` [(mutant, reason)]."""

    def __init__(self):
        self.dead, self.living, self.same, self.not_the_same = 0, [], [], []

    def add(self, mutant, found):
        reason = why_the_same(mutant)
        if found == KILLED:
            self.dead += 1
            if reason:
                self.not_the_same.append(mutant)  # the reason in equivalents.py is wrong
        elif reason:
            self.same.append((mutant, reason))
        else:
            self.living.append((mutant, found))

    def share(self):
        """Return per cent killed, rounded down, of those that change something."""
        return 100 * self.dead // (self.dead + len(self.living)) if self.dead else 0

    def lines(self):
        """Return the account: survivors with file and line, and the share."""
        told = [f"{mutant}    in `{mutant.text}`, {found}" for mutant, found in self.living]
        told += [f"{mutant}  is noticed, but equivalents.py has it" for mutant in self.not_the_same]
        every = self.dead + len(self.living) + len(self.same)
        missed = sum(found == NOT_REACHED for _mutant, found in self.living)
        told.append(f"{every} mutants: {self.dead} killed, {len(self.living)} survive ({missed} of")
        told.append(
            f"them not reached), {len(self.same)} change nothing; {self.share()} % of those"
        )
        return [*told, f"that change something are noticed, {GOAL} % wanted"]


def progress(total, every=100):
    """Return a `said` that writes a line to standard error now and then."""

    def said(done, living):
        if done % every == 0 or done == total:
            print(
                f"mutants: {done} of {total} asked, {living} survive", file=sys.stderr, flush=True
            )

    return said


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--seed", type=int, default=SEED, help="of the cases, and of a sample")
    parser.add_argument("--towns", type=int, default=TOWNS)
    parser.add_argument("--cases", type=int, default=CASES_A_TOWN, help="a town")
    parser.add_argument("--sample", type=int, default=0, help="only so many mutants; 0 all")
    parser.add_argument("--module", default="", help="only mutants of this module")
    parser.add_argument("--floor", type=int, default=GOAL, help="per cent; below it the exit is 1")
    parser.add_argument("--same", action="store_true", help="print those that change nothing, too")
    options = parser.parse_args()
    mutants = [m for m in all_mutants() if options.module in ("", m.module)]
    if options.sample:
        mutants = random.Random(options.seed).sample(mutants, min(options.sample, len(mutants)))
    with tempfile.TemporaryDirectory() as folder:
        asked = prepared(options.seed, options.towns, options.cases, Path(folder))
    result = judge(mutants, asked, progress(len(mutants)))
    if options.same:
        print("\n".join(f"{mutant}  (the same: {reason})" for mutant, reason in result.same))
    print("\n".join(result.lines()))
    sys.exit(0 if result.share() >= options.floor and not result.not_the_same else 1)


if __name__ == "__main__":
    main()
