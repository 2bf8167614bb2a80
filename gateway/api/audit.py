"""/v1/audit: what operators did."""

import json
from typing import Annotated, Any

from fastapi import APIRouter, Query
from pydantic import BaseModel
from sqlalchemy import Row

from gateway.api.services import Office
from gateway.api.shapes import MAX, Cursor, Limit, Page, before_of, cursor_of
from gateway.operations import audit

router = APIRouter(prefix="/audit", tags=["audit"])

_Text = Annotated[str | None, Query(min_length=1, max_length=200, pattern="^[ -~]+$")]
_Time = Annotated[int | None, Query(ge=0, le=MAX, description="Unix seconds.")]


class AuditOut(BaseModel):
    """Who did what to what at Unix second `at`, and why if a reason was given; `before` and `after`
    are what changed, null where there is nothing to tell; `erased`: these details are gone. `hash`
    commits to all records so far."""

    seq: int
    at: int
    who: str
    action: str
    subject: str
    before: dict[str, Any] | None
    after: dict[str, Any] | None
    why: str
    erased: bool
    hash: str


def audit_out(row: Row[Any]) -> AuditOut:
    """A record's row as the API shows it."""
    return AuditOut(
        seq=row.seq,
        at=row.at,
        who=row.who,
        action=row.action,
        subject=row.subject,
        before=json.loads(row.before) if row.before else None,
        after=json.loads(row.after) if row.after else None,
        why=row.why,
        erased=row.salt is None,
        hash=bytes(row.hash).hex(),
    )


@router.get("", operation_id="listAudit")
def list_audit(
    office: Office,
    cursor: Cursor = None,
    limit: Limit = 100,
    who: _Text = None,
    action: _Text = None,
    subject: _Text = None,
    since: _Time = None,
    until: _Time = None,
) -> Page[AuditOut]:
    """What operators did, the newest first; from `since` to before `until`."""
    found = audit.page(
        office.store,
        before=before_of(cursor),
        limit=limit,
        since=since,
        until=until,
        who=who,
        action=action,
        subject=subject,
    )
    return Page(
        items=[audit_out(row) for row in found.items],
        next=cursor_of(str(found.items[-1].seq)) if found.more else None,
    )
