"""Finds a ledger's parts for commands: a folder, a database file or a URL is enough.

Beside the database lie its keyring (`keyring/`) and the published tariffs (`tariffs/`). Where the
books are in PostgreSQL the folder has a file `ledger.place` with their URL instead of `ledger.db`,
so that it can be bound to a register of users like any other; a URL alone names books to read.
"""

import re
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from pathlib import Path
from threading import RLock

from sqlalchemy import make_url
from sqlalchemy.exc import ArgumentError, SQLAlchemyError

from backend_sync.catalogue import every_tariff
from backend_sync.keyring.keyfile import KeyFileError
from backend_sync.keyring.local import LocalKeyring
from backend_sync.keyring.remote import RemoteKeyring
from backend_sync.ledger.ledger import Ledger
from backend_sync.ports import Clock
from backend_sync.storage.database import Database
from backend_sync.storage.disk import shown

SQLITE = "sqlite:///"
FILE, ELSEWHERE = "ledger.db", "ledger.place"
DRIVER = "postgresql+psycopg://"

OLDER = (
    "; older programs made it: a command that writes, such as `tornello ledger lapse`, brings it up"
    " to date"
)


def reason(error: SQLAlchemyError) -> str:
    """Return what a database said, and what to do when older programs made it."""
    said = str(error.__cause__ or error).strip()
    older = re.search("no such (table|column)|(relation|column) .* does not exist", said)
    return said + (OLDER if older else "")


def _checked(url: str) -> str:
    """Return a URL that can be read as one; its password is never said. Raises: PlaceError."""
    try:
        make_url(url)
    except (ValueError, ArgumentError):
        raise PlaceError(
            f"{shown(url)}: no URL of a database; wanted {DRIVER}user:password@host/name, in a"
            " password %40 for @, %3A for : and %2F for /"
        ) from None
    return url


class PlaceError(Exception):
    """There is no ledger there; the message is the sentence to show."""


class Place:
    """Where one ledger is."""

    def __init__(self, place: str) -> None:
        self.place = place
        path = Path(place.removeprefix(SQLITE))
        self.file = path / FILE if path.is_dir() else path
        self.turn = RLock()  # of threads that open the ledger: a keyring has one holder

    @property
    def is_url(self) -> bool:
        """Return whether the books themselves were named, in a server, and no folder."""
        return "://" in self.place and not self.place.startswith(SQLITE)

    @property
    def folder(self) -> Path:
        """Return where keyring, tariffs and the binding lie. Raises: PlaceError for a URL."""
        if self.is_url:
            raise PlaceError(
                "a URL names the books alone; wanted the folder with keyring/ and tariffs/ whose"
                f" {ELSEWHERE} says where the books are: `tornello ledger at FOLDER --url URL`"
            )
        return self.file.parent

    def url(self) -> str:
        """Return the database's URL. Raises: PlaceError when there is no ledger."""
        if self.is_url:
            return _checked(self.place)
        elsewhere = self.file.parent / ELSEWHERE
        is_named = self.file.name == FILE and elsewhere.exists()
        if self.file.exists():
            if is_named:
                raise PlaceError(f"{self.file} and {ELSEWHERE}: which are the books?")
            return f"{SQLITE}{self.file}"
        if not is_named:
            raise PlaceError(f"{self.file}: no such ledger")
        return _url_in(elsewhere)

    def put_elsewhere(self, url: str, look: Callable[[str], None]) -> Path:
        """Say where the books of this folder are; return the file. Raises: PlaceError.

        Said again it is as it was; a folder never changes its books. `look` raises when they are
        none.
        """
        path = self.folder / ELSEWHERE
        if not url.startswith(DRIVER):
            raise PlaceError(f"{url.partition('@')[0][:40]!r}: wanted a URL {DRIVER}...")
        if self.file.exists():
            raise PlaceError(f"{self.file}: the books of this folder are here")
        if path.exists() and _url_in(path) != url:
            raise PlaceError(f"{path}: names other books already")
        look(url)
        try:
            path.touch(mode=0o600)  # a URL may hold a password
            path.write_text(url + "\n", encoding="utf-8")
        except OSError as error:
            raise PlaceError(f"{path}: {error.strerror}") from None
        return path

    def books(self) -> Database:
        """Return the books, to read only."""
        return Database(self.url())

    @property
    def tariffs(self) -> Path:
        """Return the folder of published tariffs beside the ledger."""
        return self.folder / "tariffs"

    def keyring(self) -> LocalKeyring | RemoteKeyring:
        """Return the keyring beside the ledger: its folder, or its process when that is running."""
        folder = self.folder / "keyring"
        socket = folder / "keyring.sock"
        try:
            return LocalKeyring(folder)
        except KeyFileError:
            if not socket.exists():
                raise
        return RemoteKeyring(socket)

    @contextmanager
    def ledger(self, clock: Clock, authority: int = 0) -> Iterator[Ledger]:
        """Open the ledger for writing, with its keyring; close both. Threads take turns."""
        url = self.url()
        with self.turn, closing(self.keyring()) as keyring:
            tariffs = every_tariff(self.tariffs)
            ledger = Ledger(url, clock, keyring, tariffs, authority)
            with closing(ledger):
                yield ledger


def _url_in(path: Path) -> str:
    """Return the URL that a `ledger.place` holds. Raises: PlaceError."""
    try:
        lines = path.read_text(encoding="utf-8").splitlines()
    except (OSError, UnicodeDecodeError) as error:
        raise PlaceError(f"{path}: cannot be read: {error}") from None
    if len(lines) != 1 or not lines[0].startswith(DRIVER):
        raise PlaceError(f"{path}: {len(lines)} lines, wanted one: a URL {DRIVER}...")
    return lines[0]
