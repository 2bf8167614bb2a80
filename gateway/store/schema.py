"""All tables: whoever imports this has every one of them in `Base.metadata`."""

from gateway.store import (  # noqa: F401  (importing them is what registers them)
    tables_audit,
    tables_bank,
    tables_books,
    tables_chain,
    tables_claims,
    tables_conclusions,
    tables_erasure,
    tables_events,
    tables_funds,
    tables_idempotency,
    tables_legs,
    tables_listings,
    tables_notices,
    tables_people,
    tables_restore,
    tables_schedule,
    tables_webhooks,
)
from gateway.store.tables import Base

__all__ = ["Base"]
