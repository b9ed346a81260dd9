"""`tornello ledger ...`: read the books, bring in cards and sales, replay the evidence.

Reading opens the database read-only. Give a folder that holds `ledger.db`, a database file, or a
URL. Exit code 0 = done and nothing wrong, 1 = the money or a seal is wrong, 2 = cannot be done.
"""

import argparse
import json
import sqlite3
import sys
from collections.abc import Callable, Sequence
from contextlib import AbstractContextManager, closing
from pathlib import Path
from typing import Any

from sqlalchemy.exc import SQLAlchemyError

from backend_sync.actions import commands as action_commands
from backend_sync.backups import commands as backup_commands
from backend_sync.catalogue import every_tariff
from backend_sync.clocks import SystemClock
from backend_sync.keyring.keyfile import KeyFileError
from backend_sync.keyring.local import LocalKeyring
from backend_sync.keyring.remote import RemoteKeyring
from backend_sync.ledger import keeping, listed, listing_commands, retention, show
from backend_sync.ledger import report as figures
from backend_sync.ledger.backup import BackupError
from backend_sync.ledger.differences import differences
from backend_sync.ledger.engine import fare_hashes
from backend_sync.ledger.ledger import Ledger
from backend_sync.ledger.listing import ListingError
from backend_sync.ledger.place import Place, PlaceError, reason
from backend_sync.ledger.recorded_taps import recorded_taps
from backend_sync.ledger.replay import replay
from backend_sync.ledger.singles import is_genuine, single_cases, single_figures
from backend_sync.ledger.statement import find_card, no_card, statement
from backend_sync.ledger.suspense import suspense
from backend_sync.ledger.tickets import ticket_cases, ticket_figures
from backend_sync.ports import KeyringError
from backend_sync.registers.asking import number
from backend_sync.registers.refusals import Refused
from backend_sync.storage.database import Database
from backend_sync.storage.disk import DiskRefused, shown, told
from card_layouts.errors import LayoutError

Answer = tuple[int, Any, list[str]]  # exit code, JSON, lines for people


class CommandError(Exception):
    """The command cannot be done; the message is the sentence to show."""


# What is the caller's or the world's fault: one sentence and exit code 2.
REFUSALS = (BackupError, CommandError, PlaceError, DiskRefused, KeyFileError, KeyringError,
            LayoutError, ListingError, OSError, Refused, sqlite3.DatabaseError)  # fmt: skip


def main(arguments: Sequence[str]) -> int:
    """Run one subcommand; print its answer as text, or as JSON with --json."""
    options = _parser().parse_args(arguments)
    command: Callable[[argparse.Namespace], Answer] = options.run
    try:
        code, found, lines = command(options)
    except REFUSALS as error:
        print(f"ledger {options.command}: {told(error)}", file=sys.stderr)
        return 2
    except ModuleNotFoundError as error:
        print(
            f"ledger {options.command}: this database needs the Python module {error.name}",
            file=sys.stderr,
        )
        return 2
    except SQLAlchemyError as error:
        print(f"ledger {options.command}: {shown(options.place)}: {reason(error)}", file=sys.stderr)
        return 2
    print(json.dumps(found, indent=1) if options.json else "\n".join(lines))
    return code


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="tornello ledger", description=__doc__)
    commands = parser.add_subparsers(dest="command", required=True)
    for name, run, words in (
        ("report", _report, "every total, and the sentence about the money"),
        ("verify", _verify, "exit 1 unless nothing is lost, double or off balance"),
        (
            "trial-balance",
            _trial_balance,
            "the accounts by kind; they sum to 0. Edited rows may do so too: see verify-chain",
        ),
        ("card", _card, "one card, by account number or start of its pseudonym"),
        ("open", _open, "intents that wait for evidence and holds, by age"),
        ("gaps", _gaps, "what is held of each device, and what is missing"),
        ("forks", _forks, "commits with evidence for and against"),
        ("tickets", _tickets, "tourist tickets: a count used twice, or a ticket nobody sold"),
        ("singles", _singles, "single tickets: sold, shown, and what is a case for a person"),
        ("audit", _audit, "follow each card through its commits and repeat every choice"),
        ("differences", _differences, "taps that the ledger would have decided otherwise"),
        ("replay", _replay, "open every stored slot again"),
        ("import-issues", _import_issues, "enter issued cards from a file of 64-byte ISSUE rows"),
        ("import-batches", _import_batches, "enter what cards were given, from a JSON list"),
        ("import-sales", _import_sales, "enter paid sales from a JSON list"),
        ("import-tickets", _import_tickets, "enter sold tourist tickets from a JSON list"),
        ("import-singles", _import_singles, "enter singles sold at a counter, from JSON lines"),
        ("taps", _taps, "every stored ride as JSON lines, for `tornello tariff whatif`"),
        ("engine", _engine, "the fare engine's files, by hash: those of the validators' image"),
        ("lapse", _lapse, "rule X: mark intents without evidence for 90 days"),
    ):
        sub = commands.add_parser(name, help=words, description=words)
        sub.set_defaults(run=run)
        sub.add_argument("place", nargs="?", default="ledger.db", help="folder, file or URL")
        sub.add_argument("--json", action="store_true", help="as JSON")
        if name in ("report", "verify"):
            sub.add_argument("--cards", action="store_true", help="one row a card too")
        if name == "card":
            sub.add_argument("--card", required=True, help="account number or pseudonym")
        if name == "audit":
            sub.add_argument("--again", action="store_true", help="every card from its issue on")
        if name == "replay":
            sub.add_argument("--swap-devices", action="store_true", help="all must be refused")
        if name.startswith("import"):
            sub.add_argument("--file", required=True, type=Path)
            sub.add_argument(
                "--authority", type=number, default=0, help="owner of nobody's accounts"
            )
    keeping.add_commands(commands)
    backup_commands.add_commands(commands, SystemClock())
    listing_commands.add_command(commands, SystemClock())
    retention.add_command(commands, SystemClock())
    action_commands.add_command(commands, SystemClock())
    return parser


def _report(options: argparse.Namespace) -> Answer:
    with _books(options) as database:
        found = figures.report(database, options.cards)
    lines = show.report_lines(found)
    if options.cards:
        rows = found["card_rows"]
        lines += ["", *show.table(list(rows[0]) if rows else [], [list(r.values()) for r in rows])]
    return 0, found, lines


def _verify(options: argparse.Namespace) -> Answer:
    _, found, _ = _report(options)
    wrong = any(found[n] for n in ("lost", "doubled", "unbalanced", "trial_balance_cents", "forks"))
    wrong = wrong or bool(found["rerated"]["differences"] or found["missing_money"])
    return int(wrong), found, [show.sentence(found)]


def _trial_balance(options: argparse.Namespace) -> Answer:
    with _books(options) as database:
        rows = database.rows("SELECT kind, currency, cents, accounts FROM trial_balance")
    found = [[row[0], row[1], int(row[2]), int(row[3])] for row in rows]
    total = sum(row[2] for row in found)
    lines = show.table(("kind", "currency", "cents", "accounts"), [*found, ("sum", "", total, "")])
    return int(total != 0), {"accounts": found, "sum": total}, lines


def _card(options: argparse.Namespace) -> Answer:
    with _books(options) as database:
        number = find_card(database, options.card)
        if number is None:
            raise CommandError(no_card(options.card))
        found = statement(database, number)
    commits = found["commits"]
    lines = [f"{name:17} {value}" for name, value in found.items() if name != "commits"]
    if commits:
        lines += ["", *show.table(list(commits[0]), [list(row.values()) for row in commits])]
    return 0, found, lines


def _open(options: argparse.Namespace) -> Answer:
    with _books(options) as database:
        found = suspense(database, SystemClock().utc_seconds())
    return 0, found, show.suspense_lines(found)


def _gaps(options: argparse.Namespace) -> Answer:
    with _books(options) as database:
        found = figures.gaps(database)
    names = ("device", "epoch", "watermark", "head", "missing_count", "missing", "quarantined")
    return 0, found, show.table(names, [[row[name] for name in names] for row in found])


def _forks(options: argparse.Namespace) -> Answer:
    with _books(options) as database:
        found = figures.forks(database)
    names = ("card", "n", "cents", "device", "epoch", "seq", "entry")
    return 0, found, show.table(names, [[row[name] for name in names] for row in found])


def _tickets(options: argparse.Namespace) -> Answer:
    with _books(options) as database:
        counts, cases = ticket_figures(database), ticket_cases(database)
    lines = [f"{name:12} {value:>12,}" for name, value in counts.items()]
    if cases:
        lines += ["", *show.table(list(cases[0]), [list(row.values()) for row in cases])]
    return int(bool(cases)), {**counts, "cases": cases}, lines


def _audit(options: argparse.Namespace) -> Answer:
    with _ledger(options) as ledger:
        if options.again:
            ledger.auditor.begin_again()
        cards = sum(iter(ledger.audit, 0))
        found = ledger.report()
    figures_of = {"cards": cards, **found["rerated"], "because": found["price_only_because"]}
    lines = [f"{cards} cards audited", *show.rerated_lines(found)]
    return int(found["rerated"]["differences"] > 0), figures_of, lines


def _differences(options: argparse.Namespace) -> Answer:
    with _books(options) as database, closing(_keyring(options)) as keyring:
        found = differences(database, keyring, every_tariff(_tariffs(options)))
    return int(bool(found)), found, [show.difference_line(row) for row in found]


def _singles(options: argparse.Namespace) -> Answer:
    with _books(options) as database:
        counts, cases = single_figures(database), single_cases(database)
    lines = [f"{name:12} {value:>12,}" for name, value in counts.items()]
    if cases:
        lines += ["", *show.table(list(cases[0]), [list(row.values()) for row in cases])]
    return int(bool(cases or counts["differences"])), {**counts, "cases": cases}, lines


def _replay(options: argparse.Namespace) -> Answer:
    with _books(options) as database, closing(_keyring(options)) as keyring:
        found = replay(database, keyring, options.swap_devices)
    bad = found["accepted"] if options.swap_devices else found["refused"] + found["different"]
    reasons = ", ".join(f"{count} {reason}" for reason, count in found["by_reason"].items())
    return (
        int(bad > 0),
        found,
        [
            f"{found['entries']} entries: {found['accepted']} opened, {found['refused']} refused"
            + (f" ({reasons})" if reasons else "")
        ],
    )


def _taps(options: argparse.Namespace) -> Answer:
    folder = _tariffs(options)
    tariffs = every_tariff(folder)
    if not tariffs:
        raise CommandError(f"{folder}: no published tariffs (*.ttar); the rides cannot be read")
    with _books(options) as database, closing(_keyring(options)) as keyring:
        lines = list(recorded_taps(database, keyring, tariffs))
    return 0, {"taps": [json.loads(line) for line in lines]}, lines


def _import_issues(options: argparse.Namespace) -> Answer:
    rows = listed.read_issues(options.file)
    with _ledger(options) as ledger:
        count = ledger.import_issues(rows)
    return 0, {"new": count}, [f"{count} cards are new"]


def _import_batches(options: argparse.Namespace) -> Answer:
    rows = listed.read_batches(options.file)
    with _ledger(options) as ledger:
        count = ledger.import_batches(rows)
    return 0, {"new": count}, [f"{count} batches are new"]


def _import_sales(options: argparse.Namespace) -> Answer:
    rows = listed.read_sales(options.file)
    with _ledger(options) as ledger:
        count = ledger.import_sales(rows)
    return 0, {"new": count}, [f"{count} sales are new"]


def _import_tickets(options: argparse.Namespace) -> Answer:
    rows = listed.read_tickets(options.file)
    with _ledger(options) as ledger:
        count = ledger.import_tickets(rows)
    return 0, {"new": count}, [f"{count} tickets are new"]


def _import_singles(options: argparse.Namespace) -> Answer:
    rows = listed.read_counter_sales(options.file)
    with _ledger(options) as ledger:
        publics = [public for _key_id, public in ledger.keyring.assemble("publics", {})]
        for number, row in enumerate(rows, 1):
            if not is_genuine(row.code, publics):
                raise CommandError(f"{options.file}:{number}: {row.sale}: its code is not genuine")
        count = ledger.import_singles(rows)
    return 0, {"new": count}, [f"{count} singles are new"]


def _engine(_options: argparse.Namespace) -> Answer:
    found = fare_hashes()
    return 0, found, [f"{digest}  {name}" for name, digest in found.items()]


def _lapse(options: argparse.Namespace) -> Answer:
    with _ledger(options) as ledger:
        count = ledger.lapse()
    return 0, {"lapsed": count}, [f"{count} intents have had no evidence for 90 days"]


def _books(options: argparse.Namespace) -> Database:
    return Place(options.place).books()


def _tariffs(options: argparse.Namespace) -> Path:
    return Place(options.place).tariffs


def _keyring(options: argparse.Namespace) -> LocalKeyring | RemoteKeyring:
    return Place(options.place).keyring()


def _ledger(options: argparse.Namespace) -> AbstractContextManager[Ledger]:
    """Open the ledger for writing, with its keyring; close both."""
    return Place(options.place).ledger(SystemClock(), getattr(options, "authority", 0))
