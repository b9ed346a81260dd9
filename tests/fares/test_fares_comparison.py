"""Oracle and engine on drawn cases: every field of a decision, and no thin cell in the table."""

import json
import random
import subprocess
import sys
from pathlib import Path

import pytest

from tests import figures
from tests.fares import compare, coverage, recording, replay

ROOT = Path(__file__).resolve().parents[2]
MICROPYTHON = Path(sys.executable).parent / "micropython"
SEED = 20250101
EVERYDAY_TOWNS, CASES_A_TOWN = 100, 400  # 40,000 cases: the table needs them
ODD_TOWNS, ODD_CASES = 50, 200
CHUNKS, CHUNK_TOWNS, CHUNK_CASES = 40, 50, 500  # 1,000,000 cases with --full

NOT_OF_A_TAP = {44, 65, 66, 67, 80, 83, 85}  # who has no price, loads, grants, a later subsidy
OF_A_TAP = {*range(29, 51), *range(53, 92)} - NOT_OF_A_TAP
IDS = [f"W-{number}" for number in sorted(OF_A_TAP)]


@pytest.fixture(scope="module")
def everyday():
    """(cases, taps, cells, differences) of the everyday sample."""
    return compare.run(SEED, EVERYDAY_TOWNS, CASES_A_TOWN)


def told(found):
    return "\n\n".join(compare.account(*difference) for difference in found[:3])


@pytest.mark.requirement("D31", "D33", "X-13", *IDS)
def test_fares_oracle_and_engine_agree_on_40_000_cases(everyday):
    cases, taps, _cells, found = everyday
    figures.add(f"fare cases against the oracle (seed {SEED})", cases)
    figures.add("taps in them", taps)
    assert not found, f"{len(found)} differences of {taps} taps\n{told(found)}"


@pytest.mark.requirement("D31", "D33", "X-13")
def test_fares_oracle_and_engine_agree_in_odd_towns_and_at_corners():
    """Zones of long ago, prices and times that are missing or nothing, places that are none."""
    cases, taps, _cells, found = compare.run(SEED, ODD_TOWNS, ODD_CASES, odd=True)
    figures.add("fare cases at corners against the oracle", cases)
    assert not found, f"{len(found)} differences of {taps} taps\n{told(found)}"


@pytest.mark.requirement("W-49", "W-47", "D31")
def test_fares_every_product_meets_every_mechanism_200_times(everyday):
    _cases, _taps, cells, _found = everyday
    figures.say("products and mechanisms of the fare cases", coverage.table(cells))
    thin = {cell: cells.get(cell, 0) for cell in coverage.thin(cells)}
    assert not thin, "\n".join(coverage.table(cells) + [str(thin)])


@pytest.mark.full
@pytest.mark.requirement("D31")
@pytest.mark.parametrize("chunk", range(CHUNKS))
def test_fares_oracle_and_engine_agree_on_a_million_cases(chunk):
    cases, _taps, _cells, found = compare.run(SEED + 1 + chunk, CHUNK_TOWNS, CHUNK_CASES)
    figures.add("fare cases against the oracle, full", cases)
    assert not found, f"seed {SEED + 1 + chunk}: {len(found)} differences\n{told(found)}"


# --- the other runtime ----------------------------------------------------------------------------


def replayed_on_both(tmp_path, towns, cases):
    path = recording.write(recording.record(SEED, towns, cases, tmp_path), tmp_path)
    here = replay.replay(str(path))
    there = subprocess.run(
        [MICROPYTHON, "-X", "heapsize=4M", "tests/fares/replay.py", str(path)],
        cwd=ROOT,
        capture_output=True,
        text=True,
        timeout=280,
    )
    assert there.returncode == 0, there.stderr + there.stdout
    count, digest = there.stdout.split()
    return here, (int(count), digest)


@pytest.mark.system
@pytest.mark.requirement("D31")
def test_fares_micropython_decides_as_cpython_with_the_heap_locked(tmp_path):
    here, there = replayed_on_both(tmp_path, towns=20, cases=100)
    assert here == there
    figures.add("fare decisions the same under MicroPython, heap locked", there[0])


@pytest.mark.full
@pytest.mark.system
@pytest.mark.requirement("D31")
def test_fares_micropython_decides_20_000_cases_as_cpython(tmp_path):
    here, there = replayed_on_both(tmp_path, towns=100, cases=200)
    assert here == there
    assert there[0] >= 20_000
    figures.add("fare decisions the same under MicroPython, full", there[0])


# --- the comparison itself ------------------------------------------------------------------------


def test_fares_a_planted_cent_is_found(tmp_path, monkeypatch):
    town = compare.Town(random.Random(1), tmp_path)
    honest = town.engine.rate

    def dearer(card, tap, rights):
        words = honest(card, tap, rights)
        return {**words, "amount": words["amount"] + 1} if words["amount"] else words

    monkeypatch.setattr(town.engine, "rate", dearer)
    found = [compare.run_case(town, town.drawer.draw())[1] for _ in range(200)]
    assert any(difference and "amount" in difference[4] for difference in found)


def test_fares_the_same_seed_draws_the_same_cases(tmp_path):
    one, other = (recording.record(7, 1, 20, tmp_path / name) for name in ("one", "other"))
    assert json.dumps([taps for _body, taps in one]) == json.dumps([taps for _body, taps in other])
