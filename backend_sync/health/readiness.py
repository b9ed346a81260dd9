"""Whether `ledger serve` can do its work: a few questions to what it stands on.

Answers name a part and what is wrong with it in a word; paths and errors are in the log.
"""

import shutil
from collections.abc import Callable
from pathlib import Path

from sqlalchemy.exc import SQLAlchemyError

from backend_sync.keyring.keyfile import KeyFileError
from backend_sync.keyring.local import KEY_FILE
from backend_sync.keyring.remote import RemoteKeyring
from backend_sync.ledger.opening import MIGRATIONS
from backend_sync.ledger.place import Place, PlaceError
from backend_sync.ports import KeyringError
from backend_sync.registers.opening import Registers
from backend_sync.storage.disk import DiskRefused

OK = "ok"
FREE_BYTES_LEAST = 256 << 20  # below it SQLite's log may not fit a busy minute
ABSENT = (PlaceError, DiskRefused, SQLAlchemyError, OSError, KeyFileError, KeyringError)


class Readiness:
    """Asks the parts of one ledger; `free_bytes(folder)` says how much room a disk has."""

    def __init__(
        self,
        place: Place,
        registers: Registers,
        free_bytes: Callable[[Path], int] = lambda folder: shutil.disk_usage(folder).free,
    ) -> None:
        self.place = place
        self.registers = registers
        self.free_bytes = free_bytes
        self.asked = {"books": self._books, "register": self._register, "keyring": self._keyring,
                      "disk": self._disk}  # fmt: skip

    def checks(self) -> dict[str, str]:
        """Return {part: "ok" or what is wrong}."""
        found = {}
        for name, ask in self.asked.items():
            try:
                found[name] = ask()
            except ABSENT:
                found[name] = "does not answer"
        return found

    def _books(self) -> str:
        with self.place.books() as database:
            return OK if database.is_newest(MIGRATIONS) else "of another version than the program"

    def _register(self) -> str:
        self.registers.database.value("SELECT 1")
        return OK

    def _keyring(self) -> str:
        """A process is asked; without one every command opens the keyring itself."""
        folder = self.place.folder / "keyring"
        socket = folder / "keyring.sock"
        if not socket.exists():
            return OK if (folder / KEY_FILE).exists() else "not there"
        ring = RemoteKeyring(socket, attempts=1)
        try:
            ring.assemble("publics", {})
        finally:
            ring.close()
        return OK

    def _disk(self) -> str:
        return OK if self.free_bytes(self.place.folder) >= FREE_BYTES_LEAST else "nearly full"
