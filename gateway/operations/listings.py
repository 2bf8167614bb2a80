"""Use cases on what devices sell: looking, and ending a listing."""

from typing import Any

from sqlalchemy import Row

from gateway.operations.errors import BadInput
from gateway.operations.paging import Page, one_page
from gateway.store import audit, listings, notices
from gateway.store.engine import Store

STATES = ("listed", "ended")


def page(
    store: Store,
    *,
    after: bytes = b"",
    limit: int = 100,
    unit: str | None = None,
    account_id: str | None = None,
    device_id: str | None = None,
    state: str | None = None,
) -> Page[Row[Any]]:
    """Listings by id. Raises BadInput."""
    if state is not None and state not in STATES:
        raise BadInput("state", "must be listed or ended")
    with store.read() as conn:
        return one_page(
            lambda count: listings.find(
                conn,
                unit=unit,
                account_id=account_id,
                device_id=device_id,
                state=state,
                after=after,
                limit=count,
            ),
            limit,
        )


def end(store: Store, id_: bytes) -> Row[Any]:
    """End a listing: nobody buys by it any more, what is open goes on. Its device may sell so
    again. Raises NotFound, IllegalMove if it has ended."""
    with store.write() as conn:
        listings.end(conn, id_)
        audit.record(conn, "listing.end", id_.hex())
        notices.decided(conn)
        return listings.get(conn, id_)
