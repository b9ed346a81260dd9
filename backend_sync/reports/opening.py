"""Opens `reports.db`, beside the ledger; made when it is not there."""

from pathlib import Path

from backend_sync.storage.database import Database

MIGRATIONS = Path(__file__).parent / "migrations"
FILE = "reports.db"
RESTORE = "put back the last backup of reports.db"


def open_database(folder: Path) -> Database:
    """Return the database of saved queries and releases of a ledger's folder."""
    return Database(f"sqlite:///{folder / FILE}", MIGRATIONS, RESTORE)
