"""Random histories of cards and devices, and a ledger's final state as one comparable value.

The history is honest physics (a card takes a commit or does not) plus every fault of trust.md 4.2:
torn before and after the commit, lost answers, outcomes told later, clones, a lost journal.
"""

from backend_sync.ledger.results import BITS, rule_of
from card_layouts.cards.card_layout import KIND_BLOCK, G
from card_layouts.records import entries as types
from card_layouts.records.entries_tap import (
    HOW_LATER,
    HOW_NOT_SENT,
    OUTCOME_ABORTED,
    OUTCOME_COMMITTED,
    OUTCOME_ORPHAN,
)

STEPS = (
    "tap",
    "tap",
    "tap",
    "tap",
    "load",
    "torn",
    "answer lost",
    "not sent",
    "refuse",
    "observe",
    "block",
    "clone",
    "orphan",
    "later",
)


def play(world, random, steps=25):
    """Let cards and devices do `steps` random things; the journals have it all.

    Returns the cards, copies included: what is really on them.
    """
    devices = [world.devices[number] for number in (1, 2, 3)]
    cards = list(world.cards)
    unsaid = []  # (device, announced, card, was it committed)
    for card in cards:
        devices[0].load(card, 5000)
    for _ in range(steps):
        device, card = random.choice(devices), random.choice(cards)
        step = random.choice(STEPS)
        cents = random.choice((0, 150, 300))
        if step == "tap":
            device.tap(card, cents)
        elif step == "load":
            device.load(card, 1000, action=device.next_seq)
        elif step == "torn":
            unsaid.append((device, device.intent(card, cents), card, False))
        elif step == "answer lost":
            announced = device.intent(card, cents)
            card.commit(announced)
            unsaid.append((device, announced, card, True))
        elif step == "not sent":
            device.outcome(device.intent(card, cents), OUTCOME_ABORTED, HOW_NOT_SENT)
        elif step == "refuse":
            device.refuse(card)
        elif step == "observe":
            older = card.records[-2] if len(card.records) > 1 else bytes(44)
            device.put(
                types.OBS,
                {
                    "uid": card.uid,
                    "newer": card.newest,
                    "older": older,
                    "count": 2 if len(card.records) > 1 else 1,
                },
            )
        elif step == "block":
            announced = device.announce(card, KIND_BLOCK, 0, types.BLOCK)
            card.commit(announced)
            device.outcome(announced)
        elif step == "clone" and len(cards) < 6 and random.random() < 0.3:
            cards.append(card.copy())
        elif unsaid:
            device, announced, card, taken = unsaid.pop(random.randrange(len(unsaid)))
            if step == "orphan":
                device.outcome(announced, OUTCOME_ORPHAN, HOW_LATER, bytes(44))
            else:
                said = OUTCOME_COMMITTED if taken else OUTCOME_ABORTED
                device.outcome(announced, said, HOW_LATER, card.newest)
    return cards


def cut(runs, random, pieces=6):
    """Return the runs cut into pieces, shuffled, some of them twice."""
    parts = []
    for device, epoch, first, before, slots in runs:
        marks = sorted({0, len(slots), *(random.randrange(len(slots) + 1) for _ in range(pieces))})
        for low, high in zip(marks, marks[1:]):
            # H before a piece in the middle is the edge's claim; the ledger must not need it.
            claim = before if low == 0 else bytes(32)
            parts.append((device, epoch, first + low, claim, slots[low:high]))
    parts += [random.choice(parts) for _ in range(len(parts) // 3)]
    random.shuffle(parts)
    return parts


def groups(parts, random):
    """Return the pieces in groups of random size, one transaction each."""
    found = []
    at = 0
    while at < len(parts):
        size = random.choice((1, 1, 2, 4, 8))
        found.append([("edge-1", parts[at : at + size])])
        at += size
    return found


def state(ledger):
    """Return everything the books say, without the numbers that only name rows."""
    database = ledger.database
    report = ledger.report()
    report.pop("alarms")  # one per sighting of a fault: how often it was seen, not what is
    evidence = {}
    for device, epoch, seq, rule in database.rows(
        "SELECT e.device, e.epoch, e.seq, r.rule FROM evidence r"
        " JOIN held_entries e ON e.id = r.pending"
    ):
        evidence.setdefault((device, epoch, seq), set()).add(rule)
    rules = {key: rule_of(sum(BITS[rule] for rule in found)) for key, found in evidence.items()}
    return {
        "report": report,
        "rules": rules,
        "cards": [
            tuple(row)
            for row in database.rows(
                "SELECT pseudonym, issued, n, d, l, h, b, balance_cents, debits_cents, loads_cents,"
                " posted, voided, missing FROM cards ORDER BY pseudonym"
            )
        ],
        "balances": [
            tuple(row)
            for row in database.rows(
                "SELECT name, cents FROM balances WHERE cents <> 0 ORDER BY name"
            )
        ],
        "chains": [
            tuple(row)
            for row in database.rows(
                "SELECT device, epoch, seq, chain, head_seq, held FROM devices ORDER BY device"
            )
        ],
        "open": sorted(
            tuple(row)
            for row in database.rows("SELECT o.device, o.seq FROM open_intents o WHERE o.bits = 0")
        ),
        "sightings": sorted(
            tuple(row) for row in database.rows("SELECT record, rival FROM sightings")
        ),
    }


def on_cards(cards):
    """Return (device, epoch, seq) of every commit that a card holds."""
    fields = [G.unpack(record) for card in cards for record in card.records[1:]]
    return {(g["device"], g["epoch"], g["seq"]) for g in fields}
