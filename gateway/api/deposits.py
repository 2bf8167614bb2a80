"""/v1/accounts/{account_id}/deposits."""

from typing import Annotated, Any

from fastapi import APIRouter, Response
from pydantic import BaseModel, Field
from sqlalchemy import Row

from gateway.api.idempotency import IdempotencyKey, once
from gateway.api.policy import Authorized
from gateway.api.services import Office
from gateway.api.shapes import (
    AccountId,
    Atomic,
    Body,
    Cursor,
    Limit,
    Money,
    Page,
    before_of,
    cursor_of,
)
from gateway.operations import accounts, deposits
from gateway.operations.payout_accounts import bounds_of, check_rail
from gateway.operations.principal import of_bearer

router = APIRouter(prefix="/accounts/{account_id}/deposits", tags=["funds"])


class DepositIn(Body):
    """Money that has come over a rail: `amount` in atomic units, `reference` the rail's own for
    this payment, which is recorded once. Without `rail` it is the gateway's."""

    amount: Atomic
    reference: Annotated[str, Field(min_length=1, max_length=deposits.MAX_REFERENCE)]
    rail: Annotated[str, Field(pattern="^[a-z0-9-]{1,40}$")] | None = None
    note: Annotated[str, Field(max_length=500)] = ""


class DepositOut(BaseModel):
    """A deposit; `entry` is the number of its journal entry, `at` in Unix seconds."""

    account_id: str
    amount: Money
    rail: str
    reference: str
    recorded_by: str
    note: str
    at: int
    entry: int


def deposit_out(row: Row[Any], scale: int) -> DepositOut:
    """A deposit's row as the API shows it."""
    return DepositOut(
        account_id=row.account_id,
        amount=Money(amount=row.amount, currency=row.currency, scale=scale),
        rail=row.rail,
        reference=row.reference,
        recorded_by=row.recorded_by,
        note=row.note,
        at=row.at,
        entry=row.entry_seq,
    )


@router.get("", operation_id="listDeposits")
def list_deposits(
    office: Office, account_id: AccountId, cursor: Cursor = None, limit: Limit = 100
) -> Page[DepositOut]:
    """An account's deposits, the newest first."""
    found = deposits.page(office.store, account_id, before=before_of(cursor), limit=limit)
    scale = accounts.scale(office.store, account_id)
    return Page(
        items=[deposit_out(row, scale) for row in found.items],
        next=cursor_of(str(found.items[-1].entry_seq)) if found.more else None,
    )


@router.post("", operation_id="deposit", response_model=DepositOut)
def deposit(
    office: Office,
    bearer: Authorized,
    account_id: AccountId,
    body: DepositIn,
    idempotency_key: IdempotencyKey = None,
) -> Response:
    """Record money that an account has paid in; the same reference again changes nothing."""

    rail = body.rail or office.rails.default
    account = accounts.show(office.store, account_id).account
    bounds_of(check_rail(office.rails, rail), account)

    def act() -> str:
        row = deposits.deposit(
            office.store,
            account_id,
            body.amount,
            rail,
            body.reference,
            of_bearer(bearer),
            body.note,
        )
        return deposit_out(row, account.scale).model_dump_json()

    request = f"deposit {account_id} {body.model_dump_json()}"
    answer = once(office.store, bearer, idempotency_key, request, act)
    return Response(answer, media_type="application/json")
