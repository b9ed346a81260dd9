"""Opens `api.db`, beside the ledger; made when it is not there."""

from pathlib import Path

from backend_sync.storage.database import Database

MIGRATIONS = Path(__file__).parent / "migrations"
FILE = "api.db"
RESTORE = "put back the last backup of api.db; keys made since then are made again"


def open_database(folder: Path) -> Database:
    """Return the interfaces' database of a ledger's folder."""
    return Database(f"sqlite:///{folder / FILE}", MIGRATIONS, RESTORE)
