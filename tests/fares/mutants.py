"""Break one rule of the engine at a time and see whether the cases notice: mutation testing.

`python -m tests.fares.mutants` prints every survivor with file and line, and the share killed.
A mutant is one change of the syntax tree of one module of card_layouts/fares: a comparison, a sum,
a constant, an index, a condition, a choice of smallest or largest. It is killed when a decision
differs from what oracle and engine agreed on before. A process of its own runs each mutant, so
that one that hangs or breaks is ended alone.

Source: issue 4, "How it is proved".
"""

import argparse
import ast
import copy
import importlib
import importlib.abc
import importlib.util
import multiprocessing
import os
import random
import signal
import sys
import tempfile
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
ENGINE = ROOT / "card_layouts" / "fares"
NOT_RULES = {"__init__", "inputs", "sections", "package", "rate", "rerate", "tariff"}
NOT_RULES |= {"tariff_builder", "pay_per_use", "card_lists", "repeat", "refund"}  # not in `rate`
NOT_RULES |= {"mounted"}  # sizes and first values of memory that every tap fills anew
SWAPPED = {
    ast.Lt: ast.LtE,
    ast.LtE: ast.Lt,
    ast.Gt: ast.GtE,
    ast.GtE: ast.Gt,
    ast.Eq: ast.NotEq,
    ast.NotEq: ast.Eq,
    ast.Add: ast.Sub,
    ast.Sub: ast.Add,
    ast.BitAnd: ast.BitOr,
    ast.BitOr: ast.BitAnd,
    ast.And: ast.Or,
    ast.Or: ast.And,
    ast.Is: ast.IsNot,
    ast.IsNot: ast.Is,
}
SECONDS_MAX = 60


class Mutant:
    """One change: the module, its line, what was changed into what, and the whole new source."""

    def __init__(self, module, line, what, source):
        self.module, self.line, self.what, self.source = module, line, what, source

    def __str__(self):
        return f"card_layouts/fares/{self.module}.py:{self.line}: {self.what}"


# --- making them ----------------------------------------------------------------------------------


def all_mutants():
    """Return every mutant of every module that holds a rule, in the order of the files."""
    modules = [path for path in sorted(ENGINE.glob("*.py")) if path.stem not in NOT_RULES]
    return [mutant for path in modules for mutant in mutants_of(path.stem, path.read_text())]


def mutants_of(module, text):
    tree = ast.parse(text)
    places = [node for node in ast.walk(tree) if hasattr(node, "lineno")]
    found = []
    for place, node in enumerate(places):
        for change in changes(node):
            fresh = copy.deepcopy(tree)
            twin = [other for other in ast.walk(fresh) if hasattr(other, "lineno")][place]
            before = ast.unparse(node)
            change(twin)
            source = ast.unparse(ast.fix_missing_locations(fresh))
            what = f"`{_short(before)}` became `{_short(ast.unparse(twin))}`"
            found.append(Mutant(module, node.lineno, what, source))
    return found


def _short(text):
    text = " ".join(text.split())
    return text if len(text) <= 60 else text[:57] + "..."


def changes(node):
    """Return the functions that each change a node of this kind in one way."""
    if isinstance(node, ast.Compare) and len(node.ops) == 1 and type(node.ops[0]) in SWAPPED:
        return [_swap_comparison]
    if isinstance(node, ast.BinOp) and type(node.op) in SWAPPED:
        return [_swap_operator]
    if isinstance(node, ast.AugAssign) and type(node.op) in SWAPPED:
        return [_swap_operator]
    if isinstance(node, ast.BoolOp):
        return [_swap_operator]
    if isinstance(node, ast.UnaryOp) and isinstance(node.op, ast.Not):
        return [_drop_not]
    if isinstance(node, ast.Constant) and type(node.value) is int:
        return [_one_more]
    if isinstance(node, ast.Constant) and isinstance(node.value, bool):
        return [_other_truth]
    if isinstance(node, ast.Subscript) and isinstance(node.slice, ast.Name | ast.Attribute):
        return [_next_index]
    if isinstance(node, ast.If | ast.IfExp | ast.While):
        return [_other_condition]
    if isinstance(node, ast.Call) and getattr(node.func, "id", "") in ("min", "max"):
        return [_other_extreme]
    return []


def _swap_comparison(node):
    node.ops = [SWAPPED[type(node.ops[0])]()]


def _swap_operator(node):
    node.op = SWAPPED[type(node.op)]()


def _drop_not(node):
    node.operand = ast.UnaryOp(ast.Not(), node.operand)


def _one_more(node):
    node.value += 1


def _other_truth(node):
    node.value = not node.value


def _next_index(node):
    node.slice = ast.BinOp(node.slice, ast.Add(), ast.Constant(1))


def _other_condition(node):
    node.test = ast.UnaryOp(ast.Not(), node.test)


def _other_extreme(node):
    node.func.id = "max" if node.func.id == "min" else "min"


# --- running one ----------------------------------------------------------------------------------


class _Replaced(importlib.abc.MetaPathFinder, importlib.abc.Loader):
    """Gives one module of the engine another source; everything else is imported as always."""

    def __init__(self, name, source):
        self.name, self.source = name, source

    def find_spec(self, fullname, path, target=None):
        return importlib.util.spec_from_loader(fullname, self) if fullname == self.name else None

    def exec_module(self, module):
        exec(compile(self.source, self.name, "exec"), module.__dict__)


def killed(mutant, recorded):
    """Return True if a decision differs, or the engine breaks or hangs, in a child process."""
    child = os.fork()
    if child == 0:
        _silence()
        try:
            os._exit(_differs(mutant, recorded))
        except BaseException:  # noqa: BLE001 - whatever a broken engine raises, it was noticed
            os._exit(1)
    _pid, status = os.waitpid(child, 0)
    return status != 0


def _silence():
    signal.signal(signal.SIGALRM, signal.SIG_DFL)
    signal.alarm(SECONDS_MAX)
    null = os.open(os.devnull, os.O_WRONLY)
    os.dup2(null, 1)
    os.dup2(null, 2)


def _differs(mutant, recorded):
    for name in [name for name in sys.modules if name.startswith(("card_layouts.fares", "tests."))]:
        del sys.modules[name]
    sys.meta_path.insert(0, _Replaced(f"card_layouts.fares.{mutant.module}", mutant.source))
    recording = importlib.import_module("tests.fares.recording")
    return int(not recording.says_the_same(recorded))


_recorded = []  # what the children of `judge` inherit; too large to be handed to each


def _judged(mutant):
    return mutant, killed(mutant, _recorded)


def judge(mutants, recorded, processes=2):
    """Return (survivors, number killed)."""
    _recorded[:] = recorded
    with multiprocessing.get_context("fork").Pool(processes) as pool:
        answers = pool.map(_judged, mutants, chunksize=4)
    survivors = [mutant for mutant, dead in answers if not dead]
    return survivors, len(mutants) - len(survivors)


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--seed", type=int, default=1, help="of the cases, and of a sample")
    parser.add_argument("--towns", type=int, default=40)
    parser.add_argument("--cases", type=int, default=150, help="a town")
    parser.add_argument("--sample", type=int, default=0, help="only so many mutants; 0 all")
    parser.add_argument("--module", default="", help="only mutants of this module")
    options = parser.parse_args()
    from tests.fares import recording

    with tempfile.TemporaryDirectory() as folder:
        recorded = recording.record(options.seed, options.towns, options.cases, Path(folder))
        mutants = [m for m in all_mutants() if options.module in ("", m.module)]
        if options.sample:
            mutants = random.Random(options.seed).sample(mutants, min(options.sample, len(mutants)))
        survivors, dead = judge(mutants, recorded)
    for mutant in survivors:
        reason = recording.equivalent(mutant)
        print(f"{mutant}{'  (the same: ' + reason + ')' if reason else ''}")
    living = [mutant for mutant in survivors if not recording.equivalent(mutant)]
    counted = dead + len(living)
    print(f"{len(mutants)} mutants, {dead} killed, {len(survivors)} survive")
    print(
        f"{len(survivors) - len(living)} of them change nothing; {100 * dead // counted} % killed"
    )
    sys.exit(0 if 100 * dead >= 95 * counted else 1)


if __name__ == "__main__":
    main()
