"""/v1/accounts/{account_id}/export and /erase: an account's data as a person's."""

from typing import Annotated, Any

from fastapi import APIRouter
from fastapi.responses import StreamingResponse
from pydantic import Field

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


@router.post("/erase", operation_id="eraseAccount")
def erase_account(office: Office, account_id: AccountId, body: ErasureIn) -> AccountOut:
    """Erase what says who an account is, for good, and close it; the books stay. Refused while
    anything of it is open: channels, devices, tariffs, payouts, runs, or a balance."""
    return account_out(erasure.erase(office.store, account_id, body.reason))
