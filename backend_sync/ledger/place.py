"""Finds a ledger's parts for commands: a folder, a database file or a URL is enough.

Beside the database lie its keyring (`keyring/`) and the published tariffs (`tariffs/`).
"""

import re
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path
from threading import RLock

from sqlalchemy.exc import SQLAlchemyError

from backend_sync.catalogue import every_tariff
from backend_sync.keyring.keyfile import KeyFileError
from backend_sync.keyring.local import LocalKeyring
from backend_sync.keyring.remote import RemoteKeyring
from backend_sync.ledger.ledger import Ledger
from backend_sync.ports import Clock
from backend_sync.storage.database import Database

SQLITE = "sqlite:///"


OLDER = (
    "; older programs made it: a command that writes, such as `tornello ledger lapse`, brings it up"
    " to date"
)


def reason(error: SQLAlchemyError) -> str:
    """Return what a database said, and what to do when older programs made it."""
    said = str(error.__cause__ or error).strip()
    return said + (OLDER if re.search("no such table|does not exist", said) else "")


class PlaceError(Exception):
    """There is no ledger there; the message is the sentence to show."""


class Place:
    """Where one ledger is."""

    def __init__(self, place: str) -> None:
        self.place = place
        path = Path(place.removeprefix(SQLITE))
        self.folder = path if path.is_dir() else path.parent
        self.turn = RLock()  # of threads that open the ledger: a keyring has one holder

    def url(self) -> str:
        """Return the database's URL. Raises: PlaceError when the file is not there."""
        if "://" in self.place and not self.place.startswith(SQLITE):
            return self.place
        path = Path(self.place.removeprefix(SQLITE))
        path = path / "ledger.db" if path.is_dir() else path
        if not path.exists():
            raise PlaceError(f"{path}: no such ledger")
        return f"{SQLITE}{path}"

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
