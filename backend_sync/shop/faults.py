"""The world's faults: what was asked for can be asked again; and how a log says them."""

from sqlalchemy.exc import SQLAlchemyError

from backend_sync.keyring.keyfile import KeyFileError
from backend_sync.ledger.books import BooksRefused
from backend_sync.ledger.place import PlaceError
from backend_sync.ports import KeyringError
from backend_sync.storage.disk import DiskRefused

FAULTS = (BooksRefused, DiskRefused, KeyFileError, KeyringError, PlaceError, SQLAlchemyError)


def words_of(error: Exception) -> str:
    """Return a fault in one line, of a database without the values that it was given."""
    lines = str(error.__cause__ or error).strip().splitlines()
    return lines[0] if lines else type(error).__name__
