"""What all tests share: marks, tiers, figures, real data, and a summary that hides nothing."""

import json
import os
import resource
import shutil
from collections import Counter
from pathlib import Path

import pytest

from tests import figures, requirement_trace, scheduling, system_packages

ROOT = Path(__file__).resolve().parent.parent
DATA = Path(os.environ.get("TORNELLO_DATA", ROOT.parent / "shared" / "data"))

# Seconds of CPU a folder may use in the everyday tier: what two cores have in run.BUDGET_MINUTES,
# less two minutes for the steps before pytest and for collecting.
BUDGET_S = {
    "simulator": 640,
    "backend_sync": 500,
    "firmware": 140,
    "fares": 130,
    "edge_agent": 45,
    "outside": 25,
    "card_layouts": 30,
    "the shape": 50,
}


def pytest_addoption(parser):
    group = parser.getgroup("tornello")
    group.addoption("--full", action="store_true", help="run tests marked full too")
    group.addoption("--mutants", action="store_true", help="try every mutant of the fare engine")
    group.addoption("--fast", action="store_true", help="leave out tests marked system")
    group.addoption("--trace-to", metavar="FILE", help="write requirement -> tests as JSON")
    group.addoption("--summary-to", metavar="FILE", help="write counts and figures as JSON")


def pytest_configure(config):
    config.tornello = Summary()


# --- which tests ---


def pytest_collection_modifyitems(config, items):
    try:
        trace = requirement_trace.traced(items)
    except ValueError as error:
        raise pytest.UsageError(str(error)) from None
    config.stash[requirement_trace.OF_THIS_RUN] = trace
    if config.getoption("--trace-to"):
        Path(config.getoption("--trace-to")).write_text(json.dumps(trace))
        return
    left_out = {"full", "mutants"} if not config.getoption("--full") else set()
    left_out -= {"mutants"} if config.getoption("--mutants") else set()
    left_out |= {"system", "full"} if config.getoption("--fast") else set()
    chosen = [item for item in items if not left_out & {mark.name for mark in item.iter_markers()}]
    kept = set(chosen)
    config.hook.pytest_deselected(items=[item for item in items if item not in kept])
    # The workers of a parallel run agree on one order: long pieces of work first.
    items[:] = scheduling.in_order(chosen) if hasattr(config, "workerinput") else chosen


def pytest_xdist_make_scheduler(config, log):
    config.option.loadscopereorder = False  # xdist would take the piece with the most tests first
    return scheduling.ByFile(config, log)


# --- fixtures ---


@pytest.fixture(scope="session")
def real_data() -> Path:
    """The folder of real feeds and tariffs beside the project (TORNELLO_DATA names another)."""
    if not DATA.is_dir():
        pytest.skip("needs the real feeds and tariffs of ../shared/data")
    return DATA


@pytest.fixture(scope="session")
def system_command():
    """Return a function: the path of a program that only apt has, or the test is left out."""

    def find(command: str) -> str:
        path = shutil.which(command)
        if path is None:
            pytest.skip(system_packages.reason_without(command))
        return path

    return find


# --- the summary ---


class Summary:
    """What the run amounted to, gathered in the one process that reports."""

    def __init__(self):
        self.outcomes = Counter()
        self.seconds = Counter()
        self.cpu_seconds = Counter()
        self.tests = Counter()
        self.skips = Counter()
        self.outside = {}

    def add(self, report):
        folder = folder_of(report.nodeid)
        self.seconds[folder] += report.duration
        self.cpu_seconds[folder] += getattr(report, "cpu_s", 0)
        if report.when == "call" and report.outcome != "skipped":
            self.tests[folder] += 1
            self.outcomes[report.outcome] += 1
        elif report.outcome == "failed":
            self.outcomes["failed"] += 1
        for program in (words for name, words in report.user_properties if name == "outside"):
            if report.when == "call":
                self.outside.setdefault(program, Counter())[report.outcome] += 1
        if report.outcome == "skipped":
            self.outcomes["skipped"] += 1
            if not hasattr(report, "wasxfail"):
                self.skips[report.longrepr[2].removeprefix("Skipped: ")] += 1


def folder_of(nodeid):
    parts = nodeid.split("::")[0].split("/")
    return parts[1] if len(parts) > 2 else "the shape"


def cpu_seconds():
    """Return what this worker and the processes it has waited for have used so far."""
    used = [resource.getrusage(whose) for whose in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN)]
    return sum(one.ru_utime + one.ru_stime for one in used)


_cpu_s_before = 0.0


def pytest_collection_finish():
    global _cpu_s_before
    _cpu_s_before = cpu_seconds()


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport():
    global _cpu_s_before
    report = yield
    now = cpu_seconds()
    report.cpu_s, _cpu_s_before = now - _cpu_s_before, now
    return report


def pytest_runtest_logreport(report):
    # The controller of a parallel run sees every worker's reports; a worker only its own.
    if _config is not None:
        _config.tornello.add(report)


_config = None


def pytest_sessionstart(session):
    global _config
    _config = session.config


def pytest_testnodedown(node, error):
    output = getattr(node, "workeroutput", {})
    figures.merge(output.get("figures", {}))
    for title, lines in output.get("sections", {}).items():
        figures.say(title, lines)
    for of, (wanted, came, counts) in output.get("sets", {}).items():
        figures.share(of, wanted, counts, came)


@pytest.hookimpl(trylast=True)
def pytest_sessionfinish(session, exitstatus):
    if hasattr(session.config, "workeroutput"):
        session.config.workeroutput["figures"] = figures.counted()
        session.config.workeroutput["sections"] = figures.sections()
        session.config.workeroutput["sets"] = figures.sets()
        return
    if figures.absent() and exitstatus == 0:
        session.exitstatus = pytest.ExitCode.TESTS_FAILED
    summary = session.config.tornello
    if summary.skips and os.environ.get("CI") == "true" and exitstatus == 0:
        session.exitstatus = pytest.ExitCode.TESTS_FAILED
    if session.config.getoption("--summary-to"):
        counts = {"outcomes": summary.outcomes, "figures": figures.counted()}
        Path(session.config.getoption("--summary-to")).write_text(json.dumps(counts))


def pytest_terminal_summary(terminalreporter, config):
    summary, write = config.tornello, terminalreporter.write_line
    if summary.skips:
        terminalreporter.section("left out on this machine")
        for reason, count in summary.skips.most_common():
            write(f"{count} x {reason}")
        if os.environ.get("CI") == "true":
            write("CI=true: what is left out counts as failed.")
    for title, lines in figures.sections().items():
        if lines:
            terminalreporter.section(title)
            for line in lines:
                write(line)
    if figures.absent():
        terminalreporter.section("absent: the run fails")
        for line in figures.absent():
            write(line)
    if summary.outside:
        terminalreporter.section("programs nobody here wrote")
        for program, outcomes in sorted(summary.outside.items()):
            write(f"{program:<58} " + ", ".join(f"{n} {word}" for word, n in outcomes.items()))
    if summary.tests:
        terminalreporter.section("time per folder: seconds of all workers, CPU, its budget")
        for folder in sorted(summary.tests):
            write(row_of_time(summary, folder, BUDGET_S.get(folder, 60)))


def row_of_time(summary, folder, budget):
    used, cpu = summary.seconds[folder], summary.cpu_seconds[folder]
    over = "  OVER ITS BUDGET" if cpu > budget else ""
    count = summary.tests[folder]
    return f"{folder:<14} {count:>5} tests {used:>7.1f} s {cpu:>7.1f} s CPU of {budget:>4} s{over}"
