"""/v1/accounts/{account_id}/payout-accounts."""

import json
from typing import Annotated, Any

from fastapi import APIRouter, Path
from pydantic import BaseModel, Field
from sqlalchemy import Row

from gateway.api.policy import Authorized
from gateway.api.services import Office
from gateway.api.shapes import AccountId, Body, Cursor, Limit, Page, slice_of
from gateway.operations import payout_accounts
from gateway.operations.principal import of_bearer

router = APIRouter(prefix="/accounts/{account_id}/payout-accounts", tags=["funds"])

PayoutId = Annotated[str, Path(pattern="^[a-z0-9-]{1,60}$")]


class PayoutAccountIn(Body):
    """Where an account is to be paid: what `details` must hold is the rail's to say. Without `rail`
    it is the gateway's."""

    rail: Annotated[str, Field(pattern="^[a-z0-9-]{1,40}$")] | None = None
    details: Annotated[dict[str, str], Field(max_length=20)]


class PayoutAccountOut(BaseModel):
    """Where an account is paid. It is in force from `active_from` until it is retired (`ended_at`),
    or a later one is in force."""

    id: str
    account_id: str
    rail: str
    details: dict[str, str]
    state: str
    proposed_by: str
    proposed_at: int
    approved_by: str | None
    approved_at: int | None
    active_from: int | None
    ended_by: str | None
    ended_at: int | None


def payout_account_out(row: Row[Any]) -> PayoutAccountOut:
    """A payout account's row as the API shows it."""
    return PayoutAccountOut(
        id=row.id,
        account_id=row.account_id,
        rail=row.rail,
        details=json.loads(row.details),
        state=row.state,
        proposed_by=row.proposed_by,
        proposed_at=row.proposed_at,
        approved_by=row.approved_by,
        approved_at=row.approved_at,
        active_from=row.active_from,
        ended_by=row.ended_by,
        ended_at=row.ended_at,
    )


@router.get("", operation_id="listPayoutAccounts")
def list_payout_accounts(
    office: Office, account_id: AccountId, cursor: Cursor = None, limit: Limit = 100
) -> Page[PayoutAccountOut]:
    """Where an account is and was paid, the newest first."""
    rows = payout_accounts.listed(office.store, account_id)
    return slice_of([(row.id, payout_account_out(row)) for row in rows], cursor, limit)


@router.post("", operation_id="proposePayoutAccount")
def propose(
    office: Office, bearer: Authorized, account_id: AccountId, body: PayoutAccountIn
) -> PayoutAccountOut:
    """Propose where an account is to be paid. Nothing changes before another person approves."""
    return payout_account_out(
        payout_accounts.propose(
            office.store,
            office.rails,
            account_id,
            body.rail or office.rails.default,
            body.details,
            of_bearer(bearer),
        )
    )


@router.post("/{payout_id}/approve", operation_id="approvePayoutAccount")
def approve(
    office: Office, bearer: Authorized, account_id: AccountId, payout_id: PayoutId
) -> PayoutAccountOut:
    """Approve what another person proposed: in force after the cooling period."""
    return payout_account_out(
        payout_accounts.approve(
            office.store, account_id, payout_id, of_bearer(bearer), office.payout_cooling
        )
    )


@router.post("/{payout_id}/reject", operation_id="rejectPayoutAccount")
def reject(
    office: Office, bearer: Authorized, account_id: AccountId, payout_id: PayoutId
) -> PayoutAccountOut:
    """Give up a proposal."""
    found = payout_accounts.reject(office.store, account_id, payout_id, of_bearer(bearer))
    return payout_account_out(found)


@router.post("/{payout_id}/retire", operation_id="retirePayoutAccount")
def retire(
    office: Office, bearer: Authorized, account_id: AccountId, payout_id: PayoutId
) -> PayoutAccountOut:
    """Pay there no more, at once."""
    found = payout_accounts.retire(office.store, account_id, payout_id, of_bearer(bearer))
    return payout_account_out(found)
