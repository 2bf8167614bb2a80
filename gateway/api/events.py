"""/v1/events: what happens, as it happens, and what has happened."""

import math
from typing import Annotated, Any, Literal

from fastapi import APIRouter, Header, HTTPException, Query, Request
from pydantic import BaseModel

from gateway.api.event_stream import EventStream
from gateway.api.policy import Authorized
from gateway.api.services import Office, Services
from gateway.api.shapes import MAX, Cursor, Limit, Page, before_of, cursor_of
from gateway.api.stream import Stream, TooMany, of_row
from gateway.operations import events
from gateway.operations.bearer import Bearer

router = APIRouter(prefix="/events", tags=["events"])

_TEXT = {"type": "string"}
_MESSAGE = {
    "type": "object",
    "properties": {"id": _TEXT, "event": _TEXT, "data": _TEXT},
    "description": "One message of the stream; `data` is JSON: an EventOut where `event` is not"
    " given, else the live figures of a `pulse`, or what a `gap` is of.",
}
_RETRY_AFTER = {"Retry-After": "5"}


class EventOut(BaseModel):
    """Something that happened at Unix second `at` to what has the id `subject`. The level `action`
    is of what waits for a person. `account_id` is whose affair it is, null if the gateway's alone;
    what is in `data` depends on the kind, and amounts in it are digits."""

    id: int
    at: int
    kind: str
    level: Literal["info", "warning", "action"]
    subject: str
    account_id: str | None
    data: dict[str, Any]


@router.get(
    "",
    operation_id="watchEvents",
    response_class=EventStream,
    status_code=200,
    responses={200: {"content": {"text/event-stream": {"schema": _MESSAGE}}}},
)
def watch_events(
    request: Request,
    office: Office,
    bearer: Authorized,
    last_event_id: Annotated[
        str,
        Header(
            alias="Last-Event-ID",
            pattern="^[0-9]{0,15}$",
            description="The last event that was seen: the stream goes on after it.",
        ),
    ] = "",
    after: Annotated[
        int | None, Query(ge=0, le=MAX, description="As Last-Event-ID, which goes before it.")
    ] = None,
) -> EventStream:
    """Events as they happen, as server-sent events, for a minute: then ask again, as browsers do by
    themselves. Once a second the event `pulse` has the live figures; `gap` says that what was asked
    for is not kept any more. An owner sees the events of their own accounts, and no pulse."""
    stream: Stream = request.app.state.stream
    try:
        stream.check_room(bearer.principal)
    except TooMany as error:
        if error.of_one:
            raise HTTPException(429, "too many streams at once", _RETRY_AFTER) from error
        raise HTTPException(503, "too many streams; try again", _RETRY_AFTER) from error
    seen = int(last_event_id) if last_event_id else after
    return EventStream(stream.watch(bearer.principal, seen, bearer.sees, _left(office, bearer)))


def _left(office: Services, bearer: Bearer) -> float:
    """For how many seconds whoever asks may go on asking."""
    if bearer.expires_at is None:
        return math.inf
    with office.store.read() as conn:
        return max(0.0, bearer.expires_at - office.store.now(conn))


@router.get("/past", operation_id="listEvents")
def list_events(
    office: Office,
    cursor: Cursor = None,
    limit: Limit = 100,
    kind: Annotated[str | None, Query(pattern="^[a-z_]{1,20}[.][a-z_]{1,20}$")] = None,
    level: Literal["info", "warning", "action"] | None = None,
    subject: Annotated[str | None, Query(min_length=1, max_length=100, pattern=r"^[ -~]+$")] = None,
    account_id: Annotated[str | None, Query(pattern="^[a-z0-9-]{1,40}$")] = None,
) -> Page[EventOut]:
    """What has happened, the newest first."""
    found = events.page(
        office.store,
        before=before_of(cursor),
        limit=limit,
        kind=kind,
        level=level,
        subject=subject,
        account_id=account_id,
    )
    return Page(
        items=[EventOut(**of_row(row)) for row in found.items],
        next=cursor_of(str(found.items[-1].id)) if found.more else None,
    )
