"""What every module's `migrations/env.py` does: Alembic runs on the connection handed to it."""

from alembic import context
from sqlalchemy import MetaData


def run(metadata: MetaData) -> None:
    """Bring the database that Alembic was given to the newest revision; it opens none itself."""
    context.configure(
        connection=context.config.attributes["connection"],
        target_metadata=metadata,
        render_as_batch=True,
        transactional_ddl=True,
    )
    with context.begin_transaction():
        context.run_migrations()
