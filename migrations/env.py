"""Runs migrations inside one transaction on the database named by whoever calls (see `mlc_service.store.schema`)."""

from __future__ import annotations

from typing import Any, Literal

from alembic import context

from mlc_service.store.columns import Json, Number, UtcDateTime
from mlc_service.store.database import open_database
from mlc_service.store.tables import metadata


def _by_our_names(kind: str, item: Any, _context: Any) -> str | Literal[False]:
    """In generated migrations our column types appear by their own names."""
    if kind == "type":
        if isinstance(item, UtcDateTime):
            return "UtcDateTime()"
        if item is Json or repr(item) == repr(Json):
            return "Json"
        if item is Number or repr(item) == repr(Number):
            return "Number"
    return False


database = open_database(context.config.attributes["database_url"], pool_size=1)
with database.begin() as connection:
    if connection.dialect.name == "postgresql":
        # several processes of a fleet may start at once: one migrates, the others wait and find it done
        connection.exec_driver_sql("SELECT pg_advisory_xact_lock(7216)")
    context.configure(
        connection=connection,
        target_metadata=metadata,
        transaction_per_migration=False,
        render_item=_by_our_names,
        render_as_batch=connection.dialect.name == "sqlite",
    )
    with context.begin_transaction():
        context.run_migrations()
database.dispose()
