"""Runs Alembic's migrations on the connection that `upgrade` hands over, in its transaction."""

from alembic import context

from gateway.store import (
    tables_books,  # noqa: F401  (its tables belong to the metadata)
    tables_idempotency,  # noqa: F401
    tables_notices,  # noqa: F401
    tables_restore,  # noqa: F401
)
from gateway.store.tables import Base

context.configure(
    connection=context.config.attributes["connection"],
    target_metadata=Base.metadata,
    compare_type=True,
)
context.run_migrations()
