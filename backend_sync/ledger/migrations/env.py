"""Alembic's entry: it runs on the connection the ledger hands over, never opens its own."""

from alembic import context

import backend_sync.ledger.book_tables  # noqa: F401 - in the same metadata
from backend_sync.ledger.schema import metadata

context.configure(
    connection=context.config.attributes["connection"],
    target_metadata=metadata,
    render_as_batch=True,
    transactional_ddl=True,
)
with context.begin_transaction():
    context.run_migrations()
