"""The tap protocol as a small model: one card, two or more validators, one ledger.

No crypto, no bytes: a chain value is the nested tuple of what it covers, a counter is an integer.
It imports nothing of ours, so that it can disagree with the project. `Rules` switches one rule off
or bends it: each such mutant must be caught (trust.md 4.7). D15's order is modelled: a tap
journals INTENT and OUTCOME, the record found at the tap travels inside OUTCOME.

Source: trust.md 4.2 (validator), 4.3 (ledger), 4.6 (invariants); decisions.md D15, D22.
"""

from typing import Any, NamedTuple

# How a commit attempt ends.
DONE = "done"  # committed, answer read, OUTCOME durable
EARLY = "early"  # torn before INTENT was durable: nothing happened anywhere
NOT_SENT = "not sent"  # INTENT durable, C7 never left: the device knows it was not taken
LOST = "lost"  # C7 left, the card did not finish: the device does not know
ANSWER_LOST = "answer lost"  # the card committed, the device does not know
ENDINGS = (DONE, EARLY, NOT_SENT, LOST, ANSWER_LOST)

DEBIT, ACTION = "debit", "action"
COMMITTED, ABORTED = "C", "A"


class Tx(NamedTuple):
    """One transaction as INTENT states it; `h` = (h of the record found, this one's identity)."""

    device: int
    seq: int
    n: int
    kind: str
    h: tuple[Any, ...]


class Out(NamedTuple):
    """OUTCOME of intent `of`; `found` is the newest record at that tap (courier evidence)."""

    of: tuple[int, int]  # (device, seq)
    result: str
    found: "Tx | None"


class Rules(NamedTuple):
    """The rules in force; each field's other value is a mutant."""

    intent_before_commit: bool = True
    unknown_means: str = ""  # "" unknown stays unknown; ABORTED or COMMITTED: the device guesses
    grace: bool = True
    card_counts_actions: bool = True
    by_sums: bool = False  # resolve by amounts: the counter says how many, not which
    void_by_foreign_read: bool = False  # another device saw n' < n "earlier"
    void_by_counter_reuse: bool = True  # V2
    chain: bool = True  # P3


class World(NamedTuple):
    """Everything there is; immutable, so that histories share their beginnings."""

    records: tuple[Tx, ...] = ()  # on the card, oldest first; n = length
    journals: tuple[tuple[Any, ...], ...] = ((), ())  # one a validator
    presented: int = 0  # journeys the passenger wanted to pay
    waiting: int = -1  # validator at which a debit ended unknown and the card is held again


def tap(world: World, device: int, wants: str, ending: str, rules: Rules) -> World:
    """Return the world after one presentation of the card at `device`."""
    journal = list(world.journals[device])
    found = world.records[-1] if world.records else None
    n = len(world.records)
    taken = _resolve(journal, found, n)
    again = world.waiting == device
    presented = world.presented + (0 if again else 1)
    if taken and taken.kind == DEBIT and rules.grace:
        return _with(world, device, journal, world.records, presented, -1)
    if (
        wants == ACTION
        and rules.card_counts_actions
        and any(tx.kind == ACTION for tx in world.records)
    ):
        wants = DEBIT
    seq = len(journal) + 1
    tx = Tx(device, seq, n + 1, wants, (found.h if found else (), (device, seq)))
    records = world.records
    if ending == EARLY:
        return _with(world, device, journal, records, presented, -1)
    if rules.intent_before_commit or ending in (DONE, NOT_SENT):
        journal.append(tx)
    if ending in (DONE, ANSWER_LOST):
        records = (*records, tx)
    if ending == DONE:
        journal.append(Out((device, seq), COMMITTED, found))
    elif ending == NOT_SENT:
        journal.append(Out((device, seq), ABORTED, found))
    elif rules.unknown_means:
        journal.append(Out((device, seq), rules.unknown_means, found))
    unknown = ending in (LOST, ANSWER_LOST) and wants == DEBIT
    return _with(world, device, journal, records, presented, device if unknown else -1)


def _resolve(journal: list[Any], found: "Tx | None", n: int) -> "Tx | None":
    """Close this device's open intents as far as the newest record tells; return one taken."""
    closed = {entry.of for entry in journal if isinstance(entry, Out)}
    taken = None
    for tx in [entry for entry in journal if isinstance(entry, Tx)]:
        if (tx.device, tx.seq) in closed or n > tx.n:
            continue  # n > tx.n: only older records would tell; the ledger will
        mine = found is not None and n == tx.n and (found.device, found.seq) == (tx.device, tx.seq)
        journal.append(Out((tx.device, tx.seq), COMMITTED if mine else ABORTED, found))
        taken = tx if mine else taken
    return taken


def _with(
    world: World,
    device: int,
    journal: list[Any],
    records: tuple[Tx, ...],
    presented: int,
    waiting: int,
) -> World:
    journals = list(world.journals)
    journals[device] = tuple(journal)
    return World(records, tuple(journals), presented, waiting)


def settle(entries: tuple[Any, ...], rules: Rules) -> tuple[frozenset[Tx], frozenset[Tx]]:
    """Return (posted, voided) as the ledger decides from the set of `entries` and nothing else."""
    intents = [entry for entry in entries if isinstance(entry, Tx)]
    outs = [entry for entry in entries if isinstance(entry, Out)]
    named = {(tx.device, tx.seq): tx for tx in intents}
    posted: set[Tx] = set()
    voided: set[Tx] = set()
    for out in outs:
        tx = named.get(out.of)
        if tx is not None:
            (posted if out.result == COMMITTED else voided).add(tx)  # P1, V1, V3
        if out.found is not None and (out.found.device, out.found.seq) in named:
            posted.add(named[out.found.device, out.found.seq])  # P2
    seen = [out.found for out in outs if out.found is not None]
    if rules.chain:
        # P3: a record seen, or the h an intent was built on, names the one predecessor.
        for h in [tx.h for tx in seen] + [tx.h[0] for tx in intents]:
            while h:
                if h[1] in named:
                    posted.add(named[h[1]])
                h = h[0]
    if rules.void_by_foreign_read:
        voided |= {
            tx
            for tx in intents
            for other in seen
            if other.n < tx.n and other.device != tx.device and tx not in posted
        }
    if rules.by_sums:
        top = max([tx.n for tx in posted | set(seen)], default=0)
        for n in range(1, top + 1):
            if not any(tx.n == n for tx in posted):
                posted |= set([tx for tx in intents if tx.n == n][:1])
    if rules.void_by_counter_reuse:
        taken = {tx.n: tx for tx in posted | set(seen)}
        voided |= {tx for tx in intents if tx.n in taken and taken[tx.n][:3] != tx[:3]}  # V2
    return frozenset(posted), frozenset(voided)
