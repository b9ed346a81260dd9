"""`tornello ledger backup`, `verify-backup`, `restore`: everything in a folder, or the books alone.

A name that ends in .db is a copy of the books alone; any other is a folder with the books, what
lies beside them (office, timetables, reports, keys of machines, shop), tariffs and a manifest. Exit
code 0 = done and whole, 1 = a backup is damaged, 2 = cannot be done.
"""

import argparse
from contextlib import ExitStack
from pathlib import Path
from typing import Any

from backend_sync.api.opening import open_database as open_api
from backend_sync.api.restored import settle_keys
from backend_sync.backups.putting_back import put_back_all
from backend_sync.backups.whole import LEFT_OUT, back_up_all, verify_backup
from backend_sync.ledger.backup import BackupError, back_up, examine, put_back
from backend_sync.ledger.place import ELSEWHERE, SQLITE, Place
from backend_sync.ports import Clock
from backend_sync.registers import asking
from backend_sync.registers.opening import open_database as open_register
from backend_sync.registers.refusals import Refused

Answer = tuple[int, Any, list[str]]
ALONE = ".db"
NEXT = (
    "when the service runs, devices and edges send again what they still hold; everybody signs in"
    " anew, and `tornello ledger gaps` says what is still missing: import again what was sold and"
    " issued since; days that were closed since: `tornello settlement adopt PLACE --from DIR`"
)
ELSEWHERE_NEXT = (
    "its keyring is elsewhere: before it and the services start, its people say `tornello keyring"
    " restored FOLDER`; without that it refuses these books"
)


def add_commands(commands: Any, clock: Clock) -> None:
    """Add them to the subcommands of `tornello ledger`."""
    words = "write a verified copy of a ledger's folder; everything may be running"
    backup = _add(commands, "backup", _backup, words)
    backup.add_argument("place", help="folder or file of the ledger")
    backup.add_argument("copy", type=Path, help="folder to make; NAME.db: the books alone")
    verify = _add(commands, "verify-backup", _verify, "say what is damaged in a backup, by name")
    verify.add_argument("copy", type=Path, help="what `backup` wrote")
    words = ("put a backup back, all services stopped: devices send again what it lacks (D16);"
             " what lies beside the books stays where it is whole")  # fmt: skip
    restore = _add(commands, "restore", _restore, words)
    restore.set_defaults(clock=clock)
    restore.add_argument("place", help="folder or file of the ledger")
    restore.add_argument("copy", type=Path, help="what `backup` wrote")
    words = "put this back too, though the one that is there is whole: api.db, office.db ..."
    restore.add_argument("--also", action="append", default=[], metavar="NAME", help=words)
    words = "register of users that says which keys were withdrawn; else the one it is bound to"
    restore.add_argument("--register", default="", metavar="PLACE", help=words)


def _add(commands: Any, name: str, run: Any, words: str) -> argparse.ArgumentParser:
    parser: argparse.ArgumentParser = commands.add_parser(name, help=words, description=words)
    parser.set_defaults(run=run)
    parser.add_argument("--json", action="store_true", help="as JSON")
    return parser


def _backup(options: argparse.Namespace) -> Answer:
    copy: Path = options.copy
    if copy.suffix == ALONE:
        found = back_up(_file(options.place, "pg_dump --format=custom"), copy)
        return 0, found, [
            f"{copy}: {found['bytes']:,} bytes, {found['rows']:,} rows under {found['seals']:,}"
            " seals, all as they were sealed", f"head {found['head']}",
        ]  # fmt: skip
    place = Place(options.place)
    books = _books(place, must_be=True)
    manifest = back_up_all(place.folder, books, copy)
    files = manifest["files"]
    size = sum(row["bytes"] for row in files.values())
    lines = [f"{copy}: {len(files)} files, {size:,} bytes, each whole and in its manifest",
             LEFT_OUT]  # fmt: skip
    if books is None:
        lines.append("the books are in PostgreSQL: pg_dump --format=custom copies them")
    return 0, manifest, [*lines, f"head {manifest['head']}"]


def _verify(options: argparse.Namespace) -> Answer:
    copy: Path = options.copy
    if copy.suffix == ALONE:
        found = examine(copy)
        return 0, found, [f"{copy}: whole", f"head {found['head']}"]
    found = verify_backup(copy)
    verdict = f"damaged: {len(found['wrong'])}" if found["wrong"] else "all whole"
    size = f"{copy}: {found['files']} files, {found['bytes']:,} bytes: {verdict}"
    lines = [*found["wrong"], size]
    return int(bool(found["wrong"])), found, [*lines, f"head {found['head']}"]


def _restore(options: argparse.Namespace) -> Answer:
    copy: Path = options.copy
    if copy.suffix == ALONE:
        books = _file(options.place, "pg_restore, then `tornello keyring restored`", must_be=False)
        found = put_back(books, copy, books.parent / "keyring")
        return 0, found, [*_told(books, copy, found), f"head {found['head']}"]
    place = Place(options.place)
    there = _books(place, must_be=False)

    def settle(path: Path) -> list[str]:
        return _settled(place.folder, options.register, path, options.clock.utc_seconds())

    found = put_back_all(place.folder, there, copy, settle, options.also)
    lines = _told(there, copy, found) if there else [
        "the books are in PostgreSQL: pg_restore, then `tornello keyring restored`"
    ]  # fmt: skip
    return 0, found, [*lines, *found["said"], f"head {found['head']}"]


def _told(books: Path, copy: Path, found: dict[str, Any]) -> list[str]:
    number = found["incarnation"]
    told = [f"{books}: restored from {copy}{f', incarnation {number}' * bool(number)}: {NEXT}"]
    if found["kept"]:
        told.append(f"the books of before are kept as {found['kept']}")
    if not number:
        told.append(ELSEWHERE_NEXT)
    return told


def _settled(folder: Path, named: str, path: Path, now: int) -> list[str]:
    """Withdraw restored keys as the trail of the register says; return what was done."""
    with ExitStack() as stack:
        try:
            register = asking.bound_to(folder) or named
            trail = stack.enter_context(open_register(register)) if register else None
        except Refused:
            trail = None
        keys = settle_keys(stack.enter_context(open_api(path.parent)), trail, now)
    why = f" ({keys.reason})" if keys.reason else ""
    said = [f"api.db: keys withdrawn{why}: {', '.join(keys.withdrawn)}"]
    said *= bool(keys.withdrawn)
    return said + [f"api.db: made since, to be made again: {', '.join(keys.lost)}"] * bool(
        keys.lost
    )


def _books(place: Place, must_be: bool) -> Path | None:
    """Return the SQLite file of a place, None when its books are in PostgreSQL."""
    if (place.folder / ELSEWHERE).exists() and not place.file.exists():
        return None
    if must_be:
        place.url()
    return Path(place.file)


def _file(place: str, tool: str, must_be: bool = True) -> Path:
    """Return the SQLite file of a place. Raises: BackupError, PlaceError."""
    found = Place(place)
    is_there = must_be or not found.is_url and (found.folder / ELSEWHERE).exists()
    url = found.url() if found.is_url or is_there else f"{SQLITE}{found.file}"
    if not url.startswith(SQLITE):
        raise BackupError(f"a PostgreSQL ledger is copied by its own programs: {tool}")
    return Path(url.removeprefix(SQLITE))
