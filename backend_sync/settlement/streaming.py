"""Reads a query's rows as they come: a day's rides need not be in memory at once."""

from collections.abc import Iterator
from typing import Any

from backend_sync.storage.database import Database

AT_ONCE = 5000


def stream(database: Database, sql: str, values: Any) -> Iterator[Any]:
    """Yield the rows of a query as they are read."""
    text = sql if database.sqlite else sql.replace("?", "%s")
    how = {} if database.sqlite else {"stream_results": True, "max_row_buffer": AT_ONCE}
    found = database.connection.exec_driver_sql(text, tuple(values), execution_options=how)
    for part in found.partitions(AT_ONCE):
        yield from part
