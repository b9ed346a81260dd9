"""Random histories of the tap model: longer than all of four taps, three validators, lost journals.

`tests/simulator/test_tap_model.py` tries every history of four taps on two validators. Here a seed
draws many histories of up to sixteen taps; the ledger then gets a part of every journal, or nothing
of one, and its choices are held against the card. Source: trust.md 4.6, 4.7; decisions.md D28.
"""

from collections import Counter
from typing import Any, NamedTuple

from simulator.prng import Prng
from simulator.tap_model import model

VALIDATORS = 3
TAPS_MIN, TAPS_MAX = 5, 16
HISTORIES = 1000  # of one seed
DELIVERIES = 3  # parts of the journals, besides all of them, that the ledger sees of a history
FAULTS_IN_TEN = (0, 2, 5, 8)  # how often a tap of a history ends badly
STAYS_IN_TEN = 5  # how often the card is held to the same validator again
ACTIONS_IN_TEN = 2
BAD = tuple(ending for ending in model.ENDINGS if ending != model.DONE)
DESTROYED = "journal destroyed"

MUTANTS = {
    "model-intent-late": model.Rules(intent_before_commit=False),
    "model-silence-is-no": model.Rules(unknown_means=model.ABORTED),
    "model-silence-is-yes": model.Rules(unknown_means=model.COMMITTED),
    "model-no-grace": model.Rules(grace=False),
    "model-actions-uncounted": model.Rules(card_counts_actions=False),
    "model-by-sums": model.Rules(by_sums=True, chain=False),
    "model-foreign-read": model.Rules(void_by_foreign_read=True),
    "model-no-reuse": model.Rules(void_by_counter_reuse=False),
    "model-no-chain": model.Rules(chain=False),
}


class Lived(NamedTuple):
    """What came of one seed's histories; `wrong` "" when everything held."""

    taps: int
    deliveries: int
    injected: Counter[str]  # endings that are none, journals destroyed
    wrong: str


def live(seed: int, rules: model.Rules | None = None, histories: int = HISTORIES) -> Lived:
    """Live through a seed's histories up to the first that breaks an invariant."""
    rules = rules or model.Rules()
    prng = Prng(seed).fork("tap model")
    taps = deliveries = 0
    injected: Counter[str] = Counter()
    for number in range(histories):
        world, count = _history(prng, rules, injected)
        taps += count
        deliveries += DELIVERIES + 1 + VALIDATORS
        wrong = _wrong_card(world) or _wrong_parts(prng, world, rules, injected)
        wrong = wrong or _wrong_end(world, rules)
        if wrong:
            return Lived(taps, deliveries, injected, f"history {number + 1}: {wrong}")
    return Lived(taps, deliveries, injected, "")


def _history(prng: Prng, rules: model.Rules, injected: Counter[str]) -> tuple[model.World, int]:
    world = model.World(journals=((),) * VALIDATORS)
    faults, device = prng.choice(FAULTS_IN_TEN), 0
    count = prng.between(TAPS_MIN, TAPS_MAX)
    for _ in range(count):
        if not prng.chance(STAYS_IN_TEN, 10):
            device = prng.below(VALIDATORS)
        wants = model.ACTION if prng.chance(ACTIONS_IN_TEN, 10) else model.DEBIT
        ending = model.DONE
        if prng.chance(faults, 10):
            ending = prng.choice(BAD)
            injected[ending] += 1
        world = model.tap(world, device, wants, ending, rules)
    return world, count


def _wrong_card(world: model.World) -> str:
    """I13, I11 and I6: what must hold on the card, whoever hears of it."""
    debits = sum(tx.kind == model.DEBIT for tx in world.records)
    if debits > world.presented:
        return "journey charged twice"
    if len(world.records) - debits > 1:
        return "action executed twice"
    announced = {tx for journal in world.journals for tx in journal if isinstance(tx, model.Tx)}
    if not announced.issuperset(world.records):
        return "card shows a transaction nobody journalled"
    return ""


def _wrong_parts(prng: Prng, world: model.World, rules: model.Rules, injected: Counter[str]) -> str:
    """I7 at any partial knowledge: each journal is known up to somewhere, one maybe not at all."""
    for number in range(DELIVERIES + 1):
        parts = [journal[: prng.below(len(journal) + 1)] for journal in world.journals]
        if number == DELIVERIES:
            parts = list(world.journals)
        elif prng.chance(1, 4):
            parts[prng.below(VALIDATORS)] = ()
            injected[DESTROYED] += 1
        wrong = _wrong_choices(world, *_settled(parts, rules))
        if wrong:
            return wrong
    return ""


def _wrong_choices(
    world: model.World, posted: frozenset[model.Tx], voided: frozenset[model.Tx]
) -> str:
    if not posted.issubset(world.records):
        return "posted but not on card"
    if voided.intersection(world.records):
        return "voided but on card"
    return "posted and voided" if posted & voided else ""


def _wrong_end(world: model.World, rules: model.Rules) -> str:
    """I8: all is delivered and the card has one more transaction anywhere: nothing stays open."""
    for device in range(VALIDATORS):
        after = model.tap(world, device, model.DEBIT, model.DONE, rules)
        if after.records == world.records:  # grace: the next one is a real transaction
            after = model.tap(after, device, model.DEBIT, model.DONE, rules)
        posted, voided = _settled(after.journals, rules)
        intents = {tx for journal in after.journals for tx in journal if isinstance(tx, model.Tx)}
        if intents - posted - voided:
            return "suspense never empties"
        if posted != intents.intersection(after.records):
            return "ledger set differs from the card's"
    return ""


def _settled(journals: Any, rules: model.Rules) -> tuple[frozenset[model.Tx], frozenset[model.Tx]]:
    return model.settle(tuple(entry for journal in journals for entry in journal), rules)
