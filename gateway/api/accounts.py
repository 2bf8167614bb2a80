"""/v1/accounts."""

from typing import Annotated, Any, Literal

from fastapi import APIRouter
from pydantic import BaseModel, Field
from sqlalchemy import Row

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
    Search,
    cursor_of,
    position_of,
)
from gateway.operations import accounts
from gateway.operations.accounts import Standing

router = APIRouter(prefix="/accounts", tags=["accounts"])


class AccountIn(Body):
    """An account to add. `credit_limit` in atomic units bounds what it may owe."""

    id: Annotated[str, Field(pattern="^[a-z0-9-]{1,40}$")]
    name: Annotated[str, Field(min_length=1, max_length=100)]
    currency: Annotated[str, Field(pattern="^[A-Z]{3}$")]
    scale: Annotated[int, Field(ge=0, le=18)] = accounts.DEFAULT_SCALE
    credit_limit: Atomic = 0


class AccountChange(Body):
    """What of an account can be changed; what is left out stays."""

    credit_limit: Atomic | None = None
    status: Literal["active", "closed"] | None = None


class AccountOut(BaseModel):
    """An account; `erased_at` is when what said who it is was erased, null if it was not."""

    id: str
    name: str
    status: str
    credit_limit: Money
    created_at: int
    erased_at: int | None


class AccountStanding(AccountOut):
    """An account with what it owes by the books (negative: is owed); its exposure: that, and what
    it could come to owe on its live channels; its `funds`: what it has paid in and not used, of
    which withdrawals hold `held`; and what channels may still reserve."""

    owed: Money
    exposure: Money
    funds: Money
    held: Money
    free: Money


def account_out(row: Row[Any]) -> AccountOut:
    """An account's row as the API shows it."""
    return AccountOut(
        id=row.id,
        name=row.name,
        status=row.status,
        credit_limit=Money(amount=row.credit_limit, currency=row.currency, scale=row.scale),
        created_at=row.created_at,
        erased_at=row.erased_at,
    )


def standing_out(found: Standing) -> AccountStanding:
    """An account and what it owes as the API shows them."""
    row = found.account

    def money(amount: int) -> Money:
        return Money(amount=amount, currency=row.currency, scale=row.scale)

    return AccountStanding(
        **dict(account_out(row)),
        owed=money(found.owed),
        exposure=money(found.exposure),
        funds=money(-found.funds.posted),
        held=money(found.funds.debits),
        free=money(found.free),
    )


@router.get("", operation_id="listAccounts")
def list_accounts(
    office: Office,
    bearer: Authorized,
    cursor: Cursor = None,
    limit: Limit = 100,
    search: Search = None,
) -> Page[AccountOut]:
    """Accounts by id; an owner's alone for an owner."""
    after = position_of(cursor) or ""
    found = accounts.page(office.store, after=after, limit=limit, among=bearer.sees, search=search)
    return Page(
        items=[account_out(row) for row in found.items],
        next=cursor_of(found.items[-1].id) if found.more else None,
    )


@router.post("", operation_id="addAccount", status_code=201)
def add_account(office: Office, body: AccountIn) -> AccountStanding:
    """Add an account. All accounts of a currency have one scale."""
    return standing_out(
        accounts.add(
            office.store,
            body.id,
            body.name,
            body.currency,
            credit_limit=body.credit_limit,
            scale=body.scale,
        )
    )


@router.get("/{account_id}", operation_id="getAccount")
def get_account(office: Office, account_id: AccountId) -> AccountStanding:
    """One account with what it owes."""
    return standing_out(accounts.show(office.store, account_id))


@router.patch("/{account_id}", operation_id="changeAccount")
def change_account(office: Office, account_id: AccountId, body: AccountChange) -> AccountStanding:
    """Set the credit limit or the status; open channels keep what they reserved."""
    return standing_out(
        accounts.change(
            office.store, account_id, credit_limit=body.credit_limit, status=body.status
        )
    )
