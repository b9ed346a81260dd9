"""`tornello ledger retention`: what detail is old, folding it, and what a dispute keeps.

Without --apply it only says what would be folded. Exit code 0 = said or done, 1 = the books were
changed beside the ledger and nothing was folded, 2 = cannot be done. Where the ledger's folder is
bound to a register of users, who folds signs in. Source: decisions.md D24; SPEC.md section 10.
"""

import argparse
from datetime import UTC, datetime
from typing import Any

from backend_sync.ledger import folding
from backend_sync.ledger.fold_selection import Selected
from backend_sync.ledger.fold_tables import kept_detail
from backend_sync.ledger.place import Place, PlaceError
from backend_sync.ledger.statement import find_card, no_card
from backend_sync.ports import Clock
from backend_sync.registers import asking
from backend_sync.registers.asking import number
from backend_sync.storage.database import Database
from card_layouts.codec.timestamps import to_unix

Answer = tuple[int, Any, list[str]]
REASON_LENGTH = 200


def add_command(commands: Any, clock: Clock) -> None:
    """Add `retention` to the subcommands of `tornello ledger`."""
    words = "fold detail of rides and loads that is old; without --apply: what would be folded"
    parser = commands.add_parser("retention", help=words, description=words)
    parser.set_defaults(run=_retention, clock=clock)
    parser.add_argument("place", nargs="?", default="ledger.db", help="folder, file or URL")
    parser.add_argument("--weeks", type=number, default=folding.WEEKS,
                        help="keep this many, 13 or more (default: %(default)s)")  # fmt: skip
    what = parser.add_mutually_exclusive_group()
    what.add_argument("--apply", action="store_true", help="fold it: it is gone for good")
    what.add_argument("--keep", metavar="CARD", help="a dispute touches this card: fold none of it")
    what.add_argument("--release", metavar="CARD", help="the dispute is over")
    parser.add_argument("--reason", default="", help="which dispute keeps the card")
    asking.add_options(parser)
    parser.add_argument("--json", action="store_true", help="as JSON")


def _retention(options: argparse.Namespace) -> Answer:
    place = Place(options.place)
    with asking.asker(options, place.folder, options.clock):
        with place.ledger(options.clock) as ledger:
            if options.keep or options.release:
                return _keep(ledger.database, options)
            try:
                until = folding.horizon(options.clock.utc_seconds(), options.weeks)
                if not options.apply:
                    return _said(folding.foldable(ledger.database, until), until, False)
                return _said(ledger.fold(options.weeks), until, True)
            except folding.BooksChanged as error:
                return 1, {"refused": str(error)}, [str(error)]
            except folding.FoldRefused as error:
                raise PlaceError(str(error)) from None


def _said(found: Selected, until: int, done: bool) -> Answer:
    words = "folded" if done else "would be folded (--apply does it)"
    day = datetime.fromtimestamp(to_unix(until), UTC).date()
    lines = [
        f"what was received up to {day}: {found.commits:,} rides, blocks and loads of"
        f" {found.cards:,} cards, {found.slots:,} slots: {words}",
        f"{found.cards_kept:,} cards are kept whole: an intent, a contradiction or a dispute",
    ]
    return 0, {**found._asdict(), "until": until, "folded": done}, lines


def _keep(database: Database, options: argparse.Namespace) -> Answer:
    name = options.keep or options.release
    card = find_card(database, name)
    if card is None:
        raise PlaceError(no_card(name))
    if options.keep and not 0 < len(options.reason) <= REASON_LENGTH:
        raise PlaceError(f"--reason: wanted the dispute in 1 to {REASON_LENGTH} letters")
    with database.transaction():
        database.run("DELETE FROM kept_detail WHERE card = ?", [(card,)])
        if options.keep:
            database.insert(kept_detail, [(card, options.reason)])
    said = f"its detail is kept: {options.reason}" if options.keep else "its detail may be folded"
    return 0, {"card": card, "kept": bool(options.keep)}, [f"card {card}: {said}"]
