"""`tornello ledger hotlist`: cards that the books accuse, and what a person decides about them.

Without a decision it proposes, by policy; exit code 1 while there are undecided cases.
"""

import argparse
from pathlib import Path
from typing import Any

from backend_sync.ledger import listing, show
from backend_sync.ledger.listing import ListingError, Policy, Proposal
from backend_sync.ledger.place import Place
from backend_sync.ledger.statement import find_card
from backend_sync.ports import Clock
from backend_sync.storage.database import Database

EVERY = "all"
Answer = tuple[int, Any, list[str]]
UNBLOCK = (
    "a card on which the block was written already stays blocked: it also needs the action"
    " `unblock` of its own"
)


def add_command(commands: Any, clock: Clock) -> None:
    """Add `hotlist` to the subcommands of `tornello ledger`; `clock` stamps what is decided."""
    words = "cards that the books accuse: propose by policy, approve, dismiss, take off the list"
    parser = commands.add_parser("hotlist", help=words, description=words)
    parser.set_defaults(run=_hotlist, clock=clock)
    parser.add_argument("place", nargs="?", default="ledger.db", help="folder, file or URL")
    parser.add_argument("--policy", type=Path, help="TOML: clone, money = none, refuse or block;"
                        " money_from_cents, four_eyes_from")  # fmt: skip
    decision = parser.add_mutually_exclusive_group()
    decision.add_argument("--approve", metavar="CARDS", help="proposed cards, by comma, or 'all'")
    decision.add_argument("--dismiss", metavar="CARDS", help="these cases are none")
    decision.add_argument("--block", metavar="CARDS", help="list cards without a case")
    decision.add_argument("--unlist", metavar="CARDS", help="take cards off the list")
    parser.add_argument("--by", default="", help="who decides")
    parser.add_argument("--second", default="", help="who agrees, where two have to")
    parser.add_argument("--json", action="store_true", help="as JSON")


def _hotlist(options: argparse.Namespace) -> Answer:
    policy = listing.read_policy(options.policy) if options.policy else Policy()
    for decision, wanted in (
        (listing.LISTED, options.approve),
        (listing.DISMISSED, options.dismiss),
        (listing.LISTED, options.block),
        (listing.UNLISTED, options.unlist),
    ):
        if wanted:
            return _decide(options, policy, decision, wanted)
    with Place(options.place).books() as database:
        found = listing.proposals(database, policy)
    rows = [row._asdict() for row in found]
    lines = [f"{len(rows)} cases that nobody has decided"]
    if rows:
        lines += show.table(list(rows[0]), [list(row.values()) for row in rows])
        lines.append("decide with --approve CARDS --by NAME or --dismiss CARDS --by NAME")
    return int(bool(rows)), rows, lines


def _decide(options: argparse.Namespace, policy: Policy, decision: str, wanted: str) -> Answer:
    place = Place(options.place)
    with place.ledger(options.clock) as ledger:
        with ledger.books() as books:
            chosen = _chosen(books.database, policy, options, wanted)
            listing.decide(books, policy, chosen, decision, options.by, options.second)
        count = listing.publish(ledger.database, place.tariffs)
    rows = [row._asdict() for row in chosen]
    lines = [f"card {row.card} {decision}: {row.words}" for row in chosen]
    lines += [f"{place.tariffs / 'hotlist.json'}: {count} cards are listed"]
    lines += [UNBLOCK] * (decision == listing.UNLISTED)
    return 0, {"decision": decision, "cards": rows, "listed": count}, lines


def _chosen(
    database: Database, policy: Policy, options: argparse.Namespace, wanted: str
) -> list[Proposal]:
    """Return what is decided about: undecided cases, or whatever card a person names."""
    if options.block or options.unlist:
        action = listing.BLOCK if options.block else listing.REFUSE
        return [listing.by_person(database, _card(database, name), action)
                for name in wanted.split(",")]  # fmt: skip
    found = listing.proposals(database, policy)
    if wanted == EVERY:
        return found
    cards = [_card(database, name) for name in wanted.split(",")]
    strangers = [str(card) for card in cards if card not in {row.card for row in found}]
    if strangers:
        raise ListingError(f"card {', '.join(strangers)}: no undecided case; --block lists it too")
    return [row for row in found if row.card in cards]


def _card(database: Database, name: str) -> int:
    card = find_card(database, name.strip())
    if card is None:
        raise ListingError(f"no card {name.strip()!r}; wanted account number or pseudonym")
    return card
