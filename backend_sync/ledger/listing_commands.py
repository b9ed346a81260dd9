"""`tornello ledger hotlist`: cards that the books accuse, and what a person decides about them.

Without a decision it proposes, by policy; exit code 1 while there are undecided cases. From ten
entries a person and day on another person agrees to the very list first (X-14): without --proposal
the refusal says what to ask for. Where a register of users is named, or the ledger's folder is
bound to one (`tornello register bind`), who decides signs in.
"""

import argparse
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from backend_sync.ledger import listing, show
from backend_sync.ledger.listing import ALONE, Agreement, ListingError, Policy, Proposal
from backend_sync.ledger.place import Place
from backend_sync.ledger.statement import find_card, no_card
from backend_sync.ports import Clock
from backend_sync.registers import asking
from backend_sync.registers.asking import Asker
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
    asking.add_options(parser, proposal=True)
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
    with asking.asker(options, place.folder, options.clock) as asker:
        with place.ledger(options.clock) as ledger:
            with ledger.books() as books:
                chosen = _chosen(books.database, policy, options, wanted)
                agreement = _agreement(books.database, asker, chosen, options.proposal)
                second = listing.decide(books, policy, chosen, decision, options.by, agreement)
            count = listing.publish(ledger.database, place.tariffs)
    rows = [row._asdict() for row in chosen]
    lines = [f"card {row.card} {decision}: {row.words}" for row in chosen]
    lines += [f"{second} agreed to it"] * bool(second)
    lines += [f"{place.tariffs / 'hotlist.json'}: {count} cards are listed"]
    lines += [UNBLOCK] * (decision == listing.UNLISTED)
    return 0, {"decision": decision, "cards": rows, "second": second, "listed": count}, lines


def _agreement(
    database: Database, asker: Asker | None, chosen: Sequence[Proposal], number: int
) -> Agreement:
    """Return what the register says of who decides about these cards. Raises: Refused."""
    if asker is None:
        return ALONE
    cards = [row.card for row in chosen]
    issuers = {row[0] for row in database.rows_in("SELECT issuer FROM cards WHERE id IN {}", cards)}
    issuers -= {0}  # of no issue row: nobody's card is everybody's to stop
    for issuer in sorted(issuers) or [asker.user.scope.authority]:
        asker.demand("hotlist.propose", issuer)
    if len(issuers) > 1:
        said = ", ".join(map(str, sorted(issuers)))
        raise ListingError(f"cards of authorities {said}: decide about those of one at a time")
    return Agreement(asker.approvals(issuers.pop() if issuers else 0), number)


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
        raise ListingError(no_card(name.strip()))
    return card
