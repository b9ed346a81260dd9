"""One number, two authentic entries of one block: neither counts (I9).

Whatever either of them announces or ends becomes a FORK; a cash sale is taken back by the opposite
lines. Which one came first must not matter to the money. Source: trust.md T11, I9.
"""

from typing import Any

from backend_sync.ledger.arrivals import Arrivals
from backend_sync.ledger.decoding import read_outcome
from backend_sync.ledger.poster import Poster
from backend_sync.ledger.resolve import Key, Outcome, Resolver
from backend_sync.ledger.results import EQ, EQUIVOCATION
from backend_sync.ledger.working_set import SEQ_SPAN, WorkingSet
from backend_sync.ports import OK, Keyring
from backend_sync.storage.database import Database
from card_layouts.records.entries import CASH_SALE, OUTCOME


def take_back(
    database: Database, work: WorkingSet, poster: Poster, resolver: Resolver, found: Arrivals
) -> None:
    """Let no entry count whose number the same device used twice."""
    numbers = {one[1:4] for one in found.equivocal}
    if not numbers:
        return
    held = _held(database, numbers, found)
    spoilt = {(key, held[key][0]) for key in numbers}
    spoilt |= {((*key[:2], of), number) for key, (number, _, of) in held.items() if of}
    for one in found.equivocal:
        if one.type == OUTCOME:
            of = read_outcome(one.payload)[0]
            spoilt.add(((one.device, one.epoch, of), held[one[1:4]][0]))
    here = {entry.opened[1:4] for entry in found.fresh}
    stored = work.find(key for key, _ in spoilt if key not in here)
    for key, number in sorted(spoilt):
        intent = work.intents.get((key[0], key[1], key[2] % SEQ_SPAN))
        if intent is not None and intent.seq == key[2]:
            intent.learn(EQ, None)
        elif key not in here and key not in stored:
            # The intent has not come: what is to be said of it waits beside the outcomes.
            resolver.early.append(Outcome(number, *key, EQ, bytes(44)))
    for number, kind, _ in held.values():
        if kind == CASH_SALE:
            reverse_sale(database, poster, number)


def _held(
    database: Database, numbers: set[Key], found: Arrivals
) -> dict[Key, tuple[int, int, int | None]]:
    """Return (id, type, seq it ends) of the entries that were held first."""
    rows = database.rows_of(
        "SELECT e.device, e.epoch, e.seq, e.id, e.type, e.of FROM {keys} JOIN held_entries e"
        " ON e.device = k.device AND e.epoch = k.epoch AND e.seq = k.seq",
        ("device", "epoch", "seq"),
        sorted(numbers),
    )
    held: dict[Key, tuple[int, int, int | None]] = {tuple(r[:3]): tuple(r[3:]) for r in rows}
    for entry in found.fresh:
        if entry.opened[1:4] in numbers:
            held[entry.opened[1:4]] = (entry.id, entry.opened.type, entry.of)
    return held


def equivocal_numbers(database: Database, keyring: Keyring) -> set[Key]:
    """Return every number that was used twice in one block, and what either entry ends.

    Not those whose two entries both turned out to be forged (`displacement.py`).
    """
    rows = database.rows(
        "SELECT q.device, q.epoch, q.seq, q.slot, e.of FROM quarantine q JOIN held_entries e"
        " ON e.device = q.device AND e.epoch = q.epoch AND e.seq = q.seq"
        f" WHERE q.reason = '{EQUIVOCATION}' AND q.slot IS NOT NULL AND NOT EXISTS"
        " (SELECT 1 FROM displaced d WHERE d.by = e.id)"
    )
    found: set[Key] = {tuple(row[:3]) for row in rows}
    found |= {(row[0], row[1], row[4]) for row in rows if row[4]}
    runs = [(row[0], row[1], row[2], bytes(32), [bytes(row[3])]) for row in rows]
    for one in keyring.unseal(runs):
        if one.status == OK and one.type == OUTCOME:
            found.add((one.device, one.epoch, read_outcome(one.payload)[0]))
    return found


def reverse_sale(database: Database, poster: Poster, entry: int) -> None:
    """Take a cash sale back by the opposite lines, once."""
    lines: list[Any] = [
        tuple(row)
        for row in database.rows(
            "SELECT account, cents, currency, authority, rule FROM postings WHERE entry = ?",
            (entry,),
        )
    ]
    lines += [(*line[2:6], line[6]) for line in poster.lines if line[8] == entry]
    if all(line[4] == "SALE" for line in lines):
        poster.transfer([(a, -cents, c, area) for a, cents, c, area, _ in lines], "EQ", entry=entry)
