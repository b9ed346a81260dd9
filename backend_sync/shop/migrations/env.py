"""Alembic's entry: the tables of this module."""

from backend_sync.shop.tables import metadata
from backend_sync.storage.migrating import run

run(metadata)
