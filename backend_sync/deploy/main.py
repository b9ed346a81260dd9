"""`tornello deploy ...`: what a depot's engineer runs once to put the programs on machines.

README.md of backend_sync/deploy goes step by step. Exit code 0 = done, 1 = refused, and the message
says what is wanted, 2 = wrong use.
"""

import argparse
import sys
from collections.abc import Sequence
from datetime import UTC, datetime
from pathlib import Path

from backend_sync.deploy.authority import BROKER, EDGE, LEDGER, Authority, AuthorityError
from backend_sync.deploy.database import DatabaseError, make_ready

DAYS = 730


def main(arguments: Sequence[str]) -> int:
    """Run one subcommand; return its exit code."""
    options = _parser().parse_args(list(arguments))
    try:
        lines: list[str] = options.run(options)
    except (AuthorityError, DatabaseError, OSError) as error:
        print(f"deploy {options.command}: {error}", file=sys.stderr)
        return 1
    print("\n".join(lines))
    return 0


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="tornello deploy", description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )  # fmt: skip
    commands = parser.add_subparsers(dest="command", required=True, metavar="COMMAND")
    words = "keys and certificates for broker, ledger and edges, and the broker's CRL and ACL"
    made = commands.add_parser(
        "certificates", help=words, description=words,
        epilog="DIR gets a folder a machine: broker, ledger, edges/NAME; copy each to its machine,"
        " and broker/crl.pem and broker/acl again after every change. authority/ stays here.",
    )  # fmt: skip
    made.set_defaults(run=_certificates)
    made.add_argument("folder", type=Path, metavar="DIR", help="folder of the authority")
    words = "number of the authority whose edges these are, 0..255"
    made.add_argument("--authority", type=int, metavar="N", help=words)
    words = "name or address that edges call the broker by; more than once for several"
    made.add_argument("--broker", action="append", default=[], metavar="HOST", help=words)
    words = "give this edge a certificate; its name is `edge` of its edge.toml; more than once"
    made.add_argument("--edge", action="append", default=[], metavar="NAME", help=words)
    words = "a new key and certificate for an edge, `ledger` or `broker`; the old one stays good"
    made.add_argument("--renew", action="append", default=[], metavar="NAME", help=words)
    words = "take all certificates of this name back"
    made.add_argument("--revoke", action="append", default=[], metavar="NAME", help=words)
    words = "how long a certificate lasts (%(default)s)"
    made.add_argument("--days", type=int, default=DAYS, help=words)
    words = "the ledger's tables in PostgreSQL, new or of an older version, and everybody's rights"
    database = commands.add_parser(
        "database", help=words, description=words,
        epilog="The URL is read from a file, so that its password stands in no list of processes."
        " Again after every upgrade, before the services start.",
    )  # fmt: skip
    database.set_defaults(run=_database)
    words = "file with the URL of the owner: postgresql+psycopg://tornello_owner:...@host/tornello"
    database.add_argument("--url-file", type=Path, required=True, metavar="FILE", help=words)
    return parser


def _database(options: argparse.Namespace) -> list[str]:
    tables, kept = make_ready(options.url_file.read_text(encoding="utf-8").strip())
    return [f"{tables} tables; in {kept} of them no service changes or deletes a row"]


def _certificates(options: argparse.Namespace) -> list[str]:
    """Do what is asked for, then list who has what; alone it only lists."""
    if not 1 <= options.days <= 3650:
        raise AuthorityError(f"--days {options.days}: wanted 1..3650")
    if options.edge and options.authority is None:
        raise AuthorityError("--edge: whose? Say --authority N")
    authority = Authority(options.folder, datetime.now(UTC), options.days)
    if not authority.issued and not options.broker:
        raise AuthorityError(f"{options.folder}: no authority yet; --broker HOST makes it")
    authority.found()
    if options.broker:
        authority.add(BROKER, BROKER, hosts=options.broker)
        authority.add(LEDGER, LEDGER)
    for name in options.edge:
        authority.add(EDGE, name, options.authority)
    for name in options.renew:
        authority.renew(name)
    for name in options.revoke:
        authority.revoke(name)
    return _listed(authority)


def _listed(authority: Authority) -> list[str]:
    lines = [f"{'name':<25}{'authority':>9}  {'until':<11} {'state':<18} serial"]
    for row in authority.issued:
        newest = authority.newest(row.name) == row
        state = f"revoked {row.revoked}" if row.revoked else "good" if newest else "good, replaced"
        area = str(row.area) if row.kind == EDGE else "-"
        lines.append(f"{row.name:<25}{area:>9}  {row.until:<11} {state:<18} {row.serial[:16]}")
    return lines
