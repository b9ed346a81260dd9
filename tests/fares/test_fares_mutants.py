"""The engine with one rule broken is noticed: a sample always, all of them with --full."""

import random

import pytest

from tests import figures
from tests.fares import mutants, recording

SAMPLE, SEED = 60, 5
GOAL = 95  # of a hundred; what is reached is a figure of the summary, with every survivor
FLOOR = 70  # below this the cases have got worse


def judged(chosen, tmp_path, towns, cases):
    recorded = recording.record(SEED, towns, cases, tmp_path)
    survivors, dead = mutants.judge(chosen, recorded)
    living = [mutant for mutant in survivors if not recording.equivalent(mutant)]
    figures.add("mutants of the fare engine killed", dead)
    figures.add("mutants of the fare engine that survive", len(living))
    figures.say("surviving mutants of the fare engine", [str(mutant) for mutant in living])
    return 100 * dead // (dead + len(living)), "\n".join(str(mutant) for mutant in living)


@pytest.mark.requirement("D31")
def test_fares_a_sample_of_mutants_is_noticed(tmp_path):
    every = mutants.all_mutants()
    assert len(every) > 500
    chosen = random.Random(SEED).sample(every, SAMPLE)
    share, living = judged(chosen, tmp_path, towns=30, cases=150)
    assert share >= FLOOR, living


@pytest.mark.full
@pytest.mark.timeout(3000)
@pytest.mark.requirement("D31")
def test_fares_every_mutant_is_tried_and_survivors_are_listed(tmp_path):
    share, living = judged(mutants.all_mutants(), tmp_path, towns=60, cases=200)
    figures.add(f"per cent of all mutants killed, of {GOAL} wanted", share)
    assert share >= FLOOR, living


def test_fares_an_engine_that_is_not_broken_survives(tmp_path):
    recorded = recording.record(SEED, 2, 50, tmp_path)
    text = (mutants.ENGINE / "engine.py").read_text()
    assert not mutants.killed(mutants.Mutant("engine", 1, "nothing", text), recorded)
    broken = mutants.Mutant("engine", 1, "everything", text + "\ndef rate(*words):\n    pass\n")
    assert mutants.killed(broken, recorded)
