"""/v1/accounts/{account_id}/withdrawals."""

from typing import Annotated, Any, Literal

from fastapi import APIRouter, Path, Response
from pydantic import BaseModel, Field
from sqlalchemy import Row

from gateway.api.idempotency import IdempotencyKey, once
from gateway.api.policy import Authorized
from gateway.api.services import Office
from gateway.api.shapes import (
    MAX,
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
from gateway.operations import accounts, settlement, withdrawals
from gateway.operations.principal import of_bearer
from gateway.settlement.rails import Outcome

router = APIRouter(prefix="/accounts/{account_id}/withdrawals", tags=["funds"])

Number = Annotated[int, Path(ge=1, le=MAX)]


class WithdrawalIn(Body):
    """Deposits to pay back: `amount` in atomic units. Without `rail` it is the gateway's."""

    amount: Atomic
    rail: Annotated[str, Field(pattern="^[a-z0-9-]{1,40}$")] | None = None


class WithdrawalOut(BaseModel):
    """A withdrawal. Once it is approved, `payout` says what became of its instruction, and `note`
    what the rail said of it."""

    number: int
    account_id: str
    amount: Money
    payout_account: str
    state: str
    requested_by: str
    requested_at: int
    decided_by: str | None
    decided_at: int | None
    payout: str | None
    note: str | None


class WithdrawalOutcome(Body):
    """What came of a withdrawal's instruction."""

    outcome: Literal["done", "failed", "returned"]
    note: Annotated[str, Field(max_length=500)] = ""


def withdrawal_out(row: Row[Any], scale: int) -> WithdrawalOut:
    """A withdrawal's row as the API shows it."""
    return WithdrawalOut(
        number=row.number,
        account_id=row.account_id,
        amount=Money(amount=row.amount, currency=row.currency, scale=scale),
        payout_account=row.payout_account,
        state=row.state,
        requested_by=row.requested_by,
        requested_at=row.requested_at,
        decided_by=row.decided_by,
        decided_at=row.decided_at,
        payout=row.payout,
        note=row.note,
    )


@router.get("", operation_id="listWithdrawals")
def list_withdrawals(
    office: Office, account_id: AccountId, cursor: Cursor = None, limit: Limit = 100
) -> Page[WithdrawalOut]:
    """An account's withdrawals, the newest first."""
    found = withdrawals.page(office.store, account_id, before=before_of(cursor), limit=limit)
    scale = accounts.scale(office.store, account_id)
    return Page(
        items=[withdrawal_out(row, scale) for row in found.items],
        next=cursor_of(str(found.items[-1].number)) if found.more else None,
    )


@router.post("", operation_id="withdraw", response_model=WithdrawalOut)
def withdraw(
    office: Office,
    bearer: Authorized,
    account_id: AccountId,
    body: WithdrawalIn,
    idempotency_key: IdempotencyKey = None,
) -> Response:
    """Ask deposits back: they are held from now, and paid once another person approves."""

    def act() -> str:
        row = withdrawals.request(
            office.store,
            office.rails,
            account_id,
            body.amount,
            body.rail or office.rails.default,
            of_bearer(bearer),
        )
        return withdrawal_out(row, accounts.scale(office.store, account_id)).model_dump_json()

    request = f"withdraw {account_id} {body.model_dump_json()}"
    answer = once(office.store, bearer, idempotency_key, request, act)
    return Response(answer, media_type="application/json")


@router.get("/{number}", operation_id="getWithdrawal")
def get_withdrawal(office: Office, account_id: AccountId, number: Number) -> WithdrawalOut:
    """One withdrawal, and what became of it."""
    row = withdrawals.show(office.store, account_id, number)
    return withdrawal_out(row, accounts.scale(office.store, account_id))


@router.post("/{number}/approve", operation_id="approveWithdrawal")
def approve(
    office: Office, bearer: Authorized, account_id: AccountId, number: Number
) -> WithdrawalOut:
    """Approve what another person asked for, and hand it to the rail."""
    withdrawals.approve(office.store, account_id, number, of_bearer(bearer))
    settlement.hand_over(office.store, office.rails)
    return get_withdrawal(office, account_id, number)


@router.post("/{number}/reject", operation_id="rejectWithdrawal")
def reject(
    office: Office, bearer: Authorized, account_id: AccountId, number: Number
) -> WithdrawalOut:
    """Give up a request; what it held is free again."""
    row = withdrawals.reject(office.store, account_id, number, of_bearer(bearer))
    return withdrawal_out(row, accounts.scale(office.store, account_id))


@router.post("/{number}/outcome", operation_id="recordWithdrawalOutcome")
def record_outcome(
    office: Office, account_id: AccountId, number: Number, body: WithdrawalOutcome
) -> WithdrawalOut:
    """Record what the rail did with it; the same again changes nothing."""
    name = withdrawals.instruction_of(office.store, account_id, number)
    settlement.record(office.store, [Outcome(name, body.outcome, body.note)])
    return get_withdrawal(office, account_id, number)
