"""/v1/webhooks: where events are sent."""

from typing import Annotated, Any, Literal

from fastapi import APIRouter, Path
from pydantic import BaseModel, Field
from sqlalchemy import Row

from gateway.api.services import Office
from gateway.api.shapes import MAX, Body, Cursor, Limit, Page, before_of, cursor_of
from gateway.operations import webhooks
from gateway.webhooks.address import LONGEST

router = APIRouter(prefix="/webhooks", tags=["webhooks"])

WebhookId = Annotated[str, Path(pattern="^[0-9a-f]{12}$")]
Kind = Annotated[str, Field(pattern="^[a-z_]{1,20}[.][a-z_]{1,20}$")]


class WebhookIn(Body):
    """To send events to `url`, https: those of `kinds`, or all. With `loopback` it must be on the
    gateway's own machine, and may be http."""

    url: Annotated[str, Field(min_length=1, max_length=LONGEST, pattern="^[!-~]+$")]
    kinds: Annotated[list[Kind], Field(max_length=100)] = Field(default_factory=list)
    loopback: bool = False


class WebhookOut(BaseModel):
    """Where events are sent. `disabled` is one that took nothing for three days, or said that it is
    gone; `failing_since` is since when nothing was taken, null if the last was."""

    id: str
    url: str
    kinds: list[str]
    loopback: bool
    state: Literal["enabled", "disabled"]
    failing_since: int | None
    made_by: str
    created_at: int


class WebhookSecretOut(WebhookOut):
    """A webhook with its secret, told this once."""

    secret: str


class ReplayIn(Body):
    """The events with ids from `first` to `last`, 1000 at most."""

    first: Annotated[int, Field(ge=1, le=MAX)]
    last: Annotated[int, Field(ge=1, le=MAX)]


class ReplayOut(BaseModel):
    """How many events are sent again."""

    events: int


class DeliveryOut(BaseModel):
    """An event on its way to a webhook: `said` is what came of the last attempt, at Unix second
    `at`; one that waits is tried next at `next_at`."""

    event_id: int
    state: Literal["waiting", "delivered", "failed"]
    attempts: int
    said: str
    at: int | None
    next_at: int


def webhook_out(row: Row[Any]) -> WebhookOut:
    """A webhook's row as the API shows it."""
    return WebhookOut(**_shown(row))


def secret_out(row: Row[Any], secret: str) -> WebhookSecretOut:
    """The same with its secret."""
    return WebhookSecretOut(**_shown(row), secret=secret)


def _shown(row: Row[Any]) -> dict[str, Any]:
    return {
        "id": row.id,
        "url": row.url,
        "kinds": row.kinds.split(),
        "loopback": row.loopback,
        "state": row.state,
        "failing_since": row.failing_since,
        "made_by": row.made_by,
        "created_at": row.created_at,
    }


def delivery_out(row: Row[Any]) -> DeliveryOut:
    """A delivery's row as the API shows it."""
    return DeliveryOut(
        event_id=row.event_id,
        state=row.state,
        attempts=row.attempts,
        said=row.said,
        at=row.at,
        next_at=row.next_at,
    )


@router.get("", operation_id="listWebhooks")
def list_webhooks(office: Office) -> Page[WebhookOut]:
    """Where events are sent, without secrets."""
    return Page(items=[webhook_out(row) for row in webhooks.listed(office.store)], next=None)


@router.post("", operation_id="addWebhook", status_code=201)
def add_webhook(office: Office, body: WebhookIn) -> WebhookSecretOut:
    """Send events to a URL from now on; the answer has its secret, this once."""
    row, secret = webhooks.add(
        office.store, office.webhooks_key, body.url, body.kinds, loopback=body.loopback
    )
    return secret_out(row, secret)


@router.delete("/{webhook_id}", operation_id="removeWebhook", status_code=204)
def remove_webhook(office: Office, webhook_id: WebhookId) -> None:
    """Send nothing more there."""
    webhooks.remove(office.store, webhook_id)


@router.post("/{webhook_id}/rotate", operation_id="rotateWebhookSecret")
def rotate_secret(office: Office, webhook_id: WebhookId) -> WebhookSecretOut:
    """Another secret, told this once; for a day both sign."""
    row, secret = webhooks.rotate(office.store, office.webhooks_key, webhook_id)
    return secret_out(row, secret)


@router.post("/{webhook_id}/enable", operation_id="enableWebhook")
def enable_webhook(office: Office, webhook_id: WebhookId) -> WebhookOut:
    """Send there again, what waits first."""
    return webhook_out(webhooks.enable(office.store, webhook_id))


@router.post("/{webhook_id}/replay", operation_id="replayWebhook")
def replay(office: Office, webhook_id: WebhookId, body: ReplayIn) -> ReplayOut:
    """Send events again that are kept."""
    return ReplayOut(events=webhooks.replay(office.store, webhook_id, body.first, body.last))


@router.get("/{webhook_id}/deliveries", operation_id="listDeliveries")
def list_deliveries(
    office: Office, webhook_id: WebhookId, cursor: Cursor = None, limit: Limit = 100
) -> Page[DeliveryOut]:
    """What was sent, and what waits, the newest event first."""
    found = webhooks.deliveries(office.store, webhook_id, before=before_of(cursor), limit=limit)
    return Page(
        items=[delivery_out(row) for row in found.items],
        next=cursor_of(str(found.items[-1].event_id)) if found.more else None,
    )
