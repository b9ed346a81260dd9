"""Alembic's entry: it runs on the connection that is handed over, never opens its own."""

from alembic import context

from backend_sync.office.tables import metadata

context.configure(
    connection=context.config.attributes["connection"],
    target_metadata=metadata,
    render_as_batch=True,
    transactional_ddl=True,
)
with context.begin_transaction():
    context.run_migrations()
