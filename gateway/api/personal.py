"""/v1/accounts/{account_id}/export and /erasure: an account's data as a person's."""

from typing import Annotated, Any

from fastapi import APIRouter
from fastapi.responses import StreamingResponse
from pydantic import BaseModel, Field
from sqlalchemy import Row

from gateway.api.accounts import AccountOut, account_out
from gateway.api.services import Office
from gateway.api.shapes import AccountId, Body
from gateway.operations import erasure, personal_export

router = APIRouter(prefix="/accounts/{account_id}", tags=["accounts"])

_DOCUMENT: dict[int | str, dict[str, Any]] = {
    200: {"content": {"application/json": {"schema": {"type": "object"}}}}
}


class ErasureIn(Body):
    """Why an account's data are erased: kept in the audit log, so without a name."""

    reason: Annotated[str, Field(min_length=1, max_length=500)]


class ErasureOut(BaseModel):
    """That somebody asked for an account to be erased; it was, once another `approved_by`. Times
    are Unix seconds."""

    account_id: str
    reason: str
    requested_by: str
    requested_at: int
    approved_by: str | None
    approved_at: int | None


def erasure_out(row: Row[Any]) -> ErasureOut:
    """An erasure's row as the API shows it."""
    return ErasureOut(**row._asdict())


@router.get(
    "/export",
    operation_id="exportAccount",
    response_class=StreamingResponse,
    responses=_DOCUMENT,
)
def export_account(office: Office, account_id: AccountId) -> StreamingResponse:
    """All that is stored of an account, as one JSON document: rows of each table under its name,
    amounts as integers in atomic units, what is no text in hex."""
    personal_export.check(office.store, account_id)
    return StreamingResponse(
        personal_export.document(office.store, account_id),
        media_type="application/json",
        headers={"Content-Disposition": f'attachment; filename="{account_id}.json"'},
    )


@router.get("/erasure", operation_id="getErasure")
def get_erasure(office: Office, account_id: AccountId) -> ErasureOut:
    """Who asked for an account to be erased, and who approved it; 404 if nobody has asked."""
    return erasure_out(erasure.show(office.store, account_id))


@router.post("/erasure", operation_id="requestErasure")
def request_erasure(office: Office, account_id: AccountId, body: ErasureIn) -> ErasureOut:
    """Ask for what says who an account is to be erased: done once another person approves. Refused
    while anything of it is open: channels, devices, tariffs, payouts, runs, or a balance."""
    return erasure_out(erasure.request(office.store, account_id, body.reason))


@router.post("/erasure/approve", operation_id="approveErasure")
def approve_erasure(office: Office, account_id: AccountId) -> AccountOut:
    """Approve what another person asked for: what says who the account is is erased, for good, and
    it is closed; the books stay."""
    return account_out(erasure.approve(office.store, account_id))


@router.post("/erasure/reject", operation_id="rejectErasure", status_code=204)
def reject_erasure(office: Office, account_id: AccountId) -> None:
    """Give up that an account is erased."""
    erasure.reject(office.store, account_id)
