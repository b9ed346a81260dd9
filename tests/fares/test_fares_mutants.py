"""The engine with one rule broken is noticed: a sample always, all of them with --mutants."""

import random

import pytest

from tests import figures
from tests.fares import equivalents, mutants
from tests.fares.mutations import Mutant, all_mutants

SAMPLE, SEED = 60, 5
FLOOR = 90  # of a sample, asked fewer cases than all of them are


def judged(chosen, tmp_path, towns, cases, said=lambda done, living: None):
    result = mutants.judge(chosen, mutants.prepared(mutants.SEED, towns, cases, tmp_path), said)
    figures.add("mutants of the fare engine killed", result.dead)
    figures.add("mutants of the fare engine that survive", len(result.living))
    figures.add("mutants of the fare engine that change nothing", len(result.same))
    figures.say("mutants of the fare engine", result.lines())
    assert not result.not_the_same, "\n".join(map(str, result.not_the_same))
    return result.share(), "\n".join(result.lines())


@pytest.mark.requirement("D31")
def test_fares_a_sample_of_mutants_is_noticed(tmp_path):
    every = all_mutants()
    assert len(every) > 2000
    chosen = random.Random(SEED).sample(every, SAMPLE)
    share, told = judged(chosen, tmp_path, towns=30, cases=150)
    assert share >= FLOOR, told


@pytest.mark.mutants
@pytest.mark.timeout(3000)
@pytest.mark.requirement("D31")
def test_fares_every_mutant_is_tried_and_survivors_are_listed(tmp_path, capfd):
    every = all_mutants()
    with capfd.disabled():  # the progress is for whoever waits
        share, told = judged(
            every, tmp_path, mutants.TOWNS, mutants.CASES_A_TOWN, mutants.progress(len(every))
        )
    figures.add(f"per cent of all mutants noticed, of {mutants.GOAL} wanted", share)
    assert share >= mutants.GOAL, told


def test_fares_an_engine_that_is_not_broken_survives(tmp_path):
    asked = mutants.prepared(SEED, 2, 50, tmp_path)
    assert mutants.verdict(mutants.UNBROKEN, asked) == mutants.SURVIVES
    broken = mutants.UNBROKEN.text + "\ndef rate(*words):\n    pass\n"
    assert mutants.verdict(Mutant("engine", 1, broken, "everything"), asked) == mutants.KILLED


def test_fares_every_mutant_said_to_change_nothing_exists():
    every = all_mutants()
    for key, reason in equivalents.SAME.items():
        assert reason
        assert any(equivalents.is_named(mutant, key) for mutant in every), key
