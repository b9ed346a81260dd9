"""Alembic's entry: the tables of this module."""

import backend_sync.ledger.book_tables  # noqa: F401 - in the same metadata
from backend_sync.ledger.schema import metadata
from backend_sync.storage.migrating import run

run(metadata)
