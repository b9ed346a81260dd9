"""The engine with one rule broken is noticed: a sample always, all of them with --mutants."""

import random

import pytest

from tests import figures
from tests.fares import equivalents, mutants
from tests.fares.mutations import ENGINE, Mutant, all_mutants

SAMPLE, SEED = 60, 5
GOAL = 95  # of a hundred; what is reached is a figure of the summary, with every survivor
FLOOR = 80  # of a sample: below this the cases have got worse
FLOOR_ALL = 80  # of all of them: not yet run to its end since package.py and others count


def judged(chosen, tmp_path, towns, cases):
    living, same, dead = mutants.judge(chosen, mutants.prepared(SEED, towns, cases, tmp_path))
    figures.add("mutants of the fare engine killed", dead)
    figures.add("mutants of the fare engine that survive", len(living))
    figures.say("surviving mutants of the fare engine", [str(mutant) for mutant in living])
    figures.say("mutants that change nothing", [f"{mutant}: {why}" for mutant, why in same])
    return mutants.share(dead, living), "\n".join(str(mutant) for mutant in living)


@pytest.mark.requirement("D31")
def test_fares_a_sample_of_mutants_is_noticed(tmp_path):
    every = all_mutants()
    assert len(every) > 2000
    chosen = random.Random(SEED).sample(every, SAMPLE)
    share, living = judged(chosen, tmp_path, towns=30, cases=150)
    assert share >= FLOOR, living


@pytest.mark.mutants
@pytest.mark.timeout(3000)
@pytest.mark.requirement("D31")
def test_fares_every_mutant_is_tried_and_survivors_are_listed(tmp_path):
    share, living = judged(all_mutants(), tmp_path, towns=60, cases=200)
    figures.add(f"per cent of all mutants killed, of {GOAL} wanted", share)
    assert share >= FLOOR_ALL, living


def test_fares_an_engine_that_is_not_broken_survives(tmp_path):
    asked = mutants.prepared(SEED, 2, 50, tmp_path)
    text = (ENGINE / "engine.py").read_text(encoding="utf-8")
    assert not mutants.killed(Mutant("engine", 1, text, "nothing"), asked)
    broken = text + "\ndef rate(*words):\n    pass\n"
    assert mutants.killed(Mutant("engine", 1, broken, "everything"), asked)


def test_fares_every_mutant_said_to_change_nothing_exists():
    every = all_mutants()
    for key, reason in equivalents.SAME.items():
        assert reason
        assert any(equivalents.is_named(mutant, key) for mutant in every), key
