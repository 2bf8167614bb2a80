"""All that a gateway has on disk, to see whether anything has changed."""

from gateway.store.tables import Base
from tests.ingest.parties import Gateway


def books(gateway: Gateway) -> dict[str, list[tuple[object, ...]]]:
    """The rows of every table, in an order of their own."""
    with gateway.store.read() as conn:
        return {
            name: sorted((tuple(row) for row in conn.execute(table.select())), key=repr)
            for name, table in Base.metadata.tables.items()
        }
