"""/v1/tokens."""

from collections.abc import Mapping, Sequence
from typing import Annotated, Any

from fastapi import APIRouter, Path
from pydantic import BaseModel, Field
from sqlalchemy import Row

from gateway.api.people import Accounts, Role
from gateway.api.policy import Authorized
from gateway.api.services import Office
from gateway.api.shapes import Body, Cursor, Limit, Page, slice_of
from gateway.operations import tokens
from gateway.operations.bearer import OWNER

router = APIRouter(prefix="/tokens", tags=["tokens"])

Scope = Annotated[str, Field(json_schema_extra={"enum": list(tokens.SCOPES)})]


class TokenIn(Body):
    """A token to make, which is good for `lifetime_s` seconds: not above one's own role, accounts
    and scopes. `scopes` are the tags of the routes that it is for, all of them if there are none;
    `accounts` are what an owner's sees."""

    name: Annotated[str, Field(min_length=1, max_length=100)]
    role: Role
    accounts: Accounts = Field(default_factory=list)
    scopes: Annotated[list[Scope], Field(default_factory=list, max_length=100)]
    lifetime_s: Annotated[int, Field(ge=1, le=tokens.LONGEST_S)] = tokens.LIFETIME_S


class TokenOut(BaseModel):
    """A token, without what it is. `made_by` is who made it, as the books name them; `accounts` are
    null for one that sees all, `scopes` for one that is for everything."""

    id: str
    name: str
    role: str
    accounts: list[str] | None
    scopes: list[str] | None
    made_by: str
    expires_at: int | None
    revoked_at: int | None


class TokenMade(BaseModel):
    """A new token, told this once."""

    id: str
    token: str


def token_out(row: Row[Any], accounts: Mapping[str, Sequence[str]]) -> TokenOut:
    """A token's row as the API shows it, with the accounts of owners' tokens by their ids."""
    return TokenOut(
        id=row.id,
        name=row.name,
        role=row.role,
        accounts=list(accounts.get(row.id, ())) if row.role == OWNER else None,
        scopes=row.scopes.split() or None,
        made_by=row.made_by,
        expires_at=row.expires_at,
        revoked_at=row.revoked_at,
    )


@router.get("", operation_id="listTokens")
def list_tokens(
    office: Office, bearer: Authorized, cursor: Cursor = None, limit: Limit = 100
) -> Page[TokenOut]:
    """Tokens by name: an admin's are all, a person's those that come from them, a token's those
    that it made."""
    rows = tokens.listed_for(office.store, bearer)
    accounts = tokens.accounts(office.store)
    return slice_of([(row.id, token_out(row, accounts)) for row in rows], cursor, limit)


@router.post("", operation_id="addToken", status_code=201)
def add_token(office: Office, bearer: Authorized, body: TokenIn) -> TokenMade:
    """Make a token, which ends with whoever made it; the answer is the only place where it can be
    read."""
    id_, token = tokens.add_for(
        office.store,
        bearer,
        body.name,
        body.role,
        body.lifetime_s,
        accounts=body.accounts,
        scopes=body.scopes,
    )
    return TokenMade(id=id_, token=token)


@router.delete("/{token_id}", operation_id="revokeToken", status_code=204)
def revoke_token(
    office: Office, bearer: Authorized, token_id: Annotated[str, Path(pattern="^[0-9a-f]{12}$")]
) -> None:
    """End a token now, and those that it made."""
    tokens.revoke_for(office.store, bearer, token_id)
