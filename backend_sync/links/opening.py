"""Opens a link service's folder: `links.db` or another URL, its keys, and the keyring beside it."""

from collections.abc import Sequence
from pathlib import Path

from backend_sync.keyring.local import LocalKeyring
from backend_sync.keyring.main import SOCKET_FILE
from backend_sync.keyring.remote import RemoteKeyring
from backend_sync.links.links import Links
from backend_sync.ports import Clock
from backend_sync.storage.database import Database
from backend_sync.storage.subject_keys import SubjectKeys

MIGRATIONS = Path(__file__).parent / "migrations"
DATABASE_FILE = "links.db"
RESTORE = "put back the last backup of links.db and run `tornello links settle`"


class KeyringOfFolder:
    """The keyring of a folder, opened when it is first asked: its process, or its files."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    def pseudonyms(self, cards: Sequence[bytes]) -> list[bytes]:
        if (self.folder / SOCKET_FILE).is_socket():
            remote = RemoteKeyring(self.folder / SOCKET_FILE)
            try:
                return remote.pseudonyms(cards)
            finally:
                remote.close()
        local = LocalKeyring(self.folder)
        try:
            return local.pseudonyms(cards)
        finally:
            local.close()


def open_links(folder: Path, keyring: Path, clock: Clock, clerk: str, url: str = "") -> Links:
    """Return the link service of a folder. Raises: SubjectKeysError, DiskRefused."""
    keys = SubjectKeys(folder)
    database = Database(url or f"sqlite:///{folder / DATABASE_FILE}", MIGRATIONS, RESTORE)
    return Links(database, keys, KeyringOfFolder(keyring), clock, clerk)


def close_links(links: Links) -> None:
    links.database.close()
    links.keys.close()
