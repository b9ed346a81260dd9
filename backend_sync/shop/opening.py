"""Opens `shop.db`, beside the ledger; made when it is not there."""

from pathlib import Path

from backend_sync.storage.database import Database

MIGRATIONS = Path(__file__).parent / "migrations"
FILE = "shop.db"
RESTORE = "put back the last backup of shop.db, then `tornello shop reconcile` with the provider"


def open_database(folder: Path) -> Database:
    """Return the shop's database of a ledger's folder."""
    return Database(f"sqlite:///{folder / FILE}", MIGRATIONS, RESTORE)
