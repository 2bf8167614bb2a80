"""/v1/listings: what devices sell to each other."""

from base64 import b64encode
from typing import Annotated, Any, Literal

from fastapi import APIRouter, Query
from pydantic import BaseModel
from sqlalchemy import Row

from gateway.api.services import Office
from gateway.api.shapes import AtomicOut, Cursor, HexId, Limit, Money, Page, cursor_of, position_of
from gateway.operations import listings
from gateway.operations.errors import BadInput
from protocol import cbor
from protocol.pricing import tariff_from_map

router = APIRouter(prefix="/listings", tags=["listings"])


class ListingOut(BaseModel):
    """What a device sells, with the `sell` (base64) that it signed: numerator/denominator atomic
    units for one `unit`, and `session_fee` once for each channel, of which the gateway takes
    `fee_bp` basis points."""

    id: str
    state: str
    device_id: str
    account_id: str
    unit: str
    numerator: AtomicOut
    denominator: AtomicOut
    currency: str
    scale: int
    session_fee: Money
    max_capacity: Money
    window_units: int
    max_lifetime_s: int
    fee_bp: int
    created_at: int
    sell_message: str


def listing_out(row: Row[Any]) -> ListingOut:
    """A listing's row as the API shows it."""
    tariff = tariff_from_map(cbor.decode(bytes(row.encoded)))

    def money(amount: int) -> Money:
        return Money(amount=amount, currency=tariff.currency, scale=tariff.scale)

    return ListingOut(
        id=bytes(row.id).hex(),
        state=row.state,
        device_id=row.device_id,
        account_id=row.account_id,
        unit=row.unit,
        numerator=tariff.numerator,
        denominator=tariff.denominator,
        currency=tariff.currency,
        scale=tariff.scale,
        session_fee=money(tariff.session_fee),
        max_capacity=money(row.max_capacity),
        window_units=row.window_units,
        max_lifetime_s=row.max_lifetime_s,
        fee_bp=row.fee_bp,
        created_at=row.created_at,
        sell_message=b64encode(row.message).decode(),
    )


@router.get("", operation_id="listListings")
def list_listings(
    office: Office,
    cursor: Cursor = None,
    limit: Limit = 100,
    unit: Annotated[str | None, Query(min_length=1, max_length=16, pattern=r"^[!-~]+$")] = None,
    account_id: Annotated[str | None, Query(pattern="^[a-z0-9-]{1,40}$")] = None,
    device_id: Annotated[str | None, Query(pattern="^[0-9a-f]{32}$")] = None,
    state: Literal["listed", "ended"] | None = None,
) -> Page[ListingOut]:
    """What devices sell, by id."""
    position = position_of(cursor)
    try:
        after = b"" if position is None else bytes.fromhex(position)
    except ValueError:
        raise BadInput("cursor", "must be the `next` of an earlier page") from None
    found = listings.page(
        office.store,
        after=after,
        limit=limit,
        unit=unit,
        account_id=account_id,
        device_id=device_id,
        state=state,
    )
    return Page(
        items=[listing_out(row) for row in found.items],
        next=cursor_of(bytes(found.items[-1].id).hex()) if found.more else None,
    )


@router.post("/{listing_id}/end", operation_id="endListing")
def end_listing(office: Office, listing_id: HexId) -> ListingOut:
    """Let nobody buy by a listing any more; channels that are open go on."""
    return listing_out(listings.end(office.store, bytes.fromhex(listing_id)))
