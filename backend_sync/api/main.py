"""`tornello api ...`: the interfaces for machines: their keys, their document, published files.

PLACE is a ledger's folder, bound to a register of users (`register bind`) or used with --register.
`./tornello ledger serve` serves them under /api/v1. Exit code 0 = done, 1 = refused by the register
or the feed, 2 = wrong use or cannot be done.
"""

import argparse
import json
import os
import sys
from collections.abc import Callable, Sequence
from pathlib import Path

from sqlalchemy.exc import SQLAlchemyError

from backend_sync.api.app import document_of_routes
from backend_sync.api.keys import Key, Keys
from backend_sync.api.opening import open_database
from backend_sync.api.static_data import publish
from backend_sync.clocks import SystemClock
from backend_sync.ledger.place import Place, PlaceError, reason
from backend_sync.ledger.show import table
from backend_sync.registers import asking
from backend_sync.registers.refusals import CommandError, Refused
from backend_sync.registers.rights import User
from backend_sync.settlement.words import date_of
from backend_sync.storage.disk import DiskRefused
from backend_sync.tariffs.commands.failure import CommandFailed
from backend_sync.tariffs.gtfs_source import GtfsError
from backend_sync.tariffs.source import TariffFault
from card_layouts.codec.timestamps import day_of

REFUSED = (Refused, GtfsError, TariffFault, CommandFailed)


def main(arguments: Sequence[str]) -> int:
    """Run one subcommand; return its exit code."""
    options = _parser().parse_args(list(arguments))
    try:
        code: int = options.run(options)
    except REFUSED as error:
        print(f"api: {error}", file=sys.stderr)
        return 1
    except (PlaceError, DiskRefused, CommandError, OSError) as error:
        print(f"api: {error}", file=sys.stderr)
        return 2
    except SQLAlchemyError as error:
        print(f"api: {options.place}: {reason(error)}", file=sys.stderr)
        return 2
    return code


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="tornello api",
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    groups = parser.add_subparsers(dest="command", required=True)
    words = "print the document of all interfaces (OpenAPI 3.1, JSON)"
    groups.add_parser("openapi", help=words, description=words).set_defaults(run=_openapi)
    key = groups.add_parser("key", help="keys of machines: add, list, withdraw")
    _key_commands(key.add_subparsers(dest="what", required=True))
    words = "make the file of stops, timetables and fares that everybody may fetch (GTFS, Fares v2)"
    made = groups.add_parser("publish", help=words, description=words)
    made.set_defaults(run=_publish)
    made.add_argument("place", help="folder of the ledger")
    made.add_argument("--tariff", type=Path, required=True, help="the tariff, TOML")
    made.add_argument("--gtfs", type=Path, required=True, help="its feed, a zip or a folder")
    return parser


def _key_commands(
    commands: "argparse._SubParsersAction[argparse.ArgumentParser]",
) -> None:
    words = "make a key of a user and print it once; nobody can read it again"
    add = _key_command(commands, "add", words, _add)
    add.add_argument("--user", required=True, metavar="NAME", help="whose rights and scope it has")
    words = "only this right of his, may be said several times (all that he has)"
    add.add_argument("--right", action="append", default=[], help=words)
    add.add_argument("--days", type=asking.number, default=0, help="how long it is good (for ever)")
    add.add_argument("--label", default="", help="what it is for, shown in the list")
    listed = _key_command(commands, "list", "keys of the users that one may see", _list)
    listed.add_argument("--json", action="store_true", help="as JSON")
    words = "let a key be good no more, at once and for ever"
    _key_command(commands, "withdraw", words, _withdraw).add_argument(
        "--key", required=True, metavar="ID", help="its number: `key list`"
    )


def _key_command(
    commands: "argparse._SubParsersAction[argparse.ArgumentParser]",
    name: str,
    words: str,
    run: Callable[[Keys, User, argparse.Namespace], None],
) -> argparse.ArgumentParser:
    made = commands.add_parser(name, help=words, description=words)
    made.set_defaults(run=_with_keys, do=run)
    made.add_argument("place", help="folder of the ledger")
    asking.add_options(made)
    return made


def _with_keys(options: argparse.Namespace) -> int:
    place, clock = Place(options.place), SystemClock()
    place.url()
    with asking.asker(options, place.folder, clock) as who:
        if who is None:
            raise Refused(asking.NO_REGISTER)
        with open_database(place.folder) as database:
            options.do(Keys(database, who.registers, clock, os.urandom), who.user, options)
    return 0


def _add(keys: Keys, by: User, options: argparse.Namespace) -> None:
    key, text = keys.add(by, options.user, options.right, options.label, options.days)
    print(f"key {key.id} of {key.name}, {_rights(key)}, {_end(key)}; it is shown this once:")
    print(text)


def _list(keys: Keys, by: User, options: argparse.Namespace) -> None:
    found = keys.seen_by(by)
    if options.json:
        print(json.dumps([{**key._asdict(), "rights": sorted(key.rights)} for key in found]))
        return
    rows = [(key.id, key.name, key.label, _rights(key), date_of(day_of(key.made)), _end(key))
            for key in found]  # fmt: skip
    print("\n".join(table(("key", "user", "label", "rights", "made", "good"), rows)))


def _withdraw(keys: Keys, by: User, options: argparse.Namespace) -> None:
    key = keys.withdraw(by, options.key)
    print(f"key {key.id} of {key.name} is good no more")


def _rights(key: Key) -> str:
    return " ".join(sorted(key.rights)) or "all rights of its user"


def _end(key: Key) -> str:
    if key.withdrawn:
        return f"withdrawn on {date_of(day_of(key.withdrawn))}"
    return f"until {date_of(day_of(key.expires))}" if key.expires else "without an end"


def _openapi(_options: argparse.Namespace) -> int:
    print(json.dumps(document_of_routes(), indent=2))
    return 0


def _publish(options: argparse.Namespace) -> int:
    place = Place(options.place)
    place.url()
    authority, path, changed = publish(place.folder, options.tariff, options.gtfs)
    words = "published" if changed else "published already"
    print(f"authority {authority}: {path.name}, {path.stat().st_size} bytes, {words}")
    return 0
