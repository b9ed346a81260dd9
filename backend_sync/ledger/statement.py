"""One card's history by account number or pseudonym: every announced commit and what came of it.

A printed card number opens nothing here (D1, D11). Source: trust.md 4.3; decisions.md D22.
"""

from typing import Any

from backend_sync.ledger.results import BITS, STATE_NAMES, rule_of, state_of
from backend_sync.storage.database import Database

NAMES = (
    "n",
    "kind",
    "cents",
    "device",
    "epoch",
    "seq",
    "at",
    "state",
    "rule",
    "evidence",
)

NUMBER_DIGITS = 18  # what a database holds as a number


def find_card(database: Database, wanted: str) -> int | None:
    """Return the account number of a card given as number or as the start of its pseudonym."""
    number = int(wanted) if wanted.isdecimal() and len(wanted) <= NUMBER_DIGITS else 0
    if number and database.rows("SELECT 1 FROM cards WHERE id = ?", (number,)):
        return number
    rows = database.rows("SELECT id, pseudonym FROM cards")
    found = [row[0] for row in rows if len(wanted) >= 6 and row[1].hex().startswith(wanted.lower())]
    return found[0] if len(found) == 1 else None


def no_card(wanted: str) -> str:
    """Return the sentence that refuses what `find_card` did not find, or found more than once."""
    return f"no card {wanted!r}; wanted account number or pseudonym"


def statement(database: Database, card: int) -> dict[str, Any]:
    """Return a card's head, balance and announced commits in the order of the counter."""
    head = database.rows(
        "SELECT pseudonym, issuer, issued, n, d, l, b, balance_cents, missing FROM cards"
        " WHERE id = ?",
        (card,),
    )[0]
    rows = database.rows(
        "SELECT p.id, p.n, p.kind, p.cents, e.device, e.epoch, e.seq, p.at FROM pendings p"
        " JOIN held_entries e ON e.id = p.id WHERE p.card = ? ORDER BY p.n, e.device, e.seq",
        (card,),
    )
    evidence: dict[int, list[str]] = {}
    for pending, rule in database.rows(
        "SELECT r.pending, r.rule FROM evidence r JOIN pendings p ON p.id = r.pending"
        " WHERE p.card = ? ORDER BY r.rule",
        (card,),
    ):
        evidence.setdefault(pending, []).append(rule)
    lines = []
    for row in rows:
        rules = evidence.get(row[0], [])
        bits = sum(BITS[rule] for rule in rules)
        lines.append(
            dict(
                zip(
                    NAMES,
                    (*row[1:], STATE_NAMES[state_of(bits)], rule_of(bits), rules),
                    strict=True,
                )
            )
        )
    names = (
        "pseudonym",
        "issuer",
        "issued",
        "n",
        "d",
        "l",
        "b",
        "balance_cents",
        "missing_counters",
    )
    found = dict(zip(names, head, strict=True))
    return {"card": card, **found, "pseudonym": head[0].hex(), "commits": lines}
