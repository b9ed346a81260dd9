"""Requirements are traced: every id is known, and what this path must show is shown by a test."""

import json
import subprocess
import sys
from pathlib import Path
from types import SimpleNamespace

import pytest

from tests import requirement_trace

ROOT = Path(__file__).resolve().parent.parent
# What one tap from end to end has to show.
OF_ONE_TAP = "R-6 R-7 R-19 R-21 R-24 W-29 W-36 W-93 W-131 W-132 W-133 W-134".split()
COUNTS = {"O-": 19, "W-": 156, "R-": 27, "V-": 9, "C-": 10, "X-": 15}


def marked(name, *ids):
    """Return a collected test as pytest hands it over, as far as the trace looks."""
    marks = [SimpleNamespace(args=ids)]
    return SimpleNamespace(nodeid=name, iter_markers=lambda kind: iter(marks))


def listed(*paths):
    """Return id -> tests, as the command lists them."""
    done = subprocess.run(
        [sys.executable, ROOT / "tests" / "run.py", "--requirements", "--json", *paths],
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
    )
    assert done.returncode == 0, done.stderr
    return {row["id"]: row["tests"] for row in json.loads(done.stdout)["requirements"]}


def test_every_requirement_and_decision_is_listed_without_a_hole():
    ids = requirement_trace.known_ids()
    for prefix, count in COUNTS.items():
        assert {f"{prefix}{number}" for number in range(1, count + 1)} <= ids
    assert {f"D{number}" for number in range(1, 34)} <= ids


def test_what_one_tap_has_to_show_is_shown(pytestconfig):
    is_whole = pytestconfig.args == pytestconfig.getini("testpaths")
    shown = pytestconfig.stash[requirement_trace.OF_THIS_RUN] if is_whole else listed()
    assert [id_ for id_ in OF_ONE_TAP if not shown.get(id_)] == []


def test_the_command_lists_every_id_and_the_tests_of_a_folder():
    shown = listed(ROOT / "tests" / "fares")
    assert shown.keys() == requirement_trace.known_ids()
    names = [name for tests in shown.values() for name in tests]
    assert "tests/fares/test_fares_comparison.py" in {name.split("::")[0] for name in names}
    assert {name.split("/")[1] for name in names} == {"fares"}


def test_an_id_nobody_knows_is_named_with_its_test():
    with pytest.raises(ValueError, match=r"tests/a.py::test_b names requirement 'R-99'"):
        requirement_trace.traced([marked("tests/a.py::test_b", "R-99")])


def test_a_parametrised_test_is_counted_once():
    items = [marked(f"tests/a.py::test_b[{case}]", "R-6") for case in range(3)]
    assert requirement_trace.traced(items) == {"R-6": ["tests/a.py::test_b"]}


def test_the_report_counts_what_has_no_test():
    total = len(requirement_trace.known_ids())
    report = requirement_trace.report({"R-6": ["tests/a.py::test_b"]})
    assert report.endswith(f"{total} ids, 1 with tests, {total - 1} without")
    assert "tests/a.py::test_b" in report
