"""What the books must say of what the model knows: the oracle's second half.

Functions over a Model; as that, it imports nothing of ours. `unheard` are the entries that never
reached anybody; of a card with copies, `known` are those that the books have evidence for and none
against. Source: trust.md 4.3, 4.4, 4.7.
"""

from typing import Any

from simulator.histories.model_cards import ONLINE, PASS

Writer = tuple[int, int]  # device, seq


def liability(model: Any, card: int, unheard: set[Writer], known: set[Writer]) -> int:
    """Return what LIAB of a card must be."""
    total = 0
    for (owner, _), writers in model.by_place.items():
        if owner == card:
            total += sum(model.by_writer[w].cents for w in _posted(model, writers, unheard, known))
    return total


def missing(model: Any, card: int, unheard: set[Writer]) -> int:
    """Return M: what the card paid more than the ledger can know (below 0: less)."""
    txs = [model.by_writer[w] for w in unheard if w in model.by_writer]
    return -sum(tx.cents for tx in txs if tx.card == card)


def charged(model: Any, unheard: set[Writer], known: set[Writer]) -> dict[int, int]:
    """Return what rides cost, area -> cents; forks and unheard entries are left out."""
    found: dict[int, int] = {}
    for tx in _all_posted(model, unheard, known):
        if not tx.actions and tx.cents:
            area = model.fares.prices[tx.device][0]
            found[area] = found.get(area, 0) - tx.cents
    return found


def passes(model: Any, unheard: set[Writer], known: set[Writer]) -> int:
    """Return what was paid for passes that are on cards."""
    done = {(tx.card, tx.k) for tx in _all_posted(model, unheard, known) if tx.actions}
    found = [(card, model.paid[card][k - 1]) for card, k in done if 0 < k <= len(model.paid[card])]
    # What a copy did is earned when it is told, and stays so when the other story comes.
    doubtful = [b for b in model.orders.all if b.card in model.doubtful]
    online = [o.cents for card, o in found if o.kind == ONLINE and card not in model.doubtful]
    online += [bought.cents for bought in doubtful if bought.is_earned]
    return sum(online) + sum(order.cents for _, order in found if order.kind == PASS)


def cash(model: Any) -> int:
    """Return all that was ever paid."""
    paid = [order for orders in model.paid.values() for order in orders]
    counters = sum(order.cents for order in paid if order.kind != ONLINE)
    return counters + int(model.orders.cents())


def purses(model: Any) -> int:
    """Return the sum of all purses, of cards that have one chip with one history."""
    return sum(chip.purse for chip in model.chips.values() if chip.card not in model.doubtful)


def forks(model: Any) -> set[tuple[int, int]]:
    """Return the (card, n) that two different commits hold."""
    return {place for place, writers in model.by_place.items() if len(writers) > 1}


def _all_posted(model: Any, unheard: set[Writer], known: set[Writer]) -> list[Any]:
    return [
        model.by_writer[writer]
        for writers in model.by_place.values()
        for writer in _posted(model, writers, unheard, known)
    ]


def _posted(
    model: Any, writers: set[Writer], unheard: set[Writer], known: set[Writer]
) -> set[Writer]:
    """Return which of the commits at one counter are posted: the one on the card.

    Of a card with copies only those of which the books know no other story.
    """
    doubtful = any(model.by_writer[writer].card in model.doubtful for writer in writers)
    return (writers & known if doubtful else writers) - unheard
