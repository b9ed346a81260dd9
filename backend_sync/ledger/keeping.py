"""`tornello ledger verify-chain` and `at`: are the books whole, and where are they.

Each adds a subcommand to `main.py`. Exit code 0 = whole or done, 1 = the books were changed,
2 = cannot be done. Copies are `backend_sync/backups`.
"""

import argparse
from contextlib import closing
from pathlib import Path
from typing import Any

from backend_sync.keyring.keyfile import KeyFileError
from backend_sync.ledger.backup import BackupError, examine
from backend_sync.ledger.head_watch import HeadWatch, LedgerIsOlder
from backend_sync.ledger.opening import open_database
from backend_sync.ledger.place import Place, PlaceError
from backend_sync.ledger.verify_chain import Head, head_from, verify_chain
from backend_sync.ports import KeyringError
from backend_sync.storage.database import Database

SHOWN = 20  # findings printed as text; --json has all
Answer = tuple[int, Any, list[str]]


def add_commands(commands: Any) -> None:
    """Add them to the subcommands of `tornello ledger`."""
    at = _add(commands, "at", _at, "say where a folder's books are: in PostgreSQL, at a URL; the"
              " folder keeps keyring, tariffs and its register of users")  # fmt: skip
    at.add_argument("place", help="folder with keyring/ and tariffs/, without ledger.db")
    at.add_argument("--url", required=True, help="postgresql+psycopg://USER@HOST/DATABASE")
    chain = _add(commands, "verify-chain", _verify_chain,
                 "read every sealed row again; names those changed beside the ledger")  # fmt: skip
    chain.add_argument("place", nargs="?", default="ledger.db", help="folder, file or URL")
    kept = chain.add_mutually_exclusive_group()
    kept.add_argument("--head", help="a head printed before: the chain must go through it")
    kept.add_argument("--against", type=Path, metavar="BACKUP", help="the same from a backup")


def _add(commands: Any, name: str, run: Any, words: str) -> argparse.ArgumentParser:
    parser: argparse.ArgumentParser = commands.add_parser(name, help=words, description=words)
    parser.set_defaults(run=run)
    parser.add_argument("--json", action="store_true", help="as JSON")
    return parser


def _at(options: argparse.Namespace) -> Answer:
    place = Place(options.place)
    if not Path(options.place).is_dir():
        raise PlaceError(f"{options.place}: no such folder")
    path = place.put_elsewhere(options.url, _is_ledger_or_new)
    return 0, {"file": str(path)}, [f"{path}: the folder's books are there from now on"]


def _verify_chain(options: argparse.Namespace) -> Answer:
    place = Place(options.place)
    kept = _kept(options)
    with place.books() as database:
        if not _has_seals(database):
            raise BackupError(
                f"{options.place}: made before books were sealed; any command that writes, such as"
                " `tornello ledger lapse`, brings it up to date and seals what is there"
            )
        found = verify_chain(database, kept)
        said = _keyrings_word(place, database)
    if said.startswith("the ledger's"):
        found["wrong"].append({"table": "seals", "row": found["seals"], "what": said})
    wrong = found["wrong"]
    lines = [f"{row['table']} {row['row']}: {row['what']}" for row in wrong[:SHOWN]]
    lines += [f"... and {len(wrong) - SHOWN} more; --json has all"] * (len(wrong) > SHOWN)
    lines += [
        f"{found['rows']:,} rows under {found['seals']:,} seals: "
        + (f"{len(wrong):,} are not as they were sealed" if wrong else "all as they were sealed"),
        f"keyring: {said or 'has seen no later seal'}",
        f"head {found['head']}",
    ]
    return int(bool(wrong)), {**found, "keyring": said}, lines


def _kept(options: argparse.Namespace) -> Head | None:
    if options.against:
        return head_from(examine(options.against)["head"])
    try:
        return head_from(options.head) if options.head else None
    except ValueError as error:
        raise BackupError(str(error)) from None


def _is_ledger_or_new(url: str) -> None:
    """Make the books of an empty database. Raises: PlaceError when it holds something else."""
    with Database(url) as database:
        tables = _tables(database)
    if tables and "seals" not in tables:
        raise PlaceError("that database holds something else; wanted a ledger, or an empty one")
    if not tables:
        open_database(url).close()


def _has_seals(database: Database) -> bool:
    return "seals" in _tables(database)


def _tables(database: Database) -> set[str]:
    there = "name FROM sqlite_master" if database.sqlite else (
        "tablename FROM pg_tables WHERE schemaname NOT IN ('pg_catalog', 'information_schema')"
    )  # fmt: skip
    return {row[0] for row in database.rows(f"SELECT {there}")}


def _keyrings_word(place: Place, database: Database) -> str:
    """Return what the keyring beside the ledger objects to, or why it was not asked."""
    try:
        with closing(place.keyring()) as keyring:
            HeadWatch(database, keyring).incarnation()
    except LedgerIsOlder as error:
        return str(error)
    except (KeyFileError, KeyringError, PlaceError, OSError) as error:
        return f"not asked: {error}"
    return ""
