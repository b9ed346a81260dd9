"""`tornello customers init|add|show|change|check|consent|proof|link-card|unlink|erase|list ...`

What is personal comes from a JSON file or standard input ("-"), never from the command line, which
other users of the machine can read. Where the folder is bound to a register of users (`tornello
register bind`), who asks signs in and sees his own authority's customers alone.
Exit codes: 0 done; 1 refused; 2 not understood.
"""

import argparse
import json
import os
import sqlite3
import sys
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from datetime import date
from pathlib import Path
from typing import Any, TypeAlias

from backend_sync.clocks import FileClock, SystemClock
from backend_sync.customers.customers import FIRST_DAY, Customers, LinkService
from backend_sync.customers.people import CONSENTS, PERSONS, PROOFS, SALES, CustomerRefused
from backend_sync.customers.population import FileRegister
from backend_sync.keyring.keyfile import KeyFileError
from backend_sync.links.main import hex_bytes
from backend_sync.links.opening import close_links, open_links
from backend_sync.links.purposes import LinkRefused
from backend_sync.ports import KeyringError
from backend_sync.registers import asking
from backend_sync.registers.refusals import Refused
from backend_sync.storage.database import Database
from backend_sync.storage.disk import DiskRefused, told
from backend_sync.storage.subject_keys import SubjectKeys, SubjectKeysError, make_keys

MIGRATIONS = Path(__file__).parent / "migrations"
RESTORE = "put back the last backup of customers.db and run `tornello customers settle`"
Parsers: TypeAlias = "argparse._SubParsersAction[argparse.ArgumentParser]"
Run = Callable[[argparse.Namespace, Customers], int]
REFUSALS = (
    *(CustomerRefused, LinkRefused, SubjectKeysError),
    *(KeyFileError, KeyringError, DiskRefused, Refused, OSError, sqlite3.DatabaseError),
)
EVERY = "also rows whose key is lost: they never open again"
SEE, CHANGE, ERASE = "customers.see", "customers.change", "customers.erase"


def main(arguments: Sequence[str]) -> int:
    """Run one command; return the exit code."""
    options = _parser().parse_args(arguments)
    os.umask(0o077)
    try:
        if options.run is _init:
            make_keys(options.folder)
        with _opened(options) as customers:
            code: int = options.run(options, customers)
            return code
    except REFUSALS as error:
        print(f"customers: {told(error)}", file=sys.stderr)
    return 1


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="tornello customers", description=__doc__)
    commands = parser.add_subparsers(required=True, metavar="COMMAND")
    _command(commands, "init", _init, "make the folder's key file and its empty tables")
    add = _command(commands, "add", _add, "register people of a JSON file, one object or a list")
    add.add_argument("file", help='fields as JSON, "-" = standard input')
    add.add_argument("--person", choices=PERSONS, default=PERSONS[0])
    show = _one(commands, "show", _show, "print what is kept about a customer")
    change = _one(commands, "change", _change, 'change fields; "" takes one away')
    change.add_argument("file", help='fields as JSON, "-" = standard input')
    check = _one(commands, "check", _check, "ask the population register for the municipality")
    check.add_argument("municipality")
    check.add_argument("--population", type=Path, required=True, help="file identity;municipality")
    consent = _one(commands, "consent", _consent, "note a consent given or withdrawn")
    consent.add_argument("purpose", choices=CONSENTS)
    consent.add_argument("given", choices=("yes", "no"))
    proof = _one(commands, "proof", _proof, "note that a proof of a concession was seen")
    proof.add_argument("proof", choices=PROOFS)
    proof.add_argument("--until", required=True, metavar="YYYY-MM", help="its last month")
    sale = _one(commands, "invoice", _invoice, "note a class of sale for this month's invoice")
    sale.add_argument("sale", choices=SALES)
    link = _with_links(_one(commands, "link-card", _link, "give the card on the desk a handle"))
    link.add_argument("--uid", required=True, help="as the reader says it, 14 hex digits")
    unlink = _with_links(_one(commands, "unlink", _unlink, "forget which card a handle means"))
    unlink.add_argument("handle")
    erase = _with_links(_one(commands, "erase", _erase, "forget a customer, his links and his key"))
    proven = _command(commands, "erased", _erased, "say when the holder of a code was erased")
    proven.add_argument("code", help="as `erase` printed it")
    every = _command(commands, "list", _list, "print number, sort and name of every customer")
    _command(commands, "retain", _retain, "take away proofs, checks and invoiced sales of long ago")
    settle = _command(commands, "settle", _settle, "after a restore: take away what no key opens")
    settle.add_argument("--every", action="store_true", help=EVERY)
    for command, right in (
        (show, SEE), (every, SEE), (proven, SEE), (erase, ERASE), (settle, ERASE),
    ):  # fmt: skip
        command.set_defaults(right=right)
    return parser


def _command(commands: Parsers, name: str, run: Run, sentence: str) -> argparse.ArgumentParser:
    command = commands.add_parser(name, help=sentence, description=sentence)
    command.add_argument("folder", type=Path, help="of the register: its keys and customers.db")
    command.add_argument("--authority", type=int, default=1, help="whose customers (controller)")
    command.add_argument(
        "--database", default="", metavar="URL", help="default FOLDER/customers.db"
    )
    command.add_argument(
        "--clock", type=Path, help="file of seconds since 2020; default: the clock"
    )
    asking.add_options(command)
    command.set_defaults(run=run, right=CHANGE)
    return command


def _one(commands: Parsers, name: str, run: Run, sentence: str) -> argparse.ArgumentParser:
    command = _command(commands, name, run, sentence)
    command.add_argument("number", type=int, help="of the customer, as `add` printed it")
    return command


def _with_links(command: argparse.ArgumentParser) -> argparse.ArgumentParser:
    command.add_argument("--links", type=Path, required=True, help="folder of the link service")
    command.add_argument("--keyring", type=Path, default=Path("keyring"), help="its folder")
    return command


@contextmanager
def _opened(options: argparse.Namespace) -> Iterator[Customers]:
    clock = FileClock(options.clock) if options.clock else SystemClock()
    with asking.asker(options, options.folder, clock) as asker:
        options.signed = asker is not None
        if asker:
            asker.demand(options.right, options.authority)
        keys = SubjectKeys(options.folder)
        try:
            url = options.database or f"sqlite:///{options.folder / 'customers.db'}"
            with Database(url, MIGRATIONS, RESTORE) as database:
                yield Customers(database, keys, clock, options.authority)
        finally:
            keys.close()


@contextmanager
def _link_service(options: argparse.Namespace, customers: Customers) -> Iterator[LinkService]:
    if asking.bound_to(options.links) and not options.signed:
        raise Refused(f"{options.links} is bound to a register of users: bind {options.folder} too")
    clerk = options.by or "service point"
    links = open_links(options.links, options.keyring, customers.clock, clerk)
    try:
        yield links
    finally:
        close_links(links)


def _init(options: argparse.Namespace, customers: Customers) -> int:
    print(f"customers: made in {options.folder}; back up the database, never the folder's keys")
    return 0


def _add(options: argparse.Namespace, customers: Customers) -> int:
    found = _json(options.file)
    people = found if isinstance(found, list) else [found]
    if not all(isinstance(fields, dict) for fields in people):
        raise CustomerRefused(f"{options.file}: wanted an object of fields, or a list of them")
    for number in customers.register([(options.person, fields) for fields in people]):
        print(number)
    return 0


def _show(options: argparse.Namespace, customers: Customers) -> int:
    customer = customers.show(options.number)
    shown = {"number": customer.number, "person": customer.person, **customer.document}
    print(json.dumps(shown, indent=1, ensure_ascii=False))
    return 0


def _change(options: argparse.Namespace, customers: Customers) -> int:
    fields = _json(options.file)
    if not isinstance(fields, dict):
        raise CustomerRefused(f"{options.file}: wanted an object of fields")
    customers.change(options.number, fields)
    return 0


def _check(options: argparse.Namespace, customers: Customers) -> int:
    print("identity number: ", end="", file=sys.stderr, flush=True)
    identity = sys.stdin.readline().strip()
    register = FileRegister(options.population)
    print(customers.check_municipality(options.number, register, identity, options.municipality))
    return 0


def _consent(options: argparse.Namespace, customers: Customers) -> int:
    customers.consent(options.number, options.purpose, options.given == "yes")
    return 0


def _proof(options: argparse.Namespace, customers: Customers) -> int:
    customers.prove(options.number, options.proof, options.until)
    return 0


def _invoice(options: argparse.Namespace, customers: Customers) -> int:
    customers.invoice(options.number, options.sale)
    return 0


def _link(options: argparse.Namespace, customers: Customers) -> int:
    uid = hex_bytes("--uid", options.uid)
    with _link_service(options, customers) as links:
        print(customers.link_card(options.number, links, uid).hex())
    return 0


def _unlink(options: argparse.Namespace, customers: Customers) -> int:
    handle = hex_bytes("handle", options.handle)
    with _link_service(options, customers) as links:
        customers.unlink(options.number, links, handle)
    return 0


def _erase(options: argparse.Namespace, customers: Customers) -> int:
    with _link_service(options, customers) as links:
        print(
            f"erased; the proof, for the customer alone: {customers.erase(options.number, links)}"
        )
    return 0


def _erased(options: argparse.Namespace, customers: Customers) -> int:
    day = customers.was_erased(hex_bytes("code", options.code).hex())
    if day is None:
        raise CustomerRefused("nobody with this code was erased here")
    print(f"erased on {date.fromordinal(FIRST_DAY.toordinal() + day).isoformat()}")
    return 0


def _list(options: argparse.Namespace, customers: Customers) -> int:
    for customer in customers.everyone():
        print(customer.number, customer.person, customer.document["fields"]["name"])
    return 0


def _retain(options: argparse.Namespace, customers: Customers) -> int:
    print(f"customers: {customers.retain()} customers had something of long ago taken away")
    return 0


def _settle(options: argparse.Namespace, customers: Customers) -> int:
    print(f"customers: {customers.settle(options.every)} rows without a key taken away")
    return 0


def _json(file: str) -> Any:
    try:
        text = sys.stdin.read() if file == "-" else Path(file).read_text(encoding="utf-8")
        return json.loads(text)
    except OSError as error:
        raise CustomerRefused(f"{file}: cannot be read: {error.strerror}") from None
    except (ValueError, RecursionError) as error:
        raise CustomerRefused(f"{file}: no JSON ({type(error).__name__})") from None
