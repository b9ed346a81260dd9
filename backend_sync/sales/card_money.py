"""What the books know of one card's money, for paying it out: value, suspense, deposit, refunds.

Source: trust.md 4.5 "refund card-absent": pay the known LIAB less what is in suspense.
"""

from typing import NamedTuple

from backend_sync.ledger.accounts import card_name
from backend_sync.ledger.results import BITS, LAPSED, OPEN, POSTED, VOIDED, state_of
from backend_sync.storage.database import Database
from card_layouts.records.entries_service import ACT_REFUND

NOT_TOLD, WAITING, DONE, NOT_DONE, CONTRADICTED = (
    *("not told", "waiting", "done", "not done", "contradicted"),
)


class CardMoney(NamedTuple):
    """Units: cents. `suspense_cents`: debits that were announced, and nobody knows of yet."""

    name: str  # of its account
    issuer: int
    issued: bool
    balance_cents: int
    suspense_cents: int
    deposit_cents: int  # taken and not given back


def card_money(database: Database, card: int) -> CardMoney | None:
    """Return what is known of a card by its account number; None when there is no such card."""
    rows = database.rows(
        "SELECT pseudonym, issuer, issued, balance_cents FROM cards WHERE id = ?", (card,)
    )
    if not rows:
        return None
    pseudonym, issuer, issued, balance = rows[0]
    # What rule X marked is still open: only evidence ends it.
    suspense = database.value(
        "SELECT coalesce(sum(p.cents), 0) FROM open_intents o JOIN pendings p ON p.id = o.pending"
        " WHERE o.card = ? AND o.bits IN (0, 128) AND p.source = ?",
        (card, card),
    )
    taken = database.value("SELECT coalesce(sum(cents), 0) FROM deposits WHERE card = ?", (card,))
    given = database.value(
        "SELECT coalesce(sum(s.cents), 0) FROM claim_steps s JOIN claims c ON c.id = s.claim"
        " WHERE c.card = ? AND s.step = 'deposit'",
        (card,),
    )
    return CardMoney(card_name(issuer, bytes(pseudonym)), issuer, bool(issued), int(balance),
                     int(suspense), int(taken) - int(given))  # fmt: skip


def pledge_of(money: CardMoney) -> str:
    """Return the account of a card's deposit."""
    return "PLEDGE" + money.name.removeprefix("LIAB")


def refund_on_card(database: Database, card: int, action: int) -> tuple[str, int]:
    """Return (what became of the card's refund `action`, the cents that it took off the card)."""
    rows = database.rows(
        "SELECT a.id, p.cents FROM action_entries a JOIN pendings p ON p.id = a.id"
        " WHERE a.card = ? AND a.action = ? AND a.kind = ?"
        " AND a.id NOT IN (SELECT entry FROM displaced)",
        (card, action, ACT_REFUND),
    )
    found = {}
    for entry, cents in rows:
        bits = 0
        for (rule,) in database.rows("SELECT rule FROM evidence WHERE pending = ?", (entry,)):
            bits |= BITS[rule]
        found[state_of(bits)] = int(cents)
    for state, said in ((POSTED, DONE), (OPEN, WAITING), (LAPSED, WAITING), (VOIDED, NOT_DONE)):
        if state in found:
            return said, found[state]
    return (CONTRADICTED, 0) if found else (NOT_TOLD, 0)
