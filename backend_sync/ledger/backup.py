"""Copies of the books: made while the ledger runs, looked through, and put back.

A copy is whole by itself and its chain is verified before it gets its name. Putting one back raises
the incarnation, so that every device sends again what it still holds (D16). PostgreSQL has tools of
its own for both. Source: decisions.md D16, D20; architecture.md section 7.
"""

import os
import shutil
import socket
import sqlite3
from contextlib import ExitStack, closing, suppress
from pathlib import Path
from typing import Any

from sqlalchemy.exc import SQLAlchemyError

from backend_sync.keyring.local import KEY_FILE, LocalKeyring
from backend_sync.ledger import folding
from backend_sync.ledger.opening import open_database
from backend_sync.ledger.verify_chain import newest_head, verify_chain
from backend_sync.storage.database import Database
from backend_sync.storage.disk import DiskRefused

DOOR = "keyring.sock"  # of a keyring's folder
SHOWN = 3  # findings in a sentence
BESIDE = ("", "-wal", "-shm")  # what SQLite keeps of one database


class BackupError(Exception):
    """The copy cannot be made or used; the message is the sentence to show."""


def back_up(books: Path, copy: Path) -> dict[str, Any]:
    """Write a verified copy of the books to `copy`; return {bytes, seals, rows, head}.

    Raises: BackupError; then there is no file of that name.
    """
    if copy.exists():
        raise BackupError(f"{copy}: is there already; backups are never replaced")
    if not copy.parent.is_dir():
        raise BackupError(f"{copy.parent}: no such folder")
    unfinished = copy.with_name(f"{copy.name}.unfinished")
    unfinished.unlink(missing_ok=True)
    try:
        unfinished.touch(mode=0o600)  # SQLite writes into what is there and empty
        with closing(sqlite3.connect(f"file:{books}?mode=ro", uri=True)) as source:
            source.execute("VACUUM INTO ?", (str(unfinished),))
        found = examine(unfinished)
        _sync(unfinished)
        unfinished.rename(copy)
    except (sqlite3.Error, OSError) as error:
        raise BackupError(f"{copy}: {error}; nothing was kept") from None
    finally:
        unfinished.unlink(missing_ok=True)
    _sync(copy.parent)
    return {"bytes": copy.stat().st_size, **found}


def examine(copy: Path) -> dict[str, Any]:
    """Return {seals, rows, head} of a copy. Raises: BackupError when it is no whole ledger."""
    if not copy.is_file():
        raise BackupError(f"{copy}: no such file")
    if copy.read_bytes()[:15] != b"SQLite format 3":
        raise BackupError(f"{copy}: not a backup: `tornello ledger backup` writes SQLite databases")
    try:
        with Database(f"sqlite:///{copy}") as database:
            found = _examined(copy, database)
    except (DiskRefused, SQLAlchemyError) as error:
        reason = str(error.__cause__ or error).splitlines()[0]
        raise BackupError(f"{copy}: damaged, use another: {reason}") from None
    wrong = found.pop("wrong")
    if wrong:
        words = "; ".join(f"{row['table']} {row['row']} {row['what']}" for row in wrong[:SHOWN])
        raise BackupError(f"{copy}: {len(wrong)} rows are not as they were sealed: {words}")
    return found


def _examined(copy: Path, database: Database) -> dict[str, Any]:
    whole = database.value("PRAGMA integrity_check")
    if whole != "ok":
        raise BackupError(f"{copy}: damaged, use another: {str(whole).splitlines()[0]}")
    tables = database.value(
        "SELECT count(*) FROM sqlite_master WHERE name IN ('seals', 'postings')"
    )
    if tables != 2:
        raise BackupError(f"{copy}: not a ledger with seals")
    return verify_chain(database)


def put_back(books: Path, copy: Path, keyring_folder: Path) -> dict[str, Any]:
    """Make `copy` the ledger's database; return {incarnation, head, kept}.

    What was folded since the copy was made is folded in it again, before it serves. Incarnation 0:
    the keyring's folder is elsewhere and its socket silent; it refuses older books by itself until
    its people say `tornello keyring restored`.

    The books of before are kept beside, under the name `kept`. Service and keyring must be stopped.
    Raises: BackupError, OSError, or KeyFileError while a keyring runs; then nothing was changed.
    """
    head = examine(copy)["head"]
    arriving = books.with_name(f"{books.name}.arriving")
    with ExitStack() as stack:
        keyring = _keyring(keyring_folder)
        if keyring:
            stack.enter_context(closing(keyring))
        _check_same(books, copy)
        stack.callback(arriving.unlink, missing_ok=True)
        try:
            shutil.copyfile(copy, arriving)
            head = _fold_again(arriving, folding.remembered(f"sqlite:///{books}")) or head
            _sync(arriving)
        except OSError as error:
            raise BackupError(f"{arriving}: {error.strerror}: nothing was changed; make room,"
                              " let it be written, and restore again") from None  # fmt: skip
        # Said first: cut off here, the books of before go on under a new number, which is harmless.
        incarnation = keyring.restored() if keyring else 0
        kept = _exchange(books, arriving, incarnation or 1)
    return {"incarnation": incarnation, "head": head, "kept": kept}


def _keyring(folder: Path) -> LocalKeyring | None:
    """Return the keyring of a folder, None where it is elsewhere. Raises: BackupError."""
    door = folder / DOOR
    if (folder / KEY_FILE).exists():
        return LocalKeyring(folder)
    if not door.is_symlink() and not door.exists():
        raise BackupError(f"{folder}: no keyring; bring its own copy back first, or, where it is"
                          f" another user's, let {DOOR} there be a link to its socket; nothing was"
                          " changed")  # fmt: skip
    with closing(socket.socket(socket.AF_UNIX)) as asked:
        if asked.connect_ex(os.fspath(door)) == 0:
            raise BackupError(f"{door}: a keyring answers; stop it and the services first")
    return None


def _exchange(books: Path, arriving: Path, number: int) -> str:
    """Let `arriving` be the books in one step: cut off anywhere, there are books, and whole ones.

    Returns the name under which those of before are kept, "" when there were none.
    """
    while (kept := books.with_name(f"{books.name}.before-{number}")).exists():
        number += 1
    were_there = books.exists()
    if were_there:
        with suppress(sqlite3.Error), closing(sqlite3.connect(books)) as before:
            before.execute("PRAGMA wal_checkpoint(TRUNCATE)")  # they go on without their log
        os.link(books, kept)
    for suffix in BESIDE[1:]:
        part = Path(f"{books}{suffix}")
        if part.exists():
            part.rename(f"{kept}{suffix}")
    arriving.rename(books)
    _sync(books.parent)
    return str(kept) if were_there else ""


def _fold_again(arriving: Path, until: int) -> str:
    """Fold a copy as far as the books were; return its head then, "" when there is nothing."""
    if not until:
        return ""
    with open_database(f"sqlite:///{arriving}") as database:
        folding.fold(database, until, until)
        head = str(newest_head(database))
    Path(f"{arriving}.folded").unlink(missing_ok=True)
    return head


def _check_same(books: Path, copy: Path) -> None:
    """Refuse the copy of another ledger, if the books of before can still be read."""
    if not books.exists():
        return
    try:
        with Database(f"sqlite:///{books}") as before, Database(f"sqlite:///{copy}") as after:
            names = newest_head(before).ledger, newest_head(after).ledger
    except Exception:  # noqa: BLE001 - they are damaged: that is why they are replaced
        return
    if names[0] != names[1]:
        raise BackupError(f"{copy}: a backup of ledger {names[1]}, but {books} is {names[0]}")


def _sync(path: Path) -> None:
    number = os.open(path, os.O_RDONLY)
    try:
        os.fsync(number)
    finally:
        os.close(number)
