"""`tornello register ...`: where every card is, who may do what, and who did it.

PLACE is a folder with registers.db, a database file or a URL. Whoever asks says who he is: --by
NAME and --secret FILE (its first line; a terminal asks). Exit code 0 = done, 1 = refused, below an
alarm's limit or not what the trail says, 2 = cannot be done.
"""

import argparse
import json
import os
import sys
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

from sqlalchemy.exc import SQLAlchemyError

from backend_sync.clocks import SystemClock
from backend_sync.registers import card_commands, name_commands, user_commands
from backend_sync.registers.asking import bind, number, read_secret
from backend_sync.registers.opening import RESTORE, Registers, open_database
from backend_sync.registers.passwords import Cost
from backend_sync.registers.refusals import CommandError, Refused
from backend_sync.registers.rights import User
from backend_sync.registers.verify import head_of_all, verify
from backend_sync.storage.disk import DiskRefused, in_words, shown

Answer = tuple[int, Any, list[str]]  # exit code, JSON, lines for people
Command = Callable[[Registers, User, argparse.Namespace], Answer]


def main(arguments: Sequence[str], cost: Cost = Cost()) -> int:  # noqa: B008 - never changed
    """Run one subcommand; print its answer as text, or as JSON with --json."""
    options = _parser().parse_args(list(arguments))
    try:
        code, found, lines = _answer(options, cost)
    except Refused as error:
        print(f"register {options.command}: {error}; nothing was changed", file=sys.stderr)
        return 1
    except (CommandError, DiskRefused, OSError, ModuleNotFoundError, SQLAlchemyError) as error:
        cause = error.__cause__ or error
        words = in_words(cause, RESTORE) or str(cause).strip()
        print(f"register {options.command}: {shown(options.place)}: {words}", file=sys.stderr)
        return 2
    print(json.dumps(found, indent=1, ensure_ascii=False) if options.json else "\n".join(lines))
    return code


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="tornello register",
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    commands = parser.add_subparsers(dest="command", required=True, metavar="COMMAND")
    init = add_command(commands, "init", _init, "make a register, or serve one more authority",
                       signed=False)  # fmt: skip
    init.add_argument(
        "--authority", type=number, required=True, help="its number, 1..255; 0 = technical support"
    )
    init.add_argument("--user", required=True, help="its first user, who adds the others")
    init.add_argument("--secret", type=Path, help="file: that user's password")
    words = (
        "let commands on a folder (of a keyring, ledger, customers, links) want a user who signs in"
    )
    binding = add_command(commands, "bind", _bind, words, signed=False)
    binding.add_argument(
        "--folder",
        type=Path,
        required=True,
        help="bound to PLACE for ever; for books in PostgreSQL: that of `ledger at`",
    )
    card_commands.add_commands(commands, add_command)
    user_commands.add_commands(commands, add_command)
    name_commands.add_commands(commands, add_command)
    words = "exit 1 unless everything is what the trail says; names the first changed row"
    check = add_command(commands, "verify", _verify, words, signed=False)
    check.add_argument("--head", default="", help="a head that was written down earlier")
    return parser


def add_command(
    commands: Any, name: str, run: Callable[..., Answer], words: str, signed: bool = True
) -> argparse.ArgumentParser:
    """Add a subcommand; a `signed` one is run by a user who says who he is."""
    parser: argparse.ArgumentParser = commands.add_parser(name, help=words, description=words)
    parser.set_defaults(run=run, signed=signed)
    parser.add_argument("place", nargs="?", default="registers.db", help="folder, file or URL")
    parser.add_argument("--json", action="store_true", help="as JSON")
    if signed:
        parser.add_argument("--by", required=True, metavar="NAME", help="who asks")
        parser.add_argument("--secret", type=Path, metavar="FILE", help="file: that user's secret")
    return parser


def _answer(options: argparse.Namespace, cost: Cost) -> Answer:
    database = open_database(options.place, make=options.command == "init")
    with Registers(database, SystemClock(), os.urandom, cost) as registers:
        run: Callable[..., Answer] = options.run
        if not options.signed:
            return run(registers, options)
        secret = read_secret(options.secret, options.by)
        return run(registers, registers.users.sign_in(options.by, secret), options)


def _init(registers: Registers, options: argparse.Namespace) -> Answer:
    secret = read_secret(options.secret, options.user)
    user = registers.found(options.authority, options.user, secret)
    lines = [
        f"user {user.name} ({user.role}) can begin",
        "next: register place --name point:NAME, register deliver, register user add",
    ]
    return 0, {"authority": options.authority, "user": user.name}, lines


def _bind(_registers: Registers, options: argparse.Namespace) -> Answer:
    bind(options.folder, options.place)
    words = f"{options.folder}: its commands want --by NAME, a user of {shown(options.place)}"
    return 0, {"folder": str(options.folder), "place": options.place}, [words]


def _verify(registers: Registers, options: argparse.Namespace) -> Answer:
    wrong = verify(registers.database, options.head)
    rows, head = head_of_all(registers.database)
    found = {"rows": rows, "head": head, "wrong": wrong}
    good = f"{rows} rows of the trail hold; the head is {head}: write it down elsewhere"
    return int(bool(wrong)), found, wrong or [good]
