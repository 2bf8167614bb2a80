"""/v1/tokens."""

from typing import Annotated, Any, Literal

from fastapi import APIRouter, Path
from pydantic import BaseModel, Field
from sqlalchemy import Row

from gateway.api.services import Office
from gateway.api.shapes import Body, Cursor, Limit, Page, slice_of
from gateway.operations import tokens

router = APIRouter(prefix="/tokens", tags=["tokens"])


class TokenIn(Body):
    """A token to make; without `lifetime_s` (seconds) it has no end."""

    name: Annotated[str, Field(min_length=1, max_length=100)]
    role: Literal["viewer", "operator", "admin"]
    lifetime_s: Annotated[int, Field(ge=1, le=tokens.LONGEST_S)] | None = None


class TokenOut(BaseModel):
    """A token, without what it is."""

    id: str
    name: str
    role: str
    expires_at: int | None
    revoked_at: int | None


class TokenMade(BaseModel):
    """A new token, told this once."""

    id: str
    token: str


def token_out(row: Row[Any]) -> TokenOut:
    """A token's row as the API shows it."""
    return TokenOut(
        id=row.id,
        name=row.name,
        role=row.role,
        expires_at=row.expires_at,
        revoked_at=row.revoked_at,
    )


@router.get("", operation_id="listTokens")
def list_tokens(office: Office, cursor: Cursor = None, limit: Limit = 100) -> Page[TokenOut]:
    """Tokens by name."""
    rows = tokens.listed(office.store)
    return slice_of([(row.id, token_out(row)) for row in rows], cursor, limit)


@router.post("", operation_id="addToken", status_code=201)
def add_token(office: Office, body: TokenIn) -> TokenMade:
    """Make a token; the answer is the only place where it can be read."""
    id_, token = tokens.add(office.store, body.name, body.role, body.lifetime_s)
    return TokenMade(id=id_, token=token)


@router.delete("/{token_id}", operation_id="revokeToken", status_code=204)
def revoke_token(office: Office, token_id: Annotated[str, Path(pattern="^[0-9a-f]{12}$")]) -> None:
    """End a token now."""
    tokens.revoke(office.store, token_id)
