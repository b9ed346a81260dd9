"""What a database's error says of the disk, in one sentence with what to do about it.

A full, read-only or damaged disk is the world's failure, never a batch's: nothing was written, and
whoever gets `DiskRefused` waits for a person or ends. Source: threats T17, T24; decision D20.
"""

import re
import sqlite3

from sqlalchemy import Engine, event
from sqlalchemy.engine import ExceptionContext
from sqlalchemy.exc import DBAPIError

RESTORE_LEDGER = (
    "stop the service, put back the last backup and run `tornello keyring restored`: edges send"
    " again what it lacks"
)
RESTORE_KEYRING = (
    "stop the keyring and put back the last backup; then import again the cards issued since"
)
# SQLite error names start so -> what it means and what a person can do.
HINTS = (
    ("SQLITE_FULL", "the disk is full: make room"),
    ("SQLITE_READONLY", "it cannot be written: check the owner and the mount options"),
    ("SQLITE_IOERR", "the disk failed or is full: check its room and its cable"),
    ("SQLITE_CANTOPEN", "it cannot be opened: choose a folder that exists and may be written"),
    ("SQLITE_CORRUPT", "it is damaged: {restore}"),
    ("SQLITE_NOTADB", "it is not a database: {restore}"),
)


class DiskRefused(Exception):
    """The database cannot be read or written; the message says why and what to do."""


def shown(place: str) -> str:
    """Return a place for messages: a URL without its password."""
    return re.sub(r"(://[^/@:]*):.*@", r"\1:***@", place)


def in_words(error: BaseException, restore: str) -> str:
    """Return what an SQLite error says of the disk, "" when it is not the disk's fault.

    `restore` is what to do about a damaged file.
    """
    name = getattr(error, "sqlite_errorname", "") or ""
    if not isinstance(error, sqlite3.DatabaseError):
        return ""
    hint = next((hint for start, hint in HINTS if name.startswith(start)), "")
    return f"{hint.format(restore=restore)} ({name})" if hint else ""


def told(error: Exception) -> str:
    """Return what a command says of an error: which file; of the keys' database, what to do.

    Databases that `Database` opens say it themselves: what comes as SQLite's own is the keyring's.
    """
    if isinstance(error, OSError) and error.filename:
        return f"{error.filename}: {error.strerror}"
    if isinstance(error, sqlite3.DatabaseError):
        return f"the database of the keys: {in_words(error, RESTORE_KEYRING) or error}"
    return str(error)


def explained(error: sqlite3.Error, sql: str, path: str | None, restore: str) -> Exception:
    """Return what to raise for an error of SQLite: SQLAlchemy's, or DiskRefused."""
    words = in_words(error, restore)
    if words:
        return DiskRefused(f"{path}: {words}")
    return DBAPIError.instance(sql, None, error, sqlite3.Error)


def explain_errors(engine: Engine, restore: str) -> None:
    """Let the engine raise DiskRefused instead of its own error where the disk is at fault."""

    @event.listens_for(engine, "handle_error")
    def _explain(context: ExceptionContext) -> None:
        words = in_words(context.original_exception, restore)
        if words:
            raise DiskRefused(f"{engine.url.database}: {words}") from context.original_exception
