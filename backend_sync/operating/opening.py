"""Opens `operating.db` and its zips, beside the ledger; made when they are not there."""

from functools import partial
from pathlib import Path
from threading import Lock

from backend_sync.operating.agencies import by_tariff
from backend_sync.operating.operating import Operating
from backend_sync.operating.zips import Zips
from backend_sync.ports import Clock
from backend_sync.storage.database import Database

MIGRATIONS = Path(__file__).parent / "migrations"
FILE, FOLDER = "operating.db", "operating"
RESTORE = "put back the last backup of operating.db and of the folder operating"


def open_operating(folder: Path, clock: Clock) -> Operating:
    """Return the operating data of a ledger's folder; the tariffs beside it say whose is what."""
    database = Database(f"sqlite:///{folder / FILE}", MIGRATIONS, RESTORE)
    return Operating(database, Zips(folder / FOLDER), clock, partial(by_tariff, folder / "tariffs"))


class Opened:
    """The operating data of a folder for a process that serves: opened once, when first asked."""

    def __init__(self, folder: Path, clock: Clock) -> None:
        self.folder = folder
        self.clock = clock
        self.turn = Lock()
        self.operating: Operating | None = None

    def __call__(self) -> Operating:
        with self.turn:
            if self.operating is None:
                self.operating = open_operating(self.folder, self.clock)
            return self.operating
