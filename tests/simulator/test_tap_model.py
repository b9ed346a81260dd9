"""All histories of four taps on two validators, debits and actions, every delivery."""

import functools
import itertools

import pytest

from simulator.tap_model import model as m

TAPS = 4


def histories():
    """Every history; the first tap is at validator 0, since the two are alike."""
    one = list(itertools.product((0, 1), (m.DEBIT, m.ACTION), m.ENDINGS))
    first = [tap for tap in one if tap[0] == 0]
    return first, one


def violations(rules, taps=TAPS, stop=False):
    """Return {what: count} over every history, and how many histories and deliveries were tried."""
    settle = functools.cache(lambda a, b: m.settle(a + b, rules))
    found: dict[str, int] = {}
    tried = [0, 0]

    def note(what):
        found[what] = found.get(what, 0) + 1

    def leaf(world):
        tried[0] += 1
        on_card = set(world.records)
        debits = sum(tx.kind == m.DEBIT for tx in world.records)
        if debits > world.presented:
            note("journey charged twice")
        if len(world.records) - debits > 1:
            note("action executed twice")
        a, b = world.journals
        if not on_card <= {e for e in a + b if isinstance(e, m.Tx)}:
            note("card shows a transaction nobody journalled")
        for i in range(len(a) + 1):
            for j in range(len(b) + 1):
                tried[1] += 1
                posted, voided = settle(a[:i], b[:j])
                if not posted <= on_card:
                    note("posted but not on card")
                if voided & on_card:
                    note("voided but on card")
                if posted & voided:
                    note("posted and voided")
        for device in (0, 1):
            after = m.tap(world, device, m.DEBIT, m.DONE, rules)
            if after.records == world.records:  # grace: the next one is a real transaction
                after = m.tap(after, device, m.DEBIT, m.DONE, rules)
            posted, voided = settle(*after.journals)
            intents = {e for e in after.journals[0] + after.journals[1] if isinstance(e, m.Tx)}
            if intents - posted - voided:
                note("suspense never empties")
            if posted != set(after.records) & intents:
                note("ledger set differs from the card's")

    def walk(world, left):
        if left == 0:
            leaf(world)
            return
        for device, wants, ending in first if left == taps else one:
            if stop and found:
                return
            walk(m.tap(world, device, wants, ending, rules), left - 1)

    first, one = histories()
    walk(m.World(), taps)
    return found, tried


@pytest.mark.requirement("D15", "I6", "I7", "I8", "I11", "I13")
def test_no_history_of_four_taps_breaks_an_invariant():
    found, (count, deliveries) = violations(m.Rules())
    assert found == {}
    assert count == 10 * 20**3
    print(f"tap model: {count} histories, {deliveries} deliveries, 0 violations")


MUTANTS = {
    "intent after commit": (m.Rules(intent_before_commit=False), "nobody journalled"),
    "timeout = not taken": (m.Rules(unknown_means=m.ABORTED), "voided but on card"),
    "timeout = taken": (m.Rules(unknown_means=m.COMMITTED), "posted but not on card"),
    "no grace": (m.Rules(grace=False), "charged twice"),
    "no on-card action counter": (m.Rules(card_counts_actions=False), "action executed twice"),
    "resolve by sums": (m.Rules(by_sums=True, chain=False), "posted but not on card"),
    "void by another device's read": (m.Rules(void_by_foreign_read=True), "voided but on card"),
    "no void by counter reuse": (m.Rules(void_by_counter_reuse=False), "never empties"),
    "no chain": (m.Rules(chain=False), "never empties"),
}


@pytest.mark.requirement("D15", "T1")
@pytest.mark.parametrize("name", MUTANTS)
def test_every_mutant_is_killed(name):
    rules, expected = MUTANTS[name]
    found, _tried = violations(rules, taps=3)
    assert any(expected in what for what in found), found
