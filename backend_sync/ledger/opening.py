"""Opens the ledger's database for writing: brought to the newest tables, and sealed as it grows."""

from pathlib import Path

from backend_sync.ledger.seals import Sealer
from backend_sync.storage.database import Database

MIGRATIONS = Path(__file__).parent / "migrations"


def open_database(url: str) -> Database:
    """Return the ledger's database. Every program that writes into it opens it so."""
    database = Database(url, MIGRATIONS)
    database.witness = Sealer(database)
    return database
