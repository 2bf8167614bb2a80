"""Runs Alembic's migrations on the connection that `upgrade` hands over, in its transaction."""

from alembic import context

from gateway.store.schema import Base

context.configure(
    connection=context.config.attributes["connection"],
    target_metadata=Base.metadata,
    compare_type=True,
)
context.run_migrations()
