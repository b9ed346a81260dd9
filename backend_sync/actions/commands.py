"""`tornello ledger action create|cancel|list|show`: purchases that wait for their card.

Exit code 0 = done, 1 = refused (nothing was changed), 2 = cannot be done.
"""

import argparse
from typing import Any

from backend_sync.actions import desk, words
from backend_sync.actions.checks import check
from backend_sync.actions.desk import ActionRefused, Order
from backend_sync.actions.limits import CHANNELS
from backend_sync.ledger import show
from backend_sync.ledger.place import Place
from backend_sync.ledger.statement import find_card, no_card
from backend_sync.ports import Clock
from backend_sync.registers.asking import number

DAY_S = 86_400
Answer = tuple[int, Any, list[str]]


def add_command(commands: Any, clock: Clock) -> None:
    """Add `action` to the subcommands of `tornello ledger`."""
    words_of = "purchases that go onto the card at its next tap: create, cancel, list, show"
    parser = commands.add_parser("action", help=words_of, description=words_of)
    parser.set_defaults(clock=clock)
    subs = parser.add_subparsers(dest="what", required=True, metavar="COMMAND")
    create = _add(subs, "create", _create, "sell one; the same key again is the same purchase")
    create.add_argument("--key", required=True, help="the channel's own number of the sale")
    create.add_argument("--card", required=True, help="account number or pseudonym")
    create.add_argument("--kind", choices=sorted(words.KINDS), default="load")
    create.add_argument("--cents", type=number, required=True, help="paid, and loaded if a load")
    create.add_argument("--channel", choices=sorted(CHANNELS), default="web")
    create.add_argument("--days", type=number, default=30, help="how long it waits (%(default)s)")
    create.add_argument("--slot", type=number, default=0, help="of a product")
    create.add_argument("--what", default="", help="of a product: P slot and J copy, 25 B in hex")
    create.add_argument("--reason", default="")
    cancel = _add(subs, "cancel", _cancel, "withdraw one; money back once it cannot be loaded")
    cancel.add_argument("action", type=number)
    cancel.add_argument("--reason", default="")
    listed = _add(subs, "list", _list, "all that are not ended, or all")
    listed.add_argument("--all", action="store_true", help="those that are ended, too")
    listed.add_argument("--card", default="", help="of one card: account number or pseudonym")
    shown = _add(subs, "show", _show, "one, with its status")
    shown.add_argument("action", type=number)


def _add(subs: Any, name: str, run: Any, sentence: str) -> argparse.ArgumentParser:
    parser: argparse.ArgumentParser = subs.add_parser(name, help=sentence, description=sentence)
    parser.set_defaults(run=run)
    parser.add_argument("place", nargs="?", default="ledger.db", help="folder, file or URL")
    parser.add_argument("--json", action="store_true", help="as JSON")
    return parser


def _create(options: argparse.Namespace) -> Answer:
    try:
        what = bytes.fromhex(options.what)
    except ValueError:
        return _refused(f"--what {options.what[:20]!r}: wanted 25 bytes in hex")
    place = Place(options.place)
    with place.ledger(options.clock) as ledger:
        card = find_card(ledger.database, options.card)
        if card is None:
            return _refused(no_card(options.card))
        now = ledger.clock.utc_seconds()
        order = Order(
            options.key,
            card,
            words.KINDS[options.kind],
            options.cents,
            options.channel,
            now,
            now + options.days * DAY_S,
            options.slot,
            what,
            options.reason,
        )
        try:
            check(ledger.database, ledger.rerater.tariffs, order, now)
            with ledger.books() as books:
                number, is_new = desk.create(books, order)
        except ActionRefused as error:
            return _refused(str(error))
        found = words.status(ledger.database, number) or {}
    return 0, {**found, "new": is_new}, [f"action {number}: {found['status']}"]


def _cancel(options: argparse.Namespace) -> Answer:
    place = Place(options.place)
    with place.ledger(options.clock) as ledger:
        try:
            with ledger.books() as books:
                desk.cancel(books, options.action, options.reason)
        except ActionRefused as error:
            return _refused(str(error))
        found = words.status(ledger.database, options.action) or {}
    return 0, found, [f"action {options.action}: {found['status']}"]


def _list(options: argparse.Namespace) -> Answer:
    with Place(options.place).books() as database:
        where = "1 = 1" if options.all else "s.ended = 0"
        values: tuple[int, ...] = ()
        if options.card:
            card = find_card(database, options.card)
            if card is None:
                return _refused(no_card(options.card))
            where, values = f"{where} AND a.card = ?", (card,)
        rows = database.rows(
            "SELECT a.id FROM actions a JOIN action_states s ON s.action = a.id"
            f" WHERE {where} ORDER BY a.id",
            values,
        )
        found = [words.status(database, row[0]) or {} for row in rows]
    names = ("action", "card", "kind", "cents", "channel", "state", "status")
    return 0, found, show.table(names, [[row[name] for name in names] for row in found])


def _show(options: argparse.Namespace) -> Answer:
    with Place(options.place).books() as database:
        found = words.status(database, options.action)
    if found is None:
        return _refused(f"action {options.action}: there is none")
    return 0, found, [f"{name:11} {value}" for name, value in found.items()]


def _refused(sentence: str) -> Answer:
    return 1, {"refused": sentence}, [f"refused: {sentence}"]
