"""The bench measures what it says: rows that can fail, and the same tap on both runtimes."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from simulator.bench import journal as bench_journal
from simulator.bench import main as bench
from simulator.bench import settlement as bench_settlement
from simulator.bench import tap as bench_tap
from simulator.bench.row import Row, rows_as_json
from simulator.bench.taps import run_taps

ROOT = Path(__file__).resolve().parents[2]


def run_bench(*arguments):
    return subprocess.run(
        [sys.executable, "-m", "simulator.bench.main", *arguments],
        cwd=ROOT,
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
    )


@pytest.fixture(scope="module")
def twenty_taps():
    return run_taps(20)


@pytest.mark.requirement("D4", "W-93")
def test_a_debit_is_ten_exchanges_and_at_most_340_bytes(twenty_taps):
    rows = {row.name: row for row in bench_tap.air_rows(twenty_taps)}
    assert rows["tap.exchanges"].value == 10
    assert rows["tap.bytes"].value <= 340
    assert all(row.ok for row in rows.values())


@pytest.mark.requirement("D15")
def test_a_committed_tap_is_two_slot_programs():
    rows = {row.name: row for row in bench_journal.rows(None)}
    assert rows["journal.programs_per_tap"].value == 2
    assert all(row.ok for row in rows.values())


@pytest.mark.requirement("D15")
def test_a_driver_that_programs_twice_makes_the_journal_row_fail():
    rows = {row.name: row for row in bench_journal.rows("double-program")}
    assert not rows["journal.programs_per_tap"].ok


@pytest.mark.requirement("D19", "D29")
@pytest.mark.system
def test_micropython_sends_the_card_the_same_bytes_as_cpython(twenty_taps, tmp_path):
    bench_tap.compile_into(tmp_path)
    (tmp_path / "recording").write_bytes(twenty_taps.recording)
    command = [bench_tap.micropython_path(), "-m", "simulator.bench.replay", "recording", "20"]
    done = subprocess.run(
        command,
        cwd=tmp_path,
        env={**os.environ, "MICROPYPATH": str(tmp_path), "PYTHONHASHSEED": "0"},
        capture_output=True,
        text=True,
    )
    assert (done.stdout.strip(), done.stderr) == ("40", "")  # entries in its journal


@pytest.mark.parametrize(
    ("limit", "fine"),
    [("<= 10", True), ("<= 9", False), (">= 10", True), (">= 11", False), ("", True)],
)
def test_a_row_keeps_its_limit_or_misses_it(limit, fine):
    assert Row("a", 10, "", limit=limit).ok is fine


def test_rows_have_the_eight_keys_of_the_bench_format():
    (row,) = json.loads(rows_as_json([Row("a", 10, "B", "card.md", 8, "<= 12")]))
    assert row == {
        "name": "a",
        "value": 10,
        "unit": "B",
        "reference": "card.md",
        "reference_value": 8,
        "ratio": 1.25,
        "limit": "<= 12",
        "ok": True,
    }


def test_check_fails_when_a_row_misses_and_names_it():
    done = run_bench("journal", "--check", "--json", "--plant", "double-program")
    assert done.returncode == 1
    assert "MISSED journal.programs_per_tap: 4, wanted <= 2" in done.stderr
    assert [row["ok"] for row in json.loads(done.stdout)][0] is False


def test_an_unknown_area_is_named_with_those_there_are():
    done = run_bench("tpa")
    assert done.returncode == 2
    assert "no area 'tpa'; there are tap, journal, edge, ledger" in done.stderr


def test_every_plant_has_an_area_whose_row_notices_it():
    assert {bench.AREAS[area] for area in bench.PLANTS.values()} <= set(bench.AREAS.values())


def test_closing_a_day_is_measured_in_two_sizes_and_checked_from_outside():
    rows = {row.name: row for row in bench_settlement.rows(entries=10_000)}
    assert rows["settlement.close_s"].value > 0 and rows["settlement.lines_checked_per_s"].value > 0
    assert set(rows) >= {"settlement.ratio_to_sum", "settlement.us_an_entry_growth"}
