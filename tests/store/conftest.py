"""The store's tests run on each database."""

from tests.store.engines import database_url, migrated_url, store

__all__ = ["database_url", "migrated_url", "store"]
