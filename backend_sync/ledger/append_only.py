"""The ledger's books are append-only as every register's are: `backend_sync/storage` says how."""

from backend_sync.storage.append_only import (
    MARK,
    POSTGRESQL_FUNCTION,
    append_only,
    books_of,
    triggers,
)

__all__ = ["MARK", "POSTGRESQL_FUNCTION", "append_only", "books_of", "triggers"]
