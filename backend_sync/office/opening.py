"""Opens `office.db`, beside the ledger; made when it is not there."""

from pathlib import Path

from backend_sync.storage.database import Database

MIGRATIONS = Path(__file__).parent / "migrations"
FILE = "office.db"
RESTORE = "put back the last backup of office.db"


def open_database(folder: Path) -> Database:
    """Return the office's database of a ledger's folder."""
    return Database(f"sqlite:///{folder / FILE}", MIGRATIONS, RESTORE)
