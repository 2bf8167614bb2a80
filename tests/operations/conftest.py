"""The use cases' tests run on each database."""

from tests.store.engines import database_url, store

__all__ = ["database_url", "store"]
