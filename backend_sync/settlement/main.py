"""`tornello settlement ...`: close a service day, show it, write it down for those it concerns.

PLACE is a folder with ledger.db, a database file or a URL; the keyring and the tariffs lie beside
it. Exit code 0 = done and every cent is assigned, 1 = it cannot be closed, or does not hold,
2 = cannot be done.
"""

import argparse
import json
import sqlite3
import sys
from collections.abc import Callable, Sequence
from contextlib import closing
from datetime import date, timedelta
from pathlib import Path
from typing import Any

from sqlalchemy.exc import SQLAlchemyError

from backend_sync.clocks import SystemClock
from backend_sync.keyring.keyfile import KeyFileError
from backend_sync.ledger.place import Place, PlaceError, reason
from backend_sync.ledger.show import money, table
from backend_sync.ports import KeyringError
from backend_sync.registers.refusals import Refused
from backend_sync.settlement import bank_commands
from backend_sync.settlement.adopt import absent, adopt
from backend_sync.settlement.bank import BankRefused, order, refuse_strange_orders, write_orders
from backend_sync.settlement.bills import Bill, bills
from backend_sync.settlement.camt import CamtFault
from backend_sync.settlement.close import (
    FIRST_DAY,
    Closed,
    SettlementError,
    close_day,
    every_batch,
    refuse_future,
)
from backend_sync.settlement.export import (
    export,
    export_statements,
    hashes_of,
    openings,
    read_packages,
    write,
)
from backend_sync.settlement.given_out import lost_batches
from backend_sync.settlement.holds import differences
from backend_sync.settlement.parties import PartiesError, read_parties
from backend_sync.settlement.received import StatementRefused
from backend_sync.settlement.references import account_party, reference_of
from backend_sync.settlement.told import adopted_batches
from backend_sync.settlement.words import batch_lines, batch_values, date_of, equality
from backend_sync.storage.database import Database
from backend_sync.storage.disk import DiskRefused, shown, told

Answer = tuple[int, Any, list[str]]  # exit code, JSON, lines for people
REFUSALS = (SettlementError, BankRefused, StatementRefused, Refused)  # 1
FAULTS = (
    PlaceError,
    PartiesError,
    CamtFault,
    DiskRefused,
    KeyFileError,
    KeyringError,
    OSError,
    sqlite3.DatabaseError,
)  # 2


def main(arguments: Sequence[str]) -> int:
    """Run one subcommand; print its answer as text, or as JSON with --json."""
    options = _parser().parse_args(list(arguments))
    run: Callable[[argparse.Namespace], Answer] = options.run
    try:
        code, found, lines = run(options)
    except REFUSALS as error:
        print(f"settlement {options.command}: {error}", file=sys.stderr)
        return 1
    except FAULTS as error:
        print(f"settlement {options.command}: {told(error)}", file=sys.stderr)
        return 2
    except SQLAlchemyError as error:
        said = reason(error)
        print(f"settlement {options.command}: {shown(options.place)}: {said}", file=sys.stderr)
        return 2
    print(json.dumps(found, indent=1) if options.json else "\n".join(lines))
    return code


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="tornello settlement",
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    commands = parser.add_subparsers(dest="command", required=True, metavar="COMMAND")
    for name, run, words in (
        ("close", _close, "close a service day and all before it; closed twice is closed once"),
        ("list", _list, "one line a batch"),
        ("show", _show, "one batch: totals, tax, debts"),
        ("bills", _bills, "who is invoiced for rides on their own card, by account"),
        ("export", _export, "batches, lines, tariffs and statements into a folder"),
        ("pay", _pay, "orders to the bank for what is outstanding; exit 1 while some cannot be"),
        (
            "adopt",
            _adopt,
            "take batches over that restored books had lost; exit 1 while they lack one",
        ),
        ("open", _open, "hand over the seal keys of blocks that an auditor names"),
        ("verify", _verify, "exit 1 unless batches are what the books say; edits: verify-chain"),
    ):
        sub = commands.add_parser(name, help=words, description=words)
        sub.set_defaults(run=run)
        sub.add_argument("place", nargs="?", default="ledger.db", help="folder, file or URL")
        sub.add_argument("--json", action="store_true", help="as JSON")
        if name == "close":
            sub.add_argument("--day", type=_day, required=True, help="service day, 2026-06-05")
        if name in ("show", "bills"):
            sub.add_argument("--number", type=int, help="the batch (the newest)")
        if name == "open":
            sub.add_argument(
                "--slot", type=_slot, action="append", required=True, dest="slots",
                metavar="DEVICE:EPOCH:SEQ", help="as `verify-settlement --sample` asks",
            )  # fmt: skip
            sub.add_argument("--to", type=Path, required=True, metavar="FILE", help="written here")
        if name in ("export", "pay"):
            sub.add_argument("--to", type=Path, required=True, metavar="DIR", help="written here")
        if name == "adopt":
            sub.add_argument("--from", type=Path, required=True, metavar="DIR", dest="folder",
                             help="what `settlement export` wrote before")  # fmt: skip
        if name == "pay":
            sub.add_argument("--parties", type=Path, required=True, metavar="FILE",
                             help="whose account is which")  # fmt: skip
    bank_commands.add_commands(commands, SystemClock())
    return parser


def _day(text: str) -> int:
    try:
        return (date.fromisoformat(text) - FIRST_DAY) // timedelta(days=1)
    except ValueError:
        raise argparse.ArgumentTypeError(f"{text!r} is no date, wanted 2026-06-05") from None


def _slot(text: str) -> tuple[int, int, int]:
    parts = text.split(":")
    if len(parts) != 3 or not all(part.isdecimal() for part in parts):
        raise argparse.ArgumentTypeError(f"{text!r}, wanted DEVICE:EPOCH:SEQ")
    device, epoch, seq = map(int, parts)
    return device, epoch, seq


def _close(options: argparse.Namespace) -> Answer:
    place, clock = Place(options.place), SystemClock()
    refuse_future(options.day, clock.utc_seconds())
    with place.ledger(clock) as ledger:
        lost = lost_batches(ledger.database, ledger.keyring)
        if lost:
            raise SettlementError(f"{lost}; nothing was closed")
        away = absent(ledger.database)
        closed = close_day(ledger, options.day, hashes_of(read_packages(place.tariffs)))
    words = "closed" if closed.fresh else "was closed before"
    lines = [f"batch {closed.number} {words}", *batch_lines(closed.values)]
    lines += [f"{row}: taken back until they come" for row in away]
    return 0, {"fresh": closed.fresh, **batch_values(closed)}, lines


def _list(options: argparse.Namespace) -> Answer:
    with Place(options.place).books() as database:
        batches, adopted = every_batch(database), adopted_batches(database)
    names = ("batch", "day", "lines", "cents", "unassigned", "adopted")
    rows = [
        (c.number, date_of(v["day"]), v["lines"], v["sums"][0], v["sums"][3], c.number in adopted)
        for c, v in ((c, c.values) for c in batches)
    ]
    return (
        0,
        [dict(zip(names, row, strict=True)) for row in rows],
        table(names, [(*row[:-1], "adopted" if row[-1] else "") for row in rows]),
    )


def _show(options: argparse.Namespace) -> Answer:
    with Place(options.place).books() as database:
        closed = _wanted(database, options.number)
    return 0, batch_values(closed), batch_lines(closed.values)


def _bills(options: argparse.Namespace) -> Answer:
    with Place(options.place).books() as database:
        closed = _wanted(database, options.number)
        found = bills(database, closed)
    # What the holder writes into his payment: one reference for all his products of the batch.
    names = (*Bill._fields, "reference")
    rows = [
        (*bill, reference_of(closed.number, account_party(bill.authority, bill.account)))
        for bill in found
    ]
    return 0, [dict(zip(names, row, strict=True)) for row in rows], table(names, rows)


def _export(options: argparse.Namespace) -> Answer:
    place = Place(options.place)
    with place.books() as database, closing(place.keyring()) as keyring:
        paths = export(database, options.to, keyring, read_packages(place.tariffs))
        more = export_statements(database, options.to, keyring)
    written = [str(path) for path in [*paths, *more]]
    return 0, {"written": written}, [f"{len(written)} files are new in {options.to}"]


def _adopt(options: argparse.Namespace) -> Answer:
    with Place(options.place).ledger(SystemClock()) as ledger:
        found = adopt(ledger, options.folder)
        lost = lost_batches(ledger.database, ledger.keyring)
    lines = [f"batch {number} was taken over as it was signed" for number in found.batches]
    lines = lines or [f"the books know every batch of {options.folder}"]
    lines += list(map(str, found.absent))
    if found.absent:
        lines.append(
            "what has not come again when you close, the next batch takes back, and a later one"
            " says it anew: better close when the edges have sent all of it"
        )
    lines += [lost] if lost else []
    absent = [row._asdict() for row in found.absent]
    return int(bool(lost)), {"batches": found.batches, "absent": absent, "lost": lost}, lines


def _pay(options: argparse.Namespace) -> Answer:
    parties = read_parties(options.parties)
    with Place(options.place).ledger(SystemClock()) as ledger:
        refuse_strange_orders(ledger.database, options.to)
        made, left_out = order(ledger, parties)
        written = write_orders(ledger.database, options.to)
    lines = [f"order {number}: authority {area}, {kind} {money(cents)}"
             for number, kind, area, cents in made]  # fmt: skip
    lines += [str(path) for path in written]
    lines += [f"authority {row.authority}, {row.party}, {money(row.cents)}: {row.why}"
              for row in left_out]  # fmt: skip
    found = {
        "orders": [dict(zip(("order", "kind", "authority", "cents"), row, strict=True))
                   for row in made],
        "written": [str(path) for path in written],
        "left_out": [row._asdict() for row in left_out],
    }  # fmt: skip
    return int(bool(left_out)), found, lines or ["nothing is outstanding"]


def _open(options: argparse.Namespace) -> Answer:
    place = Place(options.place)
    with place.books() as database, closing(place.keyring()) as keyring:
        found, absent = openings(database, keyring, options.slots)
    held, lines = len(options.slots) - len(absent), []
    if held:
        _write_new(options.to, found)
        lines = [f"{options.to}: keys of {held} blocks; they show cards"]
    lines += [f"not held: device {d} epoch {e} seq {s}" for d, e, s in absent]
    return int(bool(absent)), {"absent": absent}, lines


def _write_new(path: Path, data: bytes) -> None:
    """Write what nobody has written there: keys that somebody waits for are not replaced."""
    if path.exists() and path.read_bytes() != data:
        raise SettlementError(f"{path}: holds something else; wanted the name of a new file")
    write(path, data)


def _verify(options: argparse.Namespace) -> Answer:
    place = Place(options.place)
    with place.books() as database, closing(place.keyring()) as keyring:
        found = differences(database, keyring.assemble("publics", {})[0][1])
        lost = lost_batches(database, keyring)
        batches = every_batch(database)
    found += [lost] if lost else []
    if found:
        return 1, found, found
    lines = [f"batch {closed.number}: {equality(closed.values)}" for closed in batches]
    return 0, [], lines or ["nothing was ever closed"]


def _wanted(database: Database, number: int | None) -> Closed:
    batches = every_batch(database)
    found = [c for c in batches if number is None or c.number == number]
    if not found:
        raise PlaceError(
            f"no batch {number}; there are 1 to {len(batches)}"
            if batches and number is not None
            else "no service day was closed yet; `tornello settlement close` closes one"
        )
    return found[-1]
